//! Numbers as INT64, NUMERIC, FLOAT64 and FLOAT32, without rounding.

use bigdecimal::BigDecimal;
use spanbridge_protocol::value::{Float, Numeric, NumericError, Type, Value};

use super::ConvertErrorKind;
use crate::datum::decimal;

/// Converts a 64-bit integer, signed or unsigned.
pub(super) fn integer(value: i128, ty: &Type) -> Result<Value, ConvertErrorKind> {
    match ty {
        Type::Int64 => i64::try_from(value).map(Value::Int64).map_err(|_| ConvertErrorKind::Range),
        Type::Numeric => Numeric::from_unscaled(value, 0).map(Value::Numeric).map_err(numeric_error),
        Type::Float64 => {
            exact(value).map(|float| Value::Float64(Float(float))).ok_or(ConvertErrorKind::Precision)
        }
        Type::Float32 => match exact(value).and_then(to_float32) {
            Some(float) => Ok(Value::Float64(Float(f64::from(float)))),
            None => Err(ConvertErrorKind::Precision),
        },
        _ => Err(ConvertErrorKind::Type),
    }
}

/// The FLOAT64 that equals this integer, if there is one.
fn exact(value: i128) -> Option<f64> {
    // A FLOAT64 holds 53 significant bits.
    let magnitude = value.unsigned_abs();
    let exact = magnitude == 0
        || 128 - magnitude.leading_zeros() - magnitude.trailing_zeros() <= f64::MANTISSA_DIGITS;
    #[allow(clippy::cast_precision_loss)]
    exact.then_some(value as f64)
}

/// The FLOAT32 that equals this number, if there is one. NaN becomes NaN.
pub(crate) fn to_float32(value: f64) -> Option<f32> {
    #[allow(clippy::cast_possible_truncation)]
    let narrow = value as f32;
    (value.is_nan() || f64::from(narrow) == value).then_some(narrow)
}

/// Converts a decimal to NUMERIC.
pub(super) fn numeric(value: &BigDecimal) -> Result<Value, ConvertErrorKind> {
    let (unscaled, scale) = value.as_bigint_and_scale();
    if let (Ok(unscaled), Ok(scale @ 0..=9)) = (i128::try_from(unscaled.as_ref()), u32::try_from(scale)) {
        return Numeric::from_unscaled(unscaled, scale).map(Value::Numeric).map_err(numeric_error);
    }
    let (unscaled, scale) = decimal::normalized(value).ok_or(ConvertErrorKind::Range)?;
    // Without trailing zeros, a NUMERIC has at most 9 digits after the point or at most 29 before it.
    if scale > 9 {
        return Err(ConvertErrorKind::Precision);
    }
    if scale < -29 {
        return Err(ConvertErrorKind::Range);
    }
    format!("{unscaled}e{}", -scale).parse().map(Value::Numeric).map_err(numeric_error)
}

/// Converts a decimal without a fraction to INT64.
pub(super) fn int64(value: &BigDecimal) -> Result<Value, ConvertErrorKind> {
    let (unscaled, scale) = decimal::normalized(value).ok_or(ConvertErrorKind::Range)?;
    if scale > 0 {
        return Err(ConvertErrorKind::Precision);
    }
    let power = u32::try_from(-i128::from(scale)).ok().and_then(|power| 10_i64.checked_pow(power));
    let unscaled = i64::try_from(&unscaled).ok();
    let value = power.zip(unscaled).and_then(|(power, unscaled)| unscaled.checked_mul(power));
    value.map(Value::Int64).ok_or(ConvertErrorKind::Range)
}

/// Converts a JSON number to a float that prints the same digits.
pub(super) fn float(value: &BigDecimal, ty: &Type) -> Result<Value, ConvertErrorKind> {
    let float = match ty {
        Type::Float32 => decimal::float(value),
        _ => decimal::double(value),
    };
    float.map(|float| Value::Float64(Float(float))).ok_or(ConvertErrorKind::Precision)
}

/// The reason for a failed conversion to NUMERIC.
pub(super) fn numeric_error(error: NumericError) -> ConvertErrorKind {
    match error {
        NumericError::Syntax => ConvertErrorKind::Syntax,
        NumericError::Scale => ConvertErrorKind::Precision,
        NumericError::Range => ConvertErrorKind::Range,
    }
}
