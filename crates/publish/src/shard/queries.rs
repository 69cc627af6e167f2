use std::collections::{BTreeSet, HashMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};
use spanbridge_protocol::publish::Token;
use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::{ChangeRecord, Error};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::pending_heads::{Head, HeadKey, PendingHeads};
use super::token_reader::{self, Read, Reading, Records, TokenReader};
use crate::backoff::Backoff;
use crate::memory_budget::MemoryBudget;
use crate::pipeline::Pipeline;

/// Before a token is queried again.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
/// While no record may be taken for so long, the queries of those that wait are given up: what they have sent and
/// nobody reads takes up their connections, on which the token that is waited for may be as well.
const MAX_HEAD_WAIT: Duration = Duration::from_secs(2);

/// What comes of a query.
pub(super) enum Event {
    Record {
        record: ChangeRecord,
        read: SystemTime,
    },
    Ended(Ending),
    /// The query was given up to free memory or a connection: it is to be resumed from the frontier.
    GivenUp,
}

/// How a query ended.
pub(super) struct Ending {
    /// Nothing when Spanner itself ended it.
    pub(super) error: Option<Error>,
}

/// The queries of a shard's tokens. Of each, one record is read ahead and waits; dropped, they end.
///
/// The worker's budget bounds what waits. Who has nothing to hand out reads beyond it, and gives back what is furthest
/// ahead: so the token that is furthest behind is read however little room there is.
pub(super) struct Queries {
    budget: Arc<MemoryBudget>,
    tokens: HashMap<Token, Query>,
    reading: FuturesUnordered<Reading>,
    heads: PendingHeads,
    ended: VecDeque<(Token, u64, Option<Error>)>,
    /// Given up, to be queried again.
    given_up: BTreeSet<Token>,
    numbers: u64,
    /// Since when heads wait, none of which may be taken.
    waiting: Option<Instant>,
}

struct Query {
    pauses: Backoff,
    /// Of its last reader; what others bring is of the past.
    number: u64,
    place: Option<HeadKey>,
    /// Dropped, it ends the reader.
    _reader: Option<oneshot::Sender<()>>,
}

impl Queries {
    pub(super) fn new(budget: Arc<MemoryBudget>) -> Self {
        Self {
            budget,
            tokens: HashMap::new(),
            reading: FuturesUnordered::new(),
            heads: PendingHeads::default(),
            ended: VecDeque::new(),
            given_up: BTreeSet::new(),
            numbers: 0,
            waiting: None,
        }
    }

    /// Queries the token, after a pause when its last query has failed.
    pub(super) fn start(&mut self, pipeline: &Pipeline, token: Token, at: Timestamp) {
        let (name, short) = (pipeline.name(), token.clone());
        self.begin(token.clone(), |pause, dropped| {
            tracing::debug!(pipeline = name, token = short.short(), %at, ?pause, "query");
            token_reader::records(pipeline, &token, at, pause, dropped)
        });
    }

    fn begin(&mut self, token: Token, records: impl FnOnce(Duration, oneshot::Receiver<()>) -> Records) {
        self.numbers += 1;
        let (reader, dropped) = oneshot::channel();
        let mut pause = Duration::ZERO;
        let pauses = match self.forget(&token) {
            Some(mut query) => {
                pause = query.pauses.pause();
                query.pauses
            }
            None => PAUSES,
        };
        let query = Query { pauses, number: self.numbers, place: None, _reader: Some(reader) };
        self.tokens.insert(token.clone(), query);
        let records = records(pause, dropped);
        self.reading.push(TokenReader { token, number: self.numbers, records }.read());
    }

    /// The token is not read any more: it is finished, or past the pipeline's end.
    pub(super) fn finished(&mut self, token: &Token) {
        self.forget(token);
    }

    fn forget(&mut self, token: &Token) -> Option<Query> {
        self.given_up.remove(token);
        let query = self.tokens.remove(token)?;
        if let Some(place) = &query.place {
            self.heads.remove(place);
        }
        Some(query)
    }

    /// The next event: what has ended first, then the record of the token that is furthest behind, among those that have
    /// one and that may be read. Pending while there is none. Safe to cancel.
    pub(super) async fn next(&mut self, may_read: impl Fn(&Token) -> bool) -> (Token, Event) {
        let budget = self.budget.clone();
        loop {
            // Before anything is looked at, so that nothing is missed.
            let mut freed = pin!(budget.freed());
            freed.as_mut().enable();
            while self.may_take_in(&may_read)
                && let Some(Some((reader, read))) = self.reading.next().now_or_never()
            {
                self.take_in(reader, read);
                if !self.budget.has_room() {
                    break;
                }
            }
            if let Some(event) = self.due(&may_read) {
                self.waiting = None;
                return event;
            }
            if !self.heads.is_empty() && !self.budget.has_room() {
                self.give_back();
                continue;
            }
            let takes_in = self.may_take_in(&may_read);
            let holds_up = self.heads.have_queries();
            let since =
                if holds_up { *self.waiting.get_or_insert_with(Instant::now) } else { Instant::now() };
            tokio::select! {
                Some((reader, read)) = self.reading.next(), if takes_in => self.take_in(reader, read),
                () = freed => {}
                () = tokio::time::sleep_until(since + MAX_HEAD_WAIT), if holds_up => {
                    self.heads.give_up_queries();
                    self.waiting = None;
                }
            }
        }
    }

    fn may_take_in(&self, may_read: impl Fn(&Token) -> bool) -> bool {
        self.budget.has_room() || !self.heads.holds(may_read)
    }

    fn take_in(&mut self, reader: TokenReader, read: Option<Result<Read, Error>>) {
        let Some(query) = self.tokens.get_mut(&reader.token).filter(|query| query.number == reader.number)
        else {
            return;
        };
        match read {
            Some(Ok(Read { record, at, bytes })) => {
                query.pauses.reset();
                let (token, share) = (reader.token.clone(), self.budget.take(bytes));
                let head = Head { record, read: at, share, reader: Some(reader) };
                query.place = Some(self.heads.insert(token, head));
            }
            Some(Err(error)) => self.ended.push_back((reader.token, reader.number, Some(error))),
            None => self.ended.push_back((reader.token, reader.number, None)),
        }
    }

    fn due(&mut self, may_read: impl Fn(&Token) -> bool) -> Option<(Token, Event)> {
        while let Some((token, number, error)) = self.ended.pop_front() {
            if self.tokens.get(&token).is_some_and(|query| query.number == number) {
                return Some((token, Event::Ended(Ending { error })));
            }
        }
        if let Some((token, Head { record, read, share, reader })) = self.heads.take(&may_read) {
            drop(share);
            if let Some(query) = self.tokens.get_mut(&token) {
                query.place = None;
            }
            match reader {
                Some(reader) => self.reading.push(reader.read()),
                None => {
                    self.given_up.insert(token.clone());
                }
            }
            return Some((token, Event::Record { record, read }));
        }
        let token = if self.budget.has_much_room() {
            self.given_up.pop_first()
        } else {
            let token = self.given_up.iter().find(|token| may_read(token)).cloned();
            token.inspect(|token| _ = self.given_up.remove(token))
        };
        token.map(|token| (token, Event::GivenUp))
    }

    /// The record that is furthest ahead, with its query.
    fn give_back(&mut self) {
        if let Some((token, _)) = self.heads.take_last() {
            if let Some(query) = self.tokens.get_mut(&token) {
                query.place = None;
            }
            self.given_up.insert(token);
        }
    }
}

#[cfg(test)]
mod tests;
