//! Reads the whole state topic to compute the watermark of the pipeline, and ends the pipeline when it has passed its
//! `end`.
//!
//! The topic is read in rounds, since its partitions cannot be read at one instant; see "Two rounds"
//! (docs/design/publish-watermark.md). After a pause it is read from its beginning, see "No progress across a pause"
//! there. This module never writes to the topic.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use spanbridge_kafka::{Reader, Record};
use spanbridge_protocol::publish::PipelineProgress;

use crate::Error;
use crate::failure::Failure;
use crate::pipeline::Pipeline;
use crate::policy::Action;
use crate::shard::decode;
use crate::watermark::is_needed;

/// The pause between two rounds, unless watermarks are published more often.
const ROUND_INTERVAL: Duration = Duration::from_secs(1);
/// The pause between two rounds while a shard waits for the watermark and changes wait at a barrier.
const SHORT_ROUND_INTERVAL: Duration = Duration::from_millis(50);
/// The longest pause between two rounds after which the state that was read still counts. It is far below the least
/// `delete.retention.ms` that the start of a pipeline accepts, so that no tombstone was written and removed meanwhile.
const MAX_PAUSE: Duration = Duration::from_secs(300);
/// How long a read of the state topic may make no progress.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Follows the state topic until the pipeline has passed its end; for ever if it has none.
///
/// # Errors
/// An error that no later round can fix.
pub(crate) async fn follow(pipeline: &Arc<Pipeline>) -> Result<(), Error> {
    let (always, watermark) = (is_needed(&pipeline.config), &pipeline.watermark);
    let report = |failure: Failure| match failure.action() {
        Action::Stop(kind) => Err(failure.stop(kind, pipeline.name(), "read the state of all shards")),
        _ => {
            pipeline.metrics.failure(&failure);
            if let Some(left_out) = pipeline.metrics.next_line(&failure, "watermark") {
                tracing::warn!(
                    pipeline = pipeline.name(), %failure, left_out, "State of all shards could not be read; retrying"
                );
            }
            Ok(())
        }
    };
    watermark.awaited(always).await;
    let reader = match Reader::new(&pipeline.kafka, READ_TIMEOUT) {
        Ok(reader) => reader,
        Err(error) => return report(error.into()),
    };
    let topic = pipeline.config.watermark_topic.as_ref();
    let interval = topic.map_or(ROUND_INTERVAL, |topic| topic.interval.min(ROUND_INTERVAL));
    let mut progress = PipelineProgress::new(MAX_PAUSE);
    let mut offsets: HashMap<i32, i64> = HashMap::new();
    let mut clock = PauseClock::new();
    loop {
        watermark.awaited(always).await;
        if progress.begin_round(clock.now()) {
            tracing::debug!(pipeline = pipeline.name(), "State of all shards is read from the beginning");
            offsets.clear();
        }
        match read_round(pipeline, &reader, &mut progress, &mut offsets, &mut clock).await {
            Ok(()) => watermark.set(progress.watermark()),
            Err(failure) => report(failure)?,
        }
        if let (Some(end), Some(watermark)) = (pipeline.config.end, progress.watermark())
            && watermark > end
        {
            tracing::info!(pipeline = pipeline.name(), %end, "All changes up to the end are published");
            return Ok(());
        }
        let pause = if watermark.is_awaited() { SHORT_ROUND_INTERVAL } else { interval };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = watermark.wait_started() => {}
        }
    }
}

/// Reads up to the current high watermark of each partition. A failed round is repeated; records that are read
/// twice have the same effect as once.
async fn read_round(
    pipeline: &Arc<Pipeline>,
    reader: &Reader,
    progress: &mut PipelineProgress,
    offsets: &mut HashMap<i32, i64>,
    clock: &mut PauseClock,
) -> Result<(), Failure> {
    let mut spans = reader.ranges(&pipeline.state_topic).await?;
    for span in &mut spans {
        span.start = offsets.get(&span.tp.partition).copied().unwrap_or(span.start);
    }
    let (sender, mut records) = tokio::sync::mpsc::channel::<Record>(1024);
    let reading = reader.read(spans.clone(), move |record| match sender.blocking_send(record) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    });
    let handing_in = async {
        while let Some(record) = records.recv().await {
            let (key, value) = decode(pipeline.name(), &record)?;
            progress.apply(key, value);
        }
        Ok::<(), Error>(())
    };
    let (read, handed_in) = tokio::join!(reading, handing_in);
    handed_in?;
    read?;
    offsets.extend(spans.into_iter().map(|span| (span.tp.partition, span.end)));
    progress.end_round(clock.now());
    Ok(())
}

/// A clock that counts the time for which the machine was suspended. The monotonic clock may leave it out.
struct PauseClock {
    read: (Instant, SystemTime),
    now: Duration,
}

impl PauseClock {
    fn new() -> Self {
        Self { read: (Instant::now(), SystemTime::now()), now: Duration::ZERO }
    }

    /// Returns the time since the clock was made. It never decreases.
    fn now(&mut self) -> Duration {
        let read = (Instant::now(), SystemTime::now());
        let by_calendar = read.1.duration_since(self.read.1).unwrap_or_default();
        self.now += (read.0 - self.read.0).max(by_calendar);
        self.read = read;
        self.now
    }
}
