//! The writes to a fake Spanner, compared with the published records: each change once, in order per key.

use std::collections::BTreeMap;
use std::sync::Arc;

use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::Timestamp;
use spanbridge_schema::Format;
use spanbridge_spanner::CommitOptions;

use crate::topic;
use crate::world::World;

/// The written values of each row of `Orders` and `Other`, in the order of their commits.
#[derive(Default)]
pub(crate) struct Ledger {
    written: BTreeMap<(&'static str, i64), Vec<(i64, i64)>>,
    next: i64,
}

impl Ledger {
    /// Commits a transaction that writes a new value to each of these rows.
    pub(crate) async fn commit(&mut self, world: &World, rows: &[(&'static str, i64)]) -> Timestamp {
        let columns: Arc<[String]> = ["Id", "V"].map(str::to_owned).into();
        let mut mutations = Vec::new();
        let mut values = Vec::new();
        for (table, id) in rows {
            self.next += 1;
            values.push(self.next);
            let rows = vec![vec![(*id).into(), self.next.into()]];
            mutations.push(Mutation {
                write: Write::Upsert,
                table: (*table).into(),
                columns: columns.clone(),
                rows,
            });
        }
        let at = world.database.commit(mutations, CommitOptions::default()).await.unwrap().timestamp;
        for (row, value) in rows.iter().zip(values) {
            self.written.entry(*row).or_default().push((value, at.timestamp_nanos_opt().unwrap()));
        }
        at
    }

    /// The number of writes to a table.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.written.iter().filter(|((table, _), _)| *table == name).map(|(_, changes)| changes.len()).sum()
    }

    /// Waits until all writes are published.
    pub(crate) async fn settle(&self, world: &World) {
        for table in ["Orders", "Other"] {
            topic::await_count(world, &world.topic(table), self.count(table)).await;
        }
    }

    /// Asserts that each write is published once and in order, and nothing else is.
    pub(crate) async fn check(&self, world: &World) {
        let mut published: BTreeMap<(&'static str, i64), Vec<(i64, i64)>> = BTreeMap::new();
        for table in ["Orders", "Other"] {
            for record in topic::read_as(world, &world.topic(table), Format::Json).await {
                let (id, value) = (record.key["Id"].as_i64().unwrap(), &record.value);
                let change =
                    (value["after"]["V"].as_i64().unwrap(), value["source"]["ts_ns"].as_i64().unwrap());
                published.entry((table, id)).or_default().push(change);
            }
        }
        assert_eq!(published, self.written);
    }
}
