//! The auxiliary topics of a pipeline: heartbeats, watermarks and transaction metadata.
//!
//! At the start, [`AuxiliaryTopicSetup`] creates the topics and registers their schemas. The shards then ask an
//! [`AuxiliaryTopic`] for messages.

use std::sync::Arc;
use std::time::Duration;

use spanbridge_config::{Config, CreateTopics, PeriodicTopic, Publish, Template};
use spanbridge_kafka::{Admin, Message};
use spanbridge_schema::auxiliary_topics::AuxiliarySchema;
use spanbridge_schema::{FieldValue, Registry};

use crate::ensure_topic::RequiredTopic;
use crate::failure::Failure;
use crate::transform::{RecordFormat, Serializer};

/// A topic with the serializers of its keys and values.
#[derive(Debug, Clone)]
pub(crate) struct AuxiliaryTopic {
    topic: Arc<str>,
    key: Serializer,
    value: Serializer,
}

/// The auxiliary topics that the pipeline has. Periodic ones have the interval between two messages.
#[derive(Debug, Clone, Default)]
pub(crate) struct AuxiliaryTopics {
    pub(crate) heartbeat: Option<(AuxiliaryTopic, Duration)>,
    pub(crate) watermark: Option<(AuxiliaryTopic, Duration)>,
    pub(crate) transaction: Option<AuxiliaryTopic>,
    /// True if records may have fields that Debezium's do not have.
    pub(crate) is_extended: bool,
}

impl AuxiliaryTopic {
    /// Returns the message of a record's key and value.
    ///
    /// # Errors
    /// A record that the schema does not accept, which is a bug.
    pub(crate) fn message(
        &self,
        (key, value): (FieldValue, FieldValue),
    ) -> spanbridge_schema::Result<Message> {
        Ok(Message {
            topic: self.topic.clone(),
            partition: None,
            key: Some(self.key.serialize(key)?),
            value: Some(self.value.serialize(value)?),
            headers: Vec::new(),
            timestamp_ms: None,
        })
    }
}

/// Creates the auxiliary topics of a pipeline and registers their schemas.
pub(crate) struct AuxiliaryTopicSetup<'a> {
    pub(crate) config: &'a Config,
    pub(crate) publish: &'a Publish,
    pub(crate) registry: &'a Registry,
    pub(crate) admin: &'a Admin,
}

impl AuxiliaryTopicSetup<'_> {
    /// Creates all topics that the file names.
    ///
    /// # Errors
    /// Errors of Kafka and the registry, and a missing topic that the pipeline may not create.
    pub(crate) async fn create_all(&self) -> Result<AuxiliaryTopics, Failure> {
        let is_extended = RecordFormat::new(self.publish).is_extended();
        let transaction = match &self.publish.transaction_topic {
            Some(topic) => {
                let create = self.publish.create_topics.clone();
                let schema = |topic: &str| AuxiliarySchema::transaction(topic, is_extended);
                Some(self.create(topic, "transactions", create, schema).await?)
            }
            None => None,
        };
        let (heartbeat, watermark) = (&self.publish.heartbeat_topic, &self.publish.watermark_topic);
        Ok(AuxiliaryTopics {
            heartbeat: self
                .create_periodic(heartbeat.as_ref(), "heartbeats", AuxiliarySchema::heartbeat)
                .await?,
            watermark: self
                .create_periodic(watermark.as_ref(), "watermarks", AuxiliarySchema::watermark)
                .await?,
            transaction,
            is_extended,
        })
    }

    /// Creates a topic of periodic messages. One partition suffices for their rate.
    async fn create_periodic(
        &self,
        settings: Option<&PeriodicTopic>,
        purpose: &str,
        schema: impl Fn(&str) -> AuxiliarySchema,
    ) -> Result<Option<(AuxiliaryTopic, Duration)>, Failure> {
        let Some(settings) = settings else { return Ok(None) };
        let create = self.publish.create_topics.clone();
        let create = create.map(|create| CreateTopics { partitions: 1, ..create });
        let topic = self.create(&settings.topic, purpose, create, schema).await?;
        Ok(Some((topic, settings.interval)))
    }

    async fn create(
        &self,
        template: &Template,
        purpose: &str,
        create: Option<CreateTopics>,
        schema: impl Fn(&str) -> AuxiliarySchema,
    ) -> Result<AuxiliaryTopic, Failure> {
        let topic = template.render(&self.publish.name, "");
        let required = RequiredTopic { topic: &topic, purpose, span: template.span() };
        required.ensure(self.config, self.publish, create.as_ref(), self.admin).await?;
        let (records, (key, value)) = (schema(&topic), RecordFormat::new(self.publish).serializer_settings());
        let key = Serializer::register(key, &records.key, &topic, self.registry).await?;
        let value = Serializer::register(value, &records.value, &topic, self.registry).await?;
        Ok(AuxiliaryTopic { topic: topic.into(), key, value })
    }
}
