//! Faults and latencies of commits.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// A fault of one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The commit is not executed, and its answer is lost.
    LostBefore(Loss),
    /// The commit is executed, and its answer is lost.
    LostAfter(Loss),
    /// The commit is executed twice, and the answer is that of the second execution. Spanner may do this with a single-use
    /// commit (<https://cloud.google.com/spanner/docs/modify-mutation-api>). A read-write transaction commits once.
    Twice,
    /// The commit is not executed, and the answer is ABORTED.
    Aborted,
    /// The answer is `DEADLINE_EXCEEDED` at once, and the commit is executed after this delay.
    Late(Duration),
}

/// The replacement of a lost answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The status UNAVAILABLE.
    Unavailable,
    /// The status `DEADLINE_EXCEEDED`.
    DeadlineExceeded,
    /// A reset of the connection, with all its running calls.
    Reset,
}

/// The duration of a commit, during which it holds its claims.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Latency {
    /// The same for all commits.
    Fixed(Duration),
    /// Uniform between the two.
    Uniform(Duration, Duration),
    /// Log-normal, like network latencies.
    LogNormal {
        /// The median.
        median: Duration,
        /// The 99th percentile.
        p99: Duration,
    },
}

/// The faults and latencies of following commits. All draws come from one seed, in order of arrival.
#[derive(Debug)]
pub struct Faults {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    random: ChaCha8Rng,
    latency: Latency,
    arrived: u64,
    planned: BTreeMap<u64, Fault>,
    shares: Vec<(Fault, f64)>,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        let inner = Inner {
            random: ChaCha8Rng::seed_from_u64(seed),
            latency: Latency::Fixed(Duration::ZERO),
            arrived: 0,
            planned: BTreeMap::new(),
            shares: Vec::new(),
        };
        Self { inner: Mutex::new(inner) }
    }

    /// Sets the latency of the following commits.
    pub fn set_latency(&self, latency: Latency) {
        self.lock().latency = latency;
    }

    /// Injects a fault into the `nth` commit from now; 1 is the next.
    pub fn nth(&self, nth: u64, fault: Fault) {
        let mut inner = self.lock();
        let at = inner.arrived + nth;
        inner.planned.insert(at, fault);
    }

    /// Injects a fault into this share of the following commits, in addition to earlier shares. A commit has at most one
    /// fault, so the sum of all shares is at most 1.
    pub fn share(&self, fault: Fault, share: f64) {
        self.lock().shares.push((fault, share));
    }

    /// Removes all faults. The latency stays.
    pub fn clear(&self) {
        let mut inner = self.lock();
        inner.shares.clear();
        inner.planned.clear();
    }

    /// Draws the fault and the latency of the commit that has arrived.
    pub(crate) fn draw(&self) -> (Option<Fault>, Duration) {
        let mut inner = self.lock();
        inner.arrived += 1;
        let arrived = inner.arrived;
        let mut left: f64 = inner.random.random();
        let drawn = inner.shares.iter().find(|(_, share)| {
            left -= share;
            left < 0.0
        });
        let drawn = drawn.map(|(fault, _)| *fault);
        let fault = inner.planned.remove(&arrived).or(drawn);
        let latency = inner.latency;
        (fault, latency.draw(&mut inner.random))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Latency {
    fn draw(self, random: &mut ChaCha8Rng) -> Duration {
        match self {
            Self::Fixed(latency) => latency,
            Self::Uniform(low, high) => low + high.saturating_sub(low).mul_f64(random.random::<f64>()),
            Self::LogNormal { median, p99 } => {
                /// The 99th percentile of the standard normal distribution.
                const P99: f64 = 2.326_347_874;
                let sigma = (p99.as_secs_f64() / median.as_secs_f64().max(1e-9)).max(1.0).ln() / P99;
                // The Box-Muller transform. 1 - x, since the logarithm of 0 is undefined.
                let (a, b): (f64, f64) = (1.0 - random.random::<f64>(), random.random());
                let normal = (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos();
                median.mul_f64((sigma * normal).exp())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_draws_the_same_faults_in_the_requested_shares() {
        let run = |seed| {
            let faults = Faults::new(seed);
            faults.share(Fault::Aborted, 0.2);
            faults.share(Fault::Twice, 0.3);
            (0..10_000).map(|_| faults.draw().0).collect::<Vec<_>>()
        };
        let drawn = run(1);
        assert_eq!(drawn, run(1));
        assert_ne!(drawn, run(2));
        let count = |fault| drawn.iter().filter(|&&drawn| drawn == fault).count();
        assert!((1900..2100).contains(&count(Some(Fault::Aborted))));
        assert!((2900..3100).contains(&count(Some(Fault::Twice))));
    }

    #[test]
    fn nth_commit_has_the_fault() {
        let faults = Faults::new(0);
        assert_eq!(faults.draw().0, None);
        faults.nth(2, Fault::Twice);
        assert_eq!([faults.draw().0, faults.draw().0, faults.draw().0], [None, Some(Fault::Twice), None]);
        faults.nth(1, Fault::Twice);
        faults.clear();
        assert_eq!(faults.draw().0, None);
    }

    #[test]
    fn latencies_follow_their_distribution() {
        let faults = Faults::new(0);
        let milliseconds = Duration::from_millis;
        faults.set_latency(Latency::LogNormal { median: milliseconds(10), p99: milliseconds(50) });
        let mut drawn: Vec<Duration> = (0..10_000).map(|_| faults.draw().1).collect();
        drawn.sort_unstable();
        assert!((milliseconds(9)..milliseconds(11)).contains(&drawn[5000]), "{:?}", drawn[5000]);
        assert!((milliseconds(40)..milliseconds(60)).contains(&drawn[9900]), "{:?}", drawn[9900]);
        faults.set_latency(Latency::Uniform(milliseconds(5), milliseconds(6)));
        assert!((0..1000).all(|_| (milliseconds(5)..=milliseconds(6)).contains(&faults.draw().1)));
    }
}
