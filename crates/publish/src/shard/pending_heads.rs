//! The records that are read ahead, one of each token.

use std::collections::BTreeMap;
use std::time::SystemTime;

use spanbridge_protocol::publish::Token;
use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::ChangeRecord;

use super::token_reader::TokenReader;
use crate::memory_budget::Reservation;

/// The next record of each token that has one, in the order of time.
#[derive(Default)]
pub(super) struct PendingHeads {
    ordered: BTreeMap<HeadKey, Head>,
}

/// The order of heads. The token breaks ties, so that the order is deterministic.
pub(super) type HeadKey = (Timestamp, Token);

/// A record that waits to be taken.
pub(super) struct Head {
    pub(super) record: ChangeRecord,
    pub(super) read: SystemTime,
    pub(super) reservation: Reservation,
    /// `None` when the query was dropped while the record waited.
    pub(super) reader: Option<TokenReader>,
}

impl PendingHeads {
    pub(super) fn insert(&mut self, token: Token, head: Head) -> HeadKey {
        let key = (head.record.at(), token);
        self.ordered.insert(key.clone(), head);
        key
    }

    pub(super) fn remove(&mut self, key: &HeadKey) {
        self.ordered.remove(key);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ordered.is_empty()
    }

    /// True if a head may be taken.
    pub(super) fn has_readable(&self, may_read: impl Fn(&Token) -> bool) -> bool {
        self.ordered.keys().any(|(_, token)| may_read(token))
    }

    /// Takes the earliest head among the tokens that may be read.
    pub(super) fn take_first(&mut self, may_read: impl Fn(&Token) -> bool) -> Option<(Token, Head)> {
        let key = self.ordered.keys().find(|(_, token)| may_read(token)).cloned()?;
        self.ordered.remove(&key).map(|head| (key.1, head))
    }

    /// Takes the latest head.
    pub(super) fn take_last(&mut self) -> Option<(Token, Head)> {
        self.ordered.pop_last().map(|((_, token), head)| (token, head))
    }

    /// Drops the queries of all heads; the records stay.
    pub(super) fn drop_queries(&mut self) {
        for head in self.ordered.values_mut() {
            head.reader = None;
        }
    }

    /// True if a head holds its query open.
    pub(super) fn has_queries(&self) -> bool {
        self.ordered.values().any(|head| head.reader.is_some())
    }
}
