use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::lock;

/// The loops that must keep beating for the process to count as alive. Clones share one registry.
#[derive(Debug, Clone, Default)]
pub struct Liveness {
    loops: Arc<Mutex<BTreeMap<String, Arc<Loop>>>>,
}

#[derive(Debug)]
struct Loop {
    bound: Duration,
    last: Mutex<Instant>,
}

impl Liveness {
    /// Watches a loop from now on, which must beat at least once in each `bound`. A loop of the same name is
    /// replaced.
    #[must_use]
    pub fn register(&self, name: impl Into<String>, bound: Duration) -> Heartbeat {
        let name = name.into();
        let watched = Arc::new(Loop { bound, last: Mutex::new(Instant::now()) });
        lock(&self.loops).insert(name.clone(), Arc::clone(&watched));
        Heartbeat { liveness: self.clone(), name, watched }
    }

    /// One line for each loop that has not beaten for its bound at `now`.
    pub(crate) fn stuck(&self, now: Instant) -> Vec<String> {
        let loops = lock(&self.loops);
        let silence = |watched: &Loop| now.saturating_duration_since(*lock(&watched.last));
        loops
            .iter()
            .filter(|(_, watched)| silence(watched) > watched.bound)
            .map(|(name, watched)| {
                format!("{name}: silent for {:.1?}, its bound is {:?}", silence(watched), watched.bound)
            })
            .collect()
    }
}

/// Held by a watched loop.
///
/// Dropping it is not an end: a loop that panicked or was forgotten turns `/livez` to 503 once its bound has
/// passed. A loop that ends on purpose calls [`done`](Heartbeat::done).
#[derive(Debug)]
pub struct Heartbeat {
    liveness: Liveness,
    name: String,
    watched: Arc<Loop>,
}

impl Heartbeat {
    /// Says that the loop goes round.
    pub fn beat(&self) {
        *lock(&self.watched.last) = Instant::now();
    }

    /// Says that the loop has ended as it should.
    pub fn done(self) {
        let mut loops = lock(&self.liveness.loops);
        // Its successor may have registered under the same name already.
        if loops.get(&self.name).is_some_and(|watched| Arc::ptr_eq(watched, &self.watched)) {
            loops.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_secs(10);

    #[test]
    fn a_silent_loop_is_named() {
        let liveness = Liveness::default();
        let _poll = liveness.register("flights.poll", BOUND);
        let slow = liveness.register("flights.commit", BOUND * 10);
        let now = Instant::now();
        assert!(liveness.stuck(now).is_empty());
        let stuck = liveness.stuck(now + BOUND * 2);
        assert_eq!(stuck.len(), 1);
        assert!(stuck[0].starts_with("flights.poll: silent for 20"), "{stuck:?}");
        slow.beat();
    }

    #[test]
    fn dropped_is_not_done() {
        let liveness = Liveness::default();
        drop(liveness.register("a", BOUND));
        liveness.register("b", BOUND).done();
        let stuck = liveness.stuck(Instant::now() + BOUND * 2);
        assert_eq!(stuck.len(), 1);
        assert!(stuck[0].starts_with("a: "));
    }

    #[test]
    fn the_end_of_the_predecessor_leaves_the_successor() {
        let liveness = Liveness::default();
        let old = liveness.register("a", BOUND);
        let _new = liveness.register("a", BOUND);
        old.done();
        assert_eq!(liveness.stuck(Instant::now() + BOUND * 2).len(), 1);
    }
}
