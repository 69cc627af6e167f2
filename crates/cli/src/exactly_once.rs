//! Each change exactly once, and each row's changes in their order.

use std::collections::{BTreeMap, HashMap};

use crate::ancestry::Ancestry;
use crate::change::ChangeId;
use crate::published::{Change, Event};

/// How published changes differ from those that happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Happened, but not published.
    pub missing: Vec<ChangeId>,
    /// Published more than once, and how often.
    pub repeated: Vec<(ChangeId, usize)>,
    /// Published, but never happened.
    pub unknown: Vec<ChangeId>,
}

impl Difference {
    /// Compares the changes that happened, each once, with those that were published.
    pub fn of<'a>(
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
        let with = |wanted: fn(usize) -> bool| times.iter().filter(move |(_, times)| wanted(**times));
        Self {
            missing: with(|times| times == 0).map(|(id, _)| (*id).clone()).collect(),
            repeated: with(|times| times > 1).map(|(id, times)| ((*id).clone(), *times)).collect(),
            unknown,
        }
    }

    /// True when there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A record that stands where it must not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disorder {
    /// A change behind a later one, or equal one, of the same key.
    Backwards { earlier: ChangeId, later: ChangeId },
    /// Records of one key in two partitions.
    Scattered { key: Vec<u8>, partitions: (i32, i32) },
    /// A tombstone that does not follow its key's deletion.
    Tombstone { partition: i32, offset: i64 },
}

/// What is out of order in a topic's events, which are by partition and offset. Two changes of a key are in order when
/// the later one's token does not come before the earlier one's.
#[must_use]
pub fn disorder(events: &[Event], ancestry: &Ancestry) -> Vec<Disorder> {
    let mut last: HashMap<&[u8], &Event> = HashMap::new();
    let mut changes: HashMap<&[u8], Vec<&Change>> = HashMap::new();
    let mut disorder = Vec::new();
    for event in events {
        let key = event.key_bytes.as_slice();
        let before = last.insert(key, event);
        if let Some(before) = before.filter(|before| before.partition != event.partition) {
            let partitions = (before.partition, event.partition);
            disorder.push(Disorder::Scattered { key: key.to_vec(), partitions });
        }
        let Some(change) = &event.change else {
            let deleted =
                before.and_then(|before| before.change.as_ref()).is_some_and(|change| change.op == "d");
            if !deleted {
                disorder.push(Disorder::Tombstone { partition: event.partition, offset: event.offset });
            }
            continue;
        };
        let earlier = changes.entry(key).or_default();
        let wrong = |other: &&&Change| {
            other.id == change.id || (other.id > change.id && ancestry.precedes(&change.token, &other.token))
        };
        if let Some(other) = earlier.iter().find(wrong) {
            disorder.push(Disorder::Backwards { earlier: other.id.clone(), later: change.id.clone() });
        }
        earlier.push(change);
    }
    disorder
}

#[cfg(test)]
mod tests {
    use spanbridge_protocol::value::Timestamp;

    use super::*;

    fn id(second: i64, number: usize) -> ChangeId {
        ChangeId {
            commit: Timestamp::from_timestamp(second, 0).unwrap(),
            transaction: "1".into(),
            sequence: 0,
            table: "T".into(),
            number,
        }
    }

    fn event(key: u8, partition: i32, op: Option<(&str, ChangeId)>) -> Event {
        let change = op.map(|(op, id)| Change {
            processed: id.commit,
            token: "token".into(),
            id,
            op: op.into(),
            before: None,
            after: None,
        });
        Event { partition, offset: 0, key_bytes: vec![key], key: Vec::new(), change, headers: Vec::new() }
    }

    #[test]
    fn what_is_not_once_is_named() {
        let [a, b, c, d] = [id(1, 0), id(1, 1), id(2, 0), id(3, 0)];
        assert!(Difference::of([&a, &b], [&b, &a]).is_none());
        let difference = Difference::of([&a, &b, &c], [&a, &b, &b, &d]);
        assert_eq!(difference.missing, [c]);
        assert_eq!(difference.repeated, [(b, 2)]);
        assert_eq!(difference.unknown, [d]);
    }

    #[test]
    fn each_key_has_its_own_order() {
        let good = [
            event(1, 0, Some(("c", id(1, 0)))),
            event(2, 0, Some(("c", id(1, 1)))),
            event(1, 0, Some(("d", id(3, 0)))),
            event(1, 0, None),
            event(2, 0, Some(("u", id(2, 0)))),
        ];
        let none = Ancestry::default();
        assert_eq!(disorder(&good, &none), []);
        let backwards = [event(1, 0, Some(("u", id(2, 0)))), event(1, 0, Some(("u", id(2, 0))))];
        assert_eq!(disorder(&backwards, &none), [Disorder::Backwards { earlier: id(2, 0), later: id(2, 0) }]);
        let scattered = [event(1, 0, Some(("c", id(1, 0)))), event(1, 1, Some(("u", id(2, 0))))];
        assert_eq!(disorder(&scattered, &none), [Disorder::Scattered { key: vec![1], partitions: (0, 1) }]);
        let tombstone = [event(1, 0, Some(("u", id(1, 0)))), event(1, 0, None)];
        assert_eq!(disorder(&tombstone, &none), [Disorder::Tombstone { partition: 0, offset: 0 }]);
    }
}
