//! What must be there before the first record: stream, tables, topics, schemas.

mod change_stream;
mod state_topic;
mod unknown_names;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use spanbridge_config::{Config, Publish};
use spanbridge_kafka::{Admin, Events, Subscription};
use spanbridge_protocol::publish::ShardLimits;
use spanbridge_spanner::{Database, PipelineTag};

use crate::auxiliary_topics::AuxiliaryTopicSetup;
use crate::dead_letters::DeadLetters;
use crate::ensure_topic::RequiredTopic;
use crate::failure::Failure;
use crate::metrics::PipelineMetrics;
use crate::pipeline::Pipeline;
use crate::policy::Action;
use crate::tables::Tables;
use crate::watermark;
use crate::{Context, ErrorKind};

pub(crate) use change_stream::{altered, unfit};
pub use unknown_names::unknown_names;

/// Of one call to Kafka's administration.
const ADMIN_LIMIT: Duration = Duration::from_secs(30);
/// Bytes of one Kafka transaction; librdkafka's buffer is 64 MiB, and more would only wait for it.
const MAX_BYTES: usize = 16 << 20;
/// Bytes of records that a worker's shards read ahead: of 300 tokens 200 KiB each, and no more than a few transactions.
const READ_AHEAD: usize = 64 << 20;
/// How long a frontier that heartbeats alone have moved may wait: every commit of an idle shard is
/// a transaction, and after a crash only heartbeats would come again.
const IDLE_WAIT: Duration = Duration::from_secs(5);
/// The same where each record tells the watermark, or the pipeline has an end.
const WATERMARK_WAIT: Duration = Duration::from_secs(1);
/// How long rows are read again while all changes are held; in between they go on for as long.
const MAX_HOLD: Duration = Duration::from_secs(1);
/// How long shards wait for each other before that, the first time.
const MAX_HALT: Duration = Duration::from_secs(5);
/// How long a revoked shard may take for the transaction on its way.
pub(crate) const REVOKE_WAIT: Duration = Duration::from_secs(10);

/// Checks everything and joins the consumer group.
///
/// # Errors
/// What is missing, with its place in the file; what can pass is the caller's to try again.
pub(crate) async fn prepare(
    context: &Context,
    publish: &Publish,
    meter: &Arc<PipelineMetrics>,
) -> Result<(Pipeline, Events), Failure> {
    let database = Database::connect(&context.spanner).await?;
    let stream = change_stream::check(&context.config, publish, &database).await?;
    for unknown in unknown_names(&context.config, publish, &database).await? {
        tracing::warn!(pipeline = %publish.name, "{unknown}");
    }
    let admin = Admin::new(&context.kafka, ADMIN_LIMIT)?;
    let state_topic = state_topic::state(&context.config, publish, &admin).await?;
    let maker =
        AuxiliaryTopicSetup { config: &context.config, publish, registry: &context.registry, admin: &admin };
    let sides = maker.sides().await?;
    let letters = letters(context, publish, &admin).await?;
    let tables = Tables::new(
        context.config.clone(),
        publish.clone(),
        database.clone(),
        context.registry.clone(),
        admin,
        &stream,
    );
    for table in tables.named() {
        match (tables.begin(&table).await, &letters) {
            (Err(failure), Some(letters)) if failure.action() == Action::Stop(ErrorKind::Schema) => {
                letters.refuse(&table, None, &failure.to_string());
            }
            (read, _) => read?,
        }
    }
    let group = format!("spanbridge.publish.{}", publish.name);
    let limits = spanbridge_kafka::Limits { revoke_wait: REVOKE_WAIT, ..Default::default() };
    let topics = [state_topic.clone()];
    let (subscription, events) = Subscription::start(&context.kafka, &group, &topics, limits)?;
    let pipeline = Pipeline {
        config: publish.clone(),
        kafka: context.kafka.clone(),
        database,
        change_stream: stream.name.into(),
        state_topic: state_topic.into(),
        tables,
        letters,
        meter: meter.clone(),
        subscription,
        limits: limits_of(publish),
        ahead: meter.held("ahead", READ_AHEAD),
        queued: meter.held("queued", usize::MAX),
        sides,
        watermark: Arc::default(),
        own: own(&context.config, publish),
    };
    Ok((pipeline, events))
}

/// Where dead letters go, when they go anywhere.
async fn letters(
    context: &Context,
    publish: &Publish,
    admin: &Admin,
) -> Result<Option<DeadLetters>, Failure> {
    let Some(topic) = publish.dead_letter_topic() else { return Ok(None) };
    let wanted =
        RequiredTopic { topic: &topic, purpose: "dead letters", span: publish.dead_letter_topic.span() };
    wanted.ensure(&context.config, publish, publish.create_topics.as_ref(), admin).await?;
    Ok(Some(DeadLetters::new(topic, &publish.name)))
}

/// The marks of the file's ingest pipelines, when what they write is left out.
fn own(config: &Config, publish: &Publish) -> HashSet<PipelineTag> {
    let pipelines = config.ingest.iter().filter(|_| publish.skip_own);
    pipelines.map(|pipeline| PipelineTag::of(&pipeline.name)).collect()
}

fn limits_of(publish: &Publish) -> ShardLimits {
    ShardLimits {
        max_records: usize::try_from(publish.transaction.max_records).unwrap_or(usize::MAX),
        max_bytes: MAX_BYTES,
        max_wait: publish.transaction.max_wait,
        idle_wait: idle_wait(publish).max(publish.transaction.max_wait),
        max_barrier_time: MAX_HOLD,
        barrier_timeout: MAX_HALT,
    }
}

/// A watermark that is wanted needs frontiers that move.
fn idle_wait(publish: &Publish) -> Duration {
    let told = publish.watermark_topic.as_ref().map(|beat| beat.every);
    let told = told.or(watermark::is_wanted(publish).then_some(WATERMARK_WAIT));
    told.map_or(IDLE_WAIT, |wait| wait.min(IDLE_WAIT))
}
