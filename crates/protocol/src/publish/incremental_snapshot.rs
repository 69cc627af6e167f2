//! Incremental snapshots: rows that are published again, on request, while the pipeline continues.
//!
//! A request is carried out in rounds. In each round all shards pause at one timestamp, the barrier.
//! When everything up to the barrier is published, the shards read and publish rows as of the barrier,
//! and then resume. So a row follows every change that it contains and precedes every later change.
//! The protocol is described in docs/design/publish-snapshots.md; the types here are stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::snapshot::{RangeId, SnapshotRange};
use crate::value::Timestamp;

/// The name of a request. Requests are carried out in the order of their names.
pub type RequestId = Arc<str>;

/// A request to publish all rows of some tables once more.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SnapshotRequest {
    /// The tables' names.
    pub tables: Vec<Arc<str>>,
}

/// The identity of a barrier.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BarrierId {
    /// The request that the barrier belongs to.
    pub request: RequestId,
    /// The round of the request.
    pub round: u32,
}

/// A barrier, which limits what a shard may publish.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Barrier {
    /// The identity of the barrier.
    pub id: BarrierId,
    /// The last commit timestamp that may be published. `None` means that the shard pauses at once,
    /// because the timestamp is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// A shard's statement that it publishes nothing more until the barrier has a timestamp.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Paused {
    /// The barrier at which the shard has paused.
    pub id: BarrierId,
    /// The last timestamp that the shard may have published; `None` if it has published nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// The result of reading a range at one barrier.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RangeProgress {
    /// The number of published rows.
    pub rows: u64,
    /// The part that is left for another barrier.
    #[serde(default, rename = "rest", skip_serializing_if = "Option::is_none")]
    pub remaining: Option<SnapshotRange>,
    /// The reason why the rest cannot be read at all.
    #[serde(default, rename = "refused", skip_serializing_if = "Option::is_none")]
    pub error: Option<Arc<str>>,
}

/// The progress of a request. The last request keeps its record when it is done.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct IncrementalSnapshot {
    /// The request.
    pub request: RequestId,
    /// The event that the request waits for.
    pub stage: SnapshotStage,
    /// The number of barriers so far.
    pub round: u32,
    /// The tables that remain to be read. The first one is being read.
    pub tables: Vec<Arc<str>>,
    /// The ranges that remain of the first table.
    pub ranges: Vec<SnapshotRange>,
    /// The lowest range number that has not been used.
    #[serde(rename = "next")]
    pub next_range: RangeId,
    /// The progress of each table.
    #[serde(rename = "told")]
    pub table_progress: BTreeMap<Arc<str>, TableProgress>,
    /// True if the request was cancelled before all rows were read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
}

/// The progress of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TableProgress {
    /// The number of published rows.
    pub rows: u64,
    /// The reason why some rows could not be published.
    #[serde(default, rename = "refused", skip_serializing_if = "Option::is_none")]
    pub error: Option<Arc<str>>,
}

/// The event that a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SnapshotStage {
    /// The service divides the first table into ranges.
    Dividing,
    /// Publishing has resumed for a while.
    #[serde(rename = "pausing")]
    Resumed,
    /// All shards are asked to pause.
    #[serde(rename = "halting")]
    PausingShards,
    /// All changes up to this timestamp are being published.
    #[serde(rename = "holding")]
    AtBarrier(Timestamp),
    /// The shards read ranges at the barrier.
    Reading {
        /// The timestamp of the barrier.
        at: Timestamp,
        /// The number of the first range of this round.
        first: RangeId,
    },
    /// All rows were read, or the request was cancelled.
    Done,
}
