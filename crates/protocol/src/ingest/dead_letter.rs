//! Dead letters: records that cannot be applied, stored in the commit that moves past them.
//!
//! The rules are "Dead letter in the commit" (docs/design/ingest-batches.md) and, for replayed dead
//! letters, "Revision of a position" (docs/design/ingest-positions.md).

use super::failure::Failure;
use super::fingerprint::Digest;
use super::record::PendingRecord;
use crate::mutation::{Mutation, Write};
use crate::value::{Timestamp, Value};

/// The raw record behind a change, which is kept until its commit for its fingerprint and a possible dead
/// letter.
pub trait Payload {
    /// The digest of the record's timestamp, key and value. It is computed for the first and the last record
    /// of a partition in a commit.
    fn digest(&self) -> Digest;
    /// The record in the form in which the dead letter stores it.
    fn stored(&self) -> StoredPayload;
    /// The record's timestamp.
    fn timestamp(&self) -> Option<Timestamp>;
    /// The trace id as 32 hexadecimal digits.
    fn trace_id(&self) -> Option<String>;
}

/// A record in the form in which a dead letter stores it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredPayload {
    /// The record's key.
    pub key: Option<Vec<u8>>,
    /// The record's value. If the record is encrypted, its encrypted key, value and headers together.
    pub value: Option<Vec<u8>>,
    /// The headers as a JSON array of `[name, base64 or null]`.
    pub headers: Option<String>,
    /// `None` for a record as it is; otherwise JSON that says how it is encrypted, or that it is not stored.
    pub envelope: Option<String>,
}

/// The table of the dead letters, by pipeline, partition and offset.
pub const TABLE_DEAD_LETTERS: &str = "BridgeDeadLetters";
/// The table of the dead letters that an operator wants to replay. Its rows are interleaved in the dead
/// letters and deleted with them.
pub const TABLE_REPLAYS: &str = "BridgeReplays";

/// The changes of a batch in the dead letters.
#[derive(Default)]
pub(super) struct DeadLetterChanges {
    /// New dead letters.
    written: Vec<Vec<Value>>,
    /// The keys of the replay requests that are done, successfully or not.
    replayed: Vec<Vec<Value>>,
    /// The keys of dead letters whose records were applied.
    applied: Vec<Vec<Value>>,
    /// Dead letters that stay, with a new reason.
    failed_again: Vec<Vec<Value>>,
}

impl DeadLetterChanges {
    /// Adds a record that has failed: it becomes a dead letter, or stays one.
    pub(super) fn add_failed<P: Payload>(
        &mut self,
        pipeline: &str,
        record: &PendingRecord<P>,
        failure: &Failure,
    ) {
        let mut row = key(pipeline, record);
        if record.is_replay {
            self.replayed.push(row.clone());
            row.extend(reason(failure));
            self.failed_again.push(row);
        } else {
            row.extend(reason(failure));
            row.extend(payload(&record.payload));
            self.written.push(row);
        }
    }

    /// Adds a record that is applied: its dead letter, if it had one, is deleted.
    pub(super) fn add_applied<P>(&mut self, pipeline: &str, record: &PendingRecord<P>) {
        if record.is_replay {
            self.replayed.push(key(pipeline, record));
            self.applied.push(key(pipeline, record));
        }
    }

    /// Returns the mutations.
    pub(super) fn mutations(self) -> Vec<Mutation> {
        let mutation = |write, table: &str, columns: &[&str], rows| Mutation {
            write,
            table: table.into(),
            columns: columns.iter().map(ToString::to_string).collect(),
            rows,
        };
        // The update fails if the request or its dead letter was deleted.
        let updated =
            self.replayed.iter().map(|key| [&key[..], &[Value::CommitTimestamp]].concat()).collect();
        let mutations = [
            mutation(Write::Update, TABLE_REPLAYS, &REPLAY_COLUMNS, updated),
            mutation(Write::Delete, TABLE_REPLAYS, &REPLAY_COLUMNS[..4], self.replayed),
            mutation(Write::Delete, TABLE_DEAD_LETTERS, &DEAD_LETTER_COLUMNS[..4], self.applied),
            mutation(Write::Update, TABLE_DEAD_LETTERS, &DEAD_LETTER_COLUMNS[..7], self.failed_again),
            // If an operator has set the position back, the dead letter may exist already.
            mutation(Write::Upsert, TABLE_DEAD_LETTERS, &DEAD_LETTER_COLUMNS, self.written),
        ];
        mutations.into_iter().filter(|mutation| !mutation.rows.is_empty()).collect()
    }
}

fn key<P>(pipeline: &str, record: &PendingRecord<P>) -> Vec<Value> {
    vec![
        pipeline.into(),
        Value::from(&*record.partition.topic),
        i64::from(record.partition.number).into(),
        record.offset.into(),
    ]
}

fn reason(failure: &Failure) -> [Value; 3] {
    [Value::from(&*failure.code), Value::from(failure.message.as_str()), Value::CommitTimestamp]
}

fn payload(payload: &impl Payload) -> [Value; 6] {
    let StoredPayload { key, value, headers, envelope } = payload.stored();
    [
        key.map_or(Value::Null, Value::Bytes),
        value.map_or(Value::Null, Value::Bytes),
        headers.map_or(Value::Null, Value::Json),
        envelope.map_or(Value::Null, Value::Json),
        payload.timestamp().map_or(Value::Null, Value::Timestamp),
        payload.trace_id().into(),
    ]
}

const DEAD_LETTER_COLUMNS: [&str; 13] = [
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
    "Envelope",
    "RecordTimestamp",
    "TraceId",
];
const REPLAY_COLUMNS: [&str; 5] = ["Pipeline", "Topic", "KafkaPartition", "KafkaOffset", "RequestedAt"];
