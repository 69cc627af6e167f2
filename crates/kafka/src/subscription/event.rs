//! The events of a subscription, and how its caller receives and acknowledges them.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::SharedState;
use crate::error::Error;
use crate::record::{Record, TopicPartition};

/// An event of a subscription. Events come in the order in which they happened.
#[derive(Debug)]
pub enum Event {
    /// The group assigns these partitions to this member in addition to its others. Nothing is read from them
    /// until [`fetch_from`](super::Subscription::fetch_from).
    Assigned(Vec<TopicPartition>),
    /// The group revokes these partitions. It waits until `ack` is acknowledged or dropped, but at most for
    /// [`revoke_wait`](super::SubscriptionLimits::revoke_wait). Nothing is read from them after this event.
    Revoked {
        /// The revoked partitions.
        partitions: Vec<TopicPartition>,
        /// The acknowledgement that the caller has finished with them.
        ack: RevocationAck,
    },
    /// Other members may own these partitions already, because the session expired or the member was fenced.
    /// Drop all of their state.
    Lost(Vec<TopicPartition>),
    /// Records of one partition. Within a generation, offsets increase and do not repeat. There may be gaps
    /// (compaction, control records, aborted records).
    Records {
        /// The partition.
        tp: TopicPartition,
        /// The generation of the fetch, as [`fetch_from`](super::Subscription::fetch_from) returned it.
        generation: u64,
        /// The records; at least one.
        records: Vec<Record>,
    },
    /// The consumer's position is at the end of a partition, and behind offsets that are not delivered: control
    /// records, and records of aborted transactions. All records before the position were sent in earlier
    /// events.
    End {
        /// The partition.
        tp: TopicPartition,
        /// The generation of the fetch.
        generation: u64,
        /// The next offset of the consumer.
        position: i64,
    },
    /// An error that librdkafka does not recover from.
    ///
    /// With a partition, its fetch stands still until the next
    /// [`fetch_from`](super::Subscription::fetch_from). For `OutOfRange`,
    /// [`watermarks`](super::Subscription::watermarks) shows which offsets are lost; if the fetch was
    /// replaced in the meantime, `generation` is that of the old one. Without a partition, the error is about
    /// the member itself (authorization, a fatal error).
    Error {
        /// The partition, if the error is about a fetch.
        tp: Option<TopicPartition>,
        /// The generation of that fetch.
        generation: Option<u64>,
        /// The error.
        error: Error,
    },
}

/// The caller's acknowledgement of a revocation. Dropping it acknowledges too.
#[derive(Debug)]
pub struct RevocationAck {
    acknowledged: Option<oneshot::Sender<()>>,
    shared: Arc<SharedState>,
}

impl RevocationAck {
    pub(crate) fn new(shared: Arc<SharedState>) -> (RevocationAck, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        (RevocationAck { acknowledged: Some(sender), shared }, receiver)
    }

    /// Lets the group assign the revoked partitions to other members. The caller has finished with them.
    pub fn acknowledge(self) {}
}

impl Drop for RevocationAck {
    fn drop(&mut self) {
        if let Some(acknowledged) = self.acknowledged.take() {
            // After the time limit nobody waits for it.
            let _ = acknowledged.send(());
        }
        self.shared.waker.wake();
    }
}

/// The receiver of a subscription's events.
#[derive(Debug)]
pub struct Events {
    receiver: mpsc::Receiver<Event>,
    shared: Arc<SharedState>,
}

impl Events {
    pub(crate) fn new(receiver: mpsc::Receiver<Event>, shared: Arc<SharedState>) -> Self {
        Events { receiver, shared }
    }

    /// Waits for the next event. Returns `None` after the subscription has ended. Cancellation loses no
    /// event.
    pub async fn recv(&mut self) -> Option<Event> {
        let event = self.receiver.recv().await;
        // The queue has room again.
        self.shared.waker.wake();
        event
    }

    /// Returns the next event if one is queued.
    pub fn try_recv(&mut self) -> Option<Event> {
        let event = self.receiver.try_recv().ok();
        if event.is_some() {
            self.shared.waker.wake();
        }
        event
    }
}
