//! `approx_distinct`: a HyperLogLog sketch in the format that all of Apache DataSketches read.

use chrono::Datelike;
use datasketches::hash::value::{canonical_float, raw_bytes};
use datasketches::hll::{Coupon, HllSketch, HllType, HllUnion};

use super::{AggregateError, Next, two};
use crate::value::Value;

/// 4096 registers: a standard error of 1.6 %, in three kilobytes; few values are counted exactly.
const LG_REGISTERS: u8 = 12;

/// Of six bits each, so that any stored bits are registers.
const REGISTERS: HllType = HllType::Hll6;

pub(super) fn add(state: &[Value], input: &Value) -> Next {
    let mut one = HllSketch::new(LG_REGISTERS, REGISTERS).map_err(|_| AggregateError::Sketch)?;
    one.update_with_coupon(coupon(input)?);
    union([stored(&state[1])?, Some(one)])
}

pub(super) fn merge(into: &[Value], other: &[Value]) -> Next {
    union([stored(&into[1])?, stored(&other[1])?])
}

/// A union takes nothing but the registers, and computes anew what a stored sketch says about
/// them: a damaged one would lead astray whoever updates it.
fn union(sketches: [Option<HllSketch>; 2]) -> Next {
    let mut union = HllUnion::new(LG_REGISTERS).map_err(|_| AggregateError::Sketch)?;
    for sketch in sketches.iter().flatten() {
        union.update(sketch);
    }
    // The other estimate depends on the order of the records.
    let estimate = rounded(union.composite_estimate());
    two(estimate.into(), Value::Bytes(union.to_sketch(REGISTERS).serialize()))
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

/// The hash of a value's one byte form: equal values of a column's type have equal forms. Integers
/// (8 bytes, little end first), floats and texts are hashed as by DataSketches of other languages.
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

#[expect(
    clippy::cast_possible_truncation,
    reason = "it is whole, and what INT64 does not hold is its greatest"
)]
fn rounded(estimate: f64) -> i64 {
    estimate.round() as i64
}
