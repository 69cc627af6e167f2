//! The messages of a change record.

use serde_json::{Map, Value as Json};
use spanbridge_kafka::Message;
use spanbridge_schema::FieldValue;
use spanbridge_schema::debezium::{Envelope, Operation, SourceInfo, TransactionBlock};
use spanbridge_spanner::{DataChange, Mod, ModType};

use super::change_metadata::{ChangeMetadata, PrecedingEvents};
use super::record_source::RecordSource;
use super::record_timestamp::timestamp_ms;
use super::row_values::RowValues;
use super::source_block::source_block;
use super::table_transform::TableTransform;
use super::value_capture::{has_old_values, has_whole_rows};

/// Transforms a change record to messages: one for each row in their order, and a tombstone behind a deletion.
///
/// # Errors
/// The reason why the change cannot be published. The message contains no values.
pub(crate) fn change_messages(
    transform: &TableTransform,
    source: &RecordSource,
    change: &DataChange,
    metadata: ChangeMetadata<'_>,
) -> Result<Vec<Message>, String> {
    let mut messages = Vec::with_capacity(change.mods.len());
    for (number, row) in change.mods.iter().enumerate() {
        let row = RowChange::new(transform, source, change, metadata, number, row);
        row.and_then(|row| row.push_messages(&mut messages))
            .map_err(|why| format!("row {number} of it: {why}"))?;
    }
    Ok(messages)
}

/// One row of a change record.
struct RowChange<'a> {
    transform: &'a TableTransform,
    source: &'a RecordSource,
    change: &'a DataChange,
    metadata: ChangeMetadata<'a>,
    /// The index of the row in the record.
    number: usize,
    row: &'a Mod,
    keys: Map<String, Json>,
    /// Empty for a deletion.
    new_values: Map<String, Json>,
}

impl<'a> RowChange<'a> {
    fn new(
        transform: &'a TableTransform,
        source: &'a RecordSource,
        change: &'a DataChange,
        metadata: ChangeMetadata<'a>,
        number: usize,
        row: &'a Mod,
    ) -> Result<Self, String> {
        let new_values = match change.mod_type {
            ModType::Insert | ModType::Update => row.new_values().map_err(|error| error.to_string())?,
            ModType::Delete => Map::new(),
        };
        let keys = row.keys().map_err(|error| error.to_string())?;
        Ok(Self { transform, source, change, metadata, number, row, keys, new_values })
    }

    fn push_messages(&self, messages: &mut Vec<Message>) -> Result<(), String> {
        let Self { transform, change, .. } = self;
        let (schemas, is_deletion) = (&transform.schemas, change.mod_type == ModType::Delete);
        let key = schemas.key.record_value(self.key_values()?.into_taker());
        let key = transform.key.serialize(key).map_err(|error| error.to_string())?;
        let headers = transform.headers.of_change(self.source, change, self.number);
        let message = |key, value| Message {
            topic: schemas.topic.clone(),
            partition: None,
            key: Some(key),
            value,
            headers: headers.clone(),
            timestamp_ms: timestamp_ms(schemas.timestamp, change.commit_timestamp),
        };
        let value = match &schemas.envelope {
            Some(schema) => Some(self.envelope()?.into_record_value(schema)),
            None if is_deletion => None,
            None => Some(self.whole_row()?),
        };
        // With the envelope `row`, the tombstone is the deletion itself.
        let has_tombstone = is_deletion && (schemas.tombstones || value.is_none());
        if let Some(value) = value {
            let value = transform.value.serialize(value).map_err(|error| error.to_string())?;
            messages.push(message(key.clone(), Some(value)));
        }
        if has_tombstone {
            messages.push(message(key, None));
        }
        Ok(())
    }

    fn key_values(&self) -> Result<RowValues<'a>, String> {
        RowValues::default().with(self.transform, &self.keys)
    }

    /// The key and the new values. A column that is not captured is null.
    fn after(&self) -> Result<FieldValue, String> {
        let values = self.key_values()?.with(self.transform, &self.new_values)?;
        Ok(self.transform.schemas.after.record_value(values.into_taker()))
    }

    /// The key and the old values. A column that is not captured is null.
    fn before(&self) -> Result<FieldValue, String> {
        let old_values = self.row.old_values().map_err(|error| error.to_string())?;
        let values = self.key_values()?.with(self.transform, &old_values)?;
        Ok(self.transform.schemas.before.record_value(values.into_taker()))
    }

    /// The fields of an updated row that are null only because their columns are not captured. `None` if the row is
    /// whole.
    fn unchanged_fields(&self) -> Option<Vec<String>> {
        let Self { transform, change, keys, new_values, .. } = self;
        if change.mod_type != ModType::Update || has_whole_rows(change.value_capture_type) {
            return None;
        }
        let columns = transform.schemas.after.columns().iter();
        // The record's own column types list the changed columns only.
        let unchanged = columns
            .filter(|column| !keys.contains_key(&column.column) && !new_values.contains_key(&column.column));
        Some(unchanged.map(|column| column.field.clone()).collect())
    }

    fn whole_row(&self) -> Result<FieldValue, String> {
        let capture = self.change.value_capture_type;
        if self.change.mod_type == ModType::Update && !has_whole_rows(capture) {
            let capture = capture.as_str();
            return Err(format!(
                "the envelope `row` needs whole rows, and {capture} has changed columns only"
            ));
        }
        self.after()
    }

    fn envelope(&self) -> Result<Envelope, String> {
        let capture = self.change.value_capture_type;
        let has_before = self.transform.schemas.keeps_key_before || has_old_values(capture);
        let (op, before, after) = match self.change.mod_type {
            ModType::Insert => (Operation::Create, None, Some(self.after()?)),
            ModType::Update if has_before => (Operation::Update, Some(self.before()?), Some(self.after()?)),
            ModType::Update => (Operation::Update, None, Some(self.after()?)),
            ModType::Delete => (Operation::Delete, Some(self.before()?), None),
        };
        Ok(Envelope {
            before,
            after,
            source: self.source_block(),
            op,
            ts: self.metadata.now,
            transaction: self.metadata.preceding.map(|preceding| self.transaction_block(preceding)),
            unchanged: self.unchanged_fields(),
        })
    }

    /// Debezium's `transaction` field: the position of the row in its transaction, from 1.
    fn transaction_block(&self, preceding: PrecedingEvents) -> TransactionBlock {
        let position = |before: u64| {
            i64::try_from(before)
                .unwrap_or(i64::MAX)
                .saturating_add(i64::try_from(self.number).unwrap_or(0) + 1)
        };
        TransactionBlock {
            id: self.change.server_transaction_id.clone(),
            total_order: position(preceding.total),
            data_collection_order: position(preceding.table),
        }
    }

    fn source_block(&self) -> SourceInfo {
        let Self { transform, source, metadata, change, number, .. } = self;
        SourceInfo {
            snapshot: Some("false".to_owned()),
            sequence: Some(sequence(&change.record_sequence)),
            server_transaction_id: Some(change.server_transaction_id.clone()),
            low_watermark: metadata.low_watermark,
            number_of_records_in_transaction: Some(change.number_of_records_in_transaction),
            transaction_tag: Some(change.transaction_tag.clone()),
            system_transaction: Some(change.is_system_transaction),
            value_capture_type: Some(change.value_capture_type.as_str().to_owned()),
            partition_token: Some(metadata.token.to_owned()),
            mod_number: i32::try_from(*number).ok(),
            is_last_record_in_transaction_in_partition: Some(
                change.is_last_record_in_transaction_in_partition,
            ),
            number_of_partitions_in_transaction: Some(change.number_of_partitions_in_transaction),
            ..source_block(transform, source, change.commit_timestamp, metadata.read)
        }
    }
}

/// Debezium writes the record sequence as a number: `0` for `00000000`.
fn sequence(record_sequence: &str) -> String {
    record_sequence.parse::<u64>().map_or_else(|_| record_sequence.to_owned(), |number| number.to_string())
}
