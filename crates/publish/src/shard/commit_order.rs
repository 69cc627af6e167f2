//! The order in which the events of tokens are handed in.
//!
//! An atomic pipeline hands in each Spanner transaction whole and all transactions in the order of their commits, so
//! the events of a token wait here for the tokens that are behind it. Any other pipeline hands events in as they come.
//! "Every token has passed" (docs/design/publish-atomic.md).

use spanbridge_protocol::publish::{Merge, Token, TokenEvent};
use spanbridge_protocol::value::Timestamp;

use super::context::ShardContext;
use super::held_change::change_id;
use super::outgoing_message::Machine;
use super::token_events::ReadChange;

/// Bytes of changes that may wait for the token that is furthest behind. A longer transaction may exceed it.
const MAX_WAITING_BYTES: usize = 64 << 20;

/// The events of all tokens that wait for their turn.
pub(super) struct CommitOrder {
    context: ShardContext,
    /// Present in an atomic pipeline.
    merge: Option<Merge<ReadChange>>,
}

impl CommitOrder {
    pub(super) fn new(context: ShardContext) -> Self {
        let config = &context.pipeline.config;
        let merge = config.atomic.then(|| Merge::new(MAX_WAITING_BYTES, config.end));
        Self { context, merge }
    }

    /// Returns the event if it is to be handed in at once; otherwise it waits for its turn.
    pub(super) fn push(
        &mut self,
        token: &Token,
        event: TokenEvent<ReadChange>,
        machine: &Machine,
    ) -> Option<TokenEvent<ReadChange>> {
        let Some(merge) = &mut self.merge else { return Some(event) };
        match event {
            TokenEvent::Change { mut change, .. } => {
                let (at, id) = (change.change.commit_timestamp, change_id(&change.change));
                if !machine.has_emitted(token, at, &id) {
                    let records = change.change.number_of_records_in_transaction;
                    let size = change.change.size();
                    change.reservation = Some(self.context.pipeline.queued.reserve(size));
                    merge.add_change(token, at, id, usize::try_from(records).unwrap_or(0), change, size);
                }
            }
            TokenEvent::Heartbeat(at) => merge.add_heartbeat(token, at),
            TokenEvent::Children(children) => merge.add_children(token, children),
            TokenEvent::Ended => merge.end_query(token),
            TokenEvent::Interrupted => merge.interrupt_query(token),
        }
        None
    }

    /// Takes the next event in the order of commits, if no token can have an earlier one.
    pub(super) fn next(&mut self) -> Option<(Token, TokenEvent<ReadChange>)> {
        self.merge.as_mut().and_then(Merge::take_next)
    }

    /// True if records of the token may be taken now.
    pub(super) fn may_read(&self, token: &Token) -> bool {
        self.merge.as_ref().is_none_or(|merge| merge.may_read(token))
    }

    /// Expects the first tokens of a new pipeline.
    pub(super) fn expect_roots(&mut self, roots: &[Token], start: Timestamp) {
        if let Some(merge) = &mut self.merge {
            merge.expect_tokens(roots, start);
        }
    }

    /// Notes that a token is queried from the timestamp on.
    pub(super) fn query_started(&mut self, token: &Token, start: Timestamp) {
        if let Some(merge) = &mut self.merge {
            merge.start_query(token.clone(), start);
        }
    }

    /// Forgets a token whose query is not continued.
    pub(super) fn query_stopped(&mut self, token: &Token) {
        if let Some(merge) = &mut self.merge {
            merge.stop_token(token);
        }
    }

    /// Sets the timestamp up to which changes are published for now, inclusively.
    pub(super) fn set_end(&mut self, end: Option<Timestamp>) {
        if let Some(merge) = &mut self.merge {
            merge.set_end(end);
        }
    }
}
