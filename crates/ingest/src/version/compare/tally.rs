use std::cmp::Ordering;

use spanbridge_protocol::value::Value;

use super::checksum::{Checksum, RowSum};
use super::order::Order;

/// Keys of differing rows that are kept of each table.
const KEPT: usize = 10;

/// How a row differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// The new version does not have it.
    Missing,
    /// Only the new version has it.
    Extra,
    /// Both have it, with other values.
    Different,
}

/// What a table's rows in two versions come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub equal: u64,
    pub missing: u64,
    pub extra: u64,
    pub different: u64,
    /// Of the version before, and of the new one.
    pub checksums: [Checksum; 2],
    /// The first keys of rows that differ.
    pub keys: Vec<(Difference, Vec<Value>)>,
}

/// Which of the two rows at hand have been taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    Before,
    After,
    Both,
}

impl Tally {
    /// Whether all rows are the same.
    pub fn is_equal(&self) -> bool {
        self.missing == 0 && self.extra == 0 && self.different == 0
    }

    /// One step of the merge: the lesser of the next rows, or both when their keys are equal. Nothing at the end of
    /// both.
    pub(super) fn step(
        &mut self,
        order: &Order,
        before: Option<&Vec<Value>>,
        after: Option<&Vec<Value>>,
    ) -> Option<Taken> {
        let taken = match (before, after) {
            (None, None) => return None,
            (Some(_), None) => Taken::Before,
            (None, Some(_)) => Taken::After,
            (Some(before), Some(after)) => match order.compare(before, after) {
                Ordering::Less => Taken::Before,
                Ordering::Greater => Taken::After,
                Ordering::Equal => Taken::Both,
            },
        };
        let before = before.filter(|_| taken != Taken::After).map(|row| (row, RowSum::of(row)));
        let after = after.filter(|_| taken != Taken::Before).map(|row| (row, RowSum::of(row)));
        for (sum, row) in self.checksums.iter_mut().zip([&before, &after]) {
            if let Some((_, row)) = row {
                sum.add(*row);
            }
        }
        match (before, after) {
            (Some((_, before)), Some((_, after))) if before == after => self.equal += 1,
            (Some((row, _)), Some(_)) => {
                self.different += 1;
                self.keep(order, Difference::Different, row);
            }
            (Some((row, _)), None) => {
                self.missing += 1;
                self.keep(order, Difference::Missing, row);
            }
            (None, Some((row, _))) => {
                self.extra += 1;
                self.keep(order, Difference::Extra, row);
            }
            (None, None) => {}
        }
        Some(taken)
    }

    fn keep(&mut self, order: &Order, difference: Difference, row: &[Value]) {
        if self.keys.len() < KEPT {
            self.keys.push((difference, row.iter().take(order.0.len()).cloned().collect()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Rows = BTreeMap<i64, i64>;

    fn merged(before: &Rows, after: &Rows) -> Tally {
        let rows = |rows: &Rows| -> Vec<Vec<Value>> {
            rows.iter().map(|(key, value)| vec![(*key).into(), (*value).into()]).collect()
        };
        let (before, after, order) = (rows(before), rows(after), Order(vec![false]));
        let (mut tally, mut at) = (Tally::default(), (0, 0));
        while let Some(taken) = tally.step(&order, before.get(at.0), after.get(at.1)) {
            at.0 += usize::from(taken != Taken::After);
            at.1 += usize::from(taken != Taken::Before);
        }
        tally
    }

    #[test]
    fn each_kind_of_difference_is_counted_with_its_key() {
        let tally = merged(&[(1, 1), (2, 2), (3, 3)].into(), &[(2, 2), (3, 4), (5, 5)].into());
        assert_eq!([tally.equal, tally.missing, tally.extra, tally.different], [1, 1, 1, 1]);
        let key = |difference, key: i64| (difference, vec![Value::from(key)]);
        let expected =
            [key(Difference::Missing, 1), key(Difference::Different, 3), key(Difference::Extra, 5)];
        assert_eq!(tally.keys, expected);
        assert!(!tally.is_equal());
    }

    #[test]
    fn few_keys_are_kept_of_many_differences() {
        let tally = merged(&(0..100).map(|key| (key, key)).collect(), &Rows::new());
        assert_eq!((tally.missing, tally.keys.len()), (100, KEPT));
    }

    proptest! {
        #[test]
        fn the_merge_finds_what_a_plain_comparison_finds(
            before in prop::collection::btree_map(0..30_i64, 0..3_i64, 0..25),
            after in prop::collection::btree_map(0..30_i64, 0..3_i64, 0..25),
        ) {
            let tally = merged(&before, &after);
            let count = |is: &dyn Fn(&i64) -> bool| {
                let keys: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
                keys.into_iter().filter(|key| is(key)).count() as u64
            };
            prop_assert_eq!(tally.missing, count(&|key| !after.contains_key(key)));
            prop_assert_eq!(tally.extra, count(&|key| !before.contains_key(key)));
            prop_assert_eq!(tally.equal, count(&|key| before.get(key) == after.get(key)));
            let sums = tally.checksums;
            prop_assert_eq!(tally.is_equal(), before == after);
            prop_assert_eq!(sums[0] == sums[1], before == after);
        }
    }
}
