use bigdecimal::BigDecimal;
use spanbridge_protocol::value::{Float, Numeric, NumericError, Type, Value};

use super::Fault;
use crate::datum::decimal;

/// A 64-bit integer, signed or not.
pub(super) fn integer(value: i128, ty: &Type) -> Result<Value, Fault> {
    match ty {
        Type::Int64 => i64::try_from(value).map(Value::Int64).map_err(|_| Fault::Range),
        Type::Numeric => Numeric::from_unscaled(value, 0).map(Value::Numeric).map_err(fault),
        Type::Float64 => exact(value).map(|float| Value::Float64(Float(float))).ok_or(Fault::Precision),
        Type::Float32 => match exact(value).and_then(narrow) {
            Some(float) => Ok(Value::Float64(Float(f64::from(float)))),
            None => Err(Fault::Precision),
        },
        _ => Err(Fault::Type),
    }
}

/// The FLOAT64 that is exactly this integer.
fn exact(value: i128) -> Option<f64> {
    // 53 significant bits are what it holds.
    let magnitude = value.unsigned_abs();
    let exact = magnitude == 0
        || 128 - magnitude.leading_zeros() - magnitude.trailing_zeros() <= f64::MANTISSA_DIGITS;
    #[allow(clippy::cast_precision_loss)]
    exact.then_some(value as f64)
}

/// The FLOAT32 that is exactly this number, or NaN.
pub(crate) fn narrow(value: f64) -> Option<f32> {
    #[allow(clippy::cast_possible_truncation)]
    let narrow = value as f32;
    (value.is_nan() || f64::from(narrow) == value).then_some(narrow)
}

/// A decimal as NUMERIC.
pub(super) fn numeric(value: &BigDecimal) -> Result<Value, Fault> {
    let (unscaled, scale) = value.as_bigint_and_scale();
    if let (Ok(unscaled), Ok(scale @ 0..=9)) = (i128::try_from(unscaled.as_ref()), u32::try_from(scale)) {
        return Numeric::from_unscaled(unscaled, scale).map(Value::Numeric).map_err(fault);
    }
    let (unscaled, scale) = decimal::normalized(value).ok_or(Fault::Range)?;
    // Without trailing zeros, NUMERIC is 9 digits behind the point or 29 before it.
    if scale > 9 {
        return Err(Fault::Precision);
    }
    if scale < -29 {
        return Err(Fault::Range);
    }
    format!("{unscaled}e{}", -scale).parse().map(Value::Numeric).map_err(fault)
}

/// A decimal without a fraction as INT64.
pub(super) fn whole(value: &BigDecimal) -> Result<Value, Fault> {
    let (unscaled, scale) = decimal::normalized(value).ok_or(Fault::Range)?;
    if scale > 0 {
        return Err(Fault::Precision);
    }
    let power = u32::try_from(-i128::from(scale)).ok().and_then(|power| 10_i64.checked_pow(power));
    let unscaled = i64::try_from(&unscaled).ok();
    let value = power.zip(unscaled).and_then(|(power, unscaled)| unscaled.checked_mul(power));
    value.map(Value::Int64).ok_or(Fault::Range)
}

/// A number of JSON as a float that gives its digits back.
pub(super) fn float(value: &BigDecimal, ty: &Type) -> Result<Value, Fault> {
    let float = match ty {
        Type::Float32 => decimal::float(value),
        _ => decimal::double(value),
    };
    float.map(|float| Value::Float64(Float(float))).ok_or(Fault::Precision)
}

pub(super) fn fault(error: NumericError) -> Fault {
    match error {
        NumericError::Syntax => Fault::Syntax,
        NumericError::Scale => Fault::Precision,
        NumericError::Range => Fault::Range,
    }
}
