//! The changes of an atomic pipeline: each transaction whole, and all in the order of commits.

use std::time::SystemTime;

use spanbridge_protocol::publish::{Children, Merge, Merged, Token};
use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::DataChange;

use super::changes::{Place, id_of};
use super::end::End;
use super::life::Life;
use crate::budget::Share;

/// Bytes of changes that may wait for the token that is furthest behind, and the transaction that is longer.
const WAITING: usize = 64 << 20;

/// A change record as it was read.
pub(super) struct Read {
    pub(super) change: DataChange,
    pub(super) at: SystemTime,
}

/// One that waits for its turn.
pub(super) struct Waiting {
    read: Read,
    _share: Share,
}

pub(super) type Order = Merge<Waiting>;

pub(super) fn new(end: Option<Timestamp>) -> Order {
    Merge::new(WAITING, end)
}

/// A pipeline that is not atomic reads all tokens.
pub(super) fn may_read(order: Option<&Order>, token: &Token) -> bool {
    order.is_none_or(|order| order.may_read(token))
}

/// What a token tells.
pub(super) enum Told {
    Change(Read),
    Heartbeat(Timestamp),
    Children(Children),
    Ended,
    Interrupted,
}

impl Life {
    /// Hands in what a token tells, or puts it where it waits for its turn.
    pub(super) fn told(&mut self, token: &Token, told: Told) -> Result<(), End> {
        let Some(order) = &mut self.order else {
            return self.turn(token, told, None);
        };
        match told {
            Told::Change(read) => {
                let (at, id) = (read.change.commit_timestamp, id_of(&read.change));
                if !self.shard.emitted(token, at, &id) {
                    let records = usize::try_from(read.change.number_of_records_in_transaction).unwrap_or(0);
                    let size = read.change.size();
                    let share = self.pipeline.queued.take(size);
                    order.change(token, at, id, records, Waiting { read, _share: share }, size);
                }
            }
            Told::Heartbeat(at) => order.heartbeat(token, at),
            Told::Children(children) => order.children(token, children),
            Told::Ended => order.ended(token),
            Told::Interrupted => order.interrupted(token),
        }
        Ok(())
    }

    /// Hands in what has its turn.
    pub(super) fn in_order(&mut self) -> Result<(), End> {
        while !self.is_finishing()
            && self.held.is_none()
            && self.shard.has_room()
            && let Some(merged) = self.order.as_mut().and_then(Merge::take)
        {
            let (token, told, goes_on) = match merged {
                Merged::Change { token, change: Waiting { read, .. }, goes_on, .. } => {
                    (token, Told::Change(read), Some(goes_on))
                }
                Merged::Heartbeat { token, at } => (token, Told::Heartbeat(at), None),
                Merged::Children { token, children } => (token, Told::Children(children), None),
                Merged::Ended { token } => (token, Told::Ended, None),
                Merged::Interrupted { token } => (token, Told::Interrupted, None),
            };
            self.turn(&token, told, goes_on)?;
        }
        Ok(())
    }

    /// `goes_on` of a change: whether the next one is of the same transaction, where that is known.
    fn turn(&mut self, token: &Token, told: Told, goes_on: Option<bool>) -> Result<(), End> {
        let now = self.now();
        match told {
            Told::Change(Read { change, at }) => {
                let place = Place::new(token, &change, goes_on);
                return self.change(token, change, at, place);
            }
            Told::Heartbeat(at) => self.shard.heartbeat(token, at, now),
            Told::Children(children) => self.shard.children(token, children),
            Told::Ended => self.shard.ended(token, now),
            Told::Interrupted => self.shard.interrupted(token),
        }
        Ok(())
    }
}

impl Place {
    /// In its token, or in the whole transaction where changes come in order.
    fn new(token: &Token, change: &DataChange, goes_on: Option<bool>) -> Self {
        match goes_on {
            None => Self { counted: token.clone(), last: change.is_last_record_in_transaction_in_partition },
            Some(goes_on) => Self { counted: Token("".into()), last: !goes_on },
        }
    }
}
