//! The progress of ingest, read from the bridge's tables in Spanner.

use std::collections::BTreeMap;

use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::Database;

use crate::error::{Error, ErrorKind, Result};

/// The next offset of each `(topic, partition)`. More than one offset means more than one row, which is always a fault.
pub type Positions = BTreeMap<(String, i64), Vec<i64>>;

/// Reads the positions of a pipeline.
///
/// # Errors
/// The bridge's tables are missing or have an unexpected form, or Spanner cannot be reached.
pub async fn read(database: &Database, pipeline: &str) -> Result<Positions> {
    let text = |name: &str| (name.to_owned(), Type::String);
    let number = |name: &str| (name.to_owned(), Type::Int64);
    let columns = [text("Topic"), number("KafkaPartition"), number("NextOffset")];
    let rows = database.read_prefix("BridgePositions", &columns, vec![pipeline.into()]).await?;
    let mut positions = Positions::new();
    for row in rows {
        let Ok([Value::String(topic), Value::Int64(partition), Value::Int64(next)]) =
            <[Value; 3]>::try_from(row)
        else {
            let message = "a row of BridgePositions does not have the form that the migrations define";
            return Err(Error::unexpected(ErrorKind::Positions, message));
        };
        positions.entry((topic, partition)).or_default().push(next);
    }
    Ok(positions)
}

/// Counts the records that ingest has applied, for partitions whose log began at offset 0.
#[must_use]
pub fn count_applied(positions: &Positions) -> u64 {
    positions.values().flatten().filter_map(|next| u64::try_from(*next).ok()).sum()
}

/// Counts the dead letters of a pipeline by error code.
///
/// # Errors
/// As [`read`].
pub async fn count_dead_letters(database: &Database, pipeline: &str) -> Result<BTreeMap<String, u64>> {
    let columns = [("Code".to_owned(), Type::String)];
    let rows = database.read_prefix("BridgeDeadLetters", &columns, vec![pipeline.into()]).await?;
    let mut codes = BTreeMap::new();
    for row in rows {
        if let Some(Value::String(code)) = row.into_iter().next() {
            *codes.entry(code).or_default() += 1;
        }
    }
    Ok(codes)
}
