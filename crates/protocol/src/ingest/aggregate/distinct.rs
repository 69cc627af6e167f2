//! `approx_distinct`: a HyperLogLog sketch in the format of Apache DataSketches.

use chrono::Datelike;
use datasketches::hash::value::{canonical_float, raw_bytes};
use datasketches::hll::{Coupon, HllSketch, HllType, HllUnion};

use super::columns::{NewColumns, two_columns};
use super::error::AggregateError;
use crate::value::Value;

/// The binary logarithm of the number of registers. 4096 registers have a standard error of 1.6 % and take
/// three kilobytes. Small numbers of values are counted exactly.
const LG_REGISTERS: u8 = 12;

/// Registers of six bits, so that any stored bits are valid registers.
const REGISTERS: HllType = HllType::Hll6;

/// Adds a value.
pub(super) fn add(state: &[Value], input: &Value) -> NewColumns {
    let mut one = HllSketch::new(LG_REGISTERS, REGISTERS).map_err(|_| AggregateError::Sketch)?;
    one.update_with_coupon(coupon(input)?);
    union([stored(&state[1])?, Some(one)])
}

/// Adds the values of another sketch.
pub(super) fn merge(into: &[Value], other: &[Value]) -> NewColumns {
    union([stored(&into[1])?, stored(&other[1])?])
}

/// Returns the union of sketches. A union uses only the registers and recomputes everything else, because the
/// other fields of a damaged stored sketch would mislead an update.
fn union(sketches: [Option<HllSketch>; 2]) -> NewColumns {
    let mut union = HllUnion::new(LG_REGISTERS).map_err(|_| AggregateError::Sketch)?;
    for sketch in sketches.iter().flatten() {
        union.update(sketch);
    }
    // The composite estimate does not depend on the order of the records.
    let estimate = rounded(union.composite_estimate());
    two_columns(estimate.into(), Value::Bytes(union.to_sketch(REGISTERS).serialize()))
}

fn stored(column: &Value) -> Result<Option<HllSketch>, AggregateError> {
    let bytes = match column {
        Value::Null => return Ok(None),
        Value::Bytes(bytes) => bytes,
        _ => return Err(AggregateError::Type),
    };
    let sketch = HllSketch::deserialize(bytes).map_err(|_| AggregateError::Sketch)?;
    let ours = sketch.lg_config_k() == LG_REGISTERS && sketch.target_type() == REGISTERS;
    if ours { Ok(Some(sketch)) } else { Err(AggregateError::Sketch) }
}

/// Returns the hash of a value's byte form, which is unique among the values of a column's type. Integers
/// (8 bytes, little endian), floats and strings are hashed as DataSketches does in other languages.
///
/// # Errors
/// If the value is not a scalar.
fn coupon(value: &Value) -> Result<Coupon, AggregateError> {
    let bytes = |bytes: &[u8]| Coupon::from_value(raw_bytes::from_slice(bytes));
    let integer = |value: i64| bytes(&value.to_le_bytes());
    Ok(match value {
        Value::Bool(value) => integer((*value).into()),
        Value::Int64(value) => integer(*value),
        Value::Float64(value) => Coupon::from_value(canonical_float::from_f64(value.0)),
        Value::Numeric(value) => bytes(&value.billionths().to_le_bytes()),
        Value::String(text) => bytes(text.as_bytes()),
        Value::Bytes(value) => bytes(value),
        Value::Date(date) => integer(date.num_days_from_ce().into()),
        Value::Timestamp(at) => {
            let mut form = [0; 12];
            form[..8].copy_from_slice(&at.timestamp().to_le_bytes());
            form[8..].copy_from_slice(&at.timestamp_subsec_nanos().to_le_bytes());
            bytes(&form)
        }
        Value::Null | Value::Json(_) | Value::Array(_) | Value::CommitTimestamp => {
            return Err(AggregateError::Type);
        }
    })
}

#[expect(clippy::cast_possible_truncation, reason = "the estimate is whole, and the conversion saturates")]
fn rounded(estimate: f64) -> i64 {
    estimate.round() as i64
}
