//! The topics beside the data.

use std::sync::Arc;
use std::time::Duration;

use spanbridge_config::{Beat, Config, CreateTopics, Publish, Template};
use spanbridge_kafka::{Admin, Message};
use spanbridge_schema::auxiliary_topics::AuxiliarySchema;
use spanbridge_schema::{Item, Registry};

use crate::failure::Failure;
use crate::transform::{Form, Output};
use crate::wanted::Wanted;

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    topic: Arc<str>,
    key: Output,
    value: Output,
}

/// Those that the pipeline has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sides {
    pub(crate) heartbeat: Option<(Side, Duration)>,
    pub(crate) watermark: Option<(Side, Duration)>,
    pub(crate) transaction: Option<Side>,
    /// Records may have what Debezium's have not.
    pub(crate) extended: bool,
}

impl Side {
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
pub(crate) struct Maker<'a> {
    pub(crate) config: &'a Config,
    pub(crate) publish: &'a Publish,
    pub(crate) registry: &'a Registry,
    pub(crate) admin: &'a Admin,
}

impl Maker<'_> {
    /// # Errors
    /// Those of Kafka and the registry, and that a topic is missing.
    pub(crate) async fn sides(&self) -> Result<Sides, Failure> {
        let extended = Form::new(self.publish).is_extended();
        let transaction = match &self.publish.transaction_topic {
            Some(topic) => {
                let create = self.publish.create_topics.clone();
                let beside = |topic: &str| AuxiliarySchema::transaction(topic, extended);
                Some(self.side(topic, "transactions", create, beside).await?)
            }
            None => None,
        };
        let (heartbeat, watermark) = (&self.publish.heartbeat_topic, &self.publish.watermark_topic);
        Ok(Sides {
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
    ) -> Result<Option<(Side, Duration)>, Failure> {
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
    ) -> Result<Side, Failure> {
        let topic = template.render(&self.publish.name, "");
        let wanted = Wanted { topic: &topic, purpose, span: template.span() };
        wanted.ensure(self.config, self.publish, create.as_ref(), self.admin).await?;
        let (records, (key, value)) = (beside(&topic), Form::new(self.publish).codings());
        let key = Output::register(key, &records.key, &topic, self.registry).await?;
        let value = Output::register(value, &records.value, &topic, self.registry).await?;
        Ok(Side { topic: topic.into(), key, value })
    }
}
