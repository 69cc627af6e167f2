//! The conversion from a decoded value to a column's value.

use spanbridge_protocol::ingest::Failure;
use spanbridge_protocol::value::{Type, Value};
use spanbridge_schema::Datum;
use spanbridge_schema::convert::to_spanner;

/// Converts a value to a column's type without loss.
///
/// # Errors
/// The value does not fit the type: `SB-INGEST-CONVERT`.
pub(super) fn convert(value: &Datum, ty: &Type) -> Result<Value, Failure> {
    to_spanner(value, ty).map_err(|error| Failure::new("SB-INGEST-CONVERT", error.to_string()))
}
