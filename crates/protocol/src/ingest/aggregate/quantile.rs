//! `approx_quantile`: a t-digest in the format that all of Apache DataSketches read.
//!
//! The t-digest and not KLL, whose implementation flips coins seeded by the process: the same
//! records must give the same row.

use datasketches::tdigest::TDigestMut;

use super::number::float;
use super::{AggregateError, Fraction, Next, two};
use crate::value::Value;

/// The compression, DataSketches' default: 410 centroids of 16 bytes at most, and a rank wrong by
/// 1 % in the middle, less towards the ends.
const K: u16 = 200;

pub(super) fn add(fraction: Fraction, state: &[Value], input: &Value) -> Next {
    let value = float(input)?;
    if !value.is_finite() {
        return Err(AggregateError::NotFinite);
    }
    let mut digest = stored(&state[1])?;
    digest.total_weight().checked_add(1).ok_or(AggregateError::Overflow)?;
    digest.update(value);
    columns(fraction, digest)
}

pub(super) fn merge(fraction: Fraction, into: &[Value], other: &[Value]) -> Next {
    let (mut digest, other) = (stored(&into[1])?, stored(&other[1])?);
    digest.total_weight().checked_add(other.total_weight()).ok_or(AggregateError::Overflow)?;
    digest.merge(&other);
    columns(fraction, digest)
}

fn columns(fraction: Fraction, mut digest: TDigestMut) -> Next {
    let estimate = digest.quantile(fraction.get()).map_err(|_| AggregateError::Sketch)?;
    two(estimate.into(), Value::Bytes(digest.serialize()))
}

fn stored(column: &Value) -> Result<TDigestMut, AggregateError> {
    let digest = match column {
        Value::Null => TDigestMut::new(K),
        Value::Bytes(bytes) => TDigestMut::deserialize(bytes),
        _ => return Err(AggregateError::Type),
    };
    let digest = digest.map_err(|_| AggregateError::Sketch)?;
    if digest.k() == K { Ok(digest) } else { Err(AggregateError::Sketch) }
}
