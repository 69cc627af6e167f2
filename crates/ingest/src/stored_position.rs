//! A position as Spanner holds it.
//!
//! `pipeline/` reads positions for a worker, and `set_position` for an operator.

use spanbridge_protocol::ingest::{Fingerprint, Partition, Position, TABLE_POSITIONS};
use spanbridge_protocol::value::{Type, Value};

/// Returns the key of a partition's row in `BridgePartitions`, with which the keys of its positions begin.
pub(crate) fn partition_key(pipeline: &str, partition: &Partition) -> Vec<Value> {
    vec![Value::from(pipeline), Value::from(&*partition.topic), Value::from(i64::from(partition.number))]
}

/// Returns the columns that [`parse`] reads.
pub(crate) fn columns() -> [(String, Type); 5] {
    let columns = [
        ("NextOffset", Type::Int64),
        ("Revision", Type::Int64),
        ("EventTime", Type::Timestamp),
        ("LastOffset", Type::Int64),
        ("LastDigest", Type::Bytes),
    ];
    columns.map(|(name, ty)| (name.to_owned(), ty))
}

/// Returns the position of a partition, which is `None` without a row.
///
/// # Errors
/// The partition has several rows, or the row is not a position.
pub(crate) fn parse(partition: &Partition, rows: &[Vec<Value>]) -> Result<Option<Position>, String> {
    let row = match rows {
        [] => return Ok(None),
        [row] => row,
        many => {
            let count = many.len();
            return Err(format!("{partition} has {count} rows in {TABLE_POSITIONS}; it must have one"));
        }
    };
    match row.as_slice() {
        [Value::Int64(next), Value::Int64(revision), time, last_offset, last_digest] => {
            let event_time = if let Value::Timestamp(at) = time { Some(*at) } else { None };
            let last_record = Fingerprint::from_columns(last_offset, last_digest);
            Ok(Some(Position { next: *next, revision: *revision, event_time, last_record }))
        }
        _ => Err(format!("{partition}: its row in {TABLE_POSITIONS} is not a valid position")),
    }
}
