//! The start of a pipeline: checks the change stream, its tables, topics and schemas, and joins the consumer group.
//!
//! [`crate::service`] calls [`prepare`], and the supervisor restarts the pipeline while a service is unavailable. The checks report each mistake
//! with its place in the file, before any record is published.

mod change_stream;
mod state_topic;
mod unknown_names;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use spanbridge_config::{Config, Publish};
use spanbridge_kafka::{Admin, Events, Subscription};
use spanbridge_protocol::publish::ShardLimits;
use spanbridge_service::Context;
use spanbridge_spanner::{Database, PipelineTag};

use crate::ErrorKind;
use crate::auxiliary_topics::AuxiliaryTopicSetup;
use crate::dead_letters::DeadLetters;
use crate::ensure_topic::RequiredTopic;
use crate::failure::Failure;
use crate::metrics::PipelineMetrics;
use crate::pipeline::Pipeline;
use crate::policy::Action;
use crate::tables::Tables;
use crate::watermark;

pub(crate) use change_stream::altered_error;
pub use change_stream::{StreamMismatch, stream_mismatches};
pub use unknown_names::unknown_names;

/// How long one call to Kafka's administration may take.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of one Kafka transaction. librdkafka buffers 64 MiB; a larger transaction would only wait for the buffer.
const MAX_TRANSACTION_BYTES: usize = 16 << 20;
/// Bytes of records that a worker's shards read ahead: 200 KiB for each of 300 tokens, and no more than a few
/// transactions.
const MAX_READ_AHEAD_BYTES: usize = 64 << 20;
/// How long a frontier that heartbeats alone have moved may wait for its commit. Every commit of an idle shard is a
/// transaction, and after a crash only heartbeats would come again.
const MAX_IDLE_WAIT: Duration = Duration::from_secs(5);
/// The same where records show the watermark or the pipeline has an end.
const WATERMARK_IDLE_WAIT: Duration = Duration::from_secs(1);
/// How long an incremental snapshot reads rows while all changes wait at the barrier. Changes then continue for at least
/// as long.
const MAX_BARRIER_TIME: Duration = Duration::from_secs(1);
/// How long paused shards wait for the others to reach the barrier, at the first attempt.
const MAX_PAUSE_TIME: Duration = Duration::from_secs(5);
/// How long a revoked shard may take to finish the transaction in flight.
pub(crate) const REVOKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Checks the pipeline's environment and joins the consumer group.
///
/// # Errors
/// A missing or unsuitable part, with its place in the file; or a service that is unavailable, after which the
/// pipeline restarts.
pub(crate) async fn prepare(
    context: &Context,
    publish: &Publish,
    metrics: &Arc<PipelineMetrics>,
) -> Result<(Pipeline, Events), Failure> {
    let database = Database::connect(&context.spanner).await?;
    let stream = change_stream::check(&context.config, publish, &database).await?;
    for unknown in unknown_names(&context.config, publish, &database).await? {
        tracing::warn!(pipeline = %publish.name, "{unknown}");
    }
    let admin = Admin::new(&context.kafka, ADMIN_TIMEOUT)?;
    let state_topic = state_topic::ensure(&context.config, publish, &admin).await?;
    let setup =
        AuxiliaryTopicSetup { config: &context.config, publish, registry: &context.registry, admin: &admin };
    let auxiliary_topics = setup.create_all().await?;
    let dead_letters = dead_letters(context, publish, &admin).await?;
    let tables = Tables::new(
        context.config.clone(),
        publish.clone(),
        database.clone(),
        context.registry.clone(),
        admin,
        &stream,
    );
    for table in tables.named() {
        match (tables.prepare(&table).await, &dead_letters) {
            (Err(failure), Some(letters)) if failure.action() == Action::Stop(ErrorKind::Schema) => {
                letters.record_refusal(&table, None, &failure.to_string());
            }
            (prepared, _) => prepared?,
        }
    }
    let group = format!("spanbridge.publish.{}", publish.name);
    let limits = spanbridge_kafka::SubscriptionLimits { revoke_wait: REVOKE_TIMEOUT, ..Default::default() };
    let topics = [state_topic.clone()];
    let (subscription, events) = Subscription::start(&context.kafka, &group, &topics, limits)?;
    let pipeline = Pipeline {
        config: publish.clone(),
        kafka: context.kafka.clone(),
        database,
        change_stream: stream.name.into(),
        state_topic: state_topic.into(),
        tables,
        dead_letters,
        metrics: metrics.clone(),
        subscription,
        limits: shard_limits(publish),
        read_ahead: metrics.memory_budget("ahead", MAX_READ_AHEAD_BYTES),
        queued: metrics.memory_budget("queued", usize::MAX),
        auxiliary_topics,
        watermark: Arc::default(),
        skipped_tags: skipped_tags(&context.config, publish),
    };
    Ok((pipeline, events))
}

/// Ensures the topic of dead letters, if the pipeline has one.
async fn dead_letters(
    context: &Context,
    publish: &Publish,
    admin: &Admin,
) -> Result<Option<DeadLetters>, Failure> {
    let Some(topic) = publish.dead_letter_topic() else { return Ok(None) };
    let span = publish.dead_letter_topic.span();
    let required = RequiredTopic { topic: &topic, purpose: "dead letters", span };
    required.ensure(&context.config, publish, publish.create_topics.as_ref(), admin).await?;
    Ok(Some(DeadLetters::new(topic, publish)))
}

/// The tags of the file's ingest pipelines, if the commits of these are not published.
fn skipped_tags(config: &Config, publish: &Publish) -> HashSet<PipelineTag> {
    let pipelines = config.ingest.iter().filter(|_| publish.skip_own);
    pipelines.map(|pipeline| PipelineTag::of(&pipeline.name)).collect()
}

fn shard_limits(publish: &Publish) -> ShardLimits {
    ShardLimits {
        max_records: usize::try_from(publish.transaction.max_records).unwrap_or(usize::MAX),
        max_bytes: MAX_TRANSACTION_BYTES,
        max_wait: publish.transaction.max_wait,
        idle_wait: idle_wait(publish).max(publish.transaction.max_wait),
        max_barrier_time: MAX_BARRIER_TIME,
        barrier_timeout: MAX_PAUSE_TIME,
    }
}

/// A watermark that is published needs frontiers that move.
fn idle_wait(publish: &Publish) -> Duration {
    let published = publish.watermark_topic.as_ref().map(|topic| topic.interval);
    let wait = published.or(watermark::is_needed(publish).then_some(WATERMARK_IDLE_WAIT));
    wait.map_or(MAX_IDLE_WAIT, |wait| wait.min(MAX_IDLE_WAIT))
}
