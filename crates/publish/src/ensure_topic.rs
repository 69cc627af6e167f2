//! Topics that must exist before the pipeline writes to them.

use spanbridge_config::{Config, CreateTopics, Publish, Span};
use spanbridge_kafka::{Admin, EnsureTopicOutcome};

use crate::failure::Failure;
use crate::{Error, ErrorKind};

const MIN_IN_SYNC_REPLICAS: &str = "min.insync.replicas";

/// Returns the `min.insync.replicas` of a topic with this number of copies: with three or more, an acknowledged record
/// survives the loss of one broker, and the topic stays writable without one.
pub(crate) fn min_in_sync_replicas(copies: usize) -> usize {
    if copies >= 3 { 2 } else { 1 }
}

/// A topic that must exist before the pipeline writes to it.
pub(crate) struct RequiredTopic<'a> {
    pub(crate) topic: &'a str,
    /// The purpose of the topic, for the error message.
    pub(crate) purpose: &'a str,
    /// The place of the name in the file; empty for a default name.
    pub(crate) span: Span,
}

impl RequiredTopic<'_> {
    /// Creates the topic if it does not exist and the file says how.
    ///
    /// # Errors
    /// Errors of Kafka, and a missing topic with its place in the file.
    pub(crate) async fn ensure(
        &self,
        config: &Config,
        publish: &Publish,
        create: Option<&CreateTopics>,
        admin: &Admin,
    ) -> Result<(), Failure> {
        let topic = self.topic;
        if let Some(create) = create {
            let (partitions, copies) = (i32::from(create.partitions), i32::from(create.replication_factor));
            let in_sync = min_in_sync_replicas(create.replication_factor.into()).to_string();
            let mut settings: Vec<(&str, &str)> =
                create.config.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            if !settings.iter().any(|(name, _)| *name == MIN_IN_SYNC_REPLICAS) {
                settings.push((MIN_IN_SYNC_REPLICAS, &in_sync));
            }
            if admin.ensure_topic(topic, partitions, copies, &settings).await? == EnsureTopicOutcome::Created
            {
                tracing::info!(pipeline = %publish.name, topic, partitions, "Topic created");
            }
            return Ok(());
        }
        if admin.partition_count(topic).await?.is_some() {
            return Ok(());
        }
        let span = if self.span == Span::default() { publish.name.span } else { self.span };
        let message = format!("Kafka has no topic `{topic}` for {}", self.purpose);
        let help = "create it, or let the pipeline do so with create_topics = { partitions = …, replication_factor = … }";
        Err(Error::from(config.error_at(span, ErrorKind::Config.code(), message, help)).into())
    }
}
