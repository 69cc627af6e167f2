//! The records of the state topic: what the next owner of a shard needs to know.
//!
//! The JSON form of these types is stored, so a change of a name needs `#[serde(rename)]`. Services
//! encode and decode it; `crates/publish` has a golden test of each record.

use std::sync::Arc;

use super::frontier::Frontier;
use super::incremental_snapshot::{
    Barrier, IncrementalSnapshot, Paused, RangeProgress, RequestId, SnapshotRequest,
};
use super::snapshot::{InitialSnapshot, RangeId, SnapshotRange};
use super::token::Token;
use crate::value::Timestamp;

/// The key of a state record. Compaction keeps the last record of each key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateKey {
    /// The pipeline's origin. In shard 0 only.
    Origin,
    /// The last owner of the shard. An owner reads the partition up to its own record of this key.
    Owner,
    /// The frontier of a token. Deleted when the token is finished.
    Token(Token),
    /// "The parent of this child has finished." Deleted with the child.
    #[serde(rename = "note")]
    ParentFinished {
        /// The child token.
        child: Token,
        /// The parent token; `None` for a root token.
        parent: Option<Token>,
    },
    /// A range of rows to read. Deleted when it has been read.
    Range(RangeId),
    /// "This range has been read." In shard 0 only. Deleted when the root tokens are known, or when
    /// the barrier ends.
    #[serde(rename = "read")]
    RangeRead(RangeId),
    /// The latest start of the children of finished tokens.
    #[serde(rename = "passed")]
    LatestChildStart,
    /// The barrier of the shard. Deleted when publishing resumes.
    #[serde(rename = "hold")]
    Barrier,
    /// "The shard of this index has paused." In shard 0 only. Deleted when all shards have paused.
    #[serde(rename = "halted")]
    Paused(u32),
    /// A request for an incremental snapshot. In shard 0 only. Deleted when it is done; an earlier
    /// deletion cancels it.
    #[serde(rename = "request")]
    SnapshotRequest(RequestId),
    /// The progress of the current or last request. In shard 0 only.
    #[serde(rename = "reread")]
    IncrementalSnapshot,
}

/// The value of a state record.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateValue {
    /// The value of [`StateKey::Origin`].
    Origin(Origin),
    /// The nonce of the owner, the value of [`StateKey::Owner`].
    Owner(Arc<str>),
    /// The value of [`StateKey::Token`].
    Token(Frontier),
    /// The value of [`StateKey::ParentFinished`].
    #[serde(rename = "note")]
    ParentFinished(ParentFinished),
    /// The value of [`StateKey::Range`].
    Range(SnapshotRange),
    /// The value of [`StateKey::RangeRead`] for a range of the initial snapshot.
    #[serde(rename = "read")]
    RangeRead,
    /// The value of [`StateKey::RangeRead`] for a range of an incremental snapshot.
    #[serde(rename = "part")]
    RangeProgress(RangeProgress),
    /// The value of [`StateKey::LatestChildStart`].
    #[serde(rename = "passed")]
    LatestChildStart(Timestamp),
    /// The value of [`StateKey::Barrier`].
    #[serde(rename = "hold")]
    Barrier(Barrier),
    /// The value of [`StateKey::Paused`].
    #[serde(rename = "halted")]
    Paused(Paused),
    /// The value of [`StateKey::SnapshotRequest`].
    #[serde(rename = "request")]
    SnapshotRequest(SnapshotRequest),
    /// The value of [`StateKey::IncrementalSnapshot`].
    #[serde(rename = "reread")]
    IncrementalSnapshot(IncrementalSnapshot),
}

/// The start of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Origin {
    /// The commit timestamp of the first changes.
    pub start: Timestamp,
    /// The number of shards. It cannot change, because it determines the shard of each token.
    pub shards: u32,
    /// The name of the change stream.
    pub change_stream: Arc<str>,
    /// The initial snapshot, while its rows are being read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<InitialSnapshot>,
}

/// The facts that the owner of a child token needs to start it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ParentFinished {
    /// The commit timestamp at which the child starts.
    pub start: Timestamp,
    /// All parents of the child.
    pub parents: Vec<Token>,
}

/// One record for the state topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRecord {
    /// The shard, which is the partition of the state topic.
    pub shard: u32,
    /// The record's key.
    pub key: StateKey,
    /// The record's value; `None` deletes the key.
    pub value: Option<StateValue>,
}

/// Returns the shard of a token: FNV-1a of its text, modulo the number of shards.
///
/// The function is part of the stored format.
///
/// # Panics
/// If `shards` is zero.
pub fn shard_of(token: &Token, shards: u32) -> u32 {
    assert!(shards > 0, "a pipeline has at least one shard");
    let hash = token
        .0
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash % shards
}
