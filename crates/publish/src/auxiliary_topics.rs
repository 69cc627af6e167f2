//! The topics beside the data.

use std::sync::Arc;
use std::time::Duration;

use spanbridge_config::{Beat, Config, CreateTopics, Publish, Template};
use spanbridge_kafka::{Admin, Message};
use spanbridge_schema::auxiliary_topics::AuxiliarySchema;
use spanbridge_schema::{Item, Registry};

use crate::ensure_topic::RequiredTopic;
use crate::failure::Failure;
use crate::transform::{RecordFormat, Serializer};

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct AuxiliaryTopic {
    topic: Arc<str>,
    key: Serializer,
    value: Serializer,
}

/// Those that the pipeline has.
#[derive(Debug, Clone, Default)]
pub(crate) struct AuxiliaryTopics {
    pub(crate) heartbeat: Option<(AuxiliaryTopic, Duration)>,
    pub(crate) watermark: Option<(AuxiliaryTopic, Duration)>,
    pub(crate) transaction: Option<AuxiliaryTopic>,
    /// Records may have what Debezium's have not.
    pub(crate) extended: bool,
}

impl AuxiliaryTopic {
    /// A record of it.
    ///
    /// # Errors
    /// That its schema does not take it, which is a bug.
    pub(crate) fn message(&self, (key, value): (Item, Item)) -> spanbridge_schema::Result<Message> {
        Ok(Message {
            topic: self.topic.clone(),
            partition: None,
            key: Some(self.key.encode(key)?),
            value: Some(self.value.encode(value)?),
            headers: Vec::new(),
            timestamp_ms: None,
        })
    }
}

/// Makes topics and schemas of what a pipeline has beside its data.
pub(crate) struct AuxiliaryTopicSetup<'a> {
    pub(crate) config: &'a Config,
    pub(crate) publish: &'a Publish,
    pub(crate) registry: &'a Registry,
    pub(crate) admin: &'a Admin,
}

impl AuxiliaryTopicSetup<'_> {
    /// # Errors
    /// Those of Kafka and the registry, and that a topic is missing.
    pub(crate) async fn sides(&self) -> Result<AuxiliaryTopics, Failure> {
        let extended = RecordFormat::new(self.publish).is_extended();
        let transaction = match &self.publish.transaction_topic {
            Some(topic) => {
                let create = self.publish.create_topics.clone();
                let beside = |topic: &str| AuxiliarySchema::transaction(topic, extended);
                Some(self.side(topic, "transactions", create, beside).await?)
            }
            None => None,
        };
        let (heartbeat, watermark) = (&self.publish.heartbeat_topic, &self.publish.watermark_topic);
        Ok(AuxiliaryTopics {
            heartbeat: self.beat(heartbeat.as_ref(), "heartbeats", AuxiliarySchema::heartbeat).await?,
            watermark: self.beat(watermark.as_ref(), "watermarks", AuxiliarySchema::watermark).await?,
            transaction,
            extended,
        })
    }

    /// A thin one, which needs one partition.
    async fn beat(
        &self,
        beat: Option<&Beat>,
        purpose: &str,
        beside: impl Fn(&str) -> AuxiliarySchema,
    ) -> Result<Option<(AuxiliaryTopic, Duration)>, Failure> {
        let Some(beat) = beat else { return Ok(None) };
        let create = self.publish.create_topics.clone();
        let create = create.map(|create| CreateTopics { partitions: 1, ..create });
        let side = self.side(&beat.topic, purpose, create, beside).await?;
        Ok(Some((side, beat.every)))
    }

    async fn side(
        &self,
        template: &Template,
        purpose: &str,
        create: Option<CreateTopics>,
        beside: impl Fn(&str) -> AuxiliarySchema,
    ) -> Result<AuxiliaryTopic, Failure> {
        let topic = template.render(&self.publish.name, "");
        let wanted = RequiredTopic { topic: &topic, purpose, span: template.span() };
        wanted.ensure(self.config, self.publish, create.as_ref(), self.admin).await?;
        let (records, (key, value)) = (beside(&topic), RecordFormat::new(self.publish).codings());
        let key = Serializer::register(key, &records.key, &topic, self.registry).await?;
        let value = Serializer::register(value, &records.value, &topic, self.registry).await?;
        Ok(AuxiliaryTopic { topic: topic.into(), key, value })
    }
}
