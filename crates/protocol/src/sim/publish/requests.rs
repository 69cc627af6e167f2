//! SnapshotRequests to read tables again, and the check of what came of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::Rng;
use super::history::{ChangeRecord, History, READ};
use super::kafka::FakeKafka;
use crate::publish::{RequestId, SnapshotRequest, StateKey, StateValue};

const MOST: usize = 3;

/// Each asks for one or two tables, which nobody has asked for before.
#[derive(Default)]
pub(super) struct SnapshotRequests {
    made: Vec<Vec<usize>>,
    taken_back: BTreeSet<usize>,
    /// Those whose record is gone.
    done: BTreeSet<RequestId>,
    offset: usize,
}

fn key(number: usize) -> StateKey {
    StateKey::SnapshotRequest(number.to_string().into())
}

impl SnapshotRequests {
    pub(super) fn ask(&mut self, rng: &mut Rng, kafka: &mut FakeKafka) {
        let number = self.made.len();
        if number < MOST {
            let tables: Vec<usize> = (0..1 + rng.below(2)).map(|table| 2 * number + table).collect();
            let names = tables.iter().map(|table| Arc::from(table.to_string())).collect();
            kafka.write((key(number), Some(StateValue::SnapshotRequest(SnapshotRequest { tables: names }))));
            self.made.push(tables);
        }
    }

    pub(super) fn take_back(&mut self, rng: &mut Rng, kafka: &mut FakeKafka) {
        if !self.made.is_empty() {
            let number = rng.below(self.made.len());
            kafka.write((key(number), None));
            self.taken_back.insert(number);
        }
    }

    pub(super) fn are_done(&mut self, kafka: &FakeKafka) -> bool {
        while let Some((key, value)) = kafka.read(0, &mut self.offset) {
            if let (StateKey::SnapshotRequest(id), None) = (key, value) {
                self.done.insert(id);
            }
        }
        self.done.len() == self.made.len()
    }

    /// Each row of the tables was published once, as it was at one of the holds.
    pub(super) fn check(&self, kafka: &FakeKafka, history: &History) -> Result<(), String> {
        let is_done =
            |number: &usize| self.done.contains(&*number.to_string()) && !self.taken_back.contains(number);
        for (number, table) in
            self.made.iter().enumerate().flat_map(|(n, of)| of.iter().map(move |t| (n, *t)))
        {
            let name = table.to_string();
            let holds: BTreeSet<i64> = kafka
                .state()
                .filter_map(|(_, value)| match value {
                    Some(StateValue::Range(range)) if *range.table == *name => Some(range.at.timestamp()),
                    _ => None,
                })
                .collect();
            for key in (0..8).filter(|key| key % 2 == table % 2) {
                let published: Vec<&ChangeRecord> =
                    kafka.committed().filter(|row| row.key == READ * (2 + table) + key).collect();
                let is_there =
                    holds.first().is_some_and(|at| history.rows(*at).any(|row| row.key % READ == key));
                let is_right = |row: &ChangeRecord| {
                    let then = history.rows(row.at).find(|row| row.key % READ == key);
                    holds.contains(&row.at) && then.is_some_and(|then| then.id == row.id)
                };
                if let Some(row) = published.iter().find(|row| !is_right(row)) {
                    return Err(format!("{row:?} is no row of table {table} read again"));
                }
                if published.len() > 1 || (published.is_empty() && is_there && is_done(&number)) {
                    let times = published.len();
                    return Err(format!("row {key} of table {table} is published {times} times"));
                }
            }
            if holds.is_empty() && is_done(&number) {
                return Err(format!("table {table} is not read again"));
            }
        }
        Ok(())
    }
}
