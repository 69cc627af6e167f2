//! One check and its outcome.

use std::fmt;

use serde::Serialize;

/// What was compared, and whether it was as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// A stable name.
    pub(super) name: &'static str,
    pub(super) passed: bool,
    /// What was compared, how many; and what was wrong.
    pub(super) detail: String,
}

impl Check {
    /// Passed when there is nothing in `faults`, which say what was wrong.
    pub(super) fn of(name: &'static str, compared: String, faults: Vec<String>) -> Self {
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

/// `3 rows are missing: a, b, c` and so on; nothing for an empty list.
pub(super) fn fault<T: fmt::Display>(what: &str, of: impl IntoIterator<Item = T>) -> Option<String> {
    /// More say no more.
    const SHOWN: usize = 3;
    let all: Vec<T> = of.into_iter().collect();
    if all.is_empty() {
        return None;
    }
    let shown: Vec<String> = all.iter().take(SHOWN).map(T::to_string).collect();
    let more = if all.len() > SHOWN { " …" } else { "" };
    Some(format!("{} {what}: {}{more}", all.len(), shown.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_counted_and_some_are_shown() {
        assert_eq!(fault::<i32>("missing", []), None);
        assert_eq!(fault("missing", [1, 2]).unwrap(), "2 missing: 1, 2");
        assert_eq!(fault("missing", 1..=9).unwrap(), "9 missing: 1, 2, 3 …");
    }

    #[test]
    fn a_line_says_what_was_compared() {
        let passed = Check::of("rows", "2 rows".into(), vec![]);
        assert_eq!(passed.to_string(), "✓ rows         2 rows");
        let failed = Check::of("rows", "2 rows".into(), vec!["1 missing: a".into()]);
        assert_eq!(failed.to_string(), "✗ rows         2 rows: NO: 1 missing: a");
    }
}
