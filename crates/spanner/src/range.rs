//! Ranges of primary keys.

use std::ops::Bound;

use google_cloud_spanner::key::{Key, KeyRange as WireRange, KeySet};
use spanbridge_protocol::value::Value;

use crate::commit::key;

/// A range of primary keys, in the order of the key.
///
/// A bound may hold only the first columns of the key: an included bound contains every key that begins with them, an
/// excluded one contains none of those. Source: the semantics of partial keys in
/// <https://cloud.google.com/spanner/docs/reference/rpc/google.spanner.v1#keyrange>.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyRange {
    /// The lower bound.
    pub start: Bound<Vec<Value>>,
    /// The upper bound.
    pub end: Bound<Vec<Value>>,
}

impl KeyRange {
    /// Creates a range that includes both bounds.
    pub fn closed(start: Vec<Value>, end: Vec<Value>) -> Self {
        Self { start: Bound::Included(start), end: Bound::Included(end) }
    }

    /// Creates the range of all keys that begin with these values; without any, of all keys.
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

/// Returns the key of a bound, and true if it is excluded. Every key begins with the empty list of values.
fn end(bound: Bound<Vec<Value>>) -> (Key, bool) {
    match bound {
        Bound::Included(values) => (key(values), false),
        Bound::Excluded(values) => (key(values), true),
        Bound::Unbounded => (key(Vec::new()), false),
    }
}

/// Encodes a list of keys.
pub(crate) fn key_set(keys: Vec<Vec<Value>>) -> KeySet {
    keys.into_iter().map(key).fold(KeySet::builder(), |keys, key| keys.add_key(key)).build()
}

/// Encodes the union of these ranges.
pub(crate) fn range_key_set(ranges: Vec<KeyRange>) -> KeySet {
    ranges
        .into_iter()
        .map(KeyRange::wire)
        .fold(KeySet::builder(), |keys, range| keys.add_range(range))
        .build()
}
