//! The check before a pipeline begins: no topic of its tables has had records.
//!
//! A pipeline without an origin is new, or its state topic was deleted or emptied. Records in its data topics tell the
//! two apart. Only the owner of shard 0 writes the origin, and it has fenced its predecessors and read all of its state
//! before it checks. Another worker of the same new pipeline therefore cannot have published anything.

use std::time::Duration;

use spanbridge_config::ExistingTopics;
use spanbridge_kafka::{Offsets, TopicPartition};

use crate::failure::Failure;
use crate::pipeline::Pipeline;
use crate::{Error, ErrorKind};

/// How long one query of a topic may take.
const QUERY_TIMEOUT: Duration = Duration::from_secs(30);

/// Checks that the pipeline may begin.
///
/// # Errors
/// [`ErrorKind::StateLost`] for a topic that has had records; errors of Kafka and Spanner.
pub(super) async fn check(pipeline: &Pipeline) -> Result<(), Failure> {
    if pipeline.config.existing_topics == ExistingTopics::Append {
        return Ok(());
    }
    let offsets = Offsets::new(&pipeline.kafka)?;
    for topic in pipeline.tables.topics().await? {
        if has_had_records(&offsets, &topic).await? {
            let message = format!(
                "the state topic `{}` has no position, but topic `{topic}` has had records; restore the state topic, or \
                 begin anew with existing_topics = \"append\"",
                pipeline.state_topic
            );
            return Err(Error::new(ErrorKind::StateLost, pipeline.name(), message).into());
        }
    }
    Ok(())
}

/// True if a record was ever written to the topic, even if its retention has deleted all of them.
async fn has_had_records(offsets: &Offsets, topic: &str) -> Result<bool, Failure> {
    let partitions = offsets.partition_count(topic, QUERY_TIMEOUT).await?.unwrap_or_default();
    for partition in 0..partitions {
        if offsets.end(&TopicPartition::new(topic, partition), QUERY_TIMEOUT).await? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}
