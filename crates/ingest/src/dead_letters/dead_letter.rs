use spanbridge_protocol::ingest::{StoredPayload, TABLE_DEAD_LETTERS};
use spanbridge_protocol::value::{Timestamp, Type, Value};
use spanbridge_spanner::Database;

use super::address::DeadLetterAddress;
use super::protection::{DeadLetterProtection, RevealError, RevealedRecord};
use super::{stored_payload, typed_columns, unexpected_row};
use crate::Error;

/// A dead letter with its record.
#[derive(Debug)]
pub struct DeadLetter {
    /// The code of the error, such as `SB-INGEST-DECODE`.
    pub code: String,
    /// The message of the error. It contains no data of the record.
    pub message: String,
    /// The reason why the record is not shown: it is encrypted with a key that is not at hand, was changed, or is not stored.
    /// Key, value and headers are then empty.
    pub hidden: Option<String>,
    /// The id of the key that the record is encrypted with.
    pub key_id: Option<String>,
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
    /// Reads the dead letter at an address, if there is one, and reveals its record if `protection` can.
    ///
    /// # Errors
    /// The bridge's tables are missing, or Spanner does not answer.
    pub async fn read(
        database: &Database,
        protection: &DeadLetterProtection,
        address: &DeadLetterAddress,
    ) -> Result<Option<Self>, Error> {
        let columns = typed_columns(&[
            ("Code", Type::String),
            ("Message", Type::String),
            ("RecordKey", Type::Bytes),
            ("RecordValue", Type::Bytes),
            ("Headers", Type::Json),
            ("Envelope", Type::Json),
            ("RecordTimestamp", Type::Timestamp),
            ("TraceId", Type::String),
            ("FailedAt", Type::Timestamp),
        ]);
        let rows = database.read(TABLE_DEAD_LETTERS, &columns, vec![address.key()]).await?;
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        let (mut letter, stored) = from_row(row).ok_or_else(|| unexpected_row(&address.pipeline))?;
        letter.key_id = stored.envelope.as_deref().and_then(spanbridge_envelope::key_id);
        match protection.reveal(address, stored).await {
            Ok(RevealedRecord { key, value, headers }) => {
                (letter.key, letter.value, letter.headers) = (key, value, headers);
            }
            Err(RevealError::Unavailable(reason)) => letter.hidden = Some(reason),
            Err(RevealError::Failed(failure)) => letter.hidden = Some(failure.to_string()),
        }
        Ok(Some(letter))
    }
}

/// Returns the dead letter without its record, and the stored record.
fn from_row(row: Vec<Value>) -> Option<(DeadLetter, StoredPayload)> {
    let [code, message, key, value, headers, envelope, timestamp, trace_id, failed_at] =
        <[Value; 9]>::try_from(row).ok()?;
    let (Value::String(code), Value::String(message), Value::Timestamp(failed_at)) =
        (code, message, failed_at)
    else {
        return None;
    };
    let letter = DeadLetter {
        code,
        message,
        hidden: None,
        key_id: None,
        key: None,
        value: None,
        headers: Vec::new(),
        timestamp: if let Value::Timestamp(time) = timestamp { Some(time) } else { None },
        trace_id: if let Value::String(id) = trace_id { Some(id) } else { None },
        failed_at,
    };
    Some((letter, stored_payload(key, value, headers, envelope)?))
}
