use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// What can be done to a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not executed, and the answer does not say so.
    LostBefore(Loss),
    /// It is executed, whatever comes of that, and the answer does not say so.
    LostAfter(Loss),
    /// It is executed twice, as Spanner may do with a single-use one
    /// (<https://cloud.google.com/spanner/docs/modify-mutation-api>), and the answer is the second one's. A
    /// read-write transaction commits once all the same.
    Twice,
    /// It is not executed and answered with ABORTED.
    Aborted,
    /// It is answered at once with DEADLINE_EXCEEDED, and executed so much later.
    Late(Duration),
}

/// What comes in place of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// UNAVAILABLE.
    Unavailable,
    /// DEADLINE_EXCEEDED.
    DeadlineExceeded,
    /// The connection is reset, with all that is under way on it.
    Reset,
}

/// How long a commit takes, its claims held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Latency {
    Fixed(Duration),
    /// Anything between the two.
    Uniform(Duration, Duration),
    /// Log-normal, as networks have it: half of them take less than `median`, one in a hundred more than `p99`.
    LogNormal {
        median: Duration,
        p99: Duration,
    },
}

/// What will be done to commits. All draws come from one seed, in the order in which commits arrive.
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

    /// What each commit takes from now on.
    pub fn set_latency(&self, latency: Latency) {
        self.lock().latency = latency;
    }

    /// Strikes the `nth` commit from now; 1 is the next.
    pub fn nth(&self, nth: u64, fault: Fault) {
        let mut inner = self.lock();
        let at = inner.arrived + nth;
        inner.planned.insert(at, fault);
    }

    /// Strikes that share of commits from now on, beside the shares that were given before. A commit meets
    /// one fault at most, so the shares add up to 1 at most.
    pub fn share(&self, fault: Fault, share: f64) {
        self.lock().shares.push((fault, share));
    }

    /// No fault any more. The latency stays.
    pub fn clear(&self) {
        let mut inner = self.lock();
        inner.shares.clear();
        inner.planned.clear();
    }

    /// For the commit that has just arrived.
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
                /// How many standard deviations the 99th percentile is from the middle.
                const P99: f64 = 2.326_347_874;
                let sigma = (p99.as_secs_f64() / median.as_secs_f64().max(1e-9)).max(1.0).ln() / P99;
                // Box and Muller's normal deviate; one minus, as the logarithm wants no zero.
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
    fn one_seed_is_one_sequence_with_the_shares_asked_for() {
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
    fn the_nth_from_now_is_struck() {
        let faults = Faults::new(0);
        assert_eq!(faults.draw().0, None);
        faults.nth(2, Fault::Twice);
        assert_eq!([faults.draw().0, faults.draw().0, faults.draw().0], [None, Some(Fault::Twice), None]);
        faults.nth(1, Fault::Twice);
        faults.clear();
        assert_eq!(faults.draw().0, None);
    }

    #[test]
    fn latencies_have_their_distribution() {
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
