//! The changes of an atomic pipeline: each transaction whole, and all in the order of commits.

use std::time::SystemTime;

use spanbridge_protocol::publish::{Merge, Token, TokenEvent};
use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::DataChange;

use super::change_handler::{TransactionPosition, id_of};
use super::end::End;
use super::run::ShardRun;
use crate::memory_budget::Reservation;

/// Bytes of changes that may wait for the token that is furthest behind, and the transaction that is longer.
const WAITING: usize = 64 << 20;

/// A change record as it was read.
pub(super) struct ReadChange {
    pub(super) change: DataChange,
    pub(super) at: SystemTime,
    /// Of the memory that it takes while it waits for its turn.
    share: Option<Reservation>,
}

impl ReadChange {
    pub(super) fn new(change: DataChange, at: SystemTime) -> Self {
        Self { change, at, share: None }
    }
}

pub(super) type CommitOrder = Merge<ReadChange>;

pub(super) fn new(end: Option<Timestamp>) -> CommitOrder {
    Merge::new(WAITING, end)
}

/// A pipeline that is not atomic reads all tokens.
pub(super) fn may_read(order: Option<&CommitOrder>, token: &Token) -> bool {
    order.is_none_or(|order| order.may_read(token))
}

impl ShardRun {
    /// Hands in what a token tells, or puts it where it waits for its turn.
    pub(super) fn told(&mut self, token: &Token, told: TokenEvent<ReadChange>) -> Result<(), End> {
        let Some(order) = &mut self.order else { return self.turn(token, told) };
        match told {
            TokenEvent::Change { change: mut read, .. } => {
                let (at, id) = (read.change.commit_timestamp, id_of(&read.change));
                if !self.shard.has_emitted(token, at, &id) {
                    let records = usize::try_from(read.change.number_of_records_in_transaction).unwrap_or(0);
                    let size = read.change.size();
                    read.share = Some(self.pipeline.queued.take(size));
                    order.add_change(token, at, id, records, read, size);
                }
            }
            TokenEvent::Heartbeat(at) => order.add_heartbeat(token, at),
            TokenEvent::Children(children) => order.add_children(token, children),
            TokenEvent::Ended => order.end_query(token),
            TokenEvent::Interrupted => order.interrupt_query(token),
        }
        Ok(())
    }

    /// Hands in what has its turn.
    pub(super) fn in_order(&mut self) -> Result<(), End> {
        while !self.is_finishing()
            && self.held.is_none()
            && self.shard.has_room()
            && let Some((token, turn)) = self.order.as_mut().and_then(Merge::take_next)
        {
            self.turn(&token, turn)?;
        }
        Ok(())
    }

    fn turn(&mut self, token: &Token, turn: TokenEvent<ReadChange>) -> Result<(), End> {
        let now = self.now();
        match turn {
            TokenEvent::Change { change: ReadChange { change, at, .. }, continues: goes_on } => {
                let place = match self.order {
                    Some(_) => TransactionPosition { counted: Token("".into()), last: !goes_on },
                    None => {
                        let last = change.is_last_record_in_transaction_in_partition;
                        TransactionPosition { counted: token.clone(), last }
                    }
                };
                return self.change(token, change, at, place);
            }
            TokenEvent::Heartbeat(at) => self.shard.add_heartbeat(token, at, now),
            TokenEvent::Children(children) => self.shard.add_children(token, children),
            TokenEvent::Ended => self.shard.end_query(token, now),
            TokenEvent::Interrupted => self.shard.restart_query(token),
        }
        Ok(())
    }
}
