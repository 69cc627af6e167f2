//! Checks that each change was published exactly once, and that the changes of each row are in commit order.

use std::collections::{BTreeMap, HashMap};

use crate::ancestry::Ancestry;
use crate::change_id::ChangeId;
use crate::published::{PublishedChange, PublishedRecord};

/// How the published changes differ from the changes that happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeDifference {
    /// Changes that happened and were not published.
    pub missing: Vec<ChangeId>,
    /// Changes that were published more than once, with the number of times.
    pub repeated: Vec<(ChangeId, usize)>,
    /// Published changes that never happened.
    pub unknown: Vec<ChangeId>,
}

impl ChangeDifference {
    /// Compares the changes that happened, each given once, with the published changes.
    pub fn between<'a>(
        happened: impl IntoIterator<Item = &'a ChangeId>,
        published: impl IntoIterator<Item = &'a ChangeId>,
    ) -> Self {
        let mut times: BTreeMap<&ChangeId, usize> = happened.into_iter().map(|id| (id, 0)).collect();
        let mut unknown = Vec::new();
        for id in published {
            match times.get_mut(id) {
                Some(times) => *times += 1,
                None => unknown.push(id.clone()),
            }
        }
        let published_times =
            |matches: fn(usize) -> bool| times.iter().filter(move |(_, times)| matches(**times));
        Self {
            missing: published_times(|times| times == 0).map(|(id, _)| (*id).clone()).collect(),
            repeated: published_times(|times| times > 1).map(|(id, times)| ((*id).clone(), *times)).collect(),
            unknown,
        }
    }

    /// Returns true when every change was published exactly once.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A record that breaks the order within its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderViolation {
    /// A change follows a later change, or the same change, of its key.
    Backwards {
        /// The change that was published first.
        earlier: ChangeId,
        /// The change that follows it in the topic.
        later: ChangeId,
    },
    /// The records of one key are in two partitions.
    Scattered {
        /// The serialized key.
        key: Vec<u8>,
        /// The two partitions.
        partitions: (i32, i32),
    },
    /// A tombstone does not follow the deletion of its key.
    Tombstone {
        /// The partition of the tombstone.
        partition: i32,
        /// The offset of the tombstone.
        offset: i64,
    },
}

/// Finds the order violations in the records of a topic, which are sorted by partition and offset.
///
/// Two changes of a key are in order unless the token of the later one precedes the token of the earlier one.
#[must_use]
pub fn find_order_violations(records: &[PublishedRecord], ancestry: &Ancestry) -> Vec<OrderViolation> {
    let mut last: HashMap<&[u8], &PublishedRecord> = HashMap::new();
    let mut changes: HashMap<&[u8], Vec<&PublishedChange>> = HashMap::new();
    let mut violations = Vec::new();
    for record in records {
        let key = record.key_bytes.as_slice();
        let before = last.insert(key, record);
        if let Some(before) = before.filter(|before| before.partition != record.partition) {
            let partitions = (before.partition, record.partition);
            violations.push(OrderViolation::Scattered { key: key.to_vec(), partitions });
        }
        let Some(change) = &record.change else {
            let follows_deletion =
                before.and_then(|before| before.change.as_ref()).is_some_and(|change| change.op == "d");
            if !follows_deletion {
                let (partition, offset) = (record.partition, record.offset);
                violations.push(OrderViolation::Tombstone { partition, offset });
            }
            continue;
        };
        let earlier = changes.entry(key).or_default();
        let is_violated = |other: &&&PublishedChange| {
            other.id == change.id || (other.id > change.id && ancestry.precedes(&change.token, &other.token))
        };
        if let Some(other) = earlier.iter().find(is_violated) {
            let (earlier, later) = (other.id.clone(), change.id.clone());
            violations.push(OrderViolation::Backwards { earlier, later });
        }
        earlier.push(change);
    }
    violations
}

#[cfg(test)]
mod tests {
    use spanbridge_protocol::value::Timestamp;

    use super::*;

    fn id(second: i64, mod_number: usize) -> ChangeId {
        ChangeId {
            commit_timestamp: Timestamp::from_timestamp(second, 0).unwrap(),
            transaction_id: "1".into(),
            record_sequence: 0,
            table: "T".into(),
            mod_number,
        }
    }

    fn record(key: u8, partition: i32, op: Option<(&str, ChangeId)>) -> PublishedRecord {
        let change = op.map(|(op, id)| PublishedChange {
            processed_at: id.commit_timestamp,
            token: "token".into(),
            id,
            op: op.into(),
            before: None,
            after: None,
        });
        let key_bytes = vec![key];
        PublishedRecord { partition, offset: 0, key_bytes, key: Vec::new(), change, headers: Vec::new() }
    }

    #[test]
    fn changes_that_were_not_published_once_are_reported() {
        let [a, b, c, d] = [id(1, 0), id(1, 1), id(2, 0), id(3, 0)];
        assert!(ChangeDifference::between([&a, &b], [&b, &a]).is_empty());
        let difference = ChangeDifference::between([&a, &b, &c], [&a, &b, &b, &d]);
        assert_eq!(difference.missing, [c]);
        assert_eq!(difference.repeated, [(b, 2)]);
        assert_eq!(difference.unknown, [d]);
    }

    #[test]
    fn each_key_has_its_own_order() {
        let in_order = [
            record(1, 0, Some(("c", id(1, 0)))),
            record(2, 0, Some(("c", id(1, 1)))),
            record(1, 0, Some(("d", id(3, 0)))),
            record(1, 0, None),
            record(2, 0, Some(("u", id(2, 0)))),
        ];
        let violations = |records: &[PublishedRecord]| find_order_violations(records, &Ancestry::default());
        assert_eq!(violations(&in_order), []);
        let backwards = [record(1, 0, Some(("u", id(2, 0)))), record(1, 0, Some(("u", id(2, 0))))];
        let expected = OrderViolation::Backwards { earlier: id(2, 0), later: id(2, 0) };
        assert_eq!(violations(&backwards), [expected]);
        let scattered = [record(1, 0, Some(("c", id(1, 0)))), record(1, 1, Some(("u", id(2, 0))))];
        let expected = OrderViolation::Scattered { key: vec![1], partitions: (0, 1) };
        assert_eq!(violations(&scattered), [expected]);
        let tombstone = [record(1, 0, Some(("u", id(1, 0)))), record(1, 0, None)];
        assert_eq!(violations(&tombstone), [OrderViolation::Tombstone { partition: 0, offset: 0 }]);
    }
}
