//! The report of a run: all checks and figures.

use serde::Serialize;

use super::check::Check;
use super::figures::Figures;
use crate::error::{Error, ErrorKind, Result};

/// The report of a run. The field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Report {
    pub(super) passed: bool,
    pub(super) checks: Vec<Check>,
    pub(super) figures: Figures,
}

impl Report {
    pub(super) fn new(checks: Vec<Check>, figures: Figures) -> Self {
        Self { passed: checks.iter().all(|check| check.passed), checks, figures }
    }

    /// Prints the report on standard output.
    pub(super) fn print(&self, json: bool) -> Result<()> {
        if json {
            let text = serde_json::to_string_pretty(self)
                .map_err(|error| Error::new(ErrorKind::Json, format!("cannot write the report: {error}")))?;
            println!("{text}");
            return Ok(());
        }
        println!();
        for check in &self.checks {
            println!("{check}");
        }
        println!("\n{}\n", self.figures);
        Ok(())
    }

    /// Returns an error when a check failed.
    pub(super) fn check_passed(&self) -> Result<()> {
        let failed = self.checks.iter().filter(|check| !check.passed).map(|check| check.name);
        let failed: Vec<_> = failed.collect();
        if failed.is_empty() {
            return Ok(());
        }
        let message =
            format!("{} of {} checks failed: {}", failed.len(), self.checks.len(), failed.join(", "));
        Err(Error::new(ErrorKind::CheckFailed, message))
    }
}
