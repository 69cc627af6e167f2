//! The state topic: it is created with a partition for each shard, or checked.

use spanbridge_config::{Config, Publish};
use spanbridge_kafka::{Admin, EnsureTopicOutcome};

use crate::failure::Failure;
use crate::{Error, ErrorKind};

/// Selects the broker's default replication factor.
const DEFAULT_REPLICATION: i32 = -1;

const CLEANUP_POLICY: &str = "cleanup.policy";

/// The settings of a new state topic. Kafka never compacts the newest segment, and every owner of a shard reads all of
/// it, so segments are small.
const SETTINGS: [(&str, &str); 4] = [
    (CLEANUP_POLICY, "compact"),
    ("segment.bytes", "16777216"),
    ("segment.ms", "3600000"),
    ("min.cleanable.dirty.ratio", "0.2"),
];

/// Creates the state topic with a partition for each shard, or checks the one that exists. Returns its name.
pub(super) async fn ensure(config: &Config, publish: &Publish, admin: &Admin) -> Result<String, Failure> {
    let topic = publish.state_topic();
    let shards = i32::from(publish.shards);
    let replication =
        publish.create_topics.as_ref().map_or(DEFAULT_REPLICATION, |create| create.replication_factor.into());
    match admin.ensure_topic(&topic, shards, replication, &SETTINGS).await? {
        EnsureTopicOutcome::Created => {
            tracing::info!(pipeline = %publish.name, topic, shards, "State topic created");
            Ok(topic)
        }
        EnsureTopicOutcome::Exists { partitions } if partitions == shards => {
            check_compaction(config, publish, admin, &topic).await?;
            Ok(topic)
        }
        EnsureTopicOutcome::Exists { partitions } => {
            let message = format!(
                "the state topic `{topic}` has {partitions} partitions, but `shards` is {shards}; the number of shards \
                 determines the partition of each token's state and cannot change"
            );
            let help = format!("set shards = {partitions}, or give the pipeline another name");
            let error = config.error_at(publish.name.span, ErrorKind::Config.code(), message, help);
            Err(Error::from(error).into())
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
    let policy = match admin.topic_config(topic, CLEANUP_POLICY).await {
        Ok(policy) => policy,
        // A principal that may not describe the topic's configuration may still write to the topic.
        Err(error) if error.kind() == spanbridge_kafka::ErrorKind::Denied => None,
        Err(error) => return Err(error.into()),
    };
    match policy {
        Some(policy) if policy.trim() != "compact" => {
            let message = format!(
                "the state topic `{topic}` has {CLEANUP_POLICY} = {policy}: its records would be deleted"
            );
            let help = format!(
                "set {CLEANUP_POLICY} = compact on it: kafka-configs --alter --add-config {CLEANUP_POLICY}=compact"
            );
            let error = config.error_at(publish.name.span, ErrorKind::Config.code(), message, help);
            Err(Error::from(error).into())
        }
        _ => Ok(()),
    }
}
