use spanbridge_protocol::value::{Float, Numeric, Type, Value};

use super::Fault;

pub(super) fn integer(value: i64, ty: &Type) -> Result<Value, Fault> {
    match ty {
        Type::Int64 => Ok(Value::Int64(value)),
        Type::Numeric => Ok(Value::Numeric(Numeric::from(value))),
        Type::Float64 => exact(value).map(|float| Value::Float64(Float(float))).ok_or(Fault::Precision),
        Type::Float32 => match exact(value).and_then(narrow) {
            Some(float) => Ok(Value::Float64(Float(f64::from(float)))),
            None => Err(Fault::Precision),
        },
        _ => Err(Fault::Type),
    }
}

/// The FLOAT64 that is exactly this integer.
fn exact(value: i64) -> Option<f64> {
    // 53 significant bits are what it holds.
    let magnitude = value.unsigned_abs();
    let exact =
        magnitude == 0 || 64 - magnitude.leading_zeros() - magnitude.trailing_zeros() <= f64::MANTISSA_DIGITS;
    #[allow(clippy::cast_precision_loss)]
    exact.then_some(value as f64)
}

/// The FLOAT32 that is exactly this number, or NaN.
pub(crate) fn narrow(value: f64) -> Option<f32> {
    #[allow(clippy::cast_possible_truncation)]
    let narrow = value as f32;
    (value.is_nan() || f64::from(narrow) == value).then_some(narrow)
}
