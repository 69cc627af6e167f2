//! The check of the watermark: reads the state of all shards and compares the watermark with the data.

use std::time::Duration;

use super::fake_kafka::FakeKafka;
use super::owner::SHARDS;
use super::stream_history::{StreamHistory, instant};
use crate::guard::{Guard, is_enforced};
use crate::publish::PipelineProgress;
use crate::sim::rng::Rng;
use crate::sim::tally;
use crate::value::Timestamp;

/// The longest sleep of the follower in milliseconds.
const MAX_SLEEP: usize = 600;
/// The pause after which the follower starts anew.
const MAX_PAUSE: Duration = Duration::from_millis(100);

pub(super) struct WatermarkChecker {
    progress: PipelineProgress,
    offsets: [usize; SHARDS as usize],
    /// The high watermarks up to which the current round reads.
    ends: Option<[usize; SHARDS as usize]>,
    /// The time at which the follower continues. While it sleeps, it does not read.
    sleeps_until: Option<Duration>,
}

impl Default for WatermarkChecker {
    fn default() -> Self {
        Self {
            progress: PipelineProgress::new(MAX_PAUSE),
            offsets: [0; SHARDS as usize],
            ends: None,
            sleeps_until: None,
        }
    }
}

impl WatermarkChecker {
    /// Takes one step of a round. Partitions are read in any order.
    ///
    /// # Errors
    /// If a change before the watermark is not published.
    pub(super) fn step(
        &mut self,
        rng: &mut Rng,
        kafka: &FakeKafka,
        history: &StreamHistory,
        now: Duration,
        faults: bool,
    ) -> Result<(), String> {
        if self.sleeps_until.is_some_and(|until| now < until) {
            return Ok(());
        }
        self.sleeps_until = None;
        let mut shards = 0..SHARDS;
        let Some(ends) = &mut self.ends else {
            if self.progress.begin_round(now) {
                self.offsets = [0; SHARDS as usize];
            }
            self.ends =
                Some(std::array::from_fn(|_| kafka.high_watermark(shards.next().unwrap_or_default())));
            return Ok(());
        };
        let any = rng.below(SHARDS as usize);
        let is_lagging = faults && rng.percent(5);
        if self.offsets[any] < ends[any] {
            if is_lagging {
                tally::note("end of partition from a lagging leader", || format!("shard {any}"));
                if !is_enforced(Guard::EndIsAnOffset) {
                    ends[any] = self.offsets[any];
                }
            } else if let Some((key, value)) = kafka.read(any as u32, &mut self.offsets[any]) {
                self.progress.apply(key, value);
            }
        }
        if self.offsets.iter().zip(&*ends).all(|(offset, end)| offset >= end) {
            self.progress.end_round(now);
            self.ends = None;
            if faults && rng.percent(20) {
                tally::note("follower sleeps", || format!("at {now:?}"));
                self.sleeps_until = Some(now + Duration::from_millis(rng.below(MAX_SLEEP) as u64));
            }
            return self.check(kafka, history);
        }
        Ok(())
    }

    /// The offset up to which the follower has read the partition; `None` while it sleeps.
    pub(super) fn read_up_to(&self, shard: u32) -> Option<usize> {
        self.sleeps_until.is_none().then(|| self.offsets[shard as usize])
    }

    /// The watermark.
    pub(super) fn watermark(&self) -> Option<Timestamp> {
        self.progress.watermark()
    }

    fn check(&self, kafka: &FakeKafka, history: &StreamHistory) -> Result<(), String> {
        let Some(watermark) = self.progress.watermark() else { return Ok(()) };
        let start = kafka.origin().map_or(instant(0), |origin| origin.start);
        let mut early =
            history.changes.iter().filter(|change| (start..watermark).contains(&instant(change.at)));
        match early.find(|change| !kafka.committed().any(|committed| committed == *change)) {
            Some(change) => Err(format!("the watermark is {watermark}, but {change:?} is still to come")),
            None => Ok(()),
        }
    }
}
