//! The rows of an aggregate table that a record adds to, where the event time alone determines them.

use super::super::change::{LatePolicy, RowKey, Target, Window, WindowKind};
use super::super::failure::Failure;
use super::super::window::{self, WindowEnd};
use super::failures::{require_event_time, window_failure};
use crate::value::{Timestamp, Value};

/// One row that a record adds to.
pub(super) struct AggregateRow {
    pub(super) key: RowKey,
    window: Option<(Window, WindowEnd)>,
}

impl AggregateRow {
    /// Returns what to do with the record if its window is closed at this stream time.
    pub(super) fn late_policy(&self, stream_time: Option<Timestamp>) -> Option<LatePolicy> {
        let (window, end) = self.window?;
        window::is_late(end, window.grace, stream_time).then_some(window.late)
    }
}

/// Returns the row of the group, or of each window that contains the event time. Sliding windows and
/// sessions have no such rows.
///
/// # Errors
/// If the table has windows and the event time is missing or out of range.
pub(super) fn aggregate_rows(
    target: &Target,
    index: usize,
    group: &[Value],
    at: Option<Timestamp>,
) -> Result<Vec<AggregateRow>, Failure> {
    let Some(window) = target.window() else {
        return Ok(vec![AggregateRow { key: RowKey { target: index, key: group.to_vec() }, window: None }]);
    };
    let at = require_event_time(target, at)?;
    let (size, starts) = match window.kind {
        WindowKind::Tumbling(size) => {
            (size, window::tumbling_window_start(at, size).map(|start| vec![start]))
        }
        WindowKind::Hopping(hop) => (hop.size(), window::hopping_window_starts(at, hop)),
        WindowKind::Sliding(_) | WindowKind::Session(_) => return Ok(Vec::new()),
    };
    let row = |start: Timestamp| {
        let mut key = group.to_vec();
        key.insert(window.at, Value::Timestamp(start));
        let end = WindowEnd::of_fixed_window(start, size);
        AggregateRow { key: RowKey { target: index, key }, window: Some((window, end)) }
    };
    Ok(starts.map_err(|error| window_failure(target, error))?.into_iter().map(row).collect())
}
