//! One check and its result.

use std::fmt;

use serde::Serialize;

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// The stable name of the check.
    pub(super) name: &'static str,
    pub(super) passed: bool,
    /// The comparison with its numbers, followed by the faults.
    pub(super) detail: String,
}

impl Check {
    /// Creates the result of a check, which passed when `faults` is empty.
    pub(super) fn new(name: &'static str, compared: String, faults: Vec<String>) -> Self {
        if faults.is_empty() {
            return Self { name, passed: true, detail: compared };
        }
        Self { name, passed: false, detail: format!("{compared}: NO: {}", faults.join("; ")) }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.passed { '✓' } else { '✗' };
        write!(f, "{sign} {:<12} {}", self.name, self.detail)
    }
}

/// Describes a fault as in `4 rows are missing: a, b, c …`. Returns `None` without items.
pub(super) fn describe_fault<T: fmt::Display>(
    what: &str,
    items: impl IntoIterator<Item = T>,
) -> Option<String> {
    const MAX_ITEMS: usize = 3;
    let all: Vec<T> = items.into_iter().collect();
    if all.is_empty() {
        return None;
    }
    let first: Vec<String> = all.iter().take(MAX_ITEMS).map(T::to_string).collect();
    let more = if all.len() > MAX_ITEMS { " …" } else { "" };
    Some(format!("{} {what}: {}{more}", all.len(), first.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_has_the_count_and_the_first_items() {
        assert_eq!(describe_fault::<i32>("missing", []), None);
        assert_eq!(describe_fault("missing", [1, 2]).unwrap(), "2 missing: 1, 2");
        assert_eq!(describe_fault("missing", 1..=9).unwrap(), "9 missing: 1, 2, 3 …");
    }

    #[test]
    fn line_has_what_was_compared_and_the_faults() {
        let passed = Check::new("rows", "2 rows".into(), vec![]);
        assert_eq!(passed.to_string(), "✓ rows         2 rows");
        let failed = Check::new("rows", "2 rows".into(), vec!["1 missing: a".into()]);
        assert_eq!(failed.to_string(), "✗ rows         2 rows: NO: 1 missing: a");
    }
}
