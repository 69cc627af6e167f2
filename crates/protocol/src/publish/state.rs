//! The records of the state topic: what a shard's next owner needs to know.

use std::sync::Arc;

use super::frontier::Frontier;
use super::incremental_snapshot::{
    Barrier, IncrementalSnapshot, Paused, RangeProgress, RequestId, SnapshotRequest,
};
use super::snapshot::{InitialSnapshot, RangeId, SnapshotRange};
use super::token::Token;
use crate::value::Timestamp;

/// The key of a state record; compaction keeps the last record of each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateKey {
    /// The pipeline's origin; in shard 0 only.
    Origin,
    /// Who took the shard last. An owner reads up to its own record of this key.
    Owner,
    /// A token's frontier; deleted when the token is finished.
    Token(Token),
    /// "Parent P of child C has finished"; a root has a note without a parent.
    /// Deleted with its child.
    #[serde(rename = "note")]
    ParentFinished { child: Token, parent: Option<Token> },
    /// A range of the snapshot; deleted when it is read.
    Range(RangeId),
    /// "This range is read"; in shard 0 only, deleted when the tokens begin or the hold ends.
    #[serde(rename = "read")]
    RangeRead(RangeId),
    /// The furthest start of the children of finished tokens.
    #[serde(rename = "passed")]
    LatestChildStart,
    /// Deleted when changes go on.
    #[serde(rename = "hold")]
    Barrier,
    /// "This shard has halted"; in shard 0 only, deleted when all have.
    #[serde(rename = "halted")]
    Paused(u32),
    /// Rows to be read again; in shard 0 only. Deleted when they have been; who deletes it before takes it back.
    #[serde(rename = "request")]
    SnapshotRequest(RequestId),
    /// The request that is being carried out, or was last; in shard 0 only.
    #[serde(rename = "reread")]
    IncrementalSnapshot,
}

/// The value of a state record.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateValue {
    Origin(Origin),
    /// A nonce of the owner.
    Owner(Arc<str>),
    Token(Frontier),
    #[serde(rename = "note")]
    ParentFinished(ParentFinished),
    Range(SnapshotRange),
    #[serde(rename = "read")]
    RangeRead,
    #[serde(rename = "part")]
    RangeProgress(RangeProgress),
    #[serde(rename = "passed")]
    LatestChildStart(Timestamp),
    #[serde(rename = "hold")]
    Barrier(Barrier),
    #[serde(rename = "halted")]
    Paused(Paused),
    #[serde(rename = "request")]
    SnapshotRequest(SnapshotRequest),
    #[serde(rename = "reread")]
    IncrementalSnapshot(IncrementalSnapshot),
}

/// Where the pipeline began.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Origin {
    pub start: Timestamp,
    /// The number of shards, which cannot change: it says where a token's state lies.
    pub shards: u32,
    pub change_stream: Arc<str>,
    /// While rows are read that come before the changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<InitialSnapshot>,
}

/// What a child's owner must know to start it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ParentFinished {
    /// The child's changes begin here.
    pub start: Timestamp,
    /// All parents of the child.
    pub parents: Vec<Token>,
}

/// One record for the state topic; without a value it deletes the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRecord {
    pub shard: u32,
    pub key: StateKey,
    pub value: Option<StateValue>,
}

/// The shard of a token: FNV-1a of its text, modulo the number of shards. Part of the stored
/// format.
///
/// # Panics
/// On no shards.
pub fn shard_of(token: &Token, shards: u32) -> u32 {
    assert!(shards > 0, "a pipeline has a shard");
    let hash = token
        .0
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash % shards
}
