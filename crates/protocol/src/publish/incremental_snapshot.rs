//! Rows that are read again while changes go on: by request, a part at a time.
//!
//! For each part all shards hold their changes at one timestamp. When everything up to there is published, rows are read
//! as of it and published, and the changes go on: so a row stands behind every change that it holds, and in front of
//! every other.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::snapshot::{RangeId, SnapshotRange};
use crate::value::Timestamp;

/// Names a request. They are carried out in its order.
pub type RequestId = Arc<str>;

/// Asks that all rows of some tables be published once more.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SnapshotRequest {
    pub tables: Vec<Arc<str>>,
}

/// Tells one hold from all others.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BarrierId {
    pub request: RequestId,
    pub round: u32,
}

/// Changes are held.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Barrier {
    pub id: BarrierId,
    /// Up to where, inclusively, changes are published; nothing: no more at all, until it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// A shard publishes nothing more.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Paused {
    pub id: BarrierId,
    /// It has published nothing behind that; nothing at all when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// What came of a range within one hold.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RangeProgress {
    /// Rows that were published.
    pub rows: u64,
    /// What is left for another hold.
    #[serde(default, rename = "rest", skip_serializing_if = "Option::is_none")]
    pub remaining: Option<SnapshotRange>,
    /// Why the rest cannot be read at all.
    #[serde(default, rename = "refused", skip_serializing_if = "Option::is_none")]
    pub error: Option<Arc<str>>,
}

/// How far a request is; the last one stays when it is done.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct IncrementalSnapshot {
    pub request: RequestId,
    pub stage: SnapshotStage,
    /// Of its holds.
    pub round: u32,
    /// Those that are still to be read; the first one is being read.
    pub tables: Vec<Arc<str>>,
    /// What is left of the first table.
    pub ranges: Vec<SnapshotRange>,
    /// The first number that no range has had.
    #[serde(rename = "next")]
    pub next_range: RangeId,
    /// By table.
    #[serde(rename = "told")]
    pub table_progress: BTreeMap<Arc<str>, TableProgress>,
    /// The request was taken back before all was read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
}

/// What has come of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TableProgress {
    /// Rows that were published.
    pub rows: u64,
    /// Why not all of them could be.
    #[serde(default, rename = "refused", skip_serializing_if = "Option::is_none")]
    pub error: Option<Arc<str>>,
}

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SnapshotStage {
    /// The first table is to be divided into ranges.
    Dividing,
    /// Changes go on for a while.
    #[serde(rename = "pausing")]
    Resumed,
    /// All shards are to halt.
    #[serde(rename = "halting")]
    PausingShards,
    /// All changes up to there are to be published.
    #[serde(rename = "holding")]
    AtBarrier(Timestamp),
    /// The ranges of these numbers are to be read, as of then.
    Reading {
        at: Timestamp,
        first: RangeId,
    },
    Done,
}
