use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use spanbridge_protocol::value::{Timestamp, Type, Value};
use spanbridge_spanner::{Database, KeyRange};

use super::address::Address;
use super::filter::{Filter, after};
use crate::error::{Error, ErrorKind, Result};

pub(super) const TABLE: &str = "BridgeDeadLetters";

/// Rows of one read. Without keys and values of records they are small.
const PAGE: usize = 500;

/// A dead letter without its record.
#[derive(Debug, Clone)]
pub(super) struct Summary {
    pub(super) address: Address,
    pub(super) code: String,
    pub(super) message: String,
    /// When it was committed.
    pub(super) failed_at: Timestamp,
}

/// Reads the dead letters that a filter means, page by page.
pub(super) struct Pages<'a> {
    database: &'a Database,
    filter: &'a Filter,
    /// What is still to be read, the next range last.
    ranges: Vec<KeyRange>,
}

impl<'a> Pages<'a> {
    pub(super) fn new(database: &'a Database, filter: &'a Filter) -> Self {
        let mut ranges = filter.ranges();
        ranges.reverse();
        Self { database, filter, ranges }
    }

    /// Those of the next page, perhaps none of it; nothing after the last page.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Summary>>> {
        let Some(range) = self.ranges.pop() else { return Ok(None) };
        let columns = named(&[
            ("Pipeline", Type::String),
            ("Topic", Type::String),
            ("KafkaPartition", Type::Int64),
            ("KafkaOffset", Type::Int64),
            ("Code", Type::String),
            ("Message", Type::String),
            ("FailedAt", Type::Timestamp),
        ]);
        let rows = self.database.read_page(TABLE, &columns, range.clone(), PAGE).await?;
        let full = rows.len() == PAGE;
        let mut page = rows.into_iter().map(summary).collect::<Result<Vec<_>>>()?;
        if let (true, Some(last)) = (full, page.last()) {
            self.ranges.push(after(&range, last));
        }
        page.retain(|letter| self.filter.matches(letter));
        Ok(Some(page))
    }
}

fn summary(row: Vec<Value>) -> Result<Summary> {
    match <[Value; 7]>::try_from(row) {
        Ok(
            [
                Value::String(pipeline),
                Value::String(topic),
                Value::Int64(partition),
                Value::Int64(offset),
                Value::String(code),
                Value::String(message),
                Value::Timestamp(failed_at),
            ],
        ) => {
            let address = Address { pipeline, topic, partition, offset };
            Ok(Summary { address, code, message, failed_at })
        }
        _ => Err(unexpected()),
    }
}

/// A dead letter with its record.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(String, Option<Vec<u8>>)>,
    pub(super) timestamp: Option<Timestamp>,
    pub(super) trace_id: Option<String>,
    pub(super) failed_at: Timestamp,
}

impl Letter {
    /// The dead letter of that record, if it is one.
    pub(super) async fn read(database: &Database, address: &Address) -> Result<Option<Self>> {
        let columns = named(&[
            ("Code", Type::String),
            ("Message", Type::String),
            ("RecordKey", Type::Bytes),
            ("RecordValue", Type::Bytes),
            ("Headers", Type::Json),
            ("RecordTimestamp", Type::Timestamp),
            ("TraceId", Type::String),
            ("FailedAt", Type::Timestamp),
        ]);
        let rows = database.read(TABLE, &columns, vec![address.key()]).await?;
        rows.into_iter().next().map(letter).transpose()
    }
}

fn letter(row: Vec<Value>) -> Result<Letter> {
    let Ok([code, message, key, value, headers, timestamp, trace_id, failed_at]) =
        <[Value; 8]>::try_from(row)
    else {
        return Err(unexpected());
    };
    let (Value::String(code), Value::String(message), Value::Timestamp(failed_at)) =
        (code, message, failed_at)
    else {
        return Err(unexpected());
    };
    let bytes = |value| match value {
        Value::Null => Ok(None),
        Value::Bytes(bytes) => Ok(Some(bytes)),
        _ => Err(unexpected()),
    };
    let headers = match headers {
        Value::Null => Vec::new(),
        Value::Json(text) => self::headers(&text).ok_or_else(unexpected)?,
        _ => return Err(unexpected()),
    };
    Ok(Letter {
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

/// The headers of `[[name, base64 or null], …]`.
fn headers(json: &str) -> Option<Vec<(String, Option<Vec<u8>>)>> {
    let pairs: Vec<(String, Option<String>)> = serde_json::from_str(json).ok()?;
    let decoded = |(name, value): (String, Option<String>)| match value {
        Some(value) => Some((name, Some(STANDARD.decode(value).ok()?))),
        None => Some((name, None)),
    };
    pairs.into_iter().map(decoded).collect()
}

pub(super) fn named(columns: &[(&str, Type)]) -> Vec<(String, Type)> {
    columns.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone())).collect()
}

fn unexpected() -> Error {
    let message = format!("a row of {TABLE} is not what the migrations define");
    Error::new(ErrorKind::Failed, "SB-CLI-DEAD-LETTER-ROW", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read() {
        let read = headers(r#"[["a","AP8="],["b",null],["a",""]]"#).unwrap();
        assert_eq!(
            read,
            [("a".into(), Some(vec![0, 255])), ("b".into(), None), ("a".into(), Some(Vec::new()))]
        );
        for wrong in ["{}", "[[1,null]]", r#"[["a","?"]]"#] {
            assert_eq!(headers(wrong), None, "{wrong}");
        }
    }
}
