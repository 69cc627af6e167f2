//! The check of the watermark: reads the state of all shards and compares the watermark with the data.

use super::fake_kafka::FakeKafka;
use super::owner::SHARDS;
use super::stream_history::{StreamHistory, instant};
use crate::publish::PipelineProgress;
use crate::sim::rng::Rng;
use crate::value::Timestamp;

#[derive(Default)]
pub(super) struct WatermarkChecker {
    progress: PipelineProgress,
    offsets: [usize; SHARDS as usize],
    /// The high watermarks up to which the current round reads.
    ends: Option<[usize; SHARDS as usize]>,
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
    ) -> Result<(), String> {
        let mut shards = 0..SHARDS;
        let Some(ends) = self.ends else {
            self.ends =
                Some(std::array::from_fn(|_| kafka.high_watermark(shards.next().unwrap_or_default())));
            return Ok(());
        };
        let any = rng.below(SHARDS as usize);
        if self.offsets[any] < ends[any]
            && let Some((key, value)) = kafka.read(any as u32, &mut self.offsets[any])
        {
            self.progress.apply(key, value);
        }
        if self.offsets.iter().zip(&ends).all(|(offset, end)| offset >= end) {
            self.progress.end_round();
            self.ends = None;
            return self.check(kafka, history);
        }
        Ok(())
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
