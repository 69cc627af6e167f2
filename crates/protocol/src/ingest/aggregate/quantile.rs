//! `approx_quantile`: a t-digest in the format of Apache DataSketches.
//!
//! The same records must give the same row. This rules out KLL sketches, whose implementation uses random
//! numbers with a seed of the process.

use datasketches::tdigest::TDigestMut;

use super::columns::{NewColumns, two_columns};
use super::error::AggregateError;
use super::fraction::Fraction;
use super::number::as_float;
use crate::value::Value;

/// The compression, which is DataSketches' default: at most 410 centroids of 16 bytes, and a rank error of 1 %
/// in the middle and less towards the ends.
const COMPRESSION: u16 = 200;

/// Adds a value.
pub(super) fn add(fraction: Fraction, state: &[Value], input: &Value) -> NewColumns {
    let value = as_float(input)?;
    if !value.is_finite() {
        return Err(AggregateError::NotFinite);
    }
    let mut digest = stored(&state[1])?;
    digest.total_weight().checked_add(1).ok_or(AggregateError::Overflow)?;
    digest.update(value);
    columns(fraction, digest)
}

/// Adds the values of another digest.
pub(super) fn merge(fraction: Fraction, into: &[Value], other: &[Value]) -> NewColumns {
    let (mut digest, other) = (stored(&into[1])?, stored(&other[1])?);
    digest.total_weight().checked_add(other.total_weight()).ok_or(AggregateError::Overflow)?;
    digest.merge(&other);
    columns(fraction, digest)
}

fn columns(fraction: Fraction, mut digest: TDigestMut) -> NewColumns {
    let estimate = digest.quantile(fraction.get()).map_err(|_| AggregateError::Sketch)?;
    two_columns(estimate.into(), Value::Bytes(digest.serialize()))
}

fn stored(column: &Value) -> Result<TDigestMut, AggregateError> {
    let digest = match column {
        Value::Null => TDigestMut::new(COMPRESSION),
        Value::Bytes(bytes) => TDigestMut::deserialize(bytes),
        _ => return Err(AggregateError::Type),
    };
    let digest = digest.map_err(|_| AggregateError::Sketch)?;
    if digest.k() == COMPRESSION { Ok(digest) } else { Err(AggregateError::Sketch) }
}
