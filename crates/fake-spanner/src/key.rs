//! Primary keys as bytes that sort as Spanner sorts keys.
//!
//! Each part is a tag and a payload, all bits flipped where the column is DESC. No part starts with 0xff, so
//! that a prefix followed by 0xff sorts after all keys with the prefix. The key of an interleaved row begins with its
//! parent's key.

use chrono::Datelike as _;
use spanbridge_protocol::value::{Float, Value};

/// An encoded key, or the first parts of one.
pub(crate) type Key = Vec<u8>;

const NULL: u8 = 1;
const SOME: u8 = 2;

/// The byte that, appended to a prefix, sorts after all keys with the prefix.
pub(crate) const BEHIND: u8 = 0xff;

/// Appends a part. Types that Spanner does not allow in a key have been rejected before.
pub(crate) fn push(key: &mut Key, value: &Value, descending: bool) {
    let start = key.len();
    key.push(if value.is_null() { NULL } else { SOME });
    match value {
        Value::Bool(value) => key.push(u8::from(*value)),
        Value::Int64(value) => key.extend(ordered(*value)),
        Value::Float64(Float(value)) => key.extend(float(*value)),
        Value::Numeric(value) => {
            key.extend((value.billionths().cast_unsigned() ^ (1 << 127)).to_be_bytes());
        }
        Value::String(text) => terminated(key, text.as_bytes()),
        Value::Bytes(bytes) => terminated(key, bytes),
        Value::Date(date) => key.extend(ordered(i64::from(date.num_days_from_ce()))),
        Value::Timestamp(time) => {
            key.extend(ordered(time.timestamp()));
            key.extend(time.timestamp_subsec_nanos().to_be_bytes());
        }
        Value::Null | Value::Json(_) | Value::Array(_) | Value::CommitTimestamp => {}
    }
    if descending {
        for byte in &mut key[start..] {
            *byte = !*byte;
        }
    }
}

fn ordered(value: i64) -> [u8; 8] {
    (value.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// Encodes a float: NaN sorts before all numbers, and both zeros are equal.
fn float(value: f64) -> [u8; 8] {
    if value.is_nan() {
        return [0; 8];
    }
    let bits = (value + 0.0).to_bits();
    (if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }).to_be_bytes()
}

/// Encodes bytes: 0x00 0x01 terminates them, and each inner 0x00 is followed by 0xff.
fn terminated(key: &mut Key, bytes: &[u8]) {
    for byte in bytes {
        key.push(*byte);
        if *byte == 0 {
            key.push(0xff);
        }
    }
    key.extend([0, 1]);
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;

    fn encoded(values: &[Value], descending: bool) -> Key {
        let mut key = Key::new();
        values.iter().for_each(|value| push(&mut key, value, descending));
        key
    }

    fn value() -> impl Strategy<Value = Value> {
        let numeric = any::<i64>().prop_map(|n| {
            spanbridge_protocol::value::Numeric::from_unscaled(n.into(), 9).map(Value::Numeric).unwrap()
        });
        // One type to a column, as in a table.
        prop_oneof![
            any::<Option<i64>>().prop_map(Value::from),
            prop::option::of(".{0,3}").prop_map(Value::from),
            prop::collection::vec(0_u8..3, 0..4).prop_map(Value::Bytes),
            numeric,
        ]
    }

    fn same_type(a: &Value, b: &Value) -> bool {
        a.is_null() || b.is_null() || std::mem::discriminant(a) == std::mem::discriminant(b)
    }

    proptest! {
        #[test]
        fn bytes_sort_as_values(a in prop::collection::vec(value(), 1..4), b in prop::collection::vec(value(), 1..4)) {
            prop_assume!(a.iter().zip(&b).all(|(a, b)| same_type(a, b)));
            let expected = a.cmp(&b);
            prop_assert_eq!(encoded(&a, false).cmp(&encoded(&b, false)), expected);
            if a.len() == b.len() {
                prop_assert_eq!(encoded(&a, true).cmp(&encoded(&b, true)), expected.reverse());
            }
        }

        #[test]
        fn nothing_that_begins_alike_is_behind(a in prop::collection::vec(value(), 1..3), b in value(), descending: bool) {
            let prefix = encoded(&a, descending);
            let mut longer = prefix.clone();
            push(&mut longer, &b, descending);
            let mut behind = prefix.clone();
            behind.push(BEHIND);
            prop_assert!(prefix < longer && longer < behind);
        }
    }

    #[test]
    fn floats_sort_as_in_spanner() {
        let floats = [f64::NAN, f64::NEG_INFINITY, -1.5, 0.0, f64::MIN_POSITIVE, 1.5, f64::INFINITY];
        let keys: Vec<Key> = floats.iter().map(|&f| encoded(&[f.into()], false)).collect();
        assert!(keys.is_sorted_by(|a, b| a.cmp(b) == Ordering::Less));
        assert_eq!(encoded(&[(-0.0).into()], false), encoded(&[0.0.into()], false));
        assert!(encoded(&[Value::Null], false) < keys[0]);
    }
}
