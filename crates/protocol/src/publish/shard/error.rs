use std::sync::Arc;

use crate::value::Timestamp;

/// Why a shard cannot go on. All of these stop the pipeline: something stored contradicts what
/// is configured or what Spanner says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    #[error("the state topic was made for {stored} shards, the configuration says {configured}")]
    Shards { stored: u32, configured: u32 },
    #[error("the state topic belongs to change stream {stored}, the configuration says {configured}")]
    ChangeStream { stored: Arc<str>, configured: Arc<str> },
    #[error("token …{token}: a change at {at} came after all changes up to {frontier}")]
    Order { token: String, at: Timestamp, frontier: Timestamp },
}
