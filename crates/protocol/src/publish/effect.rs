//! What a shard is told and what it wants done.

use std::sync::Arc;
use std::time::Duration;

use super::snapshot::{RangeId, SnapshotRange};
use super::state::StateRecord;
use super::token::Token;
use crate::value::Timestamp;

/// Tells the change records of one commit timestamp apart: within a token a transaction's records
/// are numbered by their sequence, and each is of one table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ChangeId {
    /// `server_transaction_id`
    pub transaction: Arc<str>,
    /// `record_sequence`
    pub sequence: Arc<str>,
    /// `table_name`
    pub table: Arc<str>,
}

/// A child-partitions record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildTokens {
    pub start: Timestamp,
    /// Each child with all its parents.
    pub children: Vec<(Token, Vec<Token>)>,
}

/// Bounds of a shard.
#[derive(Debug, Clone)]
pub struct ShardLimits {
    /// Records of one Kafka transaction. A change record is never split, so one may exceed it.
    pub max_records: usize,
    pub max_bytes: usize,
    /// How long a record may wait for its transaction.
    pub max_wait: Duration,
    /// How long a frontier moved by heartbeats alone may wait.
    pub idle_wait: Duration,
    /// How long a shard reads rows again while changes are held; they then go on for as long, at least.
    pub max_barrier_time: Duration,
    /// How long shards that have halted wait for the others, the first time: twice as long each next time, up to 64 times.
    /// In between changes go on for six times as long.
    pub barrier_timeout: Duration,
}

/// What the shard wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum ShardEffect<D> {
    /// `init_transactions`: fences the previous owner; answer [`super::Shard::begin_recovery`].
    InitTransactions,
    /// One Kafka transaction; answer [`super::Shard::confirm_commit`], or drop the shard.
    Commit(KafkaTransaction<D>),
    /// Query without a token and collect its children; answer [`super::Shard::add_roots`].
    QueryRoots { start: Option<Timestamp> },
    /// Choose the snapshot's timestamp and divide its tables into ranges; answer [`super::Shard::add_snapshot_ranges`].
    DivideSnapshot,
    /// Divide a table into ranges, of which rows are read again; answer [`super::Shard::add_table_ranges`].
    DivideTable { table: Arc<str> },
    /// Changes are published up to there, inclusively: for [`super::Merge::set_end`].
    SetEnd { end: Option<Timestamp> },
    /// Read the rows of the range in the order of their keys; answer [`super::Shard::add_rows`] for each few of them while
    /// the answer is true, and then [`super::Shard::finish_range`].
    ReadRange { id: RangeId, range: SnapshotRange },
    /// Query this token from that timestamp on, inclusively.
    QueryToken { token: Token, start: Timestamp },
    /// A token is finished; its query has ended by itself.
    FinishToken { token: Token },
    /// A token has passed the pipeline's end: its query is to be dropped.
    StopToken { token: Token },
}

/// One Kafka transaction: the data is to be acknowledged before the state records are sent.
#[derive(Debug, Clone, PartialEq)]
pub struct KafkaTransaction<D> {
    pub data: Vec<D>,
    pub state: Vec<StateRecord>,
}
