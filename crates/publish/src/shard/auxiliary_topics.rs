//! What a shard writes beside the data: heartbeats, watermarks, and where transactions begin and end.

use std::time::{Duration, SystemTime};

use spanbridge_kafka::Message;
use spanbridge_protocol::publish::{ChangeId, EventCounts, Token};
use spanbridge_protocol::value::Timestamp;
use spanbridge_schema::Item;
use spanbridge_schema::auxiliary_topics::{Heartbeat, TransactionEvent, Watermark};
use spanbridge_spanner::DataChange;

use super::change_handler::{TransactionPosition, size_of};
use super::end::End;
use super::outgoing_message::OutgoingMessage;
use super::run::ShardRun;
use crate::auxiliary_topics::AuxiliaryTopic;

/// When each is due next.
#[derive(Default)]
pub(super) struct PeriodicMessages {
    heartbeat: Duration,
    watermark: Duration,
    told: Option<Timestamp>,
}

impl ShardRun {
    /// Heartbeats of each shard; watermarks are the pipeline's, which shard 0 tells.
    pub(super) fn beat(&mut self) -> Result<(), End> {
        let (pipeline, now) = (self.pipeline.clone(), self.now());
        if !self.shard.is_running() || !self.shard.has_room() {
            return Ok(());
        }
        if let Some((side, every)) = &pipeline.sides.heartbeat
            && now >= self.beats.heartbeat
        {
            self.beats.heartbeat = now + *every;
            let (name, watermark) = (pipeline.name(), self.shard.watermark());
            let now = SystemTime::now().into();
            let beat = Heartbeat { pipeline: name, shard: self.index, now, watermark };
            self.aside(side, beat.items())?;
        }
        if let Some((side, every)) = &pipeline.sides.watermark
            && let Some(low_watermark) = pipeline.watermark.get()
            && (self.index, now >= self.beats.watermark) == (0, true)
            && self.beats.told != Some(low_watermark)
        {
            (self.beats.watermark, self.beats.told) = (now + *every, Some(low_watermark));
            let now = SystemTime::now().into();
            self.aside(side, Watermark { pipeline: pipeline.name(), low_watermark, now }.items())?;
        }
        Ok(())
    }

    fn aside(&mut self, side: &AuxiliaryTopic, items: (Item, Item)) -> Result<(), End> {
        let message = self.side_message(side, items)?;
        let (size, now) = (size_of(&message), self.now());
        self.shard.add_auxiliary(OutgoingMessage::aside(message), size, now);
        Ok(())
    }

    /// The record that a transaction begins, with its first events in a token, or in all.
    pub(super) fn transaction_begin(
        &self,
        place: &TransactionPosition,
        before: &EventCounts,
        change: &DataChange,
    ) -> Result<Option<Message>, End> {
        if before.events > 0 {
            return Ok(None);
        }
        self.transaction_event(&place.counted, None, change)
    }

    /// The record that it ends there, with its last change record; none where nothing of it was published.
    pub(super) fn transaction_end(
        &self,
        place: &TransactionPosition,
        id: &ChangeId,
        change: &DataChange,
    ) -> Result<Option<Message>, End> {
        let total = self.tally.total(&place.counted, id);
        if !place.last || total.events == 0 {
            return Ok(None);
        }
        let tables = total.tables.into_iter().map(|(table, events)| (table.to_string(), events));
        self.transaction_event(&place.counted, Some((total.events, tables.collect())), change)
    }

    fn transaction_event(
        &self,
        token: &Token,
        end: Option<(u64, Vec<(String, u64)>)>,
        change: &DataChange,
    ) -> Result<Option<Message>, End> {
        let Some(side) = &self.pipeline.sides.transaction else { return Ok(None) };
        let event = TransactionEvent {
            id: &change.server_transaction_id,
            end,
            commit: change.commit_timestamp,
            token: &token.0,
            partitions: change.number_of_partitions_in_transaction,
        };
        self.side_message(side, event.items(self.pipeline.sides.extended)).map(Some)
    }

    fn side_message(&self, side: &AuxiliaryTopic, items: (Item, Item)) -> Result<Message, End> {
        side.message(items).map_err(|error| self.end(error, "encode a record beside the data"))
    }
}
