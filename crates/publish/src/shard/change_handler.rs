//! What a shard's queries tell, to the machine.

use std::sync::Arc;
use std::time::SystemTime;

use spanbridge_kafka::Message;
use spanbridge_protocol::publish::{ChangeId, ChildTokens, EventCounts, Token, TokenEvent};
use spanbridge_spanner::{ChangeRecord, ChildPartitions, CommitTag, DataChange};

use super::commit_order::ReadChange;
use super::end::End;
use super::operations;
use super::outgoing_message::{MessageOrigin, OutgoingMessage};
use super::queries::{Ending, Event};
use super::run::ShardRun;
use crate::failure::Failure;
use crate::policy::Action;
use crate::transform::{ChangeMetadata, PrecedingEvents, TableTransform};
use crate::{Error, ErrorKind};

/// What a queued change takes beyond its messages, near enough: it bounds what is filtered out as well.
const CHANGE_SIZE: usize = 256;

/// A change that waits for its table's plan.
pub(super) struct HeldChange {
    token: Token,
    id: ChangeId,
    change: Arc<DataChange>,
    read: SystemTime,
    /// Of its Spanner transaction.
    trace: Option<[u8; 24]>,
    /// What its transaction has before it.
    before: EventCounts,
    place: TransactionPosition,
}

/// Where a change stands in its transaction.
pub(super) struct TransactionPosition {
    /// In what the transaction's changes are counted: in their token, or, where they come in order, in all of them.
    pub(super) counted: Token,
    /// It is the last one there.
    pub(super) last: bool,
}

impl ShardRun {
    pub(super) fn event(&mut self, token: &Token, event: Event) -> Result<(), End> {
        let told = match event {
            Event::Record { record: ChangeRecord::Data(change), read } => {
                TokenEvent::Change { change: ReadChange::new(change, read), continues: false }
            }
            Event::Record { record: ChangeRecord::Heartbeat(at), .. } => TokenEvent::Heartbeat(at),
            Event::Record { record: ChangeRecord::Children(record), .. } => {
                TokenEvent::Children(children(record))
            }
            Event::Ended(ending) => return self.ended(token, ending),
            Event::GivenUp => TokenEvent::Interrupted,
        };
        self.told(token, told)
    }

    pub(super) fn change(
        &mut self,
        token: &Token,
        change: DataChange,
        read: SystemTime,
        place: TransactionPosition,
    ) -> Result<(), End> {
        if self.order.is_some() && !place.last {
            self.shard.set_transaction_open(true, self.now());
        }
        let (at, id) = (change.commit_timestamp, id_of(&change));
        let tag = CommitTag::parse(&change.transaction_tag);
        let is_own = tag.is_some_and(|tag| self.pipeline.own.contains(&tag.mark));
        let trace = tag.and_then(|tag| tag.trace);
        let publishes = !is_own && self.pipeline.tables.publishes(&change.table_name);
        let mut before = EventCounts::default();
        if self.pipeline.sides.transaction.is_some() {
            // Also what has been emitted before: it comes again, and is counted from nothing.
            let events = if publishes { u64::try_from(change.mods.len()).unwrap_or(u64::MAX) } else { 0 };
            before = self.tally.count(&place.counted, at, &id, events);
        }
        let now = self.now();
        if !self.shard.should_emit(token, at, &id, now).map_err(|error| self.refused(&error))? {
            self.handed_in(&place);
            return Ok(());
        }
        if !publishes {
            let end = self.transaction_end(&place, &id, &change)?;
            let data = end.into_iter().map(OutgoingMessage::aside).collect();
            self.shard.add_change(token, at, id, data, CHANGE_SIZE, now);
            self.handed_in(&place);
            return Ok(());
        }
        let plan = self.pipeline.tables.known(&change.table_name);
        let misfit = plan.as_ref().and_then(|plan| plan.misfit(&change));
        let held =
            HeldChange { token: token.clone(), id, change: Arc::new(change), read, trace, before, place };
        match plan {
            Some(plan) if misfit.is_none() => return self.take(&plan, held),
            _ => {}
        }
        let letters = self.pipeline.letters.as_ref();
        match letters.and_then(|letters| letters.refused(&held.change.table_name, misfit.as_ref())) {
            Some(reason) => self.bury(&held, &reason),
            None => {
                self.ask(held);
                Ok(())
            }
        }
    }

    /// What to do about a change that has no plan: a letter, where the pipeline has any.
    pub(super) fn refuse(&mut self, failure: Failure) -> Result<(), End> {
        let pipeline = self.pipeline.clone();
        match (&pipeline.letters, failure.action(), self.held.take()) {
            (Some(letters), Action::Stop(ErrorKind::Schema), Some(held)) => {
                let table = &held.change.table_name;
                let plan = pipeline.tables.known(table);
                let misfit = plan.and_then(|plan| plan.misfit(&held.change));
                let reason = letters.refuse(table, misfit, &failure.to_string());
                self.status.state().reason = None;
                self.bury(&held, &reason)
            }
            _ => Err(self.end(failure, "make the schemas of a table")),
        }
    }

    /// Hands a change in as dead letters.
    fn bury(&mut self, held: &HeldChange, reason: &str) -> Result<(), End> {
        let messages = self.pipeline.letters.as_ref().map(|letters| letters.messages(&held.change, reason));
        self.hand_in(held, messages.unwrap_or_default(), true)
    }

    /// Holds a change up until its table's plan is there.
    fn ask(&mut self, held: HeldChange) {
        self.work.push(operations::plan(self.pipeline.clone(), held.change.clone(), self.status.clone()));
        self.held = Some(held);
    }

    /// Hands a change in, made into messages.
    pub(super) fn take(&mut self, plan: &TableTransform, held: HeldChange) -> Result<(), End> {
        let HeldChange { token, id, change, read, before, .. } = &held;
        let made = SystemTime::now();
        let order = self.pipeline.sides.transaction.as_ref().map(|_| PrecedingEvents {
            total: before.events,
            table: before.tables.get(&id.table).copied().unwrap_or(0),
        });
        let low_watermark =
            if self.pipeline.config.low_watermark { self.pipeline.watermark.get() } else { None };
        let arrival =
            ChangeMetadata { token: &token.0, read: (*read).into(), now: made.into(), low_watermark, order };
        let messages = match plan.messages(self.pipeline.tables.origin(), change, arrival) {
            Ok(messages) => messages,
            // The column is not NOT NULL any more, or was not yet.
            Err(_) if plan.null_misfit(change).is_some() => {
                self.ask(held);
                return Ok(());
            }
            Err(why) => {
                let message = format!(
                    "a change of table {} at {} (transaction {}, record {}) cannot be published: {why}",
                    change.table_name,
                    change.commit_timestamp,
                    change.server_transaction_id,
                    change.record_sequence
                );
                return Err(End::Stop(Error::new(ErrorKind::Record, self.pipeline.name(), message)));
            }
        };
        self.hand_in(&held, messages, false)
    }

    fn hand_in(&mut self, held: &HeldChange, messages: Vec<Message>, dead_letters: bool) -> Result<(), End> {
        let HeldChange { token, id, change, read, trace, before, place } = held;
        let made_of = MessageOrigin {
            table: id.table.clone(),
            commit: Some(change.commit_timestamp),
            read: *read,
            made: SystemTime::now(),
            dead_letter: dead_letters,
            trace: *trace,
        };
        let mut data: Vec<OutgoingMessage> = Vec::with_capacity(messages.len());
        data.extend(self.transaction_begin(place, before, change)?.map(OutgoingMessage::aside));
        data.extend(messages.into_iter().map(|message| OutgoingMessage::new(message, made_of.clone())));
        data.extend(self.transaction_end(place, id, change)?.map(OutgoingMessage::aside));
        let size = CHANGE_SIZE + data.iter().map(|published| size_of(&published.message)).sum::<usize>();
        if let Some(first) = data.first_mut() {
            first.share = Some(self.pipeline.queued.take(size));
        }
        self.shard.add_change(token, change.commit_timestamp, id.clone(), data, size, self.now());
        self.handed_in(place);
        Ok(())
    }

    fn handed_in(&mut self, place: &TransactionPosition) {
        if self.order.is_some() {
            self.shard.set_transaction_open(!place.last, self.now());
            if place.last {
                self.tally.forget(&place.counted);
            }
        }
    }

    fn ended(&mut self, token: &Token, ending: Ending) -> Result<(), End> {
        let Some(error) = ending.error else {
            return self.told(token, TokenEvent::Ended);
        };
        let failure = Failure::Spanner(error);
        self.pipeline.meter.failure(&failure);
        match failure.action() {
            Action::Stop(kind) => {
                if kind == ErrorKind::Expired {
                    self.pipeline.meter.gaps.increment(1);
                }
                let (token, frontier) = (token.clone(), self.shard.watermark());
                self.work.push(operations::explain(self.pipeline.clone(), token, frontier, failure));
                Ok(())
            }
            _ => {
                let (pipeline, shard, token_end) = (self.pipeline.name(), self.index, token.short());
                tracing::info!(pipeline, shard, token = token_end, %failure, "query broken off, to be resumed");
                self.told(token, TokenEvent::Interrupted)
            }
        }
    }
}

pub(super) fn id_of(change: &DataChange) -> ChangeId {
    ChangeId {
        transaction: change.server_transaction_id.as_str().into(),
        sequence: change.record_sequence.as_str().into(),
        table: change.table_name.as_str().into(),
    }
}

fn children(record: ChildPartitions) -> ChildTokens {
    let token = |token: String| Token(token.into());
    let children = record
        .children
        .into_iter()
        .map(|child| (token(child.token), child.parents.into_iter().map(token).collect()));
    ChildTokens { start: record.start_timestamp, children: children.collect() }
}

pub(super) fn size_of(message: &Message) -> usize {
    let bytes = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
    size_of_val(message) + bytes(&message.key) + bytes(&message.value)
}
