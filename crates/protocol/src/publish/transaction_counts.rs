//! Event counts of Spanner transactions, for the transaction metadata topic.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::change_id::ChangeId;
use super::token::Token;
use crate::guard::{Guard, is_enforced};
use crate::value::Timestamp;

/// The number of events that each transaction has in each token.
///
/// When a query resumes, it delivers all changes at its start again, also the emitted ones. The counts
/// of the token therefore restart from zero, and none of them is stored: "Transaction counts restart"
/// (docs/design/publish-auxiliary-topics.md).
#[derive(Debug, Default)]
pub struct TransactionCounts {
    tokens: BTreeMap<Token, TimestampCounts>,
}

/// The counts of one token at one commit timestamp.
#[derive(Debug)]
struct TimestampCounts {
    at: Timestamp,
    transactions: BTreeMap<Arc<str>, EventCounts>,
}

/// The number of events that a transaction has in one token so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventCounts {
    /// The number of events in all tables.
    pub events: u64,
    /// The number of events in each table.
    pub tables: BTreeMap<Arc<str>, u64>,
}

impl TransactionCounts {
    /// Forgets a token's counts, because its query starts, restarts or has ended.
    pub fn forget(&mut self, token: &Token) {
        if is_enforced(Guard::TransactionCountsRestart) {
            self.tokens.remove(token);
        }
    }

    /// Counts a change record that yields `events` events. Returns the counts of its transaction before
    /// this record.
    pub fn count(&mut self, token: &Token, at: Timestamp, id: &ChangeId, events: u64) -> EventCounts {
        let counts = self
            .tokens
            .entry(token.clone())
            .or_insert_with(|| TimestampCounts { at, transactions: BTreeMap::new() });
        if counts.at != at {
            *counts = TimestampCounts { at, transactions: BTreeMap::new() };
        }
        let total = counts.transactions.entry(id.transaction.clone()).or_default();
        let before = total.clone();
        total.events += events;
        if events > 0 {
            *total.tables.entry(id.table.clone()).or_default() += events;
        }
        before
    }

    /// Returns the counts of the record's transaction so far, including the record.
    pub fn total(&self, token: &Token, id: &ChangeId) -> EventCounts {
        let counts = self.tokens.get(token);
        counts.and_then(|counts| counts.transactions.get(&id.transaction)).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).unwrap()
    }

    fn id(transaction: &str, table: &str) -> ChangeId {
        ChangeId { transaction: transaction.into(), sequence: "0".into(), table: table.into() }
    }

    #[test]
    fn transactions_are_counted_per_token_and_timestamp() {
        let (mut counts, one, other) = (TransactionCounts::default(), Token::from("1"), Token::from("2"));
        assert_eq!(counts.count(&one, second(1), &id("a", "T"), 2).events, 0);
        assert_eq!(counts.count(&one, second(1), &id("b", "T"), 1).events, 0);
        assert_eq!(counts.count(&other, second(1), &id("a", "T"), 5).events, 0);
        assert_eq!(counts.count(&one, second(1), &id("a", "U"), 0).events, 2);
        let before = counts.count(&one, second(1), &id("a", "U"), 3);
        assert_eq!((before.events, before.tables.get("U")), (2, None));
        let total = counts.total(&one, &id("a", "U"));
        assert_eq!((total.events, total.tables["T"], total.tables["U"]), (5, 2, 3));
        assert_eq!(counts.count(&one, second(2), &id("a", "T"), 1), EventCounts::default());
    }

    #[test]
    fn redelivered_change_is_counted_once() {
        let (mut counts, token) = (TransactionCounts::default(), Token::from("1"));
        counts.count(&token, second(1), &id("a", "T"), 2);
        counts.forget(&token);
        counts.count(&token, second(1), &id("a", "T"), 2);
        assert_eq!(counts.total(&token, &id("a", "T")).events, 2);
    }
}
