//! What publish brought to Kafka: the committed records of a table's topic, decoded.

use std::time::Duration;

use chrono::DateTime;
use spanbridge_kafka::{ClientOptions, Header, Reader, Record};
use spanbridge_protocol::table::Table;
use spanbridge_protocol::value::{Timestamp, Type, Value};
use spanbridge_schema::convert::to_spanner;
use spanbridge_schema::derive::{self, Extent, RowColumn};
use spanbridge_schema::{Datum, Decoder, Format, Registry, Style, Timestamps};

use crate::change::{self, ChangeId};
use crate::{Error, Kind, Result};

/// The longest that a read goes without any progress.
const LIMIT: Duration = Duration::from_secs(60);

/// One committed record of a topic with Debezium's envelopes.
#[derive(Debug, Clone)]
pub struct Event {
    pub partition: i32,
    pub offset: i64,
    /// The key as it stands in Kafka.
    pub key_bytes: Vec<u8>,
    /// The primary key, in key order.
    pub key: Vec<Value>,
    /// Nothing for a tombstone.
    pub change: Option<Change>,
    pub headers: Vec<Header>,
}

/// One change of one row.
#[derive(Debug, Clone)]
pub struct Change {
    pub id: ChangeId,
    /// The token it came from.
    pub token: String,
    /// Debezium's letter: `c`, `u` or `d`.
    pub op: String,
    /// All columns in table order, those that the stream does not capture as null.
    pub before: Option<Vec<Value>>,
    /// As `before`.
    pub after: Option<Vec<Value>>,
    /// When publish made this record of it.
    pub processed: Timestamp,
}

/// All committed records of a table's topic up to its end now, by partition and offset, but rows that were read, which
/// are no changes. All are held in memory.
///
/// # Errors
/// There is no such topic; a transaction stays open; a record is not an envelope of this table.
pub async fn read(
    kafka: &ClientOptions,
    registry: &Registry,
    topic: &str,
    table: &Table,
) -> Result<Vec<Event>> {
    let records = Reader::new(kafka, LIMIT)?.read_to_end(topic).await?;
    let decoder = Decoder::new(Format::Avro, registry.clone());
    let style = Style::Native(Timestamps::default());
    let (key, row) = (derive::key(table, style)?, derive::row(table, style, Extent::Partial)?);
    let mut events = Vec::with_capacity(records.len());
    for record in records {
        let (partition, offset) = (record.partition, record.offset);
        let event = event(&decoder, key.columns(), row.columns(), record).await;
        let event = event.map_err(|error| error.context(format_args!("{topic}[{partition}] at {offset}")))?;
        events.extend(event);
    }
    Ok(events)
}

async fn event(
    decoder: &Decoder,
    key: &[RowColumn],
    row: &[RowColumn],
    record: Record,
) -> Result<Option<Event>> {
    let key_bytes = record.key.ok_or_else(|| unexpected("there is no key"))?;
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
    Ok(Some(Event {
        partition: record.partition,
        offset: record.offset,
        key_bytes,
        key,
        change,
        headers: record.headers,
    }))
}

fn change(envelope: &Datum, row: &[RowColumn]) -> Result<Change> {
    let part = |name: &str| envelope.get(name).filter(|value| !value.is_null());
    let source = part("source").ok_or_else(|| unexpected("the envelope has no source"))?;
    let of_source = |name: &str, ty: Type| {
        let value = source.get(name).ok_or_else(|| missing(name))?;
        to_spanner(value, &ty).map_err(|error| unexpected(&error.to_string()))
    };
    let text = |name: &str| match of_source(name, Type::String)? {
        Value::String(text) => Ok(text),
        _ => Err(missing(name)),
    };
    let number = |name: &str| match of_source(name, Type::Int64)? {
        Value::Int64(number) => Ok(number),
        _ => Err(missing(name)),
    };
    let image = |name: &str| part(name).map(|value| columns(value, row)).transpose();
    let op = match part("op") {
        Some(Datum::String(op)) => op.clone(),
        _ => return Err(missing("op")),
    };
    let processed = match part("ts_ns") {
        Some(Datum::Int(nanos)) => DateTime::from_timestamp_nanos(*nanos),
        _ => return Err(missing("ts_ns")),
    };
    Ok(Change {
        id: ChangeId {
            commit: DateTime::from_timestamp_nanos(number("ts_ns")?),
            transaction: text("server_transaction_id")?,
            sequence: change::sequence(&text("sequence")?)?,
            table: text("table")?,
            number: usize::try_from(number("mod_number")?).map_err(|_| missing("mod_number"))?,
        },
        token: text("partition_token")?,
        op,
        before: image("before")?,
        after: image("after")?,
        processed,
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

fn unexpected(what: &str) -> Error {
    Error::new(Kind::Failed, "published-record", what)
}
