//! Dead letters: records that cannot be applied, kept in the commit that moves past them.

use std::borrow::Cow;

use super::position::{Offset, Partition};
use crate::mutation::{Mutation, Write};
use crate::value::{Timestamp, Value};

/// Why a record cannot be decoded, mapped or stored. Holds no value of the record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    /// Stable, such as `SB-INGEST-DECODE`.
    pub code: Cow<'static, str>,
    pub message: String,
}

impl Failure {
    /// A failure of that code.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), message: message.into() }
    }
}

/// The raw record behind a change, kept until its commit, for its dead letter.
pub trait Payload {
    fn key(&self) -> Option<&[u8]>;
    fn value(&self) -> Option<&[u8]>;
    /// The headers as a JSON array of `[name, base64 or null]`.
    fn headers(&self) -> Option<String>;
    fn timestamp(&self) -> Option<Timestamp>;
    /// 32 hexadecimal digits.
    fn trace_id(&self) -> Option<String>;
}

/// Upserts, so that a position that an operator has set back may meet its own letters again.
pub(super) fn mutation(rows: Vec<Vec<Value>>) -> Mutation {
    Mutation {
        write: Write::Upsert,
        table: "BridgeDeadLetters".into(),
        columns: COLUMNS.iter().map(ToString::to_string).collect(),
        rows,
    }
}

pub(super) fn row(
    pipeline: &str,
    partition: &Partition,
    offset: Offset,
    failure: &Failure,
    payload: &impl Payload,
) -> Vec<Value> {
    let bytes = |bytes: Option<&[u8]>| bytes.map_or(Value::Null, |bytes| Value::Bytes(bytes.to_vec()));
    vec![
        pipeline.into(),
        Value::from(&*partition.topic),
        i64::from(partition.number).into(),
        offset.into(),
        Value::from(&*failure.code),
        Value::from(failure.message.as_str()),
        bytes(payload.key()),
        bytes(payload.value()),
        payload.headers().map_or(Value::Null, Value::Json),
        payload.timestamp().map_or(Value::Null, Value::Timestamp),
        payload.trace_id().into(),
        Value::CommitTimestamp,
    ]
}

const COLUMNS: [&str; 12] = [
    "Pipeline",
    "Topic",
    "KafkaPartition",
    "KafkaOffset",
    "Code",
    "Message",
    "RecordKey",
    "RecordValue",
    "Headers",
    "RecordTimestamp",
    "TraceId",
    "FailedAt",
];
