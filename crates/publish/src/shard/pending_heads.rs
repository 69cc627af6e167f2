use std::collections::BTreeMap;
use std::time::SystemTime;

use spanbridge_protocol::publish::Token;
use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::ChangeRecord;

use super::token_reader::TokenReader;
use crate::memory_budget::Reservation;

/// The first record of each token that has one, by time.
#[derive(Default)]
pub(super) struct PendingHeads {
    ordered: BTreeMap<HeadKey, Head>,
}

/// Ties go by token, so that the order is one.
pub(super) type HeadKey = (Timestamp, Token);

pub(super) struct Head {
    pub(super) record: ChangeRecord,
    pub(super) read: SystemTime,
    pub(super) share: Reservation,
    /// Nothing when its query was given up while the record waited.
    pub(super) reader: Option<TokenReader>,
}

impl PendingHeads {
    pub(super) fn insert(&mut self, token: Token, head: Head) -> HeadKey {
        let place = (head.record.at(), token);
        self.ordered.insert(place.clone(), head);
        place
    }

    pub(super) fn remove(&mut self, place: &HeadKey) {
        self.ordered.remove(place);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ordered.is_empty()
    }

    pub(super) fn holds(&self, may_read: impl Fn(&Token) -> bool) -> bool {
        self.ordered.keys().any(|(_, token)| may_read(token))
    }

    /// The head of the token that is furthest behind among those that may be read.
    pub(super) fn take(&mut self, may_read: impl Fn(&Token) -> bool) -> Option<(Token, Head)> {
        let place = self.ordered.keys().find(|(_, token)| may_read(token)).cloned()?;
        self.ordered.remove(&place).map(|head| (place.1, head))
    }

    /// The head of the token that is furthest ahead.
    pub(super) fn take_last(&mut self) -> Option<(Token, Head)> {
        self.ordered.pop_last().map(|((_, token), head)| (token, head))
    }

    /// Queries whose records wait, no longer to be held open.
    pub(super) fn give_up_queries(&mut self) {
        for head in self.ordered.values_mut() {
            head.reader = None;
        }
    }

    pub(super) fn have_queries(&self) -> bool {
        self.ordered.values().any(|head| head.reader.is_some())
    }
}
