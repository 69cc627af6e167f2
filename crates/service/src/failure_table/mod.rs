//! The table of failures: what each does to a pipeline, how an operator sees it, and what to do.
//!
//! docs/failures.md is generated from [`FAILURES`]. A test compares both, and checks that the named tests exist.

mod rows;

use std::fmt::Write;

pub use rows::FAILURES;

/// One kind of failure.
#[derive(Debug, Clone, Copy)]
pub struct Failure {
    /// The failure.
    pub name: &'static str,
    /// The behaviour of the services.
    pub behaviour: &'static str,
    /// The log line. It is written once when the failure begins, and repeated at most once a minute.
    pub log: &'static str,
    /// The metric that shows it.
    pub metric: &'static str,
    /// The expression of an alert in Prometheus' query language.
    pub alert: &'static str,
    /// The action of an operator.
    pub remedy: &'static str,
    /// The test that makes the failure happen.
    pub coverage: Coverage,
}

/// How the behaviour of a failure is tested.
#[derive(Debug, Clone, Copy)]
pub enum Coverage {
    /// The file from the root of the repository, and the name of the test.
    Test(&'static str, &'static str),
    /// The reason why no test makes the failure happen.
    NotTestedHere(&'static str),
}

/// Returns the text of docs/failures.md.
#[must_use]
pub fn page() -> String {
    let mut text = String::from(HEAD);
    for failure in FAILURES {
        let Failure { name, behaviour, log, metric, alert, remedy, coverage } = failure;
        let coverage = match coverage {
            Coverage::Test(file, test) => format!("`{test}` in `{file}`"),
            Coverage::NotTestedHere(why) => format!("not tested here: {why}"),
        };
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n## {name}\n\n| | |\n| --- | --- |\n| behaviour | {behaviour} |\n| log | {log} |\n| metric | {metric} |\n\
             | alert | `{alert}` |\n| what to do | {remedy} |\n| test | {coverage} |\n"
        );
    }
    text
}

const HEAD: &str = "\
# Failures

What each failure does to a pipeline, how it shows, and what to do about it. In all of them, no record is lost or applied twice: a pipeline continues from
its stored position or state. This page is generated from `crates/service/src/failure_table/rows.rs`.

Two alerts cover most failures. They fire for each pipeline that does not progress, whatever the cause:

```text
spanbridge_pipeline_ready == 0        for 5 minutes
up{job=\"spanbridge\"} == 0             for 5 minutes
```

[Readiness](reference/telemetry.md#readiness) and [outages in the log](reference/telemetry.md#outages-in-the-log) are defined in the reference.
";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn page_is_up_to_date() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let written = std::fs::read_to_string(root.join("docs/failures.md")).unwrap_or_default();
        assert!(written == page(), "docs/failures.md should be:\n{}", page());
    }

    #[test]
    fn named_tests_exist() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for failure in FAILURES {
            if let Coverage::Test(file, test) = failure.coverage {
                let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
                assert!(text.contains(&format!("fn {test}(")), "{}: {file} has no test {test}", failure.name);
            }
        }
    }

    #[test]
    fn metrics_of_the_table_exist() {
        let is_known =
            |name: &str| spanbridge_telemetry::metrics::METRICS.iter().any(|metric| metric.name == name);
        for failure in FAILURES {
            for text in [failure.metric, failure.alert] {
                for word in text.split(|char: char| char != '_' && !char.is_ascii_lowercase()) {
                    assert!(!word.starts_with("spanbridge_") || is_known(word), "{}: {word}", failure.name);
                }
            }
        }
    }
}
