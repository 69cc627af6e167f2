use std::fmt::Display;

use apache_avro::types::Value as Avro;
use spanbridge_kafka::Message;
use spanbridge_protocol::value::Timestamp;
use spanbridge_schema::debezium::{Envelope, Op, Source};
use spanbridge_schema::encode;
use spanbridge_spanner::{DataChange, DatabaseName, Mod, ModType, ValueCaptureType};

use super::Plan;
use super::row::Row;

/// Debezium's name for Spanner.
const CONNECTOR: &str = "spanner";

/// Where all changes of a pipeline come from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) pipeline: String,
    pub(crate) database: DatabaseName,
    pub(crate) change_stream: String,
}

/// How one change record came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival<'a> {
    pub(crate) token: &'a str,
    /// When it was read from the change stream.
    pub(crate) read: Timestamp,
    /// When it is made into messages.
    pub(crate) now: Timestamp,
}

/// One row of a change.
struct Part<'a> {
    origin: &'a Origin,
    arrival: Arrival<'a>,
    change: &'a DataChange,
    number: usize,
    row: &'a Mod,
}

impl Plan {
    /// The messages of one change record: its rows in their order, a deletion with its tombstone.
    ///
    /// # Errors
    /// Why the change cannot be published, in words without values.
    pub(crate) fn messages(
        &self,
        origin: &Origin,
        change: &DataChange,
        arrival: Arrival<'_>,
    ) -> Result<Vec<Message>, String> {
        let mut messages = Vec::with_capacity(change.mods.len());
        for (number, row) in change.mods.iter().enumerate() {
            let part = Part { origin, arrival, change, number, row };
            self.part(&part, &mut messages).map_err(|why| format!("row {number} of it: {why}"))?;
        }
        Ok(messages)
    }

    fn part(&self, part: &Part<'_>, messages: &mut Vec<Message>) -> Result<(), String> {
        let (shape, deleted) = (&self.shape, part.change.mod_type == ModType::Delete);
        let key = Row::default().with(self, &part.row.keys().map_err(text)?)?;
        let key = encode::row(&shape.key, |column| key.get(column)).map_err(text)?;
        let key = encode::encode(self.key_id, shape.key.schema(), &key).map_err(text)?;
        let message = |key, value| Message {
            topic: shape.topic.clone(),
            partition: None,
            key: Some(key),
            value,
            headers: Vec::new(),
            timestamp_ms: Some(part.change.commit_timestamp.timestamp_millis()),
        };
        let value = match shape.envelope {
            Some(_) => Some(self.envelope(part)?.into_avro()),
            None if deleted => None,
            None => Some(self.whole_row(part)?),
        };
        // To the envelope `row` the tombstone is the deletion itself.
        let tombstone = deleted && (shape.tombstones || value.is_none());
        if let Some(value) = value {
            let value = encode::encode(self.value_id, shape.value_schema(), &value).map_err(text)?;
            messages.push(message(key.clone(), Some(value)));
        }
        if tombstone {
            messages.push(message(key, None));
        }
        Ok(())
    }

    /// Key and new columns. What is not captured is null.
    fn after(&self, part: &Part<'_>) -> Result<Avro, String> {
        let keys = part.row.keys().map_err(text)?;
        let row = Row::default().with(self, &keys)?.with(self, &part.row.new_values().map_err(text)?)?;
        encode::row(&self.shape.row, |column| row.get(column)).map_err(text)
    }

    /// Key and old columns. What is not captured is null.
    fn before(&self, part: &Part<'_>) -> Result<Avro, String> {
        let keys = part.row.keys().map_err(text)?;
        let row = Row::default().with(self, &keys)?.with(self, &part.row.old_values().map_err(text)?)?;
        encode::row(&self.shape.row, |column| row.get(column)).map_err(text)
    }

    fn whole_row(&self, part: &Part<'_>) -> Result<Avro, String> {
        let capture = part.change.value_capture_type;
        if part.change.mod_type == ModType::Update && !has_whole_rows(capture) {
            let capture = capture.as_str();
            return Err(format!(
                "the envelope `row` needs whole rows, and {capture} has changed columns only"
            ));
        }
        self.after(part)
    }

    fn envelope(&self, part: &Part<'_>) -> Result<Envelope, String> {
        let (op, before, after) = match part.change.mod_type {
            ModType::Insert => (Op::Create, None, Some(self.after(part)?)),
            ModType::Update if has_old_values(part.change.value_capture_type) => {
                (Op::Update, Some(self.before(part)?), Some(self.after(part)?))
            }
            ModType::Update => (Op::Update, None, Some(self.after(part)?)),
            ModType::Delete => (Op::Delete, Some(self.before(part)?), None),
        };
        let source = self.source(part);
        Ok(Envelope { before, after, source, op, ts: part.arrival.now, transaction: None })
    }

    fn source(&self, part: &Part<'_>) -> Source {
        let Part { origin, arrival, change, number, .. } = part;
        Source {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            connector: CONNECTOR.to_owned(),
            name: origin.pipeline.clone(),
            commit: change.commit_timestamp,
            snapshot: Some("false".to_owned()),
            sequence: Some(sequence(&change.record_sequence)),
            project: origin.database.project.clone(),
            instance: origin.database.instance.clone(),
            database: origin.database.database.clone(),
            change_stream: origin.change_stream.clone(),
            table: self.shape.table.clone(),
            server_transaction_id: Some(change.server_transaction_id.clone()),
            record_sequence_prefix: None,
            low_watermark: None,
            read_at: Some(arrival.read),
            number_of_records_in_transaction: Some(change.number_of_records_in_transaction),
            transaction_tag: Some(change.transaction_tag.clone()),
            system_transaction: Some(change.is_system_transaction),
            value_capture_type: Some(change.value_capture_type.as_str().to_owned()),
            partition_token: Some(arrival.token.to_owned()),
            mod_number: i32::try_from(*number).ok(),
            is_last_record_in_transaction_in_partition: Some(
                change.is_last_record_in_transaction_in_partition,
            ),
            number_of_partitions_in_transaction: Some(change.number_of_partitions_in_transaction),
        }
    }
}

/// Debezium has the record sequence as a number, `0` for `00000000`.
fn sequence(record_sequence: &str) -> String {
    record_sequence.parse::<u64>().map_or_else(|_| record_sequence.to_owned(), |number| number.to_string())
}

/// True if an update is captured with all columns of its row.
pub(crate) fn has_whole_rows(capture: ValueCaptureType) -> bool {
    matches!(capture, ValueCaptureType::NewRow | ValueCaptureType::NewRowAndOldValues)
}

fn has_old_values(capture: ValueCaptureType) -> bool {
    matches!(capture, ValueCaptureType::OldAndNewValues | ValueCaptureType::NewRowAndOldValues)
}

fn text(error: impl Display) -> String {
    error.to_string()
}
