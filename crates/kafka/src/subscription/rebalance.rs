use std::time::Instant;

use tokio::sync::oneshot;

use crate::record::TopicPartition;

/// A revocation that waits for the caller.
#[derive(Debug)]
pub(crate) struct Revocation {
    pub(crate) partitions: Vec<TopicPartition>,
    answered: oneshot::Receiver<()>,
    deadline: Instant,
}

/// How a revocation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Waiting,
    Done,
    Late,
}

impl Revocation {
    pub(crate) fn new(
        partitions: Vec<TopicPartition>,
        answered: oneshot::Receiver<()>,
        deadline: Instant,
    ) -> Self {
        Revocation { partitions, answered, deadline }
    }

    pub(crate) fn look(&mut self, now: Instant) -> Outcome {
        match self.answered.try_recv() {
            Ok(()) | Err(oneshot::error::TryRecvError::Closed) => Outcome::Done,
            Err(oneshot::error::TryRecvError::Empty) if now >= self.deadline => Outcome::Late,
            Err(oneshot::error::TryRecvError::Empty) => Outcome::Waiting,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn done_late_and_dropped() {
        let now = Instant::now();
        let later = now + Duration::from_secs(5);
        let (done, answered) = oneshot::channel();
        let mut r = Revocation::new(vec![], answered, later);
        assert_eq!(r.look(now), Outcome::Waiting);
        assert_eq!(r.look(later), Outcome::Late);
        done.send(()).unwrap();
        assert_eq!(r.look(now), Outcome::Done);
        let (done, answered) = oneshot::channel();
        drop(done);
        assert_eq!(Revocation::new(vec![], answered, later).look(now), Outcome::Done);
    }
}
