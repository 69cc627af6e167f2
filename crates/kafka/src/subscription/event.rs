use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::Shared;
use crate::error::Error;
use crate::record::{Record, TopicPartition};

/// What a subscription tells its caller, in order.
#[derive(Debug)]
pub enum Event {
    /// The group now assigns these partitions to this member, in addition to those it has. Nothing is read from them
    /// until `fetch_from`.
    Assigned(Vec<TopicPartition>),
    /// The group takes these partitions back, and waits (bounded) until `done` is finished or dropped. Nothing more is
    /// read meanwhile; chunks that were queued before may precede this event only.
    Revoked { partitions: Vec<TopicPartition>, done: Done },
    /// These partitions are somebody else's already (session expired, member fenced): drop everything of theirs.
    Lost(Vec<TopicPartition>),
    /// Records of one partition, in offset order without repetition within a generation. Offsets may have gaps
    /// (compaction, transaction markers, aborted records).
    Records { tp: TopicPartition, generation: u64, records: Vec<Record> },
    /// Something librdkafka will not recover from by itself. With a partition: its fetch stands still until the next
    /// `fetch_from`. `OutOfRange`: check with `watermarks` what was lost (the error may be that of a fetch just replaced;
    /// then `generation` or the watermarks say so). Without one: the member itself (authorisation, fatal).
    Error { tp: Option<TopicPartition>, generation: Option<u64>, error: Error },
}

/// The caller's answer to a revocation. Dropping it answers too.
#[derive(Debug)]
pub struct Done {
    answer: Option<oneshot::Sender<()>>,
    shared: Arc<Shared>,
}

impl Done {
    pub(crate) fn new(shared: Arc<Shared>) -> (Done, oneshot::Receiver<()>) {
        let (answer, answered) = oneshot::channel();
        (Done { answer: Some(answer), shared }, answered)
    }

    /// Everything of the revoked partitions is finished: the group may give them to others.
    pub fn finish(self) {}
}

impl Drop for Done {
    fn drop(&mut self) {
        if let Some(answer) = self.answer.take() {
            // Nobody waits any more after the time limit.
            let _ = answer.send(());
        }
        self.shared.waker.wake();
    }
}

/// The events of a subscription.
#[derive(Debug)]
pub struct Events {
    receiver: mpsc::Receiver<Event>,
    shared: Arc<Shared>,
}

impl Events {
    pub(crate) fn new(receiver: mpsc::Receiver<Event>, shared: Arc<Shared>) -> Self {
        Events { receiver, shared }
    }

    /// The next event; `None` after the subscription has ended. Safe to cancel.
    pub async fn recv(&mut self) -> Option<Event> {
        let event = self.receiver.recv().await;
        // There is room again.
        self.shared.waker.wake();
        event
    }

    /// The next event if there is one already.
    pub fn try_recv(&mut self) -> Option<Event> {
        let event = self.receiver.try_recv().ok();
        if event.is_some() {
            self.shared.waker.wake();
        }
        event
    }
}
