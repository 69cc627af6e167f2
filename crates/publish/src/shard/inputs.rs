//! The messages from the worker to a shard's task.

use std::sync::Arc;

use spanbridge_kafka::{Record, RevocationAck};
use tokio::sync::mpsc;

use crate::pipeline::Pipeline;
use crate::shard_status::SharedShardStatus;

/// News of the shard's partition of the state topic.
pub(crate) enum StateEvent {
    /// State records in the order of their offsets. `generation` tells the fetches of the partition apart.
    Records { generation: u64, records: Vec<Record> },
    /// The partition cannot be read. Without a generation, the error concerns every fetch.
    Failed { generation: Option<u64>, error: spanbridge_kafka::Error },
}

/// The request to finish the transaction in flight and to stop.
pub(crate) struct StopRequest {
    /// Dropped when the shard has stopped. The last clone to be dropped answers the consumer group.
    pub(crate) _ack: Option<Arc<RevocationAck>>,
}

/// The shard and the receiving ends of its channels.
pub(crate) struct ShardInputs {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) index: u32,
    pub(crate) state_events: mpsc::Receiver<StateEvent>,
    pub(crate) stop_requests: mpsc::Receiver<StopRequest>,
    pub(crate) status: Arc<SharedShardStatus>,
}
