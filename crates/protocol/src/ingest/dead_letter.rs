//! Dead letters: records that cannot be applied, kept in the commit that moves past them.

use std::borrow::Cow;

use super::batch::Entry;
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

/// Where the dead letters are kept, by pipeline, partition and offset.
pub const TABLE_DEAD_LETTERS: &str = "BridgeDeadLetters";
/// Those of them that an operator wants replayed: rows below them, deleted with them.
pub const TABLE_REPLAYS: &str = "BridgeReplays";

/// What a batch does to the dead letters.
#[derive(Default)]
pub(super) struct DeadLetters {
    written: Vec<Vec<Value>>,
    /// The keys of the requests that are met, one way or the other.
    consumed: Vec<Vec<Value>>,
    /// The keys of letters whose records were applied.
    applied: Vec<Vec<Value>>,
    /// Letters that stay, for a new reason.
    refused: Vec<Vec<Value>>,
}

impl DeadLetters {
    /// A record that fails: a new letter, or an old one that stays.
    pub(super) fn failed<P: Payload>(&mut self, pipeline: &str, entry: &Entry<P>, failure: &Failure) {
        let mut row = key(pipeline, entry);
        if entry.replay {
            self.consumed.push(row.clone());
            row.extend(reason(failure));
            self.refused.push(row);
        } else {
            row.extend(reason(failure));
            row.extend(payload(&entry.payload));
            self.written.push(row);
        }
    }

    /// A record that is applied: its letter goes, if it had one.
    pub(super) fn applied<P>(&mut self, pipeline: &str, entry: &Entry<P>) {
        if entry.replay {
            self.consumed.push(key(pipeline, entry));
            self.applied.push(key(pipeline, entry));
        }
    }

    pub(super) fn mutations(self) -> Vec<Mutation> {
        let mutation = |write, table: &str, columns: &[&str], rows| Mutation {
            write,
            table: table.into(),
            columns: columns.iter().map(ToString::to_string).collect(),
            rows,
        };
        // The update fails when the request, or the letter above it, is gone.
        let update = self.consumed.iter().map(|key| [&key[..], &[Value::CommitTimestamp]].concat()).collect();
        let mutations = [
            mutation(Write::Update, TABLE_REPLAYS, &REQUEST, update),
            mutation(Write::Delete, TABLE_REPLAYS, &REQUEST[..4], self.consumed),
            mutation(Write::Delete, TABLE_DEAD_LETTERS, &COLUMNS[..4], self.applied),
            mutation(Write::Update, TABLE_DEAD_LETTERS, &COLUMNS[..7], self.refused),
            // A position that an operator has set back may meet its own letters again.
            mutation(Write::Upsert, TABLE_DEAD_LETTERS, &COLUMNS, self.written),
        ];
        mutations.into_iter().filter(|mutation| !mutation.rows.is_empty()).collect()
    }
}

fn key<P>(pipeline: &str, entry: &Entry<P>) -> Vec<Value> {
    vec![
        pipeline.into(),
        Value::from(&*entry.partition.topic),
        i64::from(entry.partition.number).into(),
        entry.offset.into(),
    ]
}

fn reason(failure: &Failure) -> [Value; 3] {
    [Value::from(&*failure.code), Value::from(failure.message.as_str()), Value::CommitTimestamp]
}

fn payload(payload: &impl Payload) -> [Value; 5] {
    let bytes = |bytes: Option<&[u8]>| bytes.map_or(Value::Null, |bytes| Value::Bytes(bytes.to_vec()));
    [
        bytes(payload.key()),
        bytes(payload.value()),
        payload.headers().map_or(Value::Null, Value::Json),
        payload.timestamp().map_or(Value::Null, Value::Timestamp),
        payload.trace_id().into(),
    ]
}

const COLUMNS: [&str; 12] = [
    "Pipeline",
    "Topic",
    "KafkaPartition",
    "KafkaOffset",
    "Code",
    "Message",
    "FailedAt",
    "RecordKey",
    "RecordValue",
    "Headers",
    "RecordTimestamp",
    "TraceId",
];
const REQUEST: [&str; 5] = ["Pipeline", "Topic", "KafkaPartition", "KafkaOffset", "RequestedAt"];
