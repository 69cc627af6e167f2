//! The order of Spanner's primary keys, in which a table's rows are read.

use std::cmp::Ordering;

use spanbridge_protocol::value::{Float, Value};

/// The direction of each key column: true if it descends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyOrder(pub(super) Vec<bool>);

impl KeyOrder {
    /// Compares two rows, whose first columns are the key.
    pub(super) fn compare(&self, one: &[Value], other: &[Value]) -> Ordering {
        let columns = self.0.iter().zip(one.iter().zip(other));
        let each = columns.map(|(descends, (one, other))| {
            let order = ascending(one, other);
            if *descends { order.reverse() } else { order }
        });
        each.fold(Ordering::Equal, Ordering::then)
    }
}

/// Compares two values in ascending order. NULL is least, then NaN. Strings and bytes compare by their bytes, and the two
/// zeros are equal.
fn ascending(one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::Float64(Float(one)), Value::Float64(Float(other))) => match (one.is_nan(), other.is_nan()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => one.partial_cmp(other).unwrap_or(Ordering::Equal),
        },
        _ => one.cmp(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_compare_in_spanners_order() {
        let up = KeyOrder(vec![false, false]);
        let rows: [[Value; 2]; 7] = [
            [Value::Null, 9.into()],
            [f64::NAN.into(), 0.into()],
            [f64::NEG_INFINITY.into(), 0.into()],
            [(-0.0).into(), 1.into()],
            [0.0.into(), 2.into()],
            [1.5.into(), Value::Null],
            [1.5.into(), 7.into()],
        ];
        assert!(rows.is_sorted_by(|one, other| up.compare(one, other).is_lt()));
        let texts = ["", "A", "a", "ä", "\u{10000}"].map(|text| [Value::from(text)]);
        assert!(texts.is_sorted_by(|one, other| KeyOrder(vec![false]).compare(one, other).is_lt()));
        assert!(
            texts.iter().rev().is_sorted_by(|one, other| KeyOrder(vec![true]).compare(*one, *other).is_lt())
        );
    }
}
