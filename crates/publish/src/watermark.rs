//! Reads the whole state topic along, for what is asked of the pipeline as a whole.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use spanbridge_config::Publish;
use spanbridge_kafka::{Reader, Record};
use spanbridge_protocol::publish::PipelineProgress;
use spanbridge_protocol::value::Timestamp;
use tokio::sync::Notify;

use crate::Error;
use crate::failure::Failure;
use crate::pipeline::Pipeline;
use crate::policy::Action;
use crate::shard::decode;

/// Between two rounds, unless the watermark is wanted more often.
const ROUND: Duration = Duration::from_secs(1);
/// The same while a shard waits for it, with all changes held.
const SHORT_ROUND: Duration = Duration::from_millis(50);
/// A read of the state topic without any progress.
const LIMIT: Duration = Duration::from_secs(30);

/// Up to where the pipeline is complete, as far as this worker knows.
#[derive(Debug, Default)]
pub(crate) struct Watermark {
    at: Mutex<Option<Timestamp>>,
    /// AssignedShards that wait for it.
    waiting: AtomicUsize,
    waits: Notify,
}

/// The watermark is looked after for as long as this lives.
pub(crate) struct Waiting(Arc<Watermark>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Watermark {
    pub(crate) fn get(&self) -> Option<Timestamp> {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wait(self: &Arc<Self>) -> Waiting {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.waits.notify_one();
        Waiting(self.clone())
    }

    fn set(&self, watermark: Option<Timestamp>) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = watermark;
    }

    fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Until somebody waits for it, unless it is `always` wanted.
    async fn waited_for(&self, always: bool) {
        while !always && !self.is_waited_for() {
            self.waits.notified().await;
        }
    }
}

/// True if something of the pipeline depends on it.
pub(crate) fn is_wanted(publish: &Publish) -> bool {
    publish.low_watermark || publish.end.is_some() || publish.watermark_topic.is_some()
}

/// Follows until the pipeline is past its end; for ever where it has none.
///
/// # Errors
/// What only a person can mend.
pub(crate) async fn follow(pipeline: &Arc<Pipeline>) -> Result<(), Error> {
    let (always, watermark) = (is_wanted(&pipeline.config), &pipeline.watermark);
    let stop = |failure: Failure| match failure.action() {
        Action::Stop(kind) => Err(failure.stop(kind, pipeline.name(), "read the state of all shards")),
        _ => {
            pipeline.meter.failure(&failure);
            tracing::warn!(pipeline = pipeline.name(), %failure, "read the state of all shards");
            Ok(())
        }
    };
    watermark.waited_for(always).await;
    let reader = match Reader::new(&pipeline.kafka, LIMIT) {
        Ok(reader) => reader,
        Err(error) => return stop(error.into()),
    };
    let every = pipeline.config.watermark_topic.as_ref().map_or(ROUND, |beat| beat.every.min(ROUND));
    let mut progress = PipelineProgress::default();
    let mut offsets: HashMap<i32, i64> = HashMap::new();
    loop {
        watermark.waited_for(always).await;
        match round(pipeline, &reader, &mut progress, &mut offsets).await {
            Ok(()) => pipeline.watermark.set(progress.watermark()),
            Err(failure) => stop(failure)?,
        }
        if let (Some(end), Some(watermark)) = (pipeline.config.end, progress.watermark())
            && watermark > end
        {
            tracing::info!(pipeline = pipeline.name(), %end, "everything up to the end is published");
            return Ok(());
        }
        let pause = if watermark.is_waited_for() { SHORT_ROUND } else { every };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = watermark.waits.notified() => {}
        }
    }
}

/// Asks for the high watermarks and reads up to them. What is read twice, after a failure, says the same twice.
async fn round(
    pipeline: &Arc<Pipeline>,
    reader: &Reader,
    progress: &mut PipelineProgress,
    offsets: &mut HashMap<i32, i64>,
) -> Result<(), Failure> {
    let mut spans = reader.spans(&pipeline.state_topic).await?;
    for span in &mut spans {
        span.start = offsets.get(&span.tp.partition).copied().unwrap_or(span.start);
    }
    let (sender, mut records) = tokio::sync::mpsc::channel::<Record>(1024);
    let reading = reader.read(spans.clone(), move |record| match sender.blocking_send(record) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    });
    let taking = async {
        while let Some(record) = records.recv().await {
            let (key, value) = decode(pipeline.name(), &record)?;
            progress.apply(key, value);
        }
        Ok::<(), Error>(())
    };
    let (read, taken) = tokio::join!(reading, taking);
    taken?;
    read?;
    offsets.extend(spans.into_iter().map(|span| (span.tp.partition, span.end)));
    progress.end_round();
    Ok(())
}
