//! The state topic: it is created with a partition for each shard, or checked.

use std::time::Duration;

use spanbridge_config::{Config, Publish};
use spanbridge_kafka::{Admin, EnsureTopicOutcome};

use crate::ensure_topic::min_in_sync_replicas;
use crate::failure::Failure;
use crate::{Error, ErrorKind};

/// Selects the broker's default replication factor.
const DEFAULT_REPLICATION: i32 = -1;

const CLEANUP_POLICY: &str = "cleanup.policy";
const TOMBSTONE_RETENTION: &str = "delete.retention.ms";
const MIN_IN_SYNC_REPLICAS: &str = "min.insync.replicas";

/// The least `delete.retention.ms` of a state topic. A reader that is away for less time finds every tombstone.
const MIN_TOMBSTONE_RETENTION: Duration = Duration::from_secs(3600);

/// The settings of a new state topic. Kafka never compacts the newest segment, and every owner of a shard reads all of
/// it, so segments are small.
const SETTINGS: [(&str, &str); 5] = [
    (CLEANUP_POLICY, "compact"),
    (TOMBSTONE_RETENTION, "86400000"),
    ("segment.bytes", "16777216"),
    ("segment.ms", "3600000"),
    ("min.cleanable.dirty.ratio", "0.2"),
];

/// Creates the state topic with a partition for each shard, or checks the one that exists. Returns its name.
pub(super) async fn ensure(config: &Config, publish: &Publish, admin: &Admin) -> Result<String, Failure> {
    let topic = publish.state_topic();
    let shards = i32::from(publish.shards);
    let copies = publish.create_topics.as_ref().map(|create| create.replication_factor);
    let in_sync = copies.map(|copies| min_in_sync_replicas(copies.into()).to_string());
    let mut settings = SETTINGS.to_vec();
    settings.extend(in_sync.as_deref().map(|in_sync| (MIN_IN_SYNC_REPLICAS, in_sync)));
    let replication = copies.map_or(DEFAULT_REPLICATION, i32::from);
    match admin.ensure_topic(&topic, shards, replication, &settings).await? {
        EnsureTopicOutcome::Created => {
            tracing::info!(pipeline = %publish.name, topic, shards, "State topic created");
            warn_of_few_replicas(publish, admin, &topic).await?;
            Ok(topic)
        }
        EnsureTopicOutcome::Exists { partitions } if partitions == shards => {
            check_compaction(config, publish, admin, &topic).await?;
            check_tombstones(config, publish, admin, &topic).await?;
            warn_of_few_replicas(publish, admin, &topic).await?;
            Ok(topic)
        }
        EnsureTopicOutcome::Exists { partitions } => {
            let message = format!(
                "the state topic `{topic}` has {partitions} partitions, but `shards` is {shards}; the number of shards \
                 determines the partition of each token's state and cannot change"
            );
            let help = format!("set shards = {partitions}, or give the pipeline another name");
            Err(mistake(config, publish, message, help))
        }
    }
}

/// Rejects a state topic whose records would expire.
async fn check_compaction(
    config: &Config,
    publish: &Publish,
    admin: &Admin,
    topic: &str,
) -> Result<(), Failure> {
    match setting(admin, topic, CLEANUP_POLICY).await? {
        Some(policy) if policy.trim() != "compact" => {
            let message = format!(
                "the state topic `{topic}` has {CLEANUP_POLICY} = {policy}: its records would be deleted"
            );
            let help = format!(
                "set {CLEANUP_POLICY} = compact on it: kafka-configs --alter --add-config {CLEANUP_POLICY}=compact"
            );
            Err(mistake(config, publish, message, help))
        }
        _ => Ok(()),
    }
}

/// Rejects a state topic whose tombstones would be removed before every reader has seen them.
async fn check_tombstones(
    config: &Config,
    publish: &Publish,
    admin: &Admin,
    topic: &str,
) -> Result<(), Failure> {
    let retention = setting(admin, topic, TOMBSTONE_RETENTION).await?;
    let Some(milliseconds) = retention.and_then(|value| value.trim().parse::<u64>().ok()) else {
        return Ok(());
    };
    if Duration::from_millis(milliseconds) >= MIN_TOMBSTONE_RETENTION {
        return Ok(());
    }
    let message = format!(
        "the state topic `{topic}` has {TOMBSTONE_RETENTION} = {milliseconds}: deletions could be removed before every \
         worker has read them"
    );
    let help = format!(
        "set at least {}: kafka-configs --alter --add-config {TOMBSTONE_RETENTION}=86400000",
        MIN_TOMBSTONE_RETENTION.as_millis()
    );
    Err(mistake(config, publish, message, help))
}

/// Warns if the loss of one broker could lose the state although the topic has three copies or more.
async fn warn_of_few_replicas(publish: &Publish, admin: &Admin, topic: &str) -> Result<(), Failure> {
    let value = setting(admin, topic, MIN_IN_SYNC_REPLICAS).await?;
    let Some(in_sync) = value.and_then(|value| value.trim().parse::<usize>().ok()) else { return Ok(()) };
    let copies = admin.replication_factor(topic).await?.unwrap_or_default();
    let needed = min_in_sync_replicas(copies);
    if in_sync < needed {
        tracing::warn!(
            pipeline = %publish.name,
            topic,
            copies,
            "The state topic has {MIN_IN_SYNC_REPLICAS} = {in_sync}: the loss of one broker may lose state; set {needed}"
        );
    }
    Ok(())
}

/// Returns a setting of the topic; `None` if the principal may not describe it, since it may still write to it.
async fn setting(admin: &Admin, topic: &str, name: &str) -> Result<Option<String>, Failure> {
    match admin.topic_config(topic, name).await {
        Ok(value) => Ok(value),
        Err(error) if error.kind() == spanbridge_kafka::ErrorKind::Denied => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn mistake(config: &Config, publish: &Publish, message: String, help: String) -> Failure {
    Error::from(config.error_at(publish.name.span, ErrorKind::Config.code(), message, help)).into()
}
