//! Rows that are there before the changes: the tables at one timestamp, read in ranges of their keys.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::value::Timestamp;

/// A range of a snapshot, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct RangeId(pub u32);

/// What is still to be read of a range. Keys are as the service writes them: nothing here looks into them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SnapshotRange {
    pub table: Arc<str>,
    /// Its rows are read as they were then.
    pub at: Timestamp,
    /// The rows behind this key; nothing: from the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Arc<str>>,
    /// Up to this key, inclusively; nothing: to the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<Arc<str>>,
    /// Rows of it that have been published during a hold.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rows: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // As serde wants it.
fn is_zero(rows: &u64) -> bool {
    *rows == 0
}

/// A snapshot that is not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InitialSnapshot {
    pub at: Timestamp,
    /// The number of its ranges.
    pub ranges: u32,
}

/// Where the changes begin that a snapshot does not hold: a read at a timestamp sees what was committed at it,
/// and commit timestamps are a microsecond apart.
/// Source: <https://cloud.google.com/spanner/docs/commit-timestamp#overview>.
pub(super) fn behind(at: Timestamp) -> Timestamp {
    at + TimeDelta::microseconds(1)
}
