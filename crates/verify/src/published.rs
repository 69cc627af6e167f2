//! Reads the committed records of a table's topic, and decodes their Debezium envelopes.

use std::time::Duration;

use chrono::DateTime;
use spanbridge_kafka::{ClientOptions, Header, Reader, Record};
use spanbridge_protocol::table::Table;
use spanbridge_protocol::value::{Timestamp, Type, Value};
use spanbridge_schema::convert::to_spanner;
use spanbridge_schema::{Datum, Decoder, Format, Registry, TimestampEncoding, TypeMapping};
use spanbridge_schema::{RowColumn, RowImage, RowSchema};

use crate::change_id::{ChangeId, parse_record_sequence};
use crate::error::{Error, ErrorKind, Result};

/// The longest time without progress before a read fails.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// One committed record of a topic with Debezium envelopes.
#[derive(Debug, Clone)]
pub struct PublishedRecord {
    /// The Kafka partition.
    pub partition: i32,
    /// The offset within the partition.
    pub offset: i64,
    /// The serialized key.
    pub key_bytes: Vec<u8>,
    /// The primary key, in key order.
    pub key: Vec<Value>,
    /// The change; `None` for a tombstone.
    pub change: Option<PublishedChange>,
    /// The headers of the record.
    pub headers: Vec<Header>,
}

/// One change of one row, as publish wrote it.
#[derive(Debug, Clone)]
pub struct PublishedChange {
    /// The identity of the change.
    pub id: ChangeId,
    /// The change-stream token that delivered it.
    pub token: String,
    /// Debezium's `op`: `c`, `u` or `d`.
    pub op: String,
    /// All columns before the change, in table order. Columns that the stream does not capture are null.
    pub before: Option<Vec<Value>>,
    /// All columns after the change, as in `before`.
    pub after: Option<Vec<Value>>,
    /// The time at which publish created the record.
    pub processed_at: Timestamp,
}

/// Reads all committed changes and tombstones of a table's topic up to its current end, sorted by partition and offset,
/// and holds them in memory. Snapshot rows (`op` `r`) are skipped, since they are not changes.
///
/// # Errors
/// The topic does not exist, a transaction stays open, or a record is not an envelope of this table.
pub async fn read(
    kafka: &ClientOptions,
    registry: &Registry,
    topic: &str,
    table: &Table,
) -> Result<Vec<PublishedRecord>> {
    let records = Reader::new(kafka, READ_TIMEOUT)?.read_to_end(topic).await?;
    let decoder = Decoder::new(Format::Avro, registry.clone());
    let style = TypeMapping::Native(TimestampEncoding::default());
    let (key, row) = (RowSchema::of_key(table, style)?, RowSchema::of_row(table, style, RowImage::Partial)?);
    let mut decoded = Vec::with_capacity(records.len());
    for record in records {
        let (partition, offset) = (record.partition, record.offset);
        let record = decode(&decoder, key.columns(), row.columns(), record).await;
        decoded.extend(record.map_err(|error| error.at(format_args!("{topic}[{partition}]@{offset}")))?);
    }
    Ok(decoded)
}

/// Decodes a record. Returns `None` for a snapshot row.
async fn decode(
    decoder: &Decoder,
    key: &[RowColumn],
    row: &[RowColumn],
    record: Record,
) -> Result<Option<PublishedRecord>> {
    let key_bytes = record.key.ok_or_else(|| unexpected("the record has no key"))?;
    let decoded = decoder.decode(&key_bytes).await?;
    let key = columns(&decoded.value, key)?;
    let change = match &record.value {
        None => None,
        Some(value) => {
            let envelope = decoder.decode(value).await?.value;
            if matches!(envelope.get("op"), Some(Datum::String(op)) if op == "r") {
                return Ok(None);
            }
            Some(change(&envelope, row)?)
        }
    };
    Ok(Some(PublishedRecord {
        partition: record.partition,
        offset: record.offset,
        key_bytes,
        key,
        change,
        headers: record.headers,
    }))
}

fn change(envelope: &Datum, row: &[RowColumn]) -> Result<PublishedChange> {
    let field = |name: &str| envelope.get(name).filter(|value| !value.is_null());
    let source = field("source").ok_or_else(|| missing("source"))?;
    let source_field = |name: &str, ty: Type| {
        let value = source.get(name).ok_or_else(|| missing(name))?;
        to_spanner(value, &ty).map_err(|error| unexpected(&error.to_string()))
    };
    let source_text = |name: &str| match source_field(name, Type::String)? {
        Value::String(text) => Ok(text),
        _ => Err(missing(name)),
    };
    let source_number = |name: &str| match source_field(name, Type::Int64)? {
        Value::Int64(number) => Ok(number),
        _ => Err(missing(name)),
    };
    let row_image = |name: &str| field(name).map(|value| columns(value, row)).transpose();
    let op = match field("op") {
        Some(Datum::String(op)) => op.clone(),
        _ => return Err(missing("op")),
    };
    let processed_at = match field("ts_ns") {
        Some(Datum::Int(nanos)) => DateTime::from_timestamp_nanos(*nanos),
        _ => return Err(missing("ts_ns")),
    };
    let mod_number = usize::try_from(source_number("mod_number")?).map_err(|_| missing("mod_number"))?;
    Ok(PublishedChange {
        id: ChangeId {
            commit_timestamp: DateTime::from_timestamp_nanos(source_number("ts_ns")?),
            transaction_id: source_text("server_transaction_id")?,
            record_sequence: parse_record_sequence(&source_text("sequence")?)?,
            table: source_text("table")?,
            mod_number,
        },
        token: source_text("partition_token")?,
        op,
        before: row_image("before")?,
        after: row_image("after")?,
        processed_at,
    })
}

fn columns(value: &Datum, columns: &[RowColumn]) -> Result<Vec<Value>> {
    let column = |column: &RowColumn| {
        let value = value.get(&column.field).ok_or_else(|| missing(&column.field))?;
        to_spanner(value, &column.ty)
            .map_err(|error| unexpected(&format!("column {}: {error}", column.column)))
    };
    columns.iter().map(column).collect()
}

fn missing(field: &str) -> Error {
    unexpected(&format!("the field `{field}` is missing"))
}

fn unexpected(message: &str) -> Error {
    Error::unexpected(ErrorKind::PublishedRecord, message)
}
