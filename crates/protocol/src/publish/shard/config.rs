//! The configuration of a shard.

use std::sync::Arc;

use super::error::ShardError;
use crate::publish::limits::ShardLimits;
use crate::publish::state::Origin;
use crate::value::Timestamp;

/// The configuration of a [`super::Shard`].
#[derive(Debug, Clone)]
pub struct ShardConfig {
    /// The index of the shard, from 0.
    pub index: u32,
    /// The number of shards of the pipeline.
    pub shards: u32,
    /// The name of the change stream.
    pub change_stream: Arc<str>,
    /// The commit timestamp at which a new pipeline starts; `None` means now.
    pub start: Option<Timestamp>,
    /// True if a new pipeline starts with a snapshot of the existing rows.
    pub snapshot: bool,
    /// The last commit timestamp to publish; `None` means no end. It may be set for an existing
    /// pipeline.
    pub end: Option<Timestamp>,
    /// The limits of the shard.
    pub limits: ShardLimits,
    /// True if each Spanner transaction is published within one Kafka transaction. The changes of an
    /// atomic pipeline come in commit order, through a [`crate::publish::Merge`].
    pub atomic: bool,
}

impl ShardConfig {
    /// Checks that the stored origin matches the configuration.
    pub(super) fn check_origin(&self, stored: &Origin) -> Result<(), ShardError> {
        if stored.shards != self.shards {
            return Err(ShardError::Shards { stored: stored.shards, configured: self.shards });
        }
        if stored.change_stream != self.change_stream {
            return Err(ShardError::ChangeStream {
                stored: stored.change_stream.clone(),
                configured: self.change_stream.clone(),
            });
        }
        Ok(())
    }
}
