//! The dead letters whose replay an operator has requested, as Kafka records.
//!
//! Only the worker that owns a partition replays them, see "Revision of a position" (docs/design/ingest-positions.md).

use spanbridge_kafka::Record;
use spanbridge_protocol::ingest::{Partition, TABLE_DEAD_LETTERS, TABLE_REPLAYS};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{Database, KeyRange, Result};

use super::headers;

/// The maximum number of dead letters of one partition that are replayed at once. Each keeps its record in memory.
const MAX_REPLAYS: usize = 100;

/// Returns the first dead letters of a partition to replay, in the order of their offsets. Requests whose dead letter
/// no longer exists are ignored.
///
/// # Errors
/// Spanner does not answer.
pub(crate) async fn requested_replays(
    database: &Database,
    pipeline: &str,
    partition: &Partition,
) -> Result<Vec<Record>> {
    let key = |offset: Option<i64>| {
        let key = [pipeline.into(), Value::from(&*partition.topic), i64::from(partition.number).into()];
        key.into_iter().chain(offset.map(Value::from)).collect::<Vec<_>>()
    };
    let offset = [("KafkaOffset".to_owned(), Type::Int64)];
    let range = KeyRange::prefix(key(None));
    let requests = database.read_page(TABLE_REPLAYS, &offset, range, MAX_REPLAYS).await?;
    let keys: Vec<_> = requests
        .into_iter()
        .filter_map(|row| if let [Value::Int64(offset)] = row[..] { Some(key(Some(offset))) } else { None })
        .collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let columns = [
        ("KafkaOffset", Type::Int64),
        ("RecordTimestamp", Type::Timestamp),
        ("RecordKey", Type::Bytes),
        ("RecordValue", Type::Bytes),
        ("Headers", Type::Json),
    ];
    let columns = columns.map(|(name, ty)| (name.to_owned(), ty));
    let rows = database.read(TABLE_DEAD_LETTERS, &columns, keys).await?;
    Ok(rows.into_iter().filter_map(|row| record(partition, row)).collect())
}

fn record(partition: &Partition, row: Vec<Value>) -> Option<Record> {
    let [Value::Int64(offset), timestamp, key, value, headers] = <[Value; 5]>::try_from(row).ok()? else {
        return None;
    };
    let bytes = |value| if let Value::Bytes(bytes) = value { Some(bytes) } else { None };
    Some(Record {
        topic: partition.topic.clone(),
        partition: partition.number,
        offset,
        timestamp_ms: if let Value::Timestamp(at) = timestamp { Some(at.timestamp_millis()) } else { None },
        key: bytes(key),
        value: bytes(value),
        headers: if let Value::Json(json) = headers {
            headers::decode(&json).unwrap_or_default()
        } else {
            Vec::new()
        },
    })
}
