//! The initial snapshot: the rows of all tables at one timestamp, read in ranges of their keys.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::value::Timestamp;

/// The number of a range within its snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct RangeId(pub u32);

/// The unread part of a range of rows. The service encodes the keys; nothing here inspects them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SnapshotRange {
    /// The table's name.
    pub table: Arc<str>,
    /// The timestamp at which the rows are read.
    pub at: Timestamp,
    /// The exclusive lower key; `None` means from the first row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Arc<str>>,
    /// The inclusive upper key; `None` means to the last row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<Arc<str>>,
    /// The number of rows of the range that have been published at the current barrier.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rows: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde calls it with a reference.
fn is_zero(rows: &u64) -> bool {
    *rows == 0
}

/// An initial snapshot that is not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InitialSnapshot {
    /// The timestamp at which the rows are read.
    pub at: Timestamp,
    /// The number of ranges.
    pub ranges: u32,
}

/// Returns the commit timestamp of the first changes that a snapshot at `at` does not contain.
///
/// A read at a timestamp sees what was committed at it, and commit timestamps have microsecond
/// granularity. Source: <https://cloud.google.com/spanner/docs/commit-timestamp#overview>.
pub(super) fn first_change_after(at: Timestamp) -> Timestamp {
    at + TimeDelta::microseconds(1)
}
