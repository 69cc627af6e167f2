//! One record through the mapping.

use apache_avro::Schema as AvroSchema;
use apache_avro::types::Value as Avro;
use spanbridge_config::Format;
use spanbridge_kafka::Record;
use spanbridge_protocol::ingest::{Change, Failure, Partition, Spec};
use spanbridge_protocol::value::Type;
use spanbridge_schema::{Decoded, Decoder, Kind};
use std::sync::Arc;

use super::plan::Plans;
use super::table::TableMapping;
use crate::policy::{self, Action};

/// Compiled: what the pipeline writes, and how records become it.
pub(crate) struct Mapper {
    pub(crate) spec: Arc<Spec>,
    /// The types of each target's columns.
    pub(crate) types: Vec<Vec<Type>>,
    pub(super) key: Format,
    /// Whether any expression reads the key.
    pub(super) uses_key: bool,
    pub(super) decoder: Decoder,
    pub(super) tables: Vec<TableMapping>,
    pub(super) plans: Plans,
}

/// Why a record has no changes.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It is at fault itself.
    Record(Failure),
    /// The registry does not answer: the same again later.
    Unavailable(String),
    /// Only a person can mend it.
    Stop(String),
}

/// What expressions see of a record.
pub(super) struct Input<'a> {
    pub(super) record: &'a Record,
    pub(super) value: Option<&'a Decoded>,
    pub(super) key: Part<'a>,
    pub(super) plans: &'a Plans,
}

/// A decoded key.
pub(super) enum Part<'a> {
    Plain(Avro),
    Avro(&'a Decoded),
}

impl Part<'_> {
    pub(super) fn value(&self) -> (&Avro, &AvroSchema) {
        match self {
            Self::Plain(value) => (value, &AvroSchema::Null),
            Self::Avro(decoded) => (&decoded.value, decoded.schema.avro()),
        }
    }
}

impl Mapper {
    /// The changes of one record: none when every table filters it out.
    pub(crate) async fn map(&self, partition: &Partition, record: &Record) -> Result<Vec<Change>, Fault> {
        let value = match &record.value {
            Some(bytes) => Some(self.decode("value", bytes).await?),
            None => None,
        };
        let decoded;
        let key = match (&record.key, self.key) {
            (Some(bytes), Format::Avro) if self.uses_key => {
                decoded = self.decode("key", bytes).await?;
                Part::Avro(&decoded)
            }
            (bytes, format) => Part::Plain(plain_key(bytes.as_deref(), format).map_err(Fault::Record)?),
        };
        let plans = &self.plans;
        if let Some(value) = &value {
            plans.prepare(value.id, value.schema.avro());
        }
        let input = Input { record, value: value.as_ref(), key, plans };
        let mut changes = Vec::with_capacity(self.tables.len());
        for (target, table) in self.tables.iter().enumerate() {
            let change = table.change(target, partition, &input).map_err(|failure| {
                let message = format!("{}: {}", table.name, failure.message);
                Fault::Record(Failure { code: failure.code, message })
            })?;
            changes.extend(change);
        }
        Ok(changes)
    }

    async fn decode(&self, part: &str, bytes: &[u8]) -> Result<Decoded, Fault> {
        self.decoder.decode(bytes).await.map_err(|error| match policy::schema(error.kind()) {
            Action::Retry => Fault::Unavailable(error.to_string()),
            Action::Blame => {
                Fault::Record(Failure::new(decode_code(error.kind()), format!("{part}: {error}")))
            }
            _ => Fault::Stop(format!("{part}: {error}")),
        })
    }
}

/// Stable codes of dead letters.
fn decode_code(kind: Kind) -> &'static str {
    match kind {
        Kind::UnknownSchema => "SB-INGEST-UNKNOWN-SCHEMA",
        Kind::UnusableSchema => "SB-INGEST-UNUSABLE-SCHEMA",
        Kind::Frame => "SB-INGEST-FRAME",
        Kind::TooLarge => "SB-INGEST-TOO-LARGE",
        _ => "SB-INGEST-DECODE",
    }
}

fn plain_key(bytes: Option<&[u8]>, format: Format) -> Result<Avro, Failure> {
    let Some(bytes) = bytes else { return Ok(Avro::Null) };
    let wrong = |what: &str| Failure::new("SB-INGEST-KEY", format!("key: {what}"));
    Ok(match format {
        Format::String => {
            let text = std::str::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?;
            Avro::String(text.to_owned())
        }
        Format::Int64 => {
            let bytes = bytes.try_into().map_err(|_| wrong("an int64 has eight bytes"))?;
            Avro::Long(i64::from_be_bytes(bytes))
        }
        Format::Bytes => Avro::Bytes(bytes.to_vec()),
        Format::Avro | Format::None => Avro::Null,
        Format::Json | Format::JsonSchema | Format::Protobuf => {
            return Err(wrong("its format is not supported by this version"));
        }
    })
}
