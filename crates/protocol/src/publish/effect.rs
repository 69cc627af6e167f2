//! The effects that a shard requests from the service that runs it.

use std::sync::Arc;

use super::snapshot::{RangeId, SnapshotRange};
use super::state::StateRecord;
use super::token::Token;
use crate::value::Timestamp;

/// An effect that the service carries out for a [`super::Shard`].
#[derive(Debug, Clone, PartialEq)]
pub enum ShardEffect<D> {
    /// Call `init_transactions`, which fences the previous owner. Then call
    /// [`super::Shard::begin_recovery`].
    InitTransactions,
    /// Commit one Kafka transaction. Then call [`super::Shard::confirm_commit`]; drop the shard if the
    /// outcome is not a certain success.
    Commit(KafkaTransaction<D>),
    /// Query the change stream without a token and collect the root tokens. Then call
    /// [`super::Shard::add_roots`].
    QueryRoots {
        /// The start of the query; `None` means now.
        start: Option<Timestamp>,
    },
    /// Choose the timestamp of the initial snapshot and divide its tables into ranges. Then call
    /// [`super::Shard::add_snapshot_ranges`].
    DivideSnapshot,
    /// Divide a table of an incremental snapshot into ranges. Then call
    /// [`super::Shard::add_table_ranges`].
    DivideTable {
        /// The table's name.
        table: Arc<str>,
    },
    /// Publish changes up to `end`, and no later ones. The service passes it to
    /// [`super::Merge::set_end`].
    SetEnd {
        /// The last commit timestamp to publish; `None` means no end.
        end: Option<Timestamp>,
    },
    /// Read the rows of a range in key order. Call [`super::Shard::add_rows`] for each page while it
    /// returns true, then [`super::Shard::finish_range`].
    ReadRange {
        /// The number of the range.
        id: RangeId,
        /// The rows to read.
        range: SnapshotRange,
    },
    /// Query a token.
    QueryToken {
        /// The token to query.
        token: Token,
        /// The inclusive start of the query.
        start: Timestamp,
    },
    /// Forget a token that is finished. Its query has already ended.
    FinishToken {
        /// The finished token.
        token: Token,
    },
    /// Stop the query of a token that has reached the end of publishing.
    StopToken {
        /// The token to stop.
        token: Token,
    },
}

/// One Kafka transaction. The service sends the state records after all data is acknowledged:
/// "Data before state" (docs/design/publish-takeover.md).
#[derive(Debug, Clone, PartialEq)]
pub struct KafkaTransaction<D> {
    /// The records to publish.
    pub data: Vec<D>,
    /// The records for the state topic.
    pub state: Vec<StateRecord>,
}
