//! The reads of stored rows that a fold needs.

use std::ops::Bound;

use spanbridge_protocol::ingest::{KeyRange as Range, RowKey, Spec, Target};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::KeyRange;

/// The maximum number of rows in the ranges of one target. A batch that needs more is split.
pub(crate) const MAX_ROWS: usize = 100_000;

/// The rows of one target whose states are to be read.
pub(crate) struct StateLookup {
    target: usize,
    key_width: usize,
    pub(crate) table: String,
    /// The columns of the key, then those of the state.
    pub(crate) columns: Vec<(String, Type)>,
    pub(crate) keys: Vec<Vec<Value>>,
    pub(crate) ranges: Vec<KeyRange>,
    /// The ranges of which only the first row is needed.
    pub(crate) first_rows: Vec<KeyRange>,
}

impl StateLookup {
    /// Returns one lookup for each target that has states among these keys and ranges.
    pub(super) fn for_targets(
        spec: &Spec,
        types: &[Vec<Type>],
        keys: &[RowKey],
        ranges: &[Range],
    ) -> Vec<Self> {
        let of_target = |(number, target): (usize, &Target)| {
            let keys: Vec<_> =
                keys.iter().filter(|key| key.target == number).map(|key| key.key.clone()).collect();
            let of_number = || ranges.iter().filter(|range| range.target == number);
            let first_rows = of_number().filter(|range| range.and_next).map(behind).collect();
            let ranges: Vec<_> = of_number().map(key_range).collect();
            let state = target.state().filter(|_| !(keys.is_empty() && ranges.is_empty()))?;
            let column = |at: usize| (target.columns[at].clone(), types[number][at].clone());
            Some(Self {
                target: number,
                key_width: target.key.len(),
                table: target.table.to_string(),
                columns: target.key.iter().copied().chain(state).map(column).collect(),
                keys,
                ranges,
                first_rows,
            })
        };
        spec.targets.iter().enumerate().filter_map(of_target).collect()
    }

    /// Splits rows of this lookup into keys and states.
    pub(crate) fn states(&self, rows: Vec<Vec<Value>>) -> impl Iterator<Item = (RowKey, Vec<Value>)> {
        let (target, width) = (self.target, self.key_width);
        rows.into_iter().map(move |mut key| {
            let state = key.split_off(width);
            (RowKey { target, key }, state)
        })
    }
}

fn key_range(range: &Range) -> KeyRange {
    let bound = |at| [&range.prefix[..], &[Value::Timestamp(at)]].concat();
    KeyRange::closed(bound(range.from), bound(range.to))
}

/// Returns the rows of the group behind a range.
fn behind(range: &Range) -> KeyRange {
    let bound = [&range.prefix[..], &[Value::Timestamp(range.to)]].concat();
    KeyRange { start: Bound::Excluded(bound), end: Bound::Included(range.prefix.clone()) }
}
