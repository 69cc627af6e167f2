//! The position of a partition: the one row whose key contains the next offset to apply.
//!
//! This file builds the mutations that consume and move positions. A worker includes them in its commits;
//! nothing else may write these tables while the pipeline runs. The rules are in
//! docs/design/ingest-positions.md.

use std::fmt;
use std::sync::Arc;

use super::fingerprint::Fingerprint;
use crate::guard::{Guard, is_enforced};
use crate::mutation::{Mutation, Write};
use crate::value::{Timestamp, Value};

/// A Kafka offset.
pub type Offset = i64;

/// The table of the positions: exactly one row for each partition, whose key contains the next offset and the
/// revision.
pub const TABLE_POSITIONS: &str = "BridgePositions";

const TABLE_GAPS: &str = "BridgeGaps";

/// A partition of a Kafka topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number within the topic.
    pub number: i32,
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.number)
    }
}

/// The offsets that the log of a partition contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRange {
    /// The first offset.
    pub start: Offset,
    /// The exclusive end, which is the high watermark.
    pub end: Offset,
}

impl LogRange {
    /// Returns whether fetching may start at the position.
    pub fn contains(self, position: Offset) -> bool {
        (self.start..=self.end).contains(&position)
    }
}

/// A stored position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The next offset to apply.
    pub next: Offset,
    /// The revision, which increases when the partition's rows change and its offset does not. It never
    /// decreases, so no two positions of a partition are equal.
    pub revision: i64,
    /// The stream time: the latest event time of the windowed records that were applied.
    pub event_time: Option<Timestamp>,
    /// The fingerprint of the last applied record before the position. `None` if no record of the log has been
    /// applied, or if a version without fingerprints has stored the position.
    pub last_record: Option<Fingerprint>,
}

impl Position {
    /// Returns the position behind the records before `next`.
    ///
    /// # Panics
    /// If the position would not move forward.
    pub(super) fn advance_to(
        self,
        next: Offset,
        event_time: Option<Timestamp>,
        last_record: Option<Fingerprint>,
    ) -> Self {
        assert!(next > self.next, "a position never moves back, from {} to {next}", self.next);
        Self { next, event_time, last_record, ..self }
    }

    /// Returns the position after a change of the partition's rows at the same offset.
    ///
    /// # Panics
    /// If the revision overflows.
    pub(super) fn revise(self, event_time: Option<Timestamp>) -> Self {
        assert!(self.revision < i64::MAX, "a revision fits into 63 bits");
        let revision = if is_enforced(Guard::PositionRevision) { self.revision + 1 } else { self.revision };
        Self { revision, event_time, ..self }
    }

    /// Returns whether both are the same position row.
    pub(super) fn is_same_row(self, other: Self) -> bool {
        (self.next, self.revision) == (other.next, other.revision)
    }
}

/// The move of one partition's position by a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionMove {
    /// The partition.
    pub partition: Partition,
    /// The position that the commit consumes.
    pub from: Position,
    /// The position that the commit leaves.
    pub to: Position,
    /// The fingerprint of the partition's first record, if the commit applies it.
    pub first_record: Option<Fingerprint>,
}

/// Returns the mutations that consume the positions of all partitions of a commit.
///
/// The update, and with it the whole commit, fails if the row no longer exists: "Position consumption"
/// (docs/design/ingest-positions.md).
pub(super) fn move_positions(pipeline: &str, moves: &[PositionMove]) -> Vec<Mutation> {
    let consumed = || moves.iter().map(|step| key(pipeline, &step.partition, step.from));
    let produced = moves.iter().map(|step| row(pipeline, &step.partition, step.to));
    let mut mutations = Vec::with_capacity(3);
    if is_enforced(Guard::PositionConsumption) {
        let consumed = consumed().map(|mut key| {
            key.push(Value::CommitTimestamp);
            key
        });
        mutations.push(mutation(Write::Update, &POSITION_COLUMNS[..6], consumed.collect()));
    }
    mutations.push(mutation(Write::Delete, &POSITION_COLUMNS[..5], consumed().collect()));
    mutations.push(mutation(Write::Insert, &POSITION_COLUMNS, produced.collect()));
    mutations
}

/// Returns the mutation that inserts a position.
pub(super) fn insert_position(pipeline: &str, partition: &Partition, position: Position) -> Mutation {
    mutation(Write::Insert, &POSITION_COLUMNS, vec![row(pipeline, partition, position)])
}

fn key(pipeline: &str, partition: &Partition, position: Position) -> Vec<Value> {
    vec![
        Value::from(pipeline),
        Value::from(&*partition.topic),
        Value::from(i64::from(partition.number)),
        Value::from(position.next),
        Value::from(position.revision),
    ]
}

fn row(pipeline: &str, partition: &Partition, position: Position) -> Vec<Value> {
    let mut row = key(pipeline, partition, position);
    row.push(Value::CommitTimestamp);
    row.push(position.event_time.map_or(Value::Null, Value::Timestamp));
    row.extend(Fingerprint::columns(position.last_record));
    row
}

fn mutation(write: Write, columns: &[&str], rows: Vec<Vec<Value>>) -> Mutation {
    Mutation {
        write,
        table: TABLE_POSITIONS.into(),
        columns: columns.iter().map(ToString::to_string).collect(),
        rows,
    }
}

/// A move of a position by `on_gap = "skip"`: "Gap in the log" (docs/design/ingest-positions.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The reason for the move.
    pub kind: GapKind,
    /// The offset before the move.
    pub from: Offset,
    /// The offset after the move, which may be lower.
    pub to: Offset,
}

/// The reason why `on_gap = "skip"` moves a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapKind {
    /// The log starts behind the position.
    Expired,
    /// The log lost its last records.
    Truncated,
    /// Another log has taken the place of the log.
    Replaced,
}

impl GapKind {
    /// The name of the kind in `BridgeGaps`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Truncated => "truncated",
            Self::Replaced => "replaced",
        }
    }
}

/// Returns the mutation that records a gap, which `on_gap = "skip"` has skipped.
pub(super) fn record_gap(pipeline: &str, partition: &Partition, gap: Gap) -> Mutation {
    Mutation {
        write: Write::Upsert,
        table: TABLE_GAPS.into(),
        columns: GAP_COLUMNS.iter().map(ToString::to_string).collect(),
        rows: vec![vec![
            Value::from(pipeline),
            Value::from(&*partition.topic),
            Value::from(i64::from(partition.number)),
            Value::from(gap.from),
            Value::from(gap.to),
            Value::CommitTimestamp,
            Value::from(gap.kind.name()),
        ]],
    }
}

/// The columns of a position: the key, and what a commit writes.
const POSITION_COLUMNS: [&str; 9] = [
    "Pipeline",
    "Topic",
    "KafkaPartition",
    "NextOffset",
    "Revision",
    "UpdatedAt",
    "EventTime",
    "LastOffset",
    "LastDigest",
];
const GAP_COLUMNS: [&str; 7] =
    ["Pipeline", "Topic", "KafkaPartition", "FromOffset", "ToOffset", "RecordedAt", "Kind"];
