//! A revocation that waits for its acknowledgement.

use std::time::Instant;

use tokio::sync::oneshot;

use crate::record::TopicPartition;

/// A revocation that the caller has not acknowledged yet.
#[derive(Debug)]
pub(crate) struct PendingRevocation {
    pub(crate) partitions: Vec<TopicPartition>,
    acknowledged: oneshot::Receiver<()>,
    deadline: Instant,
}

/// The state of a [`PendingRevocation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RevocationState {
    Waiting,
    Acknowledged,
    TimedOut,
}

impl PendingRevocation {
    pub(crate) fn new(
        partitions: Vec<TopicPartition>,
        acknowledged: oneshot::Receiver<()>,
        deadline: Instant,
    ) -> Self {
        PendingRevocation { partitions, acknowledged, deadline }
    }

    /// Returns the state at the time `now`.
    pub(crate) fn state(&mut self, now: Instant) -> RevocationState {
        match self.acknowledged.try_recv() {
            Ok(()) | Err(oneshot::error::TryRecvError::Closed) => RevocationState::Acknowledged,
            Err(oneshot::error::TryRecvError::Empty) if now >= self.deadline => RevocationState::TimedOut,
            Err(oneshot::error::TryRecvError::Empty) => RevocationState::Waiting,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn state_follows_acknowledgement_and_deadline() {
        let now = Instant::now();
        let later = now + Duration::from_secs(5);
        let (sender, receiver) = oneshot::channel();
        let mut revocation = PendingRevocation::new(vec![], receiver, later);
        assert_eq!(revocation.state(now), RevocationState::Waiting);
        assert_eq!(revocation.state(later), RevocationState::TimedOut);
        sender.send(()).unwrap();
        assert_eq!(revocation.state(now), RevocationState::Acknowledged);
        let (sender, receiver) = oneshot::channel::<()>();
        drop(sender);
        let mut revocation = PendingRevocation::new(vec![], receiver, later);
        assert_eq!(revocation.state(now), RevocationState::Acknowledged);
    }
}
