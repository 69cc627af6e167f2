use std::collections::BTreeMap;
use std::sync::Arc;

use super::effect::ChangeId;
use super::token::Token;
use crate::guard::{Guard, is_enforced};
use crate::value::Timestamp;

/// Counts what each transaction has in each token, for the topic that tells where transactions begin and end.
///
/// All of a token's changes at one timestamp come again when its query resumes there, also those that have been
/// emitted: so they are counted again from nothing, and nothing of this is stored.
#[derive(Debug, Default)]
pub struct TransactionCounts {
    tokens: BTreeMap<Token, Counts>,
}

#[derive(Debug)]
struct Counts {
    at: Timestamp,
    transactions: BTreeMap<Arc<str>, EventCounts>,
}

/// What a transaction has in one token so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventCounts {
    pub events: u64,
    pub tables: BTreeMap<Arc<str>, u64>,
}

impl TransactionCounts {
    /// The token is queried, again or for the first time, or no more.
    pub fn forget(&mut self, token: &Token) {
        if is_enforced(Guard::TransactionCountsRestart) {
            self.tokens.remove(token);
        }
    }

    /// Counts a change record that has come, with as many events as are published of it, and answers what came
    /// before it.
    pub fn count(&mut self, token: &Token, at: Timestamp, id: &ChangeId, events: u64) -> EventCounts {
        let counts =
            self.tokens.entry(token.clone()).or_insert_with(|| Counts { at, transactions: BTreeMap::new() });
        if counts.at != at {
            *counts = Counts { at, transactions: BTreeMap::new() };
        }
        let total = counts.transactions.entry(id.transaction.clone()).or_default();
        let before = total.clone();
        total.events += events;
        if events > 0 {
            *total.tables.entry(id.table.clone()).or_default() += events;
        }
        before
    }

    /// What the transaction of that record has so far, that record included.
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
    fn transactions_are_counted_by_token_and_timestamp() {
        let (mut tally, one, other) = (TransactionCounts::default(), Token::from("1"), Token::from("2"));
        assert_eq!(tally.count(&one, second(1), &id("a", "T"), 2).events, 0);
        assert_eq!(tally.count(&one, second(1), &id("b", "T"), 1).events, 0);
        assert_eq!(tally.count(&other, second(1), &id("a", "T"), 5).events, 0);
        assert_eq!(tally.count(&one, second(1), &id("a", "U"), 0).events, 2);
        let before = tally.count(&one, second(1), &id("a", "U"), 3);
        assert_eq!((before.events, before.tables.get("U")), (2, None));
        let total = tally.total(&one, &id("a", "U"));
        assert_eq!((total.events, total.tables["T"], total.tables["U"]), (5, 2, 3));
        assert_eq!(tally.count(&one, second(2), &id("a", "T"), 1), EventCounts::default());
    }

    #[test]
    fn what_comes_again_is_counted_once() {
        let (mut tally, token) = (TransactionCounts::default(), Token::from("1"));
        tally.count(&token, second(1), &id("a", "T"), 2);
        tally.forget(&token);
        tally.count(&token, second(1), &id("a", "T"), 2);
        assert_eq!(tally.total(&token, &id("a", "T")).events, 2);
    }
}
