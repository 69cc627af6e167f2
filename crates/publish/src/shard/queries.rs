//! The change stream queries of all tokens of a shard, merged in the order of time.
//!
//! One record of each token is read ahead and waits until it is taken. A query that nobody reads for some time is
//! dropped and later resumed from the token's frontier; the state machine decides where that is.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};
use spanbridge_protocol::publish::Token;
use spanbridge_protocol::value::Timestamp;
use spanbridge_service::Backoff;
use spanbridge_spanner::{ChangeRecord, Error};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::pending_heads::{Head, HeadKey, PendingHeads};
use super::token_reader::{self, NextRecord, ReadRecord, Records, TokenReader};
use crate::memory_budget::MemoryBudget;
use crate::pipeline::Pipeline;

/// The pause before a token is queried again.
const QUERY_BACKOFF: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
/// How long heads may wait without any being taken before their queries are dropped. Unread data occupies the
/// connection of a query, which the query of the awaited token may share.
const MAX_HEAD_WAIT: Duration = Duration::from_secs(2);

/// The next event of a token's query.
pub(super) enum QueryEvent {
    /// A record, and when it was read.
    Record { record: ChangeRecord, read: SystemTime },
    /// The end of the query; without an error, Spanner itself has ended it.
    Ended { error: Option<Error> },
    /// The query was dropped to free memory or a connection. It is to be resumed from the frontier.
    Dropped,
}

/// The queries of a shard's tokens. They end when this is dropped.
///
/// The worker's memory budget bounds the records that wait. A shard none of whose records may be taken reads beyond
/// the budget and drops its latest records in exchange. So the token that is furthest behind is always read.
pub(super) struct Queries {
    budget: Arc<MemoryBudget>,
    tokens: HashMap<Token, Query>,
    reading: FuturesUnordered<NextRecord>,
    heads: PendingHeads,
    /// Queries that have ended, by token and number.
    ended: VecDeque<(Token, u64, Option<Error>)>,
    /// Tokens whose query was dropped and that are to be queried again.
    dropped: BTreeSet<Token>,
    /// The number of the latest query.
    last_number: u64,
    /// Since when heads wait without any being taken.
    waiting_since: Option<Instant>,
}

struct Query {
    backoff: Backoff,
    /// The number of the latest reader; results of earlier readers are ignored.
    number: u64,
    head: Option<HeadKey>,
    /// Ends the reader when dropped.
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
            dropped: BTreeSet::new(),
            last_number: 0,
            waiting_since: None,
        }
    }

    /// Queries the token from the timestamp on, after a pause when its last query has failed.
    pub(super) fn start(&mut self, pipeline: &Pipeline, token: Token, at: Timestamp) {
        let (name, short) = (pipeline.name(), token.clone());
        self.start_with(token.clone(), |pause, dropped| {
            tracing::debug!(pipeline = name, token = short.short(), %at, ?pause, "Query started");
            token_reader::records(pipeline, &token, at, pause, dropped)
        });
    }

    fn start_with(&mut self, token: Token, records: impl FnOnce(Duration, oneshot::Receiver<()>) -> Records) {
        self.last_number += 1;
        let (reader, dropped) = oneshot::channel();
        let mut pause = Duration::ZERO;
        let backoff = match self.remove(&token) {
            Some(mut query) => {
                pause = query.backoff.next_pause();
                query.backoff
            }
            None => QUERY_BACKOFF,
        };
        let number = self.last_number;
        let query = Query { backoff, number, head: None, _reader: Some(reader) };
        self.tokens.insert(token.clone(), query);
        let records = records(pause, dropped);
        self.reading.push(TokenReader { token, number, records }.next_record());
    }

    /// Stops reading a token that is finished or past the pipeline's end.
    pub(super) fn stop(&mut self, token: &Token) {
        self.remove(token);
    }

    fn remove(&mut self, token: &Token) -> Option<Query> {
        self.dropped.remove(token);
        let query = self.tokens.remove(token)?;
        if let Some(key) = &query.head {
            self.heads.remove(key);
        }
        Some(query)
    }

    /// The next event: ends of queries first, then the earliest record among the tokens that may be read. Pending while
    /// there is none. Cancel safe.
    pub(super) async fn next(&mut self, may_read: impl Fn(&Token) -> bool) -> (Token, QueryEvent) {
        let budget = self.budget.clone();
        loop {
            // Registered before the first look at the budget, so that no notification is missed.
            let mut freed = pin!(budget.freed());
            freed.as_mut().enable();
            while self.may_read_more(&may_read)
                && let Some(Some((reader, record))) = self.reading.next().now_or_never()
            {
                self.insert(reader, record);
                if !self.budget.has_room() {
                    break;
                }
            }
            if let Some(event) = self.take_event(&may_read) {
                self.waiting_since = None;
                return event;
            }
            if !self.heads.is_empty() && !self.budget.has_room() {
                self.drop_last_head();
                continue;
            }
            let may_read_more = self.may_read_more(&may_read);
            let has_queries = self.heads.has_queries();
            let since = if has_queries {
                *self.waiting_since.get_or_insert_with(Instant::now)
            } else {
                Instant::now()
            };
            tokio::select! {
                Some((reader, record)) = self.reading.next(), if may_read_more => self.insert(reader, record),
                () = freed => {}
                () = tokio::time::sleep_until(since + MAX_HEAD_WAIT), if has_queries => {
                    self.heads.drop_queries();
                    self.waiting_since = None;
                }
            }
        }
    }

    fn may_read_more(&self, may_read: impl Fn(&Token) -> bool) -> bool {
        self.budget.has_room() || !self.heads.has_readable(may_read)
    }

    fn insert(&mut self, reader: TokenReader, record: Option<Result<ReadRecord, Error>>) {
        let Some(query) = self.tokens.get_mut(&reader.token).filter(|query| query.number == reader.number)
        else {
            return;
        };
        match record {
            Some(Ok(ReadRecord { record, read, bytes })) => {
                query.backoff.reset();
                let (token, reservation) = (reader.token.clone(), self.budget.reserve(bytes));
                let head = Head { record, read, reservation, reader: Some(reader) };
                query.head = Some(self.heads.insert(token, head));
            }
            Some(Err(error)) => self.ended.push_back((reader.token, reader.number, Some(error))),
            None => self.ended.push_back((reader.token, reader.number, None)),
        }
    }

    fn take_event(&mut self, may_read: impl Fn(&Token) -> bool) -> Option<(Token, QueryEvent)> {
        while let Some((token, number, error)) = self.ended.pop_front() {
            if self.tokens.get(&token).is_some_and(|query| query.number == number) {
                return Some((token, QueryEvent::Ended { error }));
            }
        }
        if let Some((token, Head { record, read, reservation, reader })) = self.heads.take_first(&may_read) {
            drop(reservation);
            if let Some(query) = self.tokens.get_mut(&token) {
                query.head = None;
            }
            match reader {
                Some(reader) => self.reading.push(reader.next_record()),
                None => {
                    self.dropped.insert(token.clone());
                }
            }
            return Some((token, QueryEvent::Record { record, read }));
        }
        let token = if self.budget.has_half_free() {
            self.dropped.pop_first()
        } else {
            let token = self.dropped.iter().find(|token| may_read(token)).cloned();
            token.inspect(|token| _ = self.dropped.remove(token))
        };
        token.map(|token| (token, QueryEvent::Dropped))
    }

    /// Drops the latest record with its query.
    fn drop_last_head(&mut self) {
        if let Some((token, _)) = self.heads.take_last() {
            if let Some(query) = self.tokens.get_mut(&token) {
                query.head = None;
            }
            self.dropped.insert(token);
        }
    }
}

#[cfg(test)]
mod tests;
