use std::ops::Bound;

use spanbridge_config::Config;
use spanbridge_protocol::value::{Timestamp, Value};
use spanbridge_spanner::KeyRange;

use super::args::Which;
use super::letter::Summary;

/// Which dead letters: the first part narrows the keys that are read, the rest is looked at row by row.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    pipelines: Vec<String>,
    topic: Option<String>,
    partition: Option<i64>,
    code: Option<String>,
    since: Option<Timestamp>,
    until: Timestamp,
}

impl Filter {
    /// `now` by Spanner's clock: what comes later is never meant.
    pub(super) fn new(which: &Which, config: &Config, now: Timestamp) -> Self {
        let mut pipelines = which.pipeline.clone();
        if pipelines.is_empty() {
            pipelines.extend(config.ingest.iter().map(|pipeline| pipeline.identity().to_owned()));
        }
        pipelines.sort_unstable();
        pipelines.dedup();
        Self {
            pipelines,
            topic: which.topic.clone(),
            partition: which.partition.map(i64::from),
            code: which.code.clone(),
            since: which.since.map(|when| when.resolve(now)),
            until: which.until.map_or(now, |when| when.resolve(now).min(now)),
        }
    }

    /// The ranges of keys to read, in the order of the key.
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

    pub(super) fn matches(&self, letter: &Summary) -> bool {
        let is =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        is(&self.topic, &letter.address.topic)
            && self.partition.is_none_or(|partition| partition == letter.address.partition)
            && is(&self.code, &letter.code)
            && self.since.is_none_or(|since| since <= letter.failed_at)
            && letter.failed_at <= self.until
    }
}

/// The range without what was read already.
pub(super) fn after(range: &KeyRange, last: &Summary) -> KeyRange {
    KeyRange { start: Bound::Excluded(last.address.key()), end: range.end.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letters::address::Address;
    use crate::letters::args::When;

    fn letter() -> Summary {
        Summary {
            address: Address { pipeline: "flights".into(), topic: "t".into(), partition: 2, offset: 7 },
            code: "SB-INGEST-FRAME".into(),
            message: String::new(),
            failed_at: "2026-11-24T10:00:00Z".parse().unwrap(),
        }
    }

    fn filter(change: impl FnOnce(&mut Which)) -> Filter {
        let mut which = Which {
            config: "f.toml".into(),
            pipeline: Vec::new(),
            topic: None,
            partition: None,
            code: None,
            since: None,
            until: None,
        };
        change(&mut which);
        let config = Config::parse("f.toml", include_str!("../../../../deploy/flights.toml")).unwrap();
        Filter::new(&which, &config, "2026-11-24T11:00:00Z".parse().unwrap())
    }

    #[test]
    fn every_condition_must_hold() {
        assert!(filter(|_| {}).matches(&letter()));
        let at = |text: &str| Some(When::At(text.parse().unwrap()));
        for (change, matches) in [
            (
                Box::new(|which: &mut Which| which.topic = Some("t".into())) as Box<dyn FnOnce(&mut Which)>,
                true,
            ),
            (Box::new(|which| which.topic = Some("T".into())), false),
            (Box::new(|which| which.partition = Some(2)), true),
            (Box::new(|which| which.partition = Some(3)), false),
            (Box::new(|which| which.code = Some("SB-INGEST-FRAME".into())), true),
            (Box::new(|which| which.code = Some("SB-INGEST-frame".into())), false),
            (Box::new(move |which| which.since = at("2026-11-24T10:00:00Z")), true),
            (Box::new(move |which| which.since = at("2026-11-24T10:00:01Z")), false),
            (Box::new(move |which| which.until = at("2026-11-24T10:00:00Z")), true),
            (Box::new(move |which| which.until = at("2026-11-24T09:59:59Z")), false),
        ] {
            assert_eq!(filter(change).matches(&letter()), matches);
        }
        let later = Summary { failed_at: "2026-11-24T11:00:01Z".parse().unwrap(), ..letter() };
        assert!(!filter(|which| which.until = at("2027-01-01T00:00:00Z")).matches(&later));
    }

    #[test]
    fn the_key_narrows_what_is_read() {
        let key = |values: &[Value]| vec![KeyRange::prefix(values.to_vec())];
        assert_eq!(filter(|_| {}).ranges(), key(&["flights".into()]));
        assert_eq!(filter(|which| which.partition = Some(2)).ranges(), key(&["flights".into()]));
        let both = filter(|which| {
            which.topic = Some("t".into());
            which.partition = Some(2);
        });
        assert_eq!(both.ranges(), key(&["flights".into(), "t".into(), 2.into()]));
        let named = filter(|which| which.pipeline = ["b", "a", "b"].map(str::to_owned).to_vec());
        assert_eq!(named.ranges().len(), 2);
    }
}
