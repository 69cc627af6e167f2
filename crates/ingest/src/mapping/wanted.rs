//! Reads of the states that a fold needs.

use spanbridge_protocol::ingest::RowKey;
use spanbridge_protocol::value::{Type, Value};

use super::record::Mapper;

/// The rows of one target whose states are asked for.
pub(crate) struct Wanted {
    target: usize,
    pub(crate) table: String,
    /// The key's, then the state's.
    pub(crate) columns: Vec<(String, Type)>,
    pub(crate) keys: Vec<Vec<Value>>,
    width: usize,
}

impl Mapper {
    /// One read a target.
    pub(crate) fn wanted(&self, keys: &[RowKey]) -> Vec<Wanted> {
        let of_target = |(number, target): (usize, &spanbridge_protocol::ingest::Target)| {
            let keys: Vec<_> =
                keys.iter().filter(|key| key.target == number).map(|key| key.key.clone()).collect();
            let state = target.state().filter(|_| !keys.is_empty())?;
            let column = |at: usize| (target.columns[at].clone(), self.types[number][at].clone());
            Some(Wanted {
                target: number,
                table: target.table.to_string(),
                columns: target.key.iter().copied().chain(state).map(column).collect(),
                keys,
                width: target.key.len(),
            })
        };
        self.spec.targets.iter().enumerate().filter_map(of_target).collect()
    }
}

impl Wanted {
    /// The states in these rows.
    pub(crate) fn states(&self, rows: Vec<Vec<Value>>) -> impl Iterator<Item = (RowKey, Vec<Value>)> {
        rows.into_iter().map(|mut key| {
            let state = key.split_off(self.width);
            (RowKey { target: self.target, key }, state)
        })
    }
}
