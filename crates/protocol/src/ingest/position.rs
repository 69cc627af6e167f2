//! The position of a partition: the one row whose key contains the next offset to apply.
//!
//! This file builds the mutations that register, consume and move positions. A worker includes them in
//! its commits; nothing else may write these tables while the pipeline runs. The rules are in
//! docs/design/ingest-positions.md.

use std::fmt;
use std::sync::Arc;

use crate::guard::{Guard, is_enforced};
use crate::mutation::{Mutation, Write};
use crate::value::{Timestamp, Value};

/// A Kafka offset.
pub type Offset = i64;

/// The parent table of the positions. Its key has no offset, so a partition is registered once even if two
/// workers start from different offsets: "Registration" (docs/design/ingest-positions.md).
pub const TABLE_PARTITIONS: &str = "BridgePartitions";
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
}

impl Position {
    /// Returns the position behind the records before `next`.
    ///
    /// # Panics
    /// If the position would not move forward.
    pub(super) fn advance_to(self, next: Offset, event_time: Option<Timestamp>) -> Self {
        assert!(next > self.next, "a position never moves back, from {} to {next}", self.next);
        Self { next, event_time, ..self }
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
}

/// Returns the mutations that consume the positions of all partitions of a commit.
///
/// The update, and with it the whole commit, fails if the row no longer exists: "Position consumption"
/// (docs/design/ingest-positions.md).
pub(super) fn move_positions(pipeline: &str, moves: &[PositionMove]) -> Vec<Mutation> {
    let key = |step: &PositionMove, position: Position| {
        vec![
            Value::from(pipeline),
            Value::from(&*step.partition.topic),
            Value::from(i64::from(step.partition.number)),
            Value::from(position.next),
            Value::from(position.revision),
        ]
    };
    let stamped = |mut row: Vec<Value>, event_time: Option<Timestamp>| {
        row.push(Value::CommitTimestamp);
        row.push(event_time.map_or(Value::Null, Value::Timestamp));
        row
    };
    let rows = |rows: Vec<Vec<Value>>, write, columns: &[&str]| Mutation {
        write,
        table: TABLE_POSITIONS.into(),
        columns: columns.iter().map(ToString::to_string).collect(),
        rows,
    };
    let consumed = || moves.iter().map(|step| key(step, step.from));
    let produced = moves.iter().map(|step| stamped(key(step, step.to), step.to.event_time));
    let mut mutations = Vec::with_capacity(3);
    if is_enforced(Guard::PositionConsumption) {
        let consumed = consumed().map(|key| stamped(key, None));
        mutations.push(rows(consumed.collect(), Write::Update, &POSITION_COLUMNS));
    }
    mutations.push(rows(consumed().collect(), Write::Delete, &POSITION_COLUMNS[..5]));
    mutations.push(rows(produced.collect(), Write::Insert, &POSITION_COLUMNS));
    mutations
}

/// Returns the mutations that register a partition at `start`. The commit fails with `ALREADY_EXISTS` if the
/// partition is registered.
pub fn register_partition(pipeline: &str, partition: &Partition, start: Offset) -> Vec<Mutation> {
    let key =
        vec![Value::from(pipeline), Value::from(&*partition.topic), Value::from(i64::from(partition.number))];
    let mut parent = key.clone();
    parent.extend([Value::CommitTimestamp, Value::from(start)]);
    let mut position = key;
    position.extend([Value::from(start), Value::from(0), Value::CommitTimestamp, Value::Null]);
    let insert = |table: &str, columns: &[&str], row| Mutation {
        write: Write::Insert,
        table: table.into(),
        columns: columns.iter().map(ToString::to_string).collect(),
        rows: vec![row],
    };
    vec![
        insert(TABLE_PARTITIONS, &PARTITION_COLUMNS, parent),
        insert(TABLE_POSITIONS, &POSITION_COLUMNS, position),
    ]
}

/// Returns the mutation that records a gap, which `on_gap = "skip"` has skipped.
pub(super) fn record_gap(pipeline: &str, partition: &Partition, from: Offset, to: Offset) -> Mutation {
    Mutation {
        write: Write::Upsert,
        table: TABLE_GAPS.into(),
        columns: GAP_COLUMNS.iter().map(ToString::to_string).collect(),
        rows: vec![vec![
            Value::from(pipeline),
            Value::from(&*partition.topic),
            Value::from(i64::from(partition.number)),
            Value::from(from),
            Value::from(to),
            Value::CommitTimestamp,
        ]],
    }
}

const PARTITION_COLUMNS: [&str; 5] = ["Pipeline", "Topic", "KafkaPartition", "CreatedAt", "FirstOffset"];
const POSITION_COLUMNS: [&str; 7] =
    ["Pipeline", "Topic", "KafkaPartition", "NextOffset", "Revision", "UpdatedAt", "EventTime"];
const GAP_COLUMNS: [&str; 6] =
    ["Pipeline", "Topic", "KafkaPartition", "FromOffset", "ToOffset", "RecordedAt"];
