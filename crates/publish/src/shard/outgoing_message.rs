//! The messages that a shard queues for its next Kafka transaction.

use std::sync::Arc;
use std::time::SystemTime;

use spanbridge_kafka::Message;
use spanbridge_protocol::publish::Shard;
use spanbridge_protocol::value::Timestamp;

use crate::memory_budget::Reservation;

/// The state machine of a shard, which queues these messages.
pub(super) type Machine = Shard<OutgoingMessage>;

/// A message with what is measured of it.
pub(super) struct OutgoingMessage {
    pub(super) message: Message,
    /// The row that the message was made of; `None` for a message of an auxiliary topic.
    pub(super) origin: Option<MessageOrigin>,
    /// The memory of all messages of a change or page, kept with the first of them.
    pub(super) reservation: Option<Reservation>,
}

impl OutgoingMessage {
    pub(super) fn new(message: Message, origin: MessageOrigin) -> Self {
        Self { message, origin: Some(origin), reservation: None }
    }

    /// A message of an auxiliary topic.
    pub(super) fn auxiliary(message: Message) -> Self {
        Self { message, origin: None, reservation: None }
    }
}

/// The change or snapshot row that a message was made of, as far as metrics and traces need it.
#[derive(Clone)]
pub(super) struct MessageOrigin {
    pub(super) table: Arc<str>,
    /// The commit timestamp; `None` for snapshot rows, whose age is not latency.
    pub(super) commit: Option<Timestamp>,
    /// When the row was read from Spanner.
    pub(super) read: SystemTime,
    /// When the message was made of it.
    pub(super) transformed: SystemTime,
    /// True when no schema fits the change, so that the message is a dead letter.
    pub(super) is_dead_letter: bool,
    /// The trace of the Spanner transaction, from its tag.
    pub(super) trace: Option<[u8; 24]>,
}

/// The memory that a message takes, in bytes.
pub(super) fn message_size(message: &Message) -> usize {
    let bytes = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
    size_of_val(message) + bytes(&message.key) + bytes(&message.value)
}
