//! Rows and envelopes to payloads: [`Item`]s of a [`Record`] in each format, and Avro values to framed payloads.

mod avro;
mod encoder;
mod item;
mod json;
mod protobuf;
mod text;

use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use spanbridge_protocol::value::Value;

use crate::convert::ConvertError;
use crate::derive::RowSchema;
use crate::{Error, Kind, Result, Schema, frame};

pub use encoder::{Encoder, Encoding, Language};
pub use item::Item;

/// Room for a record of usual size.
const TYPICAL: usize = 512;
const MISMATCH: &str = "the value is not of its field's kind";

/// The fields of one row, or key; `take` gives the value of a column, and nothing is null.
pub fn row(schema: &RowSchema, mut take: impl FnMut(&str) -> Option<Value>) -> Item {
    let fields =
        schema.columns().iter().map(|column| Item::Value(take(&column.column).unwrap_or(Value::Null)));
    Item::Record(fields.collect())
}

/// The framed payload of a value of that schema, whose id in the registry is `id`.
///
/// The value is validated against the schema on the way (apache-avro writes unreadable bytes
/// otherwise); no schema is resolved. Fails with [`Kind::Encode`].
pub fn encode(id: u32, schema: &Schema, value: &Avro) -> Result<Vec<u8>> {
    let mut frame = frame::start(id, TYPICAL);
    // The library's errors may quote the value.
    GenericDatumWriter::builder(schema.avro())
        .resolved_schemata(schema.resolved()?)
        .build()
        .and_then(|writer| writer.write_value_ref(&mut frame, value))
        .map_err(|_| {
            let name = schema.name().unwrap_or("without a name");
            Error::new(Kind::Encode, format!("a value does not fit the schema {name}"))
        })?;
    Ok(frame)
}

impl From<ConvertError> for Error {
    fn from(error: ConvertError) -> Self {
        Self::new(Kind::Encode, error.to_string())
    }
}

fn mismatch() -> Error {
    Error::new(Kind::Encode, MISMATCH)
}

/// Names the field in which it happened.
fn within(field: &str, error: Error) -> Error {
    Error::new(error.kind(), format!("field {field}: {error}"))
}

#[cfg(test)]
mod tests;
