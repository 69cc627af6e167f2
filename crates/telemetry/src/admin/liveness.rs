//! The loops that must keep running.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::lock;

/// The registry of the loops that must beat for the process to count as alive. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Liveness {
    loops: Arc<Mutex<BTreeMap<String, Arc<WatchedLoop>>>>,
}

#[derive(Debug)]
struct WatchedLoop {
    /// The longest time between two beats.
    bound: Duration,
    last_beat: Mutex<Instant>,
}

impl WatchedLoop {
    fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(*lock(&self.last_beat))
    }
}

impl Liveness {
    /// Watches a loop from now on. It must beat at least once in each `bound`. A loop of the same name is
    /// replaced.
    #[must_use]
    pub fn register(&self, name: impl Into<String>, bound: Duration) -> Heartbeat {
        let name = name.into();
        let watched = Arc::new(WatchedLoop { bound, last_beat: Mutex::new(Instant::now()) });
        lock(&self.loops).insert(name.clone(), Arc::clone(&watched));
        Heartbeat { liveness: self.clone(), name, watched }
    }

    /// Returns one line for each loop that has not beaten for longer than its bound at `now`.
    pub(crate) fn stuck_loops(&self, now: Instant) -> Vec<String> {
        let loops = lock(&self.loops);
        let stuck = loops.iter().filter(|(_, watched)| watched.silence(now) > watched.bound);
        let line = |(name, watched): (&String, &Arc<WatchedLoop>)| {
            format!("{name}: silent for {:.1?}, its bound is {:?}", watched.silence(now), watched.bound)
        };
        stuck.map(line).collect()
    }
}

/// The handle of a watched loop.
///
/// Dropping it does not end the watch: a loop that panicked or was forgotten turns `/livez` to 503 once its
/// bound has passed. A loop that ends on purpose calls [`done`](Heartbeat::done).
#[derive(Debug)]
pub struct Heartbeat {
    liveness: Liveness,
    name: String,
    watched: Arc<WatchedLoop>,
}

impl Heartbeat {
    /// Reports that the loop runs.
    pub fn beat(&self) {
        *lock(&self.watched.last_beat) = Instant::now();
    }

    /// Reports that the loop has ended as intended.
    pub fn done(self) {
        let mut loops = lock(&self.liveness.loops);
        // A successor may have registered under the same name already.
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
    fn silent_loop_is_named() {
        let liveness = Liveness::default();
        let _poll = liveness.register("flights.poll", BOUND);
        let slow = liveness.register("flights.commit", BOUND * 10);
        let now = Instant::now();
        assert!(liveness.stuck_loops(now).is_empty());
        let stuck = liveness.stuck_loops(now + BOUND * 2);
        assert_eq!(stuck.len(), 1);
        assert!(stuck[0].starts_with("flights.poll: silent for 20"), "{stuck:?}");
        slow.beat();
    }

    #[test]
    fn dropped_handle_keeps_its_loop_watched() {
        let liveness = Liveness::default();
        drop(liveness.register("a", BOUND));
        liveness.register("b", BOUND).done();
        let stuck = liveness.stuck_loops(Instant::now() + BOUND * 2);
        assert_eq!(stuck.len(), 1);
        assert!(stuck[0].starts_with("a: "));
    }

    #[test]
    fn end_of_the_predecessor_keeps_the_successor() {
        let liveness = Liveness::default();
        let old = liveness.register("a", BOUND);
        let _new = liveness.register("a", BOUND);
        old.done();
        assert_eq!(liveness.stuck_loops(Instant::now() + BOUND * 2).len(), 1);
    }
}
