//! The way of one change: it is filtered, counted, transformed to messages and handed to the state machine.
//!
//! A change whose table has no fitting transform waits here until there is one, and holds up all later changes. A
//! change that no schema fits becomes dead letters, where the pipeline has a topic for them.

use std::sync::Arc;
use std::time::SystemTime;

use spanbridge_kafka::Message;
use spanbridge_protocol::publish::{Token, TokenEvent};
use spanbridge_spanner::{CommitTag, DataChange};

use super::change_transform::{end_of_invalid_change, request_transform, transform_change};
use super::context::ShardContext;
use super::held_change::{HeldChange, TransactionPosition, change_id};
use super::operations::Operations;
use super::outgoing_message::{Machine, MessageOrigin, OutgoingMessage, message_size};
use super::run_end::RunEnd;
use super::token_events::ReadChange;
use super::transaction_events::TransactionEvents;
use crate::ErrorKind;
use crate::failure::Failure;
use crate::policy::Action;
use crate::transform::TableTransform;

/// The approximate memory of a queued change beyond its messages, in bytes. It also bounds the number of queued changes
/// that have no messages.
const CHANGE_OVERHEAD: usize = 256;

/// Handles the changes of a shard one after the other.
pub(super) struct ChangeHandler {
    context: ShardContext,
    transactions: TransactionEvents,
    /// The change that waits for the transform of its table.
    waiting: Option<HeldChange>,
}

impl ChangeHandler {
    pub(super) fn new(context: ShardContext) -> Self {
        Self { transactions: TransactionEvents::new(context.clone()), context, waiting: None }
    }

    /// True while a change waits for its transform: no other may be handed in.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Forgets the transaction counts of a token that is queried again or no longer.
    pub(super) fn forget_counts(&mut self, token: &Token) {
        self.transactions.forget(token);
    }

    /// Hands in the next event of a token.
    pub(super) fn handle(
        &mut self,
        token: &Token,
        event: TokenEvent<ReadChange>,
        machine: &mut Machine,
        operations: &Operations,
    ) -> Result<(), RunEnd> {
        let now = self.context.now();
        match event {
            TokenEvent::Change { change: ReadChange { change, read, .. }, continues } => {
                let position = TransactionPosition::new(self.is_atomic(), token, &change, continues);
                return self.change(token, change, read, position, machine, operations);
            }
            TokenEvent::Heartbeat(at) => machine.add_heartbeat(token, at, now),
            TokenEvent::Children(children) => machine.add_children(token, children),
            TokenEvent::Ended => machine.end_query(token, now),
            TokenEvent::Interrupted => machine.restart_query(token),
        }
        Ok(())
    }

    fn is_atomic(&self) -> bool {
        self.context.pipeline.config.atomic
    }

    fn change(
        &mut self,
        token: &Token,
        change: DataChange,
        read: SystemTime,
        position: TransactionPosition,
        machine: &mut Machine,
        operations: &Operations,
    ) -> Result<(), RunEnd> {
        let pipeline = self.context.pipeline.clone();
        if self.is_atomic() && !position.is_last {
            machine.set_transaction_open(true, self.context.now());
        }
        let (at, id) = (change.commit_timestamp, change_id(&change));
        let tag = CommitTag::parse(&change.transaction_tag);
        let is_skipped = tag.is_some_and(|tag| pipeline.skipped_tags.contains(&tag.pipeline));
        let trace = tag.and_then(|tag| tag.trace);
        let is_published = !is_skipped && pipeline.tables.publishes(&change.table_name);
        // Changes that have been emitted are counted too: they come again, and the count has restarted.
        let events = if is_published { change.mods.len() } else { 0 };
        let before = self.transactions.count(&position, at, &id, events);
        let now = self.context.now();
        let should_emit = machine.should_emit(token, at, &id, now);
        if !should_emit.map_err(|error| self.context.end_of_rejected(&error))? {
            self.end_of_change(&position, machine);
            return Ok(());
        }
        if !is_published {
            let end = self.transactions.end(&position, &id, &change)?;
            let data = end.into_iter().map(OutgoingMessage::auxiliary).collect();
            machine.add_change(token, at, id, data, CHANGE_OVERHEAD, now);
            self.end_of_change(&position, machine);
            return Ok(());
        }
        let transform = pipeline.tables.known_transform(&change.table_name);
        let mismatch = transform.as_ref().and_then(|transform| transform.mismatch(&change));
        let token = token.clone();
        let held = HeldChange { token, id, change: Arc::new(change), read, trace, before, position };
        match transform {
            Some(transform) if mismatch.is_none() => {
                return self.publish(&transform, held, machine, operations);
            }
            _ => {}
        }
        let refusal = pipeline
            .dead_letters
            .as_ref()
            .and_then(|letters| letters.recent_refusal(&held.change.table_name, mismatch.as_ref()));
        match refusal {
            Some(reason) => self.publish_dead_letters(&held, &reason, machine),
            None => {
                self.wait_for_transform(held, operations);
                Ok(())
            }
        }
    }

    /// Continues with the waiting change after its transform was requested. If no schema fits, the change becomes dead
    /// letters, provided that the pipeline has a topic for them.
    pub(super) fn transform_ready(
        &mut self,
        transform: Result<Arc<TableTransform>, Failure>,
        machine: &mut Machine,
        operations: &Operations,
    ) -> Result<(), RunEnd> {
        let transform = match transform {
            Ok(transform) => transform,
            Err(failure) => return self.refuse(failure, machine),
        };
        self.context.status.lock().reason = None;
        match self.waiting.take() {
            Some(held) => self.publish(&transform, held, machine, operations),
            None => Ok(()),
        }
    }

    fn refuse(&mut self, failure: Failure, machine: &mut Machine) -> Result<(), RunEnd> {
        let pipeline = self.context.pipeline.clone();
        match (&pipeline.dead_letters, failure.action(), self.waiting.take()) {
            (Some(letters), Action::Stop(ErrorKind::Schema), Some(held)) => {
                let table = &held.change.table_name;
                let transform = pipeline.tables.known_transform(table);
                let mismatch = transform.and_then(|transform| transform.mismatch(&held.change));
                let reason = letters.record_refusal(table, mismatch, &failure.to_string());
                self.context.status.lock().reason = None;
                self.publish_dead_letters(&held, &reason, machine)
            }
            _ => Err(self.context.end_of(failure, "make the schemas of a table")),
        }
    }

    /// Requests the transform that the change needs, and keeps the change until then.
    fn wait_for_transform(&mut self, held: HeldChange, operations: &Operations) {
        operations.push(request_transform(&self.context, held.change.clone()));
        self.waiting = Some(held);
    }

    fn publish(
        &mut self,
        transform: &TableTransform,
        held: HeldChange,
        machine: &mut Machine,
        operations: &Operations,
    ) -> Result<(), RunEnd> {
        match transform_change(&self.context, transform, &held) {
            Ok(messages) => self.hand_in(&held, messages, false, machine),
            // The NOT NULL constraint was dropped, or is newer than the change.
            Err(_) if transform.null_mismatch(&held.change).is_some() => {
                self.wait_for_transform(held, operations);
                Ok(())
            }
            Err(why) => Err(end_of_invalid_change(&self.context, &held.change, &why)),
        }
    }

    fn publish_dead_letters(
        &mut self,
        held: &HeldChange,
        reason: &str,
        machine: &mut Machine,
    ) -> Result<(), RunEnd> {
        let letters = self.context.pipeline.dead_letters.as_ref();
        let messages = letters.map(|letters| letters.messages(&held.change, reason));
        self.hand_in(held, messages.unwrap_or_default(), true, machine)
    }

    /// Hands a change to the state machine, between the BEGIN and END messages of its transaction.
    fn hand_in(
        &mut self,
        held: &HeldChange,
        messages: Vec<Message>,
        is_dead_letter: bool,
        machine: &mut Machine,
    ) -> Result<(), RunEnd> {
        let HeldChange { token, id, change, read, trace, before, position } = held;
        let origin = MessageOrigin {
            table: id.table.clone(),
            commit: Some(change.commit_timestamp),
            read: *read,
            transformed: SystemTime::now(),
            is_dead_letter,
            trace: *trace,
        };
        let mut data: Vec<OutgoingMessage> = Vec::with_capacity(messages.len());
        data.extend(self.transactions.begin(position, before, change)?.map(OutgoingMessage::auxiliary));
        data.extend(messages.into_iter().map(|message| OutgoingMessage::new(message, origin.clone())));
        data.extend(self.transactions.end(position, id, change)?.map(OutgoingMessage::auxiliary));
        let size =
            CHANGE_OVERHEAD + data.iter().map(|outgoing| message_size(&outgoing.message)).sum::<usize>();
        if let Some(first) = data.first_mut() {
            first.reservation = Some(self.context.pipeline.queued.reserve(size));
        }
        let (at, now) = (change.commit_timestamp, self.context.now());
        machine.add_change(token, at, id.clone(), data, size, now);
        self.end_of_change(position, machine);
        Ok(())
    }

    /// Tells the state machine of an atomic pipeline whether the transaction of the change continues.
    fn end_of_change(&mut self, position: &TransactionPosition, machine: &mut Machine) {
        if self.is_atomic() {
            machine.set_transaction_open(!position.is_last, self.context.now());
            if position.is_last {
                self.transactions.forget(&position.counted_in);
            }
        }
    }
}
