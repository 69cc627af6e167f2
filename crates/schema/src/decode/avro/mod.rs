//! Avro.
//!
//! apache-avro's decoder (0.22) is made for files of one's own: at the end of the input it reads a
//! missing string, boolean or union as null, it recurses as deep as the data say, and arrays of
//! empty items cost memory without costing input. So [`bounds`] walks each payload along its schema
//! first and refuses what is not exactly one datum within the limits.

mod bounds;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;

use super::Limits;
use crate::datum::Datum;
use crate::{Error, Kind, Result, Schema};

/// Ceiling of one allocation within apache-avro, for the whole process: a second net.
const MAX_ALLOCATION: usize = 256 << 20;

/// Decodes exactly one datum of that schema.
pub(crate) fn decode(schema: &Schema, payload: &[u8], limits: Limits) -> Result<Datum> {
    Ok(schema.layout().datum(datum(schema, payload, limits)?))
}

/// The same as the library's value.
pub(crate) fn datum(schema: &Schema, mut payload: &[u8], limits: Limits) -> Result<Value> {
    apache_avro::util::max_allocation_bytes(MAX_ALLOCATION);
    let resolved = schema.resolved()?;
    bounds::check(schema.avro(), resolved.get_names(), payload, limits)?;
    // The library's errors may quote the data.
    let refused = || Error::new(Kind::Payload, "the payload is not a datum of its schema");
    let value = GenericDatumReader::builder(schema.avro())
        .resolved_writer_schemata(resolved)
        .build()
        .and_then(|reader| reader.read_value(&mut payload))
        .map_err(|_| refused())?;
    if payload.is_empty() { Ok(value) } else { Err(refused()) }
}

#[cfg(test)]
mod tests;
