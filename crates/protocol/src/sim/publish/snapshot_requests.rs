//! Requests for incremental snapshots, and the check of their rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::fake_kafka::FakeKafka;
use super::stream_history::{ChangeRecord, SNAPSHOT_KEYS, StreamHistory};
use crate::publish::{RequestId, SnapshotRequest, StateKey, StateValue};
use crate::sim::rng::Rng;

const MAX_REQUESTS: usize = 3;

/// The requests of a run. Each names one or two tables, and no table is requested twice.
#[derive(Default)]
pub(super) struct SnapshotRequests {
    requests: Vec<Vec<usize>>,
    cancelled: BTreeSet<usize>,
    /// The requests whose record is deleted.
    done: BTreeSet<RequestId>,
    offset: usize,
}

fn key(number: usize) -> StateKey {
    StateKey::SnapshotRequest(number.to_string().into())
}

impl SnapshotRequests {
    /// Makes a request, unless enough were made.
    pub(super) fn add(&mut self, rng: &mut Rng, kafka: &mut FakeKafka) {
        let number = self.requests.len();
        if number < MAX_REQUESTS {
            let tables: Vec<usize> = (0..1 + rng.below(2)).map(|table| 2 * number + table).collect();
            let names = tables.iter().map(|table| Arc::from(table.to_string())).collect();
            kafka.write((key(number), Some(StateValue::SnapshotRequest(SnapshotRequest { tables: names }))));
            self.requests.push(tables);
        }
    }

    /// Cancels any request.
    pub(super) fn cancel(&mut self, rng: &mut Rng, kafka: &mut FakeKafka) {
        if !self.requests.is_empty() {
            let number = rng.below(self.requests.len());
            kafka.write((key(number), None));
            self.cancelled.insert(number);
        }
    }

    /// Returns whether all requests are done.
    pub(super) fn are_done(&mut self, kafka: &FakeKafka) -> bool {
        while let Some((key, value)) = kafka.read_uncompacted(0, &mut self.offset) {
            if let (StateKey::SnapshotRequest(id), None) = (key, value) {
                self.done.insert(id);
            }
        }
        self.done.len() == self.requests.len()
    }

    /// Checks that each row of the tables was published once, as of one of the barriers.
    ///
    /// # Errors
    /// On the first row that violates this.
    pub(super) fn check(&self, kafka: &FakeKafka, history: &StreamHistory) -> Result<(), String> {
        let is_done =
            |number: &usize| self.done.contains(&*number.to_string()) && !self.cancelled.contains(number);
        for (number, table) in
            self.requests.iter().enumerate().flat_map(|(n, of)| of.iter().map(move |t| (n, *t)))
        {
            let name = table.to_string();
            let barriers: BTreeSet<i64> = kafka
                .state()
                .filter_map(|(_, value)| match value {
                    Some(StateValue::Range(range)) if *range.table == *name => Some(range.at.timestamp()),
                    _ => None,
                })
                .collect();
            for key in (0..8).filter(|key| key % 2 == table % 2) {
                let published: Vec<&ChangeRecord> =
                    kafka.committed().filter(|row| row.key == SNAPSHOT_KEYS * (2 + table) + key).collect();
                let exists = barriers
                    .first()
                    .is_some_and(|at| history.rows(*at).any(|row| row.key % SNAPSHOT_KEYS == key));
                let is_right = |row: &ChangeRecord| {
                    let then = history.rows(row.at).find(|row| row.key % SNAPSHOT_KEYS == key);
                    barriers.contains(&row.at) && then.is_some_and(|then| then.id == row.id)
                };
                if let Some(row) = published.iter().find(|row| !is_right(row)) {
                    return Err(format!("{row:?} is no row of table {table} at a barrier"));
                }
                if published.len() > 1 || (published.is_empty() && exists && is_done(&number)) {
                    let times = published.len();
                    return Err(format!("row {key} of table {table} is published {times} times"));
                }
            }
            if barriers.is_empty() && is_done(&number) {
                return Err(format!("table {table} is not read"));
            }
        }
        Ok(())
    }
}
