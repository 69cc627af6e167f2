//! Begin and end of Spanner transactions, for the pipeline's transaction topic.
//!
//! The events of a transaction are counted in memory only. When a query resumes, all changes at its timestamp come
//! again and are counted from zero ("Transaction counts restart", docs/design/publish-auxiliary-topics.md).

use spanbridge_kafka::Message;
use spanbridge_protocol::publish::{ChangeId, EventCounts, Token, TransactionCounts};
use spanbridge_protocol::value::Timestamp;
use spanbridge_schema::auxiliary_topics::TransactionEvent;
use spanbridge_spanner::DataChange;

use super::context::ShardContext;
use super::held_change::TransactionPosition;
use super::run_end::RunEnd;

/// The counts of all transactions that are being published, and the messages made of them.
pub(super) struct TransactionEvents {
    context: ShardContext,
    counts: TransactionCounts,
}

impl TransactionEvents {
    pub(super) fn new(context: ShardContext) -> Self {
        Self { context, counts: TransactionCounts::default() }
    }

    /// Counts the events of a change, and returns what its transaction had before. Without a transaction topic
    /// nothing is counted.
    pub(super) fn count(
        &mut self,
        position: &TransactionPosition,
        at: Timestamp,
        id: &ChangeId,
        events: usize,
    ) -> EventCounts {
        if self.context.pipeline.auxiliary_topics.transaction.is_none() {
            return EventCounts::default();
        }
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        self.counts.count(&position.counted_in, at, id, events)
    }

    /// Forgets the counts of a token that is queried again or no longer.
    pub(super) fn forget(&mut self, token: &Token) {
        self.counts.forget(token);
    }

    /// The BEGIN message before the transaction's first event in a token; in an atomic pipeline, before its first event
    /// in all tokens.
    pub(super) fn begin(
        &self,
        position: &TransactionPosition,
        before: &EventCounts,
        change: &DataChange,
    ) -> Result<Option<Message>, RunEnd> {
        if before.events > 0 {
            return Ok(None);
        }
        self.message(&position.counted_in, None, change)
    }

    /// The END message after the transaction's last change record there. `None` when nothing of the transaction was
    /// published.
    pub(super) fn end(
        &self,
        position: &TransactionPosition,
        id: &ChangeId,
        change: &DataChange,
    ) -> Result<Option<Message>, RunEnd> {
        let total = self.counts.total(&position.counted_in, id);
        if !position.is_last || total.events == 0 {
            return Ok(None);
        }
        let tables = total.tables.into_iter().map(|(table, events)| (table.to_string(), events));
        self.message(&position.counted_in, Some((total.events, tables.collect())), change)
    }

    fn message(
        &self,
        token: &Token,
        end: Option<(u64, Vec<(String, u64)>)>,
        change: &DataChange,
    ) -> Result<Option<Message>, RunEnd> {
        let topics = &self.context.pipeline.auxiliary_topics;
        let Some(topic) = &topics.transaction else { return Ok(None) };
        let event = TransactionEvent {
            id: &change.server_transaction_id,
            end,
            commit: change.commit_timestamp,
            token: &token.0,
            partitions: change.number_of_partitions_in_transaction,
        };
        let message = topic.message(event.into_key_and_value(topics.is_extended));
        message
            .map(Some)
            .map_err(|error| self.context.end_of(error, "encode a record of the transaction topic"))
    }
}
