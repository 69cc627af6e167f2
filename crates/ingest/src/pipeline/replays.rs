//! Dead letters that an operator wants replayed, as the records they were.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use spanbridge_kafka::Record;
use spanbridge_protocol::ingest::{Partition, TABLE_DEAD_LETTERS, TABLE_REPLAYS};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{Database, KeyRange, Result};

/// Letters that are replayed before more are looked for, a partition: each holds its record in memory.
const MOST: usize = 100;

/// The first letters of a partition that are to be replayed, in the order of their offsets; a letter that is gone
/// meanwhile is left out.
pub(super) async fn read(database: &Database, pipeline: &str, partition: &Partition) -> Result<Vec<Record>> {
    let key = |offset: Option<i64>| {
        let key = [pipeline.into(), Value::from(&*partition.topic), i64::from(partition.number).into()];
        key.into_iter().chain(offset.map(Value::from)).collect::<Vec<_>>()
    };
    let offset = [("KafkaOffset".to_owned(), Type::Int64)];
    let range = KeyRange::prefix(key(None));
    let wanted = database.read_page(TABLE_REPLAYS, &offset, range, MOST).await?;
    let keys: Vec<_> = wanted
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
        headers: if let Value::Json(json) = headers { pairs(&json) } else { Vec::new() },
    })
}

/// As [`super::source::Source`] writes them.
fn pairs(json: &str) -> Vec<(String, Option<Vec<u8>>)> {
    let pairs: Vec<(String, Option<String>)> = serde_json::from_str(json).unwrap_or_default();
    let decoded = |value: Option<String>| value.and_then(|value| STANDARD.decode(value).ok());
    pairs.into_iter().map(|(name, value)| (name, decoded(value))).collect()
}

#[cfg(test)]
mod tests {
    use spanbridge_protocol::ingest::Payload as _;

    use super::*;
    use crate::pipeline::source::Source;

    #[test]
    fn headers_come_back_as_they_were() {
        let headers = vec![
            ("a".to_owned(), Some(vec![0, 255])),
            ("b".to_owned(), None),
            ("a".to_owned(), Some(vec![])),
        ];
        let partition = Partition { topic: "t".into(), number: 3 };
        let row = vec![7.into(), Value::Null, Value::Null, Value::Null, Value::Null];
        let record = record(&partition, row).unwrap();
        let written = Source(Record { headers: headers.clone(), ..record }).headers().unwrap();
        assert_eq!(pairs(&written), headers);
    }
}
