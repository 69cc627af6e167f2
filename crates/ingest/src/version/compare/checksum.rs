use std::fmt;

use sha2::{Digest as _, Sha256};
use spanbridge_protocol::value::{Float, Value};

/// A checksum of rows that does not depend on their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checksum(u128);

impl Checksum {
    /// Adds a row.
    pub(super) fn add(&mut self, row: RowChecksum) {
        self.0 = self.0.wrapping_add(row.0);
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The checksum of one row: 128 bits of a SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowChecksum(u128);

impl RowChecksum {
    pub(super) fn of(row: &[Value]) -> Self {
        let mut hash = Sha256::new();
        row.iter().for_each(|value| update(&mut hash, value));
        let mut first = [0; 16];
        first.copy_from_slice(&hash.finalize()[..16]);
        Self(u128::from_be_bytes(first))
    }
}

/// Hashes the kind, the length and the bytes of a value, so that different rows have different bytes.
fn update(hash: &mut Sha256, value: &Value) {
    let mut sized = |kind: u8, bytes: &[u8]| {
        hash.update([kind]);
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    match value {
        Value::Null => sized(0, &[]),
        Value::Bool(value) => sized(1, &[u8::from(*value)]),
        Value::Int64(value) => sized(2, &value.to_be_bytes()),
        Value::Float64(Float(value)) => {
            let one = if value.is_nan() { f64::NAN } else { *value };
            sized(3, &one.to_bits().to_be_bytes());
        }
        Value::Numeric(value) => sized(4, &value.billionths().to_be_bytes()),
        Value::String(text) => sized(5, text.as_bytes()),
        Value::Bytes(bytes) => sized(6, bytes),
        Value::Date(date) => sized(7, date.to_string().as_bytes()),
        Value::Timestamp(at) => {
            sized(
                8,
                &[at.timestamp().to_be_bytes(), i64::from(at.timestamp_subsec_nanos()).to_be_bytes()]
                    .concat(),
            );
        }
        Value::Json(text) => sized(9, text.as_bytes()),
        Value::Array(items) => {
            sized(10, &(items.len() as u64).to_be_bytes());
            items.iter().for_each(|item| update(hash, item));
        }
        Value::CommitTimestamp => sized(11, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_rows_have_different_checksums() {
        let rows: [&[Value]; 9] = [
            &[],
            &[Value::Null],
            &[Value::Null, Value::Null],
            &["".into()],
            &["a".into(), "b".into()],
            &["ab".into(), "".into()],
            &[Value::Bytes(b"ab".to_vec()), "".into()],
            &[Value::Array(vec![1.into()]), 2.into()],
            &[Value::Array(vec![1.into(), 2.into()])],
        ];
        for (index, row) in rows.iter().enumerate() {
            for (other_index, other) in rows.iter().enumerate() {
                assert_eq!(
                    RowChecksum::of(row) == RowChecksum::of(other),
                    index == other_index,
                    "{row:?} {other:?}"
                );
            }
        }
        assert_eq!(RowChecksum::of(&[f64::NAN.into()]), RowChecksum::of(&[(-f64::NAN).into()]));
    }

    #[test]
    fn checksum_depends_on_the_number_of_rows_but_not_their_order() {
        let sum = |rows: &[i64]| {
            let mut sum = Checksum::default();
            rows.iter().for_each(|row| sum.add(RowChecksum::of(&[(*row).into()])));
            sum
        };
        assert_eq!(sum(&[1, 2, 3]), sum(&[3, 1, 2]));
        assert_ne!(sum(&[1, 1, 2]), sum(&[2]));
        assert_eq!(sum(&[]).to_string(), "0".repeat(32));
    }
}
