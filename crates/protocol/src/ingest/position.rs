//! A partition's position: the one row whose key says up to where Spanner has applied it.

use std::fmt;
use std::sync::Arc;

use crate::guard::{Guard, is_enforced};
use crate::mutation::{Mutation, Write};
use crate::value::{Timestamp, Value};

/// A Kafka offset.
pub type Offset = i64;

/// Parent of the positions: a partition is registered once, whatever offsets two workers start from.
pub const TABLE_PARTITIONS: &str = "BridgePartitions";
/// Exactly one row a partition; its key holds the next offset and the revision.
pub const TABLE_POSITIONS: &str = "BridgePositions";

const TABLE_GAPS: &str = "BridgeGaps";

/// A partition of a Kafka topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    pub topic: Arc<str>,
    pub number: i32,
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.number)
    }
}

/// What the log of a partition holds: the offsets from `start` up to but not including `end`,
/// the high watermark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRange {
    pub start: Offset,
    pub end: Offset,
}

impl LogRange {
    pub(super) fn holds(self, position: Offset) -> bool {
        (self.start..=self.end).contains(&position)
    }
}

/// A position as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The next offset.
    pub next: Offset,
    /// Grows when the partition's rows change though its offset does not. Never goes back, so that no two positions
    /// of a partition are ever the same token.
    pub revision: i64,
    /// The stream's time: the greatest event time of a windowed record applied so far.
    pub event_time: Option<Timestamp>,
}

impl Position {
    /// The position behind the records up to `next`.
    ///
    /// # Panics
    /// If that does not go forward.
    pub(super) fn forward(self, next: Offset, event_time: Option<Timestamp>) -> Self {
        assert!(next > self.next, "a position only goes forward, from {} to {next}", self.next);
        Self { next, event_time, ..self }
    }

    /// The position behind a change of the partition's rows in place.
    pub(super) fn revised(self, event_time: Option<Timestamp>) -> Self {
        assert!(self.revision < i64::MAX, "revisions do not run out");
        let revision = if is_enforced(Guard::PositionRevision) { self.revision + 1 } else { self.revision };
        Self { revision, event_time, ..self }
    }

    /// Whether a commit that consumes the one consumes the other.
    pub(super) fn is(self, other: Self) -> bool {
        (self.next, self.revision) == (other.next, other.revision)
    }
}

/// A step of one partition: the position it consumes, and the one it leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionMove {
    pub partition: Partition,
    pub from: Position,
    pub to: Position,
}

/// The three mutations that consume the positions: many partitions, one commit.
pub(super) fn advance(pipeline: &str, moves: &[PositionMove]) -> Vec<Mutation> {
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
        mutations.push(rows(consumed.collect(), Write::Update, &POSITION));
    }
    mutations.push(rows(consumed().collect(), Write::Delete, &POSITION[..5]));
    mutations.push(rows(produced.collect(), Write::Insert, &POSITION));
    mutations
}

/// The commit that registers a partition: fails with ALREADY_EXISTS for all but the first.
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
    vec![insert(TABLE_PARTITIONS, &PARTITION, parent), insert(TABLE_POSITIONS, &POSITION, position)]
}

/// Remembers what `on_gap = "skip"` has skipped.
pub(super) fn gap(pipeline: &str, partition: &Partition, from: Offset, to: Offset) -> Mutation {
    Mutation {
        write: Write::Upsert,
        table: TABLE_GAPS.into(),
        columns: GAP.iter().map(ToString::to_string).collect(),
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

const PARTITION: [&str; 5] = ["Pipeline", "Topic", "KafkaPartition", "CreatedAt", "FirstOffset"];
const POSITION: [&str; 7] =
    ["Pipeline", "Topic", "KafkaPartition", "NextOffset", "Revision", "UpdatedAt", "EventTime"];
const GAP: [&str; 6] = ["Pipeline", "Topic", "KafkaPartition", "FromOffset", "ToOffset", "RecordedAt"];
