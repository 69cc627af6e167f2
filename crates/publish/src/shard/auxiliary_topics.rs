//! The heartbeats and watermarks of a shard, published when they are due.

use std::time::{Duration, SystemTime};

use spanbridge_protocol::value::Timestamp;
use spanbridge_schema::FieldValue;
use spanbridge_schema::auxiliary_topics::{Heartbeat, Watermark};

use super::context::ShardContext;
use super::outgoing_message::{Machine, OutgoingMessage, message_size};
use super::run_end::RunEnd;
use crate::auxiliary_topics::AuxiliaryTopic;

/// The periodic messages of a shard. Each shard publishes heartbeats; shard 0 publishes the pipeline's watermark.
pub(super) struct PeriodicMessages {
    context: ShardContext,
    next_heartbeat: Duration,
    next_watermark: Duration,
    last_watermark: Option<Timestamp>,
}

impl PeriodicMessages {
    pub(super) fn new(context: ShardContext) -> Self {
        Self { context, next_heartbeat: Duration::ZERO, next_watermark: Duration::ZERO, last_watermark: None }
    }

    /// Queues the messages that are due, if the shard has room. A watermark that has not moved is not repeated.
    pub(super) fn queue_due(&mut self, machine: &mut Machine) -> Result<(), RunEnd> {
        let (pipeline, now) = (self.context.pipeline.clone(), self.context.now());
        if !machine.is_running() || !machine.has_room() {
            return Ok(());
        }
        if let Some((topic, every)) = &pipeline.auxiliary_topics.heartbeat
            && now >= self.next_heartbeat
        {
            self.next_heartbeat = now + *every;
            let heartbeat = Heartbeat {
                pipeline: pipeline.name(),
                shard: self.context.index,
                now: SystemTime::now().into(),
                watermark: machine.watermark(),
            };
            self.queue(topic, heartbeat.into_key_and_value(), machine)?;
        }
        if let Some((topic, every)) = &pipeline.auxiliary_topics.watermark
            && let Some(low_watermark) = pipeline.watermark.get()
            && self.context.index == 0
            && now >= self.next_watermark
            && self.last_watermark != Some(low_watermark)
        {
            (self.next_watermark, self.last_watermark) = (now + *every, Some(low_watermark));
            let now = SystemTime::now().into();
            self.queue(
                topic,
                Watermark { pipeline: pipeline.name(), low_watermark, now }.into_key_and_value(),
                machine,
            )?;
        }
        Ok(())
    }

    fn queue(
        &self,
        topic: &AuxiliaryTopic,
        items: (FieldValue, FieldValue),
        machine: &mut Machine,
    ) -> Result<(), RunEnd> {
        let message = topic.message(items);
        let message =
            message.map_err(|error| self.context.end_of(error, "encode a record of an auxiliary topic"))?;
        let size = message_size(&message);
        machine.add_auxiliary(OutgoingMessage::auxiliary(message), size, self.context.now());
        Ok(())
    }
}
