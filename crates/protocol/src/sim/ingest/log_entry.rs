//! The records of the simulation, and the changes that they make.

use chrono::DateTime;

use super::kafka_log::PARTITIONS;
use super::pipeline::{
    CHILDREN, CODES, GROUPS, INSERTED, NEWEST, PARENTS, ROWS, SESSIONS, SHARED, SHARED_SESSIONS,
    SHARED_SLIDES, SLIDES, TOTALS, UPDATED,
};
use super::record_payload::RecordPayload;
use crate::ingest::{AggregateInput, Change, Digest, Failure, Offset, Payload, Record};
use crate::sim::rng::Rng;
use crate::value::Value;

/// The kind of a record: its change, and Spanner's answer to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum RecordKind {
    Good,
    Filtered,
    /// The record cannot be decoded.
    Garbled,
    /// Spanner rejects the record's row.
    Poison,
    /// The parent of the record's row is missing, which has the same code as a consumed position.
    Orphan,
    /// The sum of the record's group overflows.
    Overflow,
    /// The record deletes its group's row.
    Delete,
    /// The record updates its group's row, which may not exist.
    Update,
    /// The record inserts a row, which may exist.
    Insert,
}

#[derive(Debug, Clone)]
pub(super) struct LogEntry {
    /// The identity, which is unique in its partition, also among logs that were replaced.
    pub(super) id: u64,
    pub(super) offset: Offset,
    pub(super) group: i64,
    pub(super) amount: i64,
    pub(super) kind: RecordKind,
    /// The event time in seconds.
    pub(super) time: i64,
    /// The version, which is unique within a log.
    pub(super) version: i64,
}

impl LogEntry {
    /// Generates a record of any kind.
    pub(super) fn generate(rng: &mut Rng, id: u64, offset: Offset, partition: i32) -> Self {
        let kind = match rng.below(100) {
            0..4 => RecordKind::Garbled,
            4..6 => RecordKind::Poison,
            6..8 => RecordKind::Orphan,
            8..10 => RecordKind::Overflow,
            10..15 => RecordKind::Filtered,
            15..20 => RecordKind::Delete,
            20..25 => RecordKind::Update,
            25..30 => RecordKind::Insert,
            _ => RecordKind::Good,
        };
        Self {
            id,
            offset,
            group: rng.below(4) as i64,
            amount: rng.below(100) as i64 - 20,
            kind,
            time: if rng.percent(3) { rng.below(50) as i64 } else { offset * 10 + rng.below(120) as i64 },
            version: (rng.below(1000) as i64 * 1000 + offset) * i64::from(PARTITIONS) + i64::from(partition),
        }
    }

    /// The digest of the record.
    pub(super) fn digest(&self) -> Digest {
        RecordPayload(self.id).digest()
    }

    pub(super) fn record(&self, partition: i32) -> Record<RecordPayload> {
        let changes = match self.kind {
            RecordKind::Garbled => Err(Failure::new("SB-TEST", "garbled")),
            _ => Ok(self.changes(i64::from(partition).into())),
        };
        Record { offset: self.offset, changes, payload: RecordPayload(self.id), size: 10 }
    }

    /// Returns the record as a replay maps it. The mapping has been fixed for some records.
    pub(super) fn fixed(&self) -> Self {
        let kind = match self.kind {
            RecordKind::Garbled | RecordKind::Poison | RecordKind::Orphan | RecordKind::Overflow
                if self.amount % 2 == 0 =>
            {
                RecordKind::Good
            }
            kind => kind,
        };
        Self { kind, ..self.clone() }
    }

    fn changes(&self, partition: Value) -> Vec<Change> {
        let group = Value::from(self.group);
        let key = |group: Value| vec![group, partition.clone()];
        let row = |group: Value, flaw: Value| [key(group), vec![self.offset.into(), flaw]].concat();
        // The key is unique. A later record of the same key in its batch would hide the flaw from Spanner.
        let flawed = |flaw: &str| row(Value::from(1000 + self.offset), flaw.into());
        let first = match self.kind {
            RecordKind::Filtered | RecordKind::Garbled => return Vec::new(),
            RecordKind::Delete => Change::Delete { target: ROWS, key: key(group.clone()), version: None },
            RecordKind::Update => Change::Row { target: UPDATED, row: row(group.clone(), Value::Null) },
            RecordKind::Insert => Change::Row { target: INSERTED, row: row(group.clone(), Value::Null) },
            RecordKind::Poison => Change::Row { target: ROWS, row: flawed("poison") },
            RecordKind::Orphan => Change::Row { target: ROWS, row: flawed("orphan") },
            RecordKind::Good | RecordKind::Overflow => {
                Change::Row { target: ROWS, row: row(group.clone(), Value::Null) }
            }
        };
        let amount = if self.kind == RecordKind::Overflow { i64::MAX } else { self.amount };
        let input = |value: i64| AggregateInput::Value(value.into());
        let at = DateTime::from_timestamp(self.time, 0);
        let counted = |target, key, at| {
            let inputs = vec![AggregateInput::Record, input(self.offset)];
            Change::Group { target, key, at, inputs }
        };
        let mut changes = vec![
            first,
            Change::Group {
                target: GROUPS,
                key: key(group.clone()),
                at,
                inputs: vec![AggregateInput::Record, input(amount), input(amount)],
            },
            counted(SESSIONS, key(group.clone()), at),
            counted(SHARED_SESSIONS, vec![group.clone()], at),
            counted(SLIDES, key(group.clone()), at),
            counted(SHARED_SLIDES, vec![group.clone()], at),
            counted(SHARED, vec![group.clone()], None),
            Change::Row { target: NEWEST, row: vec![group.clone(), self.version.into(), self.offset.into()] },
        ];
        let key = key(group);
        let with = |values: &[i64]| key.iter().cloned().chain(values.iter().map(|&it| it.into())).collect();
        match self.kind {
            RecordKind::Good => {
                changes.push(Change::Row { target: PARENTS, row: with(&[self.offset]) });
                changes.push(Change::Row { target: CHILDREN, row: with(&[self.member(), self.offset]) });
                changes.push(counted(TOTALS, with(&[self.member()]), None));
                if let Some(code) = self.code() {
                    changes.push(Change::Row { target: CODES, row: with(&[code]) });
                }
            }
            RecordKind::Delete => {
                changes.push(Change::Delete { target: PARENTS, key: key.clone(), version: None });
                // The others are deleted with their parent.
                if self.member() == 0 {
                    changes.push(Change::Delete { target: CODES, key, version: None });
                }
            }
            _ => {}
        }
        changes
    }

    /// The number of the child that a record writes.
    pub(super) fn member(&self) -> i64 {
        self.amount.rem_euclid(3)
    }

    /// The code that a record writes, which is unique in its partition.
    pub(super) fn code(&self) -> Option<i64> {
        (self.amount % 3 == 0).then_some(self.amount.rem_euclid(5))
    }
}
