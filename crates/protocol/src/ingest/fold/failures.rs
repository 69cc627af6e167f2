//! The failures of records that are found by folding.

use super::super::aggregate::{AggregateError, AggregateFunction};
use super::super::change::{Target, TargetKind};
use super::super::failure::Failure;
use super::super::window::WindowError;
use crate::value::Timestamp;

/// Returns the functions of a target, in column order.
pub(super) fn functions(target: &Target) -> &[AggregateFunction] {
    match &target.kind {
        TargetKind::Groups(groups) => &groups.functions,
        TargetKind::Rows(_) => &[],
    }
}

/// Returns the failure of the target's function of index `function`.
pub(super) fn aggregate_failure(target: &Target, function: usize, error: AggregateError) -> Failure {
    // The functions' columns are the last ones of the target.
    let width: usize = functions(target)[function..].iter().map(|function| function.width()).sum();
    let column = &target.columns[target.columns.len() - width];
    Failure::new("SB-INGEST-AGGREGATE", format!("{}.{column}: {error}", target.table))
}

/// Returns the failure of a record whose windows cannot be determined or changed.
pub(super) fn window_failure(target: &Target, error: WindowError) -> Failure {
    match error {
        WindowError::Function(function, error) => aggregate_failure(target, function, error),
        error => Failure::new("SB-INGEST-WINDOW", format!("{}: {error}", target.table)),
    }
}

/// Returns the failure of a late record, under `late = "dead-letter"`.
pub(super) fn late_failure(target: &Target) -> Failure {
    Failure::new("SB-INGEST-LATE", format!("{}: the record's window has been closed", target.table))
}

/// Returns the event time of a record, which a window requires.
///
/// # Errors
/// If the record has no event time.
pub(super) fn require_event_time(target: &Target, at: Option<Timestamp>) -> Result<Timestamp, Failure> {
    at.ok_or_else(|| {
        Failure::new("SB-INGEST-WINDOW", format!("{}: the record has no event time", target.table))
    })
}
