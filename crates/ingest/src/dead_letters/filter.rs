use std::collections::BTreeSet;

use spanbridge_protocol::value::{Timestamp, Value};
use spanbridge_spanner::KeyRange;

use super::summary::DeadLetterSummary;

/// The conditions that a dead letter must fulfil, all of them.
///
/// The pipelines, the topic and the partition narrow the keys that are read. The other conditions are tested row by row.
#[derive(Debug, Clone)]
pub struct DeadLetterFilter {
    /// The identities of the pipelines.
    pub pipelines: BTreeSet<String>,
    /// The topic.
    pub topic: Option<String>,
    /// The number of the partition.
    pub partition: Option<i64>,
    /// The error code, such as `SB-INGEST-DECODE`.
    pub code: Option<String>,
    /// The earliest time of the failure.
    pub since: Option<Timestamp>,
    /// The latest time of the failure, inclusive.
    pub until: Timestamp,
}

impl DeadLetterFilter {
    /// Returns the ranges of keys to read, in the order of the key.
    pub(super) fn ranges(&self) -> Vec<KeyRange> {
        let prefix = |pipeline: &String| {
            let mut key: Vec<Value> = vec![pipeline.as_str().into()];
            if let Some(topic) = &self.topic {
                key.push(topic.as_str().into());
                key.extend(self.partition.map(Value::from));
            }
            KeyRange::prefix(key)
        };
        self.pipelines.iter().map(prefix).collect()
    }

    pub(super) fn matches(&self, summary: &DeadLetterSummary) -> bool {
        let equals = |expected: &Option<String>, value: &str| {
            expected.as_deref().is_none_or(|expected| expected == value)
        };
        equals(&self.topic, &summary.address.topic)
            && self.partition.is_none_or(|partition| partition == summary.address.partition)
            && equals(&self.code, &summary.code)
            && self.since.is_none_or(|since| since <= summary.failed_at)
            && summary.failed_at <= self.until
    }
}

#[cfg(test)]
mod tests {
    use super::super::address::DeadLetterAddress;
    use super::*;

    fn summary() -> DeadLetterSummary {
        DeadLetterSummary {
            address: DeadLetterAddress {
                pipeline: "flights".into(),
                topic: "t".into(),
                partition: 2,
                offset: 7,
            },
            code: "SB-INGEST-FRAME".into(),
            message: String::new(),
            failed_at: at("2026-11-24T10:00:00Z"),
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn filter(change: impl FnOnce(&mut DeadLetterFilter)) -> DeadLetterFilter {
        let mut filter = DeadLetterFilter {
            pipelines: ["flights".to_owned()].into(),
            topic: None,
            partition: None,
            code: None,
            since: None,
            until: at("2026-11-24T11:00:00Z"),
        };
        change(&mut filter);
        filter
    }

    #[test]
    fn every_condition_must_hold() {
        assert!(filter(|_| {}).matches(&summary()));
        type Change = Box<dyn FnOnce(&mut DeadLetterFilter)>;
        for (change, matches) in [
            (Box::new(|filter: &mut DeadLetterFilter| filter.topic = Some("t".into())) as Change, true),
            (Box::new(|filter| filter.topic = Some("T".into())), false),
            (Box::new(|filter| filter.partition = Some(2)), true),
            (Box::new(|filter| filter.partition = Some(3)), false),
            (Box::new(|filter| filter.code = Some("SB-INGEST-FRAME".into())), true),
            (Box::new(|filter| filter.code = Some("SB-INGEST-frame".into())), false),
            (Box::new(|filter| filter.since = Some(at("2026-11-24T10:00:00Z"))), true),
            (Box::new(|filter| filter.since = Some(at("2026-11-24T10:00:01Z"))), false),
            (Box::new(|filter| filter.until = at("2026-11-24T10:00:00Z")), true),
            (Box::new(|filter| filter.until = at("2026-11-24T09:59:59Z")), false),
        ] {
            assert_eq!(filter(change).matches(&summary()), matches);
        }
        let later = DeadLetterSummary { failed_at: at("2026-11-24T11:00:01Z"), ..summary() };
        assert!(!filter(|_| {}).matches(&later));
    }

    #[test]
    fn key_conditions_narrow_the_range_that_is_read() {
        let key = |values: &[Value]| vec![KeyRange::prefix(values.to_vec())];
        assert_eq!(filter(|_| {}).ranges(), key(&["flights".into()]));
        assert_eq!(filter(|filter| filter.partition = Some(2)).ranges(), key(&["flights".into()]));
        let both = filter(|filter| {
            filter.topic = Some("t".into());
            filter.partition = Some(2);
        });
        assert_eq!(both.ranges(), key(&["flights".into(), "t".into(), 2.into()]));
        let named = filter(|filter| filter.pipelines = ["b", "a", "b"].map(str::to_owned).into());
        assert_eq!(named.ranges().len(), 2);
    }
}
