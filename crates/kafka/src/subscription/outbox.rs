//! The sending side of the event queue.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

use super::SharedState;
use super::event::Event;

/// Slots of the event queue that records may not take, so that rebalances and errors find room.
pub(crate) const RESERVED_EVENT_SLOTS: usize = 16;

/// Sends events to the caller without waiting, in order.
pub(crate) struct Outbox {
    sender: mpsc::Sender<Event>,
    /// Events that found the queue full. Only rebalances and failed partitions add to it, records never do.
    overflow: VecDeque<Event>,
    shared: Arc<SharedState>,
    /// Whether the last call of [`has_room`](Self::has_room) found none.
    is_stalled: bool,
}

impl Outbox {
    pub(crate) fn new(sender: mpsc::Sender<Event>, shared: Arc<SharedState>) -> Self {
        Outbox { sender, overflow: VecDeque::new(), shared, is_stalled: false }
    }

    /// Sends an event after all earlier ones.
    pub(crate) fn send(&mut self, event: Event) {
        self.overflow.push_back(event);
        self.flush();
    }

    /// Sends the events that wait, as far as the queue has room.
    pub(crate) fn flush(&mut self) {
        while let Some(event) = self.overflow.pop_front() {
            match self.sender.try_send(event) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(event)) => {
                    self.overflow.push_front(event);
                    return;
                }
                // The caller has gone. A dropped `Revoked` acknowledges itself.
                Err(mpsc::error::TrySendError::Closed(_)) => {}
            }
        }
    }

    /// Returns whether the queue has room for records, and counts a stall when it no longer has.
    pub(crate) fn has_room(&mut self) -> bool {
        let has_room = self.overflow.is_empty() && self.sender.capacity() > RESERVED_EVENT_SLOTS;
        if !has_room && !self.is_stalled {
            self.shared.counters.stalls.fetch_add(1, Ordering::Relaxed);
        }
        self.is_stalled = !has_room;
        has_room
    }
}
