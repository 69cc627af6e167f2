//! One ingest pipeline in one process.
//!
//! [`run`] connects, compiles the mapping and drives the pipeline until the shutdown. A writer with new fields ends the
//! drive: the columns are added, and the pipeline restarts from the stored positions with a fresh mapping ("Fixed mapping",
//! docs/design/ingest-batches.md).
//!
//! ```text
//! driver/              the loop: events and answers into the worker, effects out
//! request              the requests to Spanner and Kafka, and what their errors mean
//! stored_partition     reads the stored rows of a partition
//! request_runner       carries out each request in a task, which ends with one answer
//! answer               the results of requests
//! open_transactions    transactions between a read under lock and their commit
//! added_partition      partitions that are added to a topic in use
//! kafka_payload        a record as the payload of its dead letter
//! evolution            new fields: adds columns, or stops with the DDL
//! metrics              metrics of the pipeline
//! batch_trace(s)       traces of batches
//! ```

mod added_partition;
mod answer;
mod batch_trace;
mod batch_traces;
mod driver;
mod evolution;
mod kafka_payload;
mod metrics;
mod open_transactions;
mod request;
mod request_runner;
mod stored_partition;

use std::sync::Arc;
use std::time::{Duration, Instant};

use spanbridge_config::{Ingest, OnError as ConfigOnError, OnGap as ConfigOnGap, Topics};
use spanbridge_envelope::ErrorKind as EnvelopeErrorKind;
use spanbridge_kafka::{ErrorKind as KafkaKind, Offsets, Subscription};
use spanbridge_protocol::ingest::{OnError, OnGap, Partition, Worker, WorkerLimits};
use spanbridge_service::{Backoff, Context, PipelineHealth};
use spanbridge_spanner::{Database, migrate};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::commit_tagger::CommitTagger;
use crate::dead_letters::DeadLetterProtection;
use crate::finality::Finality;
use crate::mapping::Mapper;
use crate::partition_log::{self, PartitionLog};
use crate::{Environment, Error, ErrorKind};
use driver::{Driver, DriverParts};
pub(crate) use evolution::Evolution;
use evolution::NewFields;
use request_runner::RequestRunner;

/// The maximum size of the group states that a worker caches, in bytes.
const MAX_CACHED_BYTES: usize = 64 << 20;
/// The maximum number of mutations per commit: nine tenths of Spanner's limit of 80,000
/// (<https://cloud.google.com/spanner/quotas#limits-for>).
const MAX_MUTATIONS: u64 = 72_000;
/// The time in which a topic must become known. A broker that has just started learns of its topics one after the other.
const TOPIC_TIMEOUT: Duration = Duration::from_secs(5);
/// The pauses before a request is repeated.
const RETRY_BACKOFF: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
/// The first pause after an aborted commit.
const ABORTED_BACKOFF: Duration = Duration::from_millis(5);
/// The shortest time between two commits that move the position of a partition to the end of its log only.
const END_COMMIT_INTERVAL: Duration = Duration::from_secs(2);

/// Runs one pipeline until `shutdown`, or until it cannot continue.
///
/// # Errors
/// The mapping does not fit the live tables (the error has the place in the file); Kafka, Spanner or the registry does not
/// answer at the start, or refuses permanently; or all partitions of this worker have stopped. [`Error::class`] says
/// whether a restart may succeed.
pub async fn run(context: Context, pipeline: &Ingest, shutdown: CancellationToken) -> Result<(), Error> {
    let health = context.health.start(pipeline.identity(), Duration::ZERO);
    let topic = match &pipeline.topics {
        Topics::Names(names) => names.first().map_or("", |name| name.as_str()),
        // No topic has this name, so the brokers answer that it does not exist.
        Topics::Pattern(pattern) => pattern.as_str(),
    };
    let outcome = tokio::select! {
        outcome = connect_and_drive(&context, pipeline, &health, &shutdown) => outcome,
        never = health.watch() => match never {},
        never = health.probe_kafka(&context.kafka, topic) => match never {},
        never = health.probe_registry(&context.registry) => match never {},
    };
    health.own([]);
    match &outcome {
        Ok(()) => health.block("ended"),
        Err(error) => health.block(error.to_string()),
    }
    outcome
}

async fn connect_and_drive(
    context: &Context,
    pipeline: &Ingest,
    health: &PipelineHealth,
    shutdown: &CancellationToken,
) -> Result<(), Error> {
    let database = tokio::select! {
        () = shutdown.cancelled() => return Ok(()),
        connected = connect(context, pipeline, health) => connected?,
    };
    tokio::select! {
        outcome = drive_with_each_mapping(context, pipeline, &database, health, shutdown) => outcome,
        never = health.probe_spanner(&database) => match never {},
    }
}

/// Drives the pipeline, and starts again with another mapping when a writer has new fields.
async fn drive_with_each_mapping(
    context: &Context,
    pipeline: &Ingest,
    database: &Database,
    health: &PipelineHealth,
    shutdown: &CancellationToken,
) -> Result<(), Error> {
    let environment = Environment { config: &context.config, database, registry: &context.registry };
    let mut evolution = Evolution::default();
    loop {
        let mapper = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            mapper = evolution.compile(&environment, pipeline) => mapper?,
        };
        let drive = drive(context, pipeline, &environment, Arc::new(mapper), health, shutdown);
        let Some(new_fields) = drive.await? else { return Ok(()) };
        health.block("a writer has new fields");
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            added = evolution.add_columns(context, &environment, pipeline, new_fields) => added?,
        }
    }
}

/// Drives the pipeline from the stored positions with one mapping. Returns the new fields that need another mapping.
async fn drive(
    context: &Context,
    pipeline: &Ingest,
    environment: &Environment<'_>,
    mapper: Arc<Mapper>,
    health: &PipelineHealth,
    shutdown: &CancellationToken,
) -> Result<Option<NewFields>, Error> {
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
        cached_bytes: MAX_CACHED_BYTES,
        max_mutations: MAX_MUTATIONS,
        backoff: ABORTED_BACKOFF,
        end_interval: END_COMMIT_INTERVAL,
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
    let refused = |error: spanbridge_kafka::Error| Error::of_kafka(pipeline.identity(), &error);
    let offsets = Offsets::new(&context.kafka).map_err(refused)?;
    require_topics(context, pipeline, &offsets, health).await?;
    let protection = DeadLetterProtection::new(pipeline);
    protection.prepare().await.map_err(|error| {
        let kind = match error.kind() {
            EnvelopeErrorKind::Unavailable => ErrorKind::Unreachable,
            _ => ErrorKind::Refused,
        };
        Error::new(kind, pipeline.identity(), format!("dead_letters: {error}"))
    })?;
    let (owned, claims) = watch::channel(Vec::new());
    let finality =
        Finality::new(environment, pipeline, &mapper.final_columns, offsets.clone(), claims).await?;
    let (subscription, events) =
        Subscription::start(&context.kafka, &group, &topics, chunks).map_err(refused)?;
    let protection = Arc::new(protection);
    let worker = Worker::new(mapper.spec.clone(), limits, on_error, on_gap);
    let liveness =
        context.liveness.register(format!("ingest {}", pipeline.identity()), driver::HEARTBEAT_TIMEOUT);
    tracing::info!(pipeline = %pipeline.identity(), %group, ?topics, "ingest has started");
    let by_pattern = matches!(pipeline.topics, Topics::Pattern(_));
    let tagger = CommitTagger::new(pipeline);
    let log = PartitionLog::new(context.kafka.clone(), offsets);
    let (requests, answers) =
        RequestRunner::new(mapper, protection, environment.database.clone(), log, tagger, health.clone());
    let driver = Driver::new(DriverParts {
        requests,
        answers,
        subscription,
        worker,
        health: health.clone(),
        ready_timeout: context.config.telemetry.ready_timeout,
        heartbeat: liveness,
        owned,
        group,
        by_pattern,
    });
    let watch_finality = async {
        match finality {
            Some(finality) => finality.run(health).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        outcome = driver.run(events, shutdown) => outcome,
        never = watch_finality => match never {},
    }
}

/// Returns the consumer group that assigns a pipeline's partitions.
pub(crate) fn group(pipeline: &str) -> String {
    format!("spanbridge.ingest.{pipeline}")
}

/// Connects to the database, and requires the bridge's tables in the version of this program.
async fn connect(context: &Context, pipeline: &Ingest, health: &PipelineHealth) -> Result<Database, Error> {
    let failed = |error| Error::of_spanner(pipeline.identity(), &error);
    let database = Database::connect(&context.spanner).await;
    health.spanner(&database);
    let database = database.map_err(failed)?;
    let current = migrate::version(&database).await;
    health.spanner(&current);
    let (current, required) = (current.map_err(failed)?, migrate::latest());
    let name = database.name();
    if current > required {
        let message = format!(
            "{name} has version {current} of the bridge's tables, and this program supports versions up to {required}; run \
             the version of the program that migrated the database"
        );
        return Err(Error::new(ErrorKind::NewerTables, pipeline.identity(), message));
    }
    if current < required {
        let found = match current {
            0 => format!("{name} does not have the bridge's tables"),
            _ => format!(
                "{name} has version {current} of the bridge's tables, and this program needs version {required}"
            ),
        };
        let message = format!("{found}; run `spanbridge migrate --config {}`", context.config.name());
        return Err(Error::new(ErrorKind::NotMigrated, pipeline.identity(), message));
    }
    Ok(database)
}

/// Requires that all named topics exist, because the subscription would silently wait for a missing one.
async fn require_topics(
    context: &Context,
    pipeline: &Ingest,
    offsets: &Offsets,
    health: &PipelineHealth,
) -> Result<(), Error> {
    let deadline = Instant::now() + TOPIC_TIMEOUT;
    let mut backoff = RETRY_BACKOFF;
    for topic in pipeline.topics.names() {
        let partition = Partition { topic: topic.as_str().into(), number: 0 };
        let range = loop {
            let range = partition_log::range(offsets, &partition).await;
            health.kafka(&range);
            let is_missing = range.as_ref().is_err_and(|error| error.kind() == KafkaKind::NotFound);
            if !is_missing || Instant::now() > deadline {
                break range;
            }
            tokio::time::sleep(backoff.next_pause()).await;
        };
        match range {
            Err(error) if error.kind() == KafkaKind::NotFound => {
                let message = format!("topic `{topic}` does not exist");
                let help = "create it, or correct its name";
                return Err(context.config.error_at(topic.span, "SB-MAPPING-TOPIC", message, help).into());
            }
            // The subscription reports all other errors.
            _ => {}
        }
    }
    Ok(())
}
