//! The rows of an aggregate table that a record adds to, where its time alone says which.

use super::super::change::{LatePolicy, RowKey, Target, Window, WindowKind};
use super::super::dead_letter::Failure;
use super::super::window::{self, End, WindowError};
use crate::value::{Timestamp, Value};

/// One row.
pub(super) struct Cell {
    pub(super) key: RowKey,
    window: Option<(Window, End)>,
}

impl Cell {
    /// What is to be done with a late record at that time of its stream; nothing when it is not late.
    pub(super) fn lateness(&self, time: Option<Timestamp>) -> Option<LatePolicy> {
        let (window, end) = self.window?;
        window::is_late(end, window.grace, time).then_some(window.late)
    }
}

/// The group's row, or that of each window that holds the event time. None of sliding windows and sessions.
pub(super) fn cells(
    target: &Target,
    number: usize,
    group: &[Value],
    at: Option<Timestamp>,
) -> Result<Vec<Cell>, Failure> {
    let Some(window) = target.window() else {
        return Ok(vec![Cell { key: RowKey { target: number, key: group.to_vec() }, window: None }]);
    };
    let at = time(target, at)?;
    let (size, starts) = match window.kind {
        WindowKind::Tumbling(size) => (size, window::tumbling(at, size).map(|start| vec![start])),
        WindowKind::Hopping(hop) => (hop.size(), window::hopping(at, hop)),
        WindowKind::Sliding(_) | WindowKind::Session(_) => return Ok(Vec::new()),
    };
    let cell = |start: Timestamp| {
        let mut key = group.to_vec();
        key.insert(window.at, Value::Timestamp(start));
        Cell { key: RowKey { target: number, key }, window: Some((window, End::fixed(start, size))) }
    };
    Ok(starts.map_err(|error| failure(target, error))?.into_iter().map(cell).collect())
}

/// The event time, which a window needs.
pub(super) fn time(target: &Target, at: Option<Timestamp>) -> Result<Timestamp, Failure> {
    at.ok_or_else(|| {
        Failure::new("SB-INGEST-WINDOW", format!("{}: the record has no event time", target.table))
    })
}

/// What a window's error means for the record.
pub(super) fn failure(target: &Target, error: WindowError) -> Failure {
    match error {
        WindowError::Function(place, error) => super::groups::failure(target, place, error),
        error => Failure::new("SB-INGEST-WINDOW", format!("{}: {error}", target.table)),
    }
}

/// The record is late, and its policy is to say so.
pub(super) fn closed(target: &Target) -> Failure {
    Failure::new("SB-INGEST-LATE", format!("{}: the record's window has been closed", target.table))
}
