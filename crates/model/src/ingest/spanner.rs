//! The rows of the positions, and the records in the order in which they were applied.

use std::collections::BTreeMap;

use spanbridge_protocol::ingest::{
    Fingerprint, Position, Registration, StoredPartition, TABLE_PARTITIONS, TABLE_POSITIONS,
};
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::Value;

use super::workers::TABLE_RECORDS;
use super::{Answer, Flaw, LogRecord};

/// The key of a position: next offset and revision.
type Key = (i64, i64);

/// A position row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PositionRow {
    pub(super) next: i64,
    pub(super) revision: i64,
    /// The last applied record.
    pub(super) last: Option<LogRecord>,
}

impl PositionRow {
    pub(super) fn position(self) -> Position {
        let last_record = self.last.map(LogRecord::fingerprint);
        Position { next: self.next, revision: self.revision, event_time: None, last_record }
    }
}

/// The row of a registered partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct RegistrationRow {
    start: Option<i64>,
    /// The first applied record.
    first: Option<LogRecord>,
}

/// The rows of the partition, as a read returns them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoredRows {
    registration: Option<RegistrationRow>,
    position: Option<PositionRow>,
}

impl StoredRows {
    pub(super) fn stored(self) -> StoredPartition {
        match self {
            Self { position: Some(row), registration } => {
                let RegistrationRow { start, first } = registration.unwrap_or_default();
                let first_record = first.map(LogRecord::fingerprint);
                let registration = Registration { start, first_record };
                StoredPartition::Registered { position: row.position(), registration }
            }
            Self { position: None, registration: Some(_) } => StoredPartition::WithoutPosition,
            Self { position: None, registration: None } => StoredPartition::Unregistered,
        }
    }
}

/// A database with one partition of one pipeline.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Spanner {
    registration: Option<RegistrationRow>,
    /// The position rows.
    positions: BTreeMap<Key, Option<LogRecord>>,
    /// The records, in the order of their application.
    pub(super) applied: Vec<LogRecord>,
}

impl Spanner {
    /// Applies all mutations, or none.
    pub(super) fn commit(&mut self, mutations: &[Mutation], flaw: Flaw) -> Answer {
        let mut after = self.clone();
        for mutation in mutations.iter().filter(|mutation| !is_left_out(mutation, flaw)) {
            for row in &mutation.rows {
                if !after.write(&mutation.table, mutation.write, row, flaw) {
                    return Answer::Fenced;
                }
            }
        }
        *self = after;
        Answer::Committed
    }

    /// Writes a row. Returns false if Spanner would answer `NOT_FOUND` or `ALREADY_EXISTS`.
    fn write(&mut self, table: &str, write: Write, row: &[Value], flaw: Flaw) -> bool {
        let number = |at: usize| match row[at] {
            Value::Int64(number) => number,
            ref other => unreachable!("{table}: {other:?} in column {at}"),
        };
        let record = |at: usize| {
            let fingerprint = Fingerprint::from_columns(&row[at], &row[at + 1]);
            fingerprint.filter(|_| flaw != Flaw::NoFingerprint).map(LogRecord::from_fingerprint)
        };
        match (table, write) {
            (TABLE_PARTITIONS, _) => {
                let start = if let Value::Int64(start) = row[3] { Some(start) } else { None };
                let before = self.registration.replace(RegistrationRow { start, first: record(4) });
                before.is_some() == (write == Write::Update)
            }
            (TABLE_POSITIONS, _) => {
                let revision = if flaw == Flaw::NoRevision { 0 } else { number(4) };
                let key = (number(3), revision);
                match write {
                    Write::Update => self.positions.contains_key(&key),
                    Write::Insert => self.positions.insert(key, record(7)).is_none(),
                    Write::Delete | Write::Upsert => {
                        self.positions.remove(&key);
                        true
                    }
                }
            }
            (TABLE_RECORDS, _) => {
                let log = u8::try_from(number(0)).unwrap_or(u8::MAX);
                self.applied.push(LogRecord { log, offset: number(1) });
                true
            }
            // The gaps.
            _ => true,
        }
    }

    /// The stored position, as a read of the partition's rows returns it. There must never be two.
    pub(super) fn position(&self) -> Option<PositionRow> {
        let (&(next, revision), &last) = self.positions.first_key_value()?;
        Some(PositionRow { next, revision, last })
    }

    /// The rows of the partition.
    pub(super) fn rows(&self) -> StoredRows {
        StoredRows { registration: self.registration, position: self.position() }
    }

    /// The number of position rows.
    pub(super) fn position_rows(&self) -> usize {
        self.positions.len()
    }
}

fn is_left_out(mutation: &Mutation, flaw: Flaw) -> bool {
    match flaw {
        Flaw::PositionNotConsumed => mutation.write == Write::Update && &*mutation.table == TABLE_POSITIONS,
        Flaw::NoParentRow => &*mutation.table == TABLE_PARTITIONS,
        Flaw::None | Flaw::NoRevision | Flaw::NoFingerprint | Flaw::DoubtIsSuccess => false,
    }
}
