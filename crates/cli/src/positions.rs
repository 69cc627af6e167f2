//! How far ingest has come, by what it keeps in Spanner.

use std::collections::BTreeMap;

use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::Database;

use crate::{Error, Kind, Result};

/// The next offset of each `(topic, partition)`; several when there is more than one row, which must never be.
pub type Positions = BTreeMap<(String, i64), Vec<i64>>;

/// The positions of a pipeline.
///
/// # Errors
/// The bridge's tables are missing; Spanner cannot be reached.
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
            let message = "a row of BridgePositions is not what the migrations define";
            return Err(Error::new(Kind::Failed, "positions", message));
        };
        positions.entry((topic, partition)).or_default().push(next);
    }
    Ok(positions)
}

/// Records applied, for logs that began at offset 0.
#[must_use]
pub fn applied(positions: &Positions) -> u64 {
    positions.values().flatten().filter_map(|next| u64::try_from(*next).ok()).sum()
}

/// How many dead letters a pipeline has.
///
/// # Errors
/// As [`read`].
pub async fn dead_letters(database: &Database, pipeline: &str) -> Result<BTreeMap<String, u64>> {
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
