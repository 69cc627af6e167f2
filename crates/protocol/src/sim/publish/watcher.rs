//! Reads all shards' state along, and checks what it says of the pipeline's progress.

use super::super::Rng;
use super::history::{History, instant};
use super::kafka::FakeKafka;
use super::owner::SHARDS;
use crate::publish::PipelineProgress;
use crate::value::Timestamp;

#[derive(Default)]
pub(super) struct WatermarkChecker {
    progress: PipelineProgress,
    offsets: [usize; SHARDS as usize],
    /// Up to where this round reads.
    ends: Option<[usize; SHARDS as usize]>,
}

impl WatermarkChecker {
    /// One small step of a round; partitions are read in any order.
    pub(super) fn step(&mut self, rng: &mut Rng, kafka: &FakeKafka, history: &History) -> Result<(), String> {
        let mut shards = 0..SHARDS;
        let Some(ends) = self.ends else {
            self.ends = Some(std::array::from_fn(|_| kafka.end(shards.next().unwrap_or_default())));
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

    pub(super) fn watermark(&self) -> Option<Timestamp> {
        self.progress.watermark()
    }

    fn check(&self, kafka: &FakeKafka, history: &History) -> Result<(), String> {
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
