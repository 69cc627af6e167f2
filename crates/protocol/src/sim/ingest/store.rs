//! A small Spanner: atomic commits with the errors that the protocol stands on.

use std::collections::BTreeMap;

use crate::ingest::{Failure, GroupKey, Offset, Outcome, Partition, TABLE_POSITIONS};
use crate::mutation::{Mutation, Write};
use crate::value::Value;

type Table = BTreeMap<Vec<Value>, Vec<Value>>;

#[derive(Default)]
pub(super) struct Store {
    tables: BTreeMap<String, Table>,
}

impl Store {
    /// All or nothing.
    pub(super) fn commit(&mut self, mutations: &[Mutation]) -> Outcome {
        let mut after = self.tables.clone();
        for mutation in mutations {
            let name = &*mutation.table;
            let table = after.entry(name.to_owned()).or_default();
            for row in &mutation.rows {
                let key = row[..key_columns(name)].to_vec();
                match mutation.write {
                    Write::Insert if table.contains_key(&key) => return fenced("ALREADY_EXISTS"),
                    Write::Update if !table.contains_key(&key) => return fenced("NOT_FOUND"),
                    Write::Delete => {
                        table.remove(&key);
                        continue;
                    }
                    _ => {}
                }
                if name == "Rows" && row[3] == "poison".into() {
                    return Outcome::Rejected(Failure::new("SB-TEST", "poison"));
                }
                if name == "Rows" && row[3] == "orphan".into() {
                    return fenced("NOT_FOUND: no parent row");
                }
                table.insert(key, row.clone());
            }
        }
        self.tables = after;
        Outcome::Committed
    }

    pub(super) fn rows(&self, table: &str) -> impl Iterator<Item = &Vec<Value>> {
        self.tables.get(table).into_iter().flat_map(BTreeMap::values)
    }

    /// The positions stored of a partition: there must never be two.
    pub(super) fn positions(&self, partition: &Partition) -> Vec<Offset> {
        let of_partition =
            self.rows(TABLE_POSITIONS).filter(|row| row[2] == Value::from(i64::from(partition.number)));
        let offset = |row: &Vec<Value>| match row[3] {
            Value::Int64(offset) => offset,
            _ => unreachable!("NextOffset is INT64"),
        };
        of_partition.map(offset).collect()
    }

    pub(super) fn states(&self, keys: &[GroupKey]) -> Vec<(GroupKey, Vec<Value>)> {
        let groups = self.tables.get("Groups");
        let read = |key: &GroupKey| Some((key.clone(), groups?.get(&key.key)?[2..].to_vec()));
        keys.iter().filter_map(read).collect()
    }
}

fn fenced(what: &str) -> Outcome {
    Outcome::Fenced(Failure::new("SB-TEST", what))
}

fn key_columns(table: &str) -> usize {
    match table {
        "BridgePartitions" => 3,
        "BridgePositions" | "BridgeDeadLetters" => 4,
        _ => 2,
    }
}
