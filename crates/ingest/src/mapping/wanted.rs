//! Reads of the states that a fold needs.

use spanbridge_protocol::ingest::{KeyRange as Range, RowKey, Target};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::KeyRange;

use super::record::Mapper;

/// Rows of a target's ranges at most: a group that has more windows near a batch's times has a wrong event time.
pub(crate) const MOST_ROWS: usize = 100_000;

/// The rows of one target whose states are asked for.
pub(crate) struct Wanted {
    pub(crate) target: usize,
    pub(crate) table: String,
    /// The key's, then the state's.
    pub(crate) columns: Vec<(String, Type)>,
    pub(crate) keys: Vec<Vec<Value>>,
    pub(crate) ranges: Vec<KeyRange>,
}

impl Mapper {
    /// One a target.
    pub(crate) fn wanted(&self, keys: &[RowKey], ranges: &[Range]) -> Vec<Wanted> {
        let of_target = |(number, target): (usize, &Target)| {
            let keys: Vec<_> =
                keys.iter().filter(|key| key.target == number).map(|key| key.key.clone()).collect();
            let ranges: Vec<_> =
                ranges.iter().filter(|range| range.target == number).map(key_range).collect();
            let state = target.state().filter(|_| !(keys.is_empty() && ranges.is_empty()))?;
            let column = |at: usize| (target.columns[at].clone(), self.types[number][at].clone());
            let columns = target.key.iter().copied().chain(state).map(column).collect();
            Some(Wanted { target: number, table: target.table.to_string(), columns, keys, ranges })
        };
        self.spec.targets.iter().enumerate().filter_map(of_target).collect()
    }

    /// The states in rows that were [`Wanted`] of a target.
    pub(crate) fn states(
        &self,
        target: usize,
        rows: Vec<Vec<Value>>,
    ) -> impl Iterator<Item = (RowKey, Vec<Value>)> {
        let width = self.spec.targets[target].key.len();
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
