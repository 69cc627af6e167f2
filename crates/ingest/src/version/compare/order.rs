//! The order of Spanner's primary keys, which the rows of a table come in.

use std::cmp::Ordering;

use spanbridge_protocol::value::{Float, Value};

/// For each column of a key, whether it descends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order(pub(super) Vec<bool>);

impl Order {
    /// The keys are the first columns of the rows.
    pub(super) fn compare(&self, one: &[Value], other: &[Value]) -> Ordering {
        let columns = self.0.iter().zip(one.iter().zip(other));
        let each = columns.map(|(descends, (one, other))| {
            let order = ascending(one, other);
            if *descends { order.reverse() } else { order }
        });
        each.fold(Ordering::Equal, Ordering::then)
    }
}

/// NULL is least, then NaN; texts and bytes go by their bytes. The two zeros are one key.
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
    fn keys_are_in_spanners_order() {
        let up = Order(vec![false, false]);
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
        assert!(texts.is_sorted_by(|one, other| Order(vec![false]).compare(one, other).is_lt()));
        assert!(
            texts.iter().rev().is_sorted_by(|one, other| Order(vec![true]).compare(*one, *other).is_lt())
        );
    }
}
