use apache_avro::schema::DecimalSchema;
use apache_avro::{BigDecimal, Decimal, Schema as AvroSchema};
use spanbridge_protocol::value::{Numeric, NumericError, Value};

use super::Fault;

/// NUMERIC has 38 digits: less than this many bits, with room for trailing zeros to be dropped.
const MAX_BITS: u64 = 1024;

/// A decimal of bytes or fixed; its schema holds the scale.
pub(super) fn decimal(value: &Decimal, schema: &AvroSchema) -> Result<Value, Fault> {
    let AvroSchema::Decimal(DecimalSchema { scale, .. }) = schema else {
        return Err(Fault::Type);
    };
    let bytes = <Vec<u8>>::try_from(value).map_err(|_| Fault::Range)?;
    let numeric = match (sixteen(&bytes), u32::try_from(*scale)) {
        (Some(unscaled), Ok(scale)) => Numeric::from_unscaled(unscaled, scale).map_err(fault)?,
        (_, Err(_)) => return Err(Fault::Precision),
        (None, Ok(scale)) => return big(&BigDecimal::new(value.clone().into(), i64::from(scale))),
    };
    Ok(Value::Numeric(numeric))
}

/// A decimal that holds its own scale.
pub(super) fn big(value: &BigDecimal) -> Result<Value, Fault> {
    // Bounded before anything is normalised or printed: a scale of 10^18 is only eight bytes.
    if value.as_bigint_and_exponent().0.bits() > MAX_BITS {
        return Err(Fault::Range);
    }
    let (unscaled, scale) = value.normalized().into_bigint_and_exponent();
    // Without trailing zeros, NUMERIC is 9 digits behind the point or 29 before it.
    if scale > 9 {
        return Err(Fault::Precision);
    }
    if scale < -29 {
        return Err(Fault::Range);
    }
    let numeric = format!("{unscaled}e{}", -scale).parse::<Numeric>().map_err(fault)?;
    Ok(Value::Numeric(numeric))
}

/// A big-endian two's complement number, if it and its negative fit 128 bits.
fn sixteen(bytes: &[u8]) -> Option<i128> {
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let fill = if negative { 0xff } else { 0 };
    let (extension, low) = bytes.split_at(bytes.len().saturating_sub(16));
    let mut wide = [fill; 16];
    wide[16 - low.len()..].copy_from_slice(low);
    let number = i128::from_be_bytes(wide);
    let fits = extension.iter().all(|byte| *byte == fill) && (number < 0) == negative;
    (fits && number != i128::MIN).then_some(number)
}

fn fault(error: NumericError) -> Fault {
    match error {
        NumericError::Syntax => Fault::Syntax,
        NumericError::Scale => Fault::Precision,
        NumericError::Range => Fault::Range,
    }
}
