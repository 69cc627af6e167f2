//! The row of a partition, which registers it and recognises its log.
//!
//! This file builds the mutations that insert and change the row. The row has no offset in its key, so a
//! partition is registered once even if two workers start from different offsets: "Registration"
//! (docs/design/ingest-positions.md). A commit that changes the row also consumes the position.

use super::fingerprint::Fingerprint;
use super::position::{Offset, Partition, Position, PositionMove, insert_position, move_positions};
use crate::mutation::{Mutation, Write};
use crate::value::Value;

/// The parent table of the positions.
pub const TABLE_PARTITIONS: &str = "BridgePartitions";

/// The row of a registered partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Registration {
    /// The offset at which the partition starts in its log. `None` if records before it have been applied.
    pub start: Option<Offset>,
    /// The fingerprint of the first record that was applied.
    pub first_record: Option<Fingerprint>,
}

impl Registration {
    /// Returns whether the next record that is applied is the first one.
    pub(super) fn awaits_first_record(self, position: Position) -> bool {
        self.first_record.is_none() && self.start == Some(position.next)
    }
}

/// The stored rows of a partition, which were read at one timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredPartition {
    /// There is neither row.
    Unregistered,
    /// The partition is registered, but its position has been deleted.
    WithoutPosition,
    /// The partition has a position.
    Registered {
        /// The position.
        position: Position,
        /// The row of the partition.
        registration: Registration,
    },
}

/// Returns the mutations that register a partition at `start`. The commit fails with `ALREADY_EXISTS` if the
/// partition is registered.
pub fn register_partition(pipeline: &str, partition: &Partition, start: Offset) -> Vec<Mutation> {
    let registration = Registration { start: Some(start), first_record: None };
    let mut parent = row(pipeline, partition, registration);
    parent.push(Value::CommitTimestamp);
    let position = Position { next: start, revision: 0, event_time: None, last_record: None };
    let columns = PARTITION_COLUMNS.iter().map(ToString::to_string).collect();
    let parent =
        Mutation { write: Write::Insert, table: TABLE_PARTITIONS.into(), columns, rows: vec![parent] };
    vec![parent, insert_position(pipeline, partition, position)]
}

/// Returns the mutations by which an operator sets a position, and which consume the one before. They
/// forget the fingerprints, because the position may belong to another log.
///
/// `start` is the new position if the log starts there. It is `None` if the log has records before the
/// position.
pub fn set_position(
    pipeline: &str,
    partition: &Partition,
    from: Position,
    to: Offset,
    start: Option<Offset>,
) -> Vec<Mutation> {
    let next = Position { next: to, last_record: None, ..from.revise(from.event_time) };
    let step = PositionMove { partition: partition.clone(), from, to: next, first_record: None };
    let mut mutations = move_positions(pipeline, &[step]);
    mutations.push(update_registration(pipeline, partition, Registration { start, first_record: None }));
    mutations
}

/// Returns the mutations by which an operator sets the position of a registered partition whose position was
/// deleted. The commit fails if the partition is not registered.
///
/// `revision` must be higher than each that the partition had, because no two of its positions may be equal.
/// `start` is as for [`set_position`].
pub fn restore_position(
    pipeline: &str,
    partition: &Partition,
    to: Offset,
    revision: i64,
    start: Option<Offset>,
) -> Vec<Mutation> {
    let registration = Registration { start, first_record: None };
    let position = Position { next: to, revision, event_time: None, last_record: None };
    vec![
        update_registration(pipeline, partition, registration),
        insert_position(pipeline, partition, position),
    ]
}

/// Returns the mutation that changes the row of a partition.
pub(super) fn update_registration(
    pipeline: &str,
    partition: &Partition,
    registration: Registration,
) -> Mutation {
    update(vec![row(pipeline, partition, registration)])
}

/// Returns the mutation that stores the fingerprints of first records, if a move applies any.
pub(super) fn store_first_records(pipeline: &str, moves: &[PositionMove]) -> Option<Mutation> {
    let first = moves.iter().filter(|step| step.first_record.is_some()).map(|step| {
        let registration = Registration { start: Some(step.from.next), first_record: step.first_record };
        row(pipeline, &step.partition, registration)
    });
    let rows: Vec<_> = first.collect();
    (!rows.is_empty()).then(|| update(rows))
}

fn update(rows: Vec<Vec<Value>>) -> Mutation {
    let columns = PARTITION_COLUMNS[..6].iter().map(ToString::to_string).collect();
    Mutation { write: Write::Update, table: TABLE_PARTITIONS.into(), columns, rows }
}

fn row(pipeline: &str, partition: &Partition, registration: Registration) -> Vec<Value> {
    let Registration { start, first_record } = registration;
    let mut row =
        vec![Value::from(pipeline), Value::from(&*partition.topic), Value::from(i64::from(partition.number))];
    row.push(start.map_or(Value::Null, Value::from));
    row.extend(Fingerprint::columns(first_record));
    row
}

const PARTITION_COLUMNS: [&str; 7] = [
    "Pipeline",
    "Topic",
    "KafkaPartition",
    "FirstOffset",
    "FirstRecordOffset",
    "FirstRecordDigest",
    "CreatedAt",
];
