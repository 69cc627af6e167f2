//! Decodes Avro payloads.
//!
//! apache-avro's decoder (0.22) expects trusted files: at the end of the input it reads a missing string, boolean or
//! union as null; it recurses as deep as the data say; and arrays of empty items cost memory but no input. So
//! `bounds` first walks the payload along its schema, and rejects everything that is not exactly one datum within the
//! limits.

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;

use super::{AvroSchema, bounds};
use crate::datum::Datum;
use crate::limits::Limits;
use crate::{Error, ErrorKind, Result};

/// The largest single allocation inside apache-avro, in bytes, for the whole process. It is a second line of defence
/// behind `bounds`.
const MAX_ALLOCATION: usize = 256 << 20;

/// Decodes exactly one datum without a frame, within the default [`Limits`].
///
/// # Errors
/// [`ErrorKind::Payload`] if the payload does not match the schema; [`ErrorKind::TooLarge`].
pub fn decode(schema: &AvroSchema, payload: &[u8]) -> Result<Datum> {
    decode_within(schema, payload, Limits::default())
}

/// Decodes exactly one datum without a frame, within `limits`.
pub(crate) fn decode_within(schema: &AvroSchema, payload: &[u8], limits: Limits) -> Result<Datum> {
    Ok(schema.converter().convert(read(schema, payload, limits)?))
}

/// Reads the payload as a value of apache-avro.
fn read(schema: &AvroSchema, mut payload: &[u8], limits: Limits) -> Result<Value> {
    apache_avro::util::max_allocation_bytes(MAX_ALLOCATION);
    let resolved = schema.resolved()?;
    bounds::check(schema.avro(), resolved.get_names(), payload, limits)?;
    // The library's errors may quote the data.
    let invalid = || Error::new(ErrorKind::Payload, "the payload is not a datum of its schema");
    let value = GenericDatumReader::builder(schema.avro())
        .resolved_writer_schemata(resolved)
        .build()
        .and_then(|reader| reader.read_value(&mut payload))
        .map_err(|_| invalid())?;
    if payload.is_empty() { Ok(value) } else { Err(invalid()) }
}

#[cfg(test)]
mod tests;
