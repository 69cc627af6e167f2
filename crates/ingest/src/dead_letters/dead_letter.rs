use spanbridge_protocol::ingest::TABLE_DEAD_LETTERS;
use spanbridge_protocol::value::{Timestamp, Type, Value};
use spanbridge_spanner::Database;

use super::address::DeadLetterAddress;
use super::{headers, typed_columns, unexpected_row};
use crate::Error;

/// A dead letter with its record.
#[derive(Debug)]
pub struct DeadLetter {
    /// The code of the error, such as `SB-INGEST-DECODE`.
    pub code: String,
    /// The message of the error. It contains no data of the record.
    pub message: String,
    /// The record's key.
    pub key: Option<Vec<u8>>,
    /// The record's value. A tombstone has none.
    pub value: Option<Vec<u8>>,
    /// The record's headers, in its order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// The record's timestamp.
    pub timestamp: Option<Timestamp>,
    /// The id of the producer's trace.
    pub trace_id: Option<String>,
    /// The commit time of the dead letter.
    pub failed_at: Timestamp,
}

impl DeadLetter {
    /// Reads the dead letter at an address, if there is one.
    ///
    /// # Errors
    /// The bridge's tables are missing, or Spanner does not answer.
    pub async fn read(database: &Database, address: &DeadLetterAddress) -> Result<Option<Self>, Error> {
        let columns = typed_columns(&[
            ("Code", Type::String),
            ("Message", Type::String),
            ("RecordKey", Type::Bytes),
            ("RecordValue", Type::Bytes),
            ("Headers", Type::Json),
            ("RecordTimestamp", Type::Timestamp),
            ("TraceId", Type::String),
            ("FailedAt", Type::Timestamp),
        ]);
        let rows = database.read(TABLE_DEAD_LETTERS, &columns, vec![address.key()]).await?;
        let row = rows.into_iter().next();
        row.map(|row| from_row(row).ok_or_else(|| unexpected_row(&address.pipeline))).transpose()
    }
}

fn from_row(row: Vec<Value>) -> Option<DeadLetter> {
    let [code, message, key, value, headers, timestamp, trace_id, failed_at] =
        <[Value; 8]>::try_from(row).ok()?;
    let (Value::String(code), Value::String(message), Value::Timestamp(failed_at)) =
        (code, message, failed_at)
    else {
        return None;
    };
    let bytes = |value| match value {
        Value::Null => Some(None),
        Value::Bytes(bytes) => Some(Some(bytes)),
        _ => None,
    };
    let headers = match headers {
        Value::Null => Vec::new(),
        Value::Json(text) => headers::decode(&text)?,
        _ => return None,
    };
    Some(DeadLetter {
        code,
        message,
        key: bytes(key)?,
        value: bytes(value)?,
        headers,
        timestamp: if let Value::Timestamp(time) = timestamp { Some(time) } else { None },
        trace_id: if let Value::String(id) = trace_id { Some(id) } else { None },
        failed_at,
    })
}
