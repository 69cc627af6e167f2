//! The errors of a shard.

use std::sync::Arc;

use crate::value::Timestamp;

/// The reason why a shard cannot continue.
///
/// Each of these errors stops the pipeline, because stored state contradicts the configuration or what
/// Spanner delivers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// The number of shards differs.
    #[error("the state topic was made for {stored} shards, the configuration says {configured}")]
    Shards {
        /// The number in the state topic.
        stored: u32,
        /// The number in the configuration.
        configured: u32,
    },
    /// The change stream differs.
    #[error("the state topic belongs to change stream {stored}, the configuration says {configured}")]
    ChangeStream {
        /// The name in the state topic.
        stored: Arc<str>,
        /// The name in the configuration.
        configured: Arc<str>,
    },
    /// A change record precedes the frontier of its token.
    #[error("token …{token}: a change at {at} came after all changes up to {frontier}")]
    Order {
        /// The last characters of the token.
        token: String,
        /// The commit timestamp of the change.
        at: Timestamp,
        /// The timestamp of the frontier.
        frontier: Timestamp,
    },
}
