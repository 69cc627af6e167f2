use spanbridge_config::{Config, Publish};
use spanbridge_kafka::{Admin, Ensured};

use crate::failure::Failure;
use crate::{Error, ErrorKind};

/// The broker's default.
const ANY_REPLICATION: i32 = -1;

const CLEANUP: &str = "cleanup.policy";

/// Of a state topic: its newest segment is never compacted and every owner reads all of it, so segments are small.
const PROPERTIES: [(&str, &str); 4] = [
    (CLEANUP, "compact"),
    ("segment.bytes", "16777216"),
    ("segment.ms", "3600000"),
    ("min.cleanable.dirty.ratio", "0.2"),
];

/// The name of the state topic, which is created unless it is there, with a partition for each shard.
pub(super) async fn state(config: &Config, publish: &Publish, admin: &Admin) -> Result<String, Failure> {
    let topic = publish.state_topic();
    let shards = i32::from(publish.shards);
    let copies =
        publish.create_topics.as_ref().map_or(ANY_REPLICATION, |create| create.replication_factor.into());
    match admin.ensure_topic(&topic, shards, copies, &PROPERTIES).await? {
        Ensured::Created => {
            tracing::info!(pipeline = %publish.name, topic, shards, "state topic created");
            Ok(topic)
        }
        Ensured::Exists { partitions } if partitions == shards => {
            compacted(config, publish, admin, &topic).await?;
            Ok(topic)
        }
        Ensured::Exists { partitions } => {
            let message = format!(
                "the state topic `{topic}` has {partitions} partitions, but `shards` is {shards}; the number of shards \
                 says where the state of each token lies and cannot change"
            );
            let help = format!("set shards = {partitions}, or give the pipeline another name");
            let error = config.error_at(publish.name.span, ErrorKind::Config.code(), message, help);
            Err(Error::from(error).into())
        }
    }
}

/// A state topic whose records expire forgets how far it has come.
async fn compacted(config: &Config, publish: &Publish, admin: &Admin, topic: &str) -> Result<(), Failure> {
    let policy = match admin.setting(topic, CLEANUP).await {
        Ok(policy) => policy,
        // Who may not look may still write.
        Err(error) if error.kind() == spanbridge_kafka::ErrorKind::Denied => None,
        Err(error) => return Err(error.into()),
    };
    match policy {
        Some(policy) if policy.trim() != "compact" => {
            let message =
                format!("the state topic `{topic}` has {CLEANUP} = {policy}: its records would be deleted");
            let help = format!(
                "set {CLEANUP} = compact on it: kafka-configs --alter --add-config {CLEANUP}=compact"
            );
            let error = config.error_at(publish.name.span, ErrorKind::Config.code(), message, help);
            Err(Error::from(error).into())
        }
        _ => Ok(()),
    }
}
