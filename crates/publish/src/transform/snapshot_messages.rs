//! The messages of snapshot rows, and keys as text for the progress of a snapshot.

use std::fmt::Display;

use serde_json::Value as Json;
use spanbridge_kafka::Message;
use spanbridge_protocol::value::{Timestamp, Type, Value};
use spanbridge_schema::debezium::{Envelope, Operation, SourceInfo};
use spanbridge_spanner::{decode_column, encode_column};

use super::record_source::RecordSource;
use super::record_timestamp::timestamp_ms;
use super::row_values::RowValues;
use super::source_block::source_block;
use super::table_transform::TableTransform;

/// The columns to read of each row, in any order.
pub(crate) fn read_columns(transform: &TableTransform) -> Vec<(String, Type)> {
    transform.columns.iter().map(|(name, ty)| (name.clone(), ty.clone())).collect()
}

/// Transforms a row that was read with these columns to its message, and returns its key as text with it. `at` is the
/// snapshot's timestamp. Debezium calls a row `incremental` that is read while changes continue.
///
/// # Errors
/// The reason why the row cannot be published. The message contains no values.
pub(crate) fn snapshot_message(
    transform: &TableTransform,
    source: &RecordSource,
    at: Timestamp,
    now: Timestamp,
    columns: &[(String, Type)],
    row: Vec<Value>,
    is_incremental: bool,
) -> Result<(Message, String), String> {
    let schemas = &transform.schemas;
    let values = RowValues::of_page(columns, row);
    let cursor = cursor(transform, &values)?;
    let key = schemas.key.record_value(|column| values.get(column).cloned());
    let after = schemas.after.record_value(values.into_taker());
    let value = match &schemas.envelope {
        Some(schema) => Envelope {
            before: None,
            after: Some(after),
            source: SourceInfo {
                snapshot: Some(if is_incremental { "incremental" } else { "true" }.to_owned()),
                ..source_block(transform, source, at, now)
            },
            op: Operation::Read,
            ts: now,
            transaction: None,
            unchanged: None,
        }
        .into_record_value(schema),
        None => after,
    };
    let table = transform.table();
    let id = || format!("{}/snapshot/{table}/{cursor}", at.to_rfc3339());
    let message = Message {
        topic: schemas.topic.clone(),
        partition: None,
        key: Some(transform.key.serialize(key).map_err(text)?),
        value: Some(transform.value.serialize(value).map_err(text)?),
        headers: transform.headers.of_row(source, table, at, "spanner.snapshot.row", id),
        timestamp_ms: timestamp_ms(schemas.timestamp, at),
    };
    Ok((message, cursor))
}

/// Parses a key that [`snapshot_message`] or [`key_text`] has written.
///
/// # Errors
/// Text that is not a key of the table, as after the table was created again with another key.
pub(crate) fn key_values(transform: &TableTransform, key: &str) -> Result<Vec<Value>, String> {
    let mismatch = || "a key of the snapshot's state is not one of the table's".to_owned();
    let json: Vec<Json> = serde_json::from_str(key).map_err(|_| mismatch())?;
    let columns = transform.schemas.key.columns();
    if json.len() != columns.len() {
        return Err(mismatch());
    }
    let value = |(column, json): (&str, &Json)| {
        let ty = transform.columns.get(column).ok_or_else(mismatch)?;
        decode_column(ty, json).map_err(text)
    };
    columns.iter().map(|column| column.column.as_str()).zip(&json).map(value).collect()
}

fn cursor(transform: &TableTransform, row: &RowValues<'_>) -> Result<String, String> {
    let values = transform.schemas.key.columns().iter().map(|column| row.get(column.column.as_str()));
    let values: Option<Vec<&Value>> = values.collect();
    key_text(values.ok_or("a column of the primary key is not among those read")?)
}

/// Returns a primary key as text: a JSON array of its values.
///
/// # Errors
/// A value that has no JSON.
pub(crate) fn key_text<'a>(values: impl IntoIterator<Item = &'a Value>) -> Result<String, String> {
    let values = values.into_iter().map(encode_column).collect::<Result<Vec<_>, _>>().map_err(text)?;
    serde_json::to_string(&values).map_err(text)
}

fn text(error: impl Display) -> String {
    error.to_string()
}
