use std::ops::Bound;

use google_cloud_spanner::key::{Key, KeyRange as WireRange, KeySet};
use spanbridge_protocol::value::Value;

use crate::commit::key;

/// A range of primary keys, in the order of the key.
///
/// An end may give the first columns of the key only: included, it takes in every key that begins with
/// them; excluded, none of those. Source: the semantics of partial keys in
/// <https://cloud.google.com/spanner/docs/reference/rpc/google.spanner.v1#keyrange>.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyRange {
    pub start: Bound<Vec<Value>>,
    pub end: Bound<Vec<Value>>,
}

impl KeyRange {
    /// Both ends included.
    pub fn closed(start: Vec<Value>, end: Vec<Value>) -> Self {
        Self { start: Bound::Included(start), end: Bound::Included(end) }
    }

    /// Every key that begins with these values; without any, every key.
    pub fn prefix(values: Vec<Value>) -> Self {
        Self::closed(values.clone(), values)
    }

    fn wire(self) -> WireRange {
        let (start, start_open) = end(self.start);
        let (end, end_open) = end(self.end);
        match (start_open, end_open) {
            (false, false) => WireRange::closed_closed(start, end),
            (false, true) => WireRange::closed_open(start, end),
            (true, false) => WireRange::open_closed(start, end),
            (true, true) => WireRange::open_open(start, end),
        }
    }
}

/// The key, and whether it is excluded. Every key begins with no values at all.
fn end(bound: Bound<Vec<Value>>) -> (Key, bool) {
    match bound {
        Bound::Included(values) => (key(values), false),
        Bound::Excluded(values) => (key(values), true),
        Bound::Unbounded => (key(Vec::new()), false),
    }
}

/// These keys.
pub(crate) fn of_keys(keys: Vec<Vec<Value>>) -> KeySet {
    keys.into_iter().map(key).fold(KeySet::builder(), |keys, key| keys.add_key(key)).build()
}

/// The keys of all these ranges; one that is in several of them counts once.
pub(crate) fn of_ranges(ranges: Vec<KeyRange>) -> KeySet {
    ranges
        .into_iter()
        .map(KeyRange::wire)
        .fold(KeySet::builder(), |keys, range| keys.add_range(range))
        .build()
}
