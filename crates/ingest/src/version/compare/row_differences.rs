use std::cmp::Ordering;

use spanbridge_protocol::value::Value;

use super::checksum::{Checksum, RowChecksum};
use super::key_order::KeyOrder;

/// The maximum number of keys of differing rows that are kept per table.
const MAX_KEYS: usize = 10;

/// The way in which a row differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// Only the reference version has the row.
    Missing,
    /// Only the compared version has the row.
    Extra,
    /// The row has different values in the two versions.
    Different,
}

/// The differences between a table's rows in two versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowDifferences {
    /// The number of equal rows.
    pub equal: u64,
    /// The number of rows that only the reference version has.
    pub missing: u64,
    /// The number of rows that only the compared version has.
    pub extra: u64,
    /// The number of rows with different values.
    pub different: u64,
    /// The checksums of the reference version and of the compared version.
    pub checksums: [Checksum; 2],
    /// The first keys of rows that differ.
    pub keys: Vec<(Difference, Vec<Value>)>,
}

/// The rows that one step of the merge consumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MergeStep {
    Before,
    After,
    Both,
}

impl RowDifferences {
    /// Returns true if all rows are equal.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.missing == 0 && self.extra == 0 && self.different == 0
    }

    /// Compares the next rows and returns the ones that this step consumes: the one with the lesser key, or both if the
    /// keys are equal. Returns `None` at the end of both tables.
    pub(super) fn step(
        &mut self,
        order: &KeyOrder,
        before: Option<&Vec<Value>>,
        after: Option<&Vec<Value>>,
    ) -> Option<MergeStep> {
        let step = match (before, after) {
            (None, None) => return None,
            (Some(_), None) => MergeStep::Before,
            (None, Some(_)) => MergeStep::After,
            (Some(before), Some(after)) => match order.compare(before, after) {
                Ordering::Less => MergeStep::Before,
                Ordering::Greater => MergeStep::After,
                Ordering::Equal => MergeStep::Both,
            },
        };
        let before = before.filter(|_| step != MergeStep::After).map(|row| (row, RowChecksum::of(row)));
        let after = after.filter(|_| step != MergeStep::Before).map(|row| (row, RowChecksum::of(row)));
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
        Some(step)
    }

    fn keep(&mut self, order: &KeyOrder, difference: Difference, row: &[Value]) {
        if self.keys.len() < MAX_KEYS {
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

    fn merged(before: &Rows, after: &Rows) -> RowDifferences {
        let rows = |rows: &Rows| -> Vec<Vec<Value>> {
            rows.iter().map(|(key, value)| vec![(*key).into(), (*value).into()]).collect()
        };
        let (before, after, order) = (rows(before), rows(after), KeyOrder(vec![false]));
        let (mut differences, mut at) = (RowDifferences::default(), (0, 0));
        while let Some(step) = differences.step(&order, before.get(at.0), after.get(at.1)) {
            at.0 += usize::from(step != MergeStep::After);
            at.1 += usize::from(step != MergeStep::Before);
        }
        differences
    }

    #[test]
    fn each_difference_is_counted_with_its_key() {
        let differences = merged(&[(1, 1), (2, 2), (3, 3)].into(), &[(2, 2), (3, 4), (5, 5)].into());
        assert_eq!(
            [differences.equal, differences.missing, differences.extra, differences.different],
            [1, 1, 1, 1]
        );
        let key = |difference, key: i64| (difference, vec![Value::from(key)]);
        let expected =
            [key(Difference::Missing, 1), key(Difference::Different, 3), key(Difference::Extra, 5)];
        assert_eq!(differences.keys, expected);
        assert!(!differences.is_equal());
    }

    #[test]
    fn number_of_kept_keys_is_limited() {
        let differences = merged(&(0..100).map(|key| (key, key)).collect(), &Rows::new());
        assert_eq!((differences.missing, differences.keys.len()), (100, MAX_KEYS));
    }

    proptest! {
        #[test]
        fn merge_equals_a_comparison_of_maps(
            before in prop::collection::btree_map(0..30_i64, 0..3_i64, 0..25),
            after in prop::collection::btree_map(0..30_i64, 0..3_i64, 0..25),
        ) {
            let differences = merged(&before, &after);
            let count = |is: &dyn Fn(&i64) -> bool| {
                let keys: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
                keys.into_iter().filter(|key| is(key)).count() as u64
            };
            prop_assert_eq!(differences.missing, count(&|key| !after.contains_key(key)));
            prop_assert_eq!(differences.extra, count(&|key| !before.contains_key(key)));
            prop_assert_eq!(differences.equal, count(&|key| before.get(key) == after.get(key)));
            let sums = differences.checksums;
            prop_assert_eq!(differences.is_equal(), before == after);
            prop_assert_eq!(sums[0] == sums[1], before == after);
        }
    }
}
