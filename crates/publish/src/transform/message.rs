use std::fmt::Display;

use serde_json::{Map, Value as Json};
use spanbridge_kafka::Message;
use spanbridge_protocol::value::Timestamp;
use spanbridge_schema::debezium::{Envelope, Op, Source, Transaction};
use spanbridge_schema::{Item, encode};
use spanbridge_spanner::{DataChange, Mod, ModType};

use super::row::Row;
use super::value_capture::{has_old_values, has_whole_rows};
use super::{ChangeMetadata, PrecedingEvents, RecordSource, TableTransform};

/// Debezium's name for Spanner.
const CONNECTOR: &str = "spanner";

/// One row of a change.
struct RowChange<'a> {
    origin: &'a RecordSource,
    arrival: ChangeMetadata<'a>,
    change: &'a DataChange,
    number: usize,
    row: &'a Mod,
    keys: Map<String, Json>,
    /// Nothing of a deletion.
    new_values: Map<String, Json>,
}

impl<'a> RowChange<'a> {
    fn new(
        origin: &'a RecordSource,
        arrival: ChangeMetadata<'a>,
        change: &'a DataChange,
        (number, row): (usize, &'a Mod),
    ) -> Result<Self, String> {
        let new_values = match change.mod_type {
            ModType::Insert | ModType::Update => row.new_values().map_err(text)?,
            ModType::Delete => Map::new(),
        };
        Ok(Self { origin, arrival, change, number, row, keys: row.keys().map_err(text)?, new_values })
    }
}

impl TableTransform {
    /// The messages of one change record: its rows in their order, a deletion with its tombstone.
    ///
    /// # Errors
    /// Why the change cannot be published, in words without values.
    pub(crate) fn messages(
        &self,
        origin: &RecordSource,
        change: &DataChange,
        arrival: ChangeMetadata<'_>,
    ) -> Result<Vec<Message>, String> {
        let mut messages = Vec::with_capacity(change.mods.len());
        for row in change.mods.iter().enumerate() {
            let part = RowChange::new(origin, arrival, change, row);
            part.and_then(|part| self.part(&part, &mut messages))
                .map_err(|why| format!("row {} of it: {why}", row.0))?;
        }
        Ok(messages)
    }

    fn part(&self, part: &RowChange<'_>, messages: &mut Vec<Message>) -> Result<(), String> {
        let (shape, deleted) = (&self.shape, part.change.mod_type == ModType::Delete);
        let key = encode::row(&shape.key, Row::default().with(self, &part.keys)?.taker());
        let key = self.key.encode(key).map_err(text)?;
        let headers = self.headers.of_change(part.origin, part.change, part.number);
        let message = |key, value| Message {
            topic: shape.topic.clone(),
            partition: None,
            key: Some(key),
            value,
            headers: headers.clone(),
            timestamp_ms: Some(part.change.commit_timestamp.timestamp_millis()),
        };
        let value = match &shape.envelope {
            Some(schema) => Some(self.envelope(part)?.into_item(schema)),
            None if deleted => None,
            None => Some(self.whole_row(part)?),
        };
        // To the envelope `row` the tombstone is the deletion itself.
        let tombstone = deleted && (shape.tombstones || value.is_none());
        if let Some(value) = value {
            let value = self.value.encode(value).map_err(text)?;
            messages.push(message(key.clone(), Some(value)));
        }
        if tombstone {
            messages.push(message(key, None));
        }
        Ok(())
    }

    /// Key and new columns. What is not captured is null.
    fn after(&self, part: &RowChange<'_>) -> Result<Item, String> {
        let row = Row::default().with(self, &part.keys)?.with(self, &part.new_values)?;
        Ok(encode::row(&self.shape.after, row.taker()))
    }

    /// Key and old columns. What is not captured is null.
    fn before(&self, part: &RowChange<'_>) -> Result<Item, String> {
        let old_values = part.row.old_values().map_err(text)?;
        let row = Row::default().with(self, &part.keys)?.with(self, &old_values)?;
        Ok(encode::row(&self.shape.before, row.taker()))
    }

    /// The fields that are null in the row after an update because their columns are not captured; nothing where
    /// the row is whole.
    fn unchanged(&self, part: &RowChange<'_>) -> Option<Vec<String>> {
        let RowChange { change, keys, new_values, .. } = part;
        if change.mod_type != ModType::Update || has_whole_rows(change.value_capture_type) {
            return None;
        }
        let columns = self.shape.after.columns().iter();
        // The record's column types name the changed ones alone.
        let unchanged = columns
            .filter(|column| !keys.contains_key(&column.column) && !new_values.contains_key(&column.column));
        Some(unchanged.map(|column| column.field.clone()).collect())
    }

    fn whole_row(&self, part: &RowChange<'_>) -> Result<Item, String> {
        let capture = part.change.value_capture_type;
        if part.change.mod_type == ModType::Update && !has_whole_rows(capture) {
            let capture = capture.as_str();
            return Err(format!(
                "the envelope `row` needs whole rows, and {capture} has changed columns only"
            ));
        }
        self.after(part)
    }

    fn envelope(&self, part: &RowChange<'_>) -> Result<Envelope, String> {
        let shape = &self.shape;
        let (op, before, after) = match part.change.mod_type {
            ModType::Insert => (Op::Create, None, Some(self.after(part)?)),
            ModType::Update if shape.empty_before || has_old_values(part.change.value_capture_type) => {
                (Op::Update, Some(self.before(part)?), Some(self.after(part)?))
            }
            ModType::Update => (Op::Update, None, Some(self.after(part)?)),
            ModType::Delete => (Op::Delete, Some(self.before(part)?), None),
        };
        let (source, unchanged) = (self.source_of(part), self.unchanged(part));
        let transaction = part.arrival.order.map(|order| self.block(part, order));
        Ok(Envelope { before, after, source, op, ts: part.arrival.now, transaction, unchanged })
    }

    /// The place of a row in its transaction, from 1.
    fn block(&self, part: &RowChange<'_>, order: PrecedingEvents) -> Transaction {
        let place = |before: u64| {
            i64::try_from(before)
                .unwrap_or(i64::MAX)
                .saturating_add(i64::try_from(part.number).unwrap_or(0) + 1)
        };
        Transaction {
            id: part.change.server_transaction_id.clone(),
            total_order: place(order.total),
            data_collection_order: place(order.table),
        }
    }

    fn source_of(&self, part: &RowChange<'_>) -> Source {
        let RowChange { origin, arrival, change, number, .. } = part;
        Source {
            snapshot: Some("false".to_owned()),
            sequence: Some(sequence(&change.record_sequence)),
            server_transaction_id: Some(change.server_transaction_id.clone()),
            low_watermark: arrival.low_watermark,
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
            ..self.source(origin, change.commit_timestamp, arrival.read)
        }
    }

    /// Where a row comes from, of a change or not.
    pub(super) fn source(&self, origin: &RecordSource, commit: Timestamp, read: Timestamp) -> Source {
        Source {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            connector: CONNECTOR.to_owned(),
            name: origin.pipeline.clone(),
            commit,
            snapshot: None,
            sequence: None,
            project: origin.database.project.clone(),
            instance: origin.database.instance.clone(),
            database: origin.database.database.clone(),
            change_stream: origin.change_stream.clone(),
            table: self.shape.table.clone(),
            server_transaction_id: None,
            record_sequence_prefix: None,
            low_watermark: None,
            read_at: Some(read),
            number_of_records_in_transaction: None,
            transaction_tag: None,
            system_transaction: None,
            value_capture_type: None,
            partition_token: None,
            mod_number: None,
            is_last_record_in_transaction_in_partition: None,
            number_of_partitions_in_transaction: None,
        }
    }
}

/// Debezium has the record sequence as a number, `0` for `00000000`.
fn sequence(record_sequence: &str) -> String {
    record_sequence.parse::<u64>().map_or_else(|_| record_sequence.to_owned(), |number| number.to_string())
}

pub(super) fn text(error: impl Display) -> String {
    error.to_string()
}
