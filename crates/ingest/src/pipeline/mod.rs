//! One ingest pipeline in one process.

mod answer;
mod batch_trace;
mod batch_traces;
mod driver;
mod evolution;
mod observer;
mod replays;
mod requests;
mod source;
mod transactions;

use std::sync::Arc;
use std::time::Duration;

use spanbridge_config::{Ingest, OnError as ConfigOnError, OnGap as ConfigOnGap, Topics};
use spanbridge_kafka::{ErrorKind as KafkaKind, Offsets, Subscription};
use spanbridge_protocol::ingest::{OnError, OnGap, Partition, Worker, WorkerLimits};
use spanbridge_spanner::Database;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::finality::Finality;
use crate::log;
use crate::mapping::Mapper;
use crate::policy::{self, Action};
use crate::signature::Signature;
use crate::{Context, Error, ErrorKind, Live};
use driver::{Driver, Parts};
pub(crate) use evolution::Evolution;
use evolution::Met;

/// Bytes of group states that a worker keeps in memory.
const CACHED_BYTES: usize = 64 << 20;
/// Mutations of one commit that batches are kept below: nine tenths of Spanner's limit of 80,000
/// (<https://cloud.google.com/spanner/quotas#limits-for>).
const MAX_MUTATIONS: u64 = 72_000;
/// First pause after an aborted commit.
const BACKOFF: Duration = Duration::from_millis(5);

/// Runs one pipeline until `shutdown`, or until it cannot go on.
///
/// # Errors
/// A mapping that does not fit the live tables (with its place in the file), a refusal that only
/// a person can mend, or all partitions of this worker having stopped.
pub async fn run(context: Context, pipeline: &Ingest, shutdown: CancellationToken) -> Result<(), Error> {
    let ready = context.readiness.register(pipeline.identity());
    let database = tokio::select! {
        () = shutdown.cancelled() => return Ok(()),
        connected = connect(&context, pipeline, &ready) => connected?,
    };
    let live = Live { config: &context.config, database: &database, registry: &context.registry };
    let mut evolution = Evolution::default();
    let mut backoff = requests::Backoff::default();
    loop {
        let mapper = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            mapper = evolution.compile(&live, pipeline) => mapper,
        };
        let outcome = match mapper {
            Ok(mapper) => drive(&context, pipeline, &live, Arc::new(mapper), &shutdown).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(None) => return Ok(()),
            Ok(Some(met)) => {
                ready.set_not_ready("a writer has new fields");
                tokio::select! {
                    () = shutdown.cancelled() => return Ok(()),
                    met = evolution.meet(&context, &live, pipeline, met) => met?,
                }
                backoff = requests::Backoff::default();
            }
            // It has not begun.
            Err(error) if error.kind() == ErrorKind::Unreachable => {
                tracing::warn!(pipeline = %pipeline.identity(), %error, "trying again");
                ready.set_not_ready(error.to_string());
                tokio::select! {
                    () = shutdown.cancelled() => return Ok(()),
                    () = backoff.pause() => {}
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// From the stored positions, with that mapping.
async fn drive(
    context: &Context,
    pipeline: &Ingest,
    live: &Live<'_>,
    mapper: Arc<Mapper>,
    shutdown: &CancellationToken,
) -> Result<Option<Met>, Error> {
    let ready = context.readiness.register(pipeline.identity());
    let on_error = match pipeline.on_error {
        ConfigOnError::DeadLetter => OnError::DeadLetter,
        ConfigOnError::Stop => OnError::Stop,
    };
    let on_gap = match pipeline.on_gap {
        ConfigOnGap::Stop => OnGap::Stop,
        ConfigOnGap::Skip => OnGap::Skip,
    };
    let limits = WorkerLimits {
        max_records: usize::try_from(pipeline.batch.max_records).unwrap_or(usize::MAX),
        max_bytes: usize::try_from(pipeline.batch.max_bytes).unwrap_or(usize::MAX),
        max_wait: pipeline.batch.max_wait,
        max_in_flight: usize::try_from(pipeline.batch.max_in_flight).unwrap_or(usize::MAX),
        cached_bytes: CACHED_BYTES,
        max_mutations: MAX_MUTATIONS,
        backoff: BACKOFF,
    };
    let chunks = spanbridge_kafka::SubscriptionLimits {
        chunk_records: limits.max_records,
        chunk_bytes: limits.max_bytes,
        ..spanbridge_kafka::SubscriptionLimits::default()
    };
    let group = group(pipeline.identity());
    let topics: Vec<String> = match &pipeline.topics {
        Topics::Names(names) => names.iter().map(ToString::to_string).collect(),
        Topics::Pattern(pattern) => vec![pattern.to_string()],
    };
    let refused = |error: spanbridge_kafka::Error| {
        Error::new(ErrorKind::Refused, pipeline.identity(), error.to_string())
    };
    let offsets = Offsets::new(&context.kafka).map_err(refused)?;
    known_topics(context, pipeline, &offsets).await?;
    let (owned, claims) = watch::channel(Vec::new());
    let finality = Finality::new(live, pipeline, &mapper.finals, offsets.clone(), claims).await?;
    let (subscription, events) =
        Subscription::start(&context.kafka, &group, &topics, chunks).map_err(refused)?;
    let worker = Worker::new(mapper.spec.clone(), limits, on_error, on_gap);
    let liveness = context.liveness.register(format!("ingest {}", pipeline.identity()), driver::LIVENESS);
    tracing::info!(pipeline = %pipeline.identity(), %group, ?topics, "ingest has started");
    let by_pattern = matches!(pipeline.topics, Topics::Pattern(_));
    let driver = Driver::new(Parts {
        mapper,
        database: live.database.clone(),
        subscription,
        offsets,
        worker,
        ready,
        heartbeat: liveness,
        owned,
        group,
        by_pattern,
        signature: Signature::new(pipeline),
    });
    let watching = async {
        match finality {
            Some(finality) => finality.run().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        outcome = driver.run(events, shutdown) => outcome,
        never = watching => match never {},
    }
}

/// The consumer group that assigns a pipeline's partitions.
pub(crate) fn group(pipeline: &str) -> String {
    format!("spanbridge.ingest.{pipeline}")
}

async fn connect(
    context: &Context,
    pipeline: &Ingest,
    ready: &spanbridge_telemetry::admin::PipelineReadiness,
) -> Result<Database, Error> {
    let mut backoff = requests::Backoff::default();
    loop {
        match Database::connect(&context.spanner).await {
            Ok(database) => return Ok(database),
            Err(error) if policy::spanner(error.kind()) == Action::Retry => {
                tracing::warn!(pipeline = %pipeline.identity(), %error, "Spanner does not answer; trying again");
                ready.set_not_ready(error.to_string());
                backoff.pause().await;
            }
            Err(error) => return Err(Error::new(ErrorKind::Refused, pipeline.identity(), error.to_string())),
        }
    }
}

/// A topic that is not there would be waited for in silence.
async fn known_topics(context: &Context, pipeline: &Ingest, offsets: &Offsets) -> Result<(), Error> {
    for topic in pipeline.topics.names() {
        match log::range(offsets, &Partition { topic: topic.as_str().into(), number: 0 }).await {
            Err(error) if error.kind() == KafkaKind::NotFound => {
                let message = format!("topic `{topic}` does not exist");
                let help = "create it, or correct its name";
                return Err(context.config.error_at(topic.span, "SB-MAPPING-TOPIC", message, help).into());
            }
            // What else there is to say, the subscription will.
            _ => {}
        }
    }
    Ok(())
}
