//! One query of a change stream.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use prost_types::Value as Wire;
use spanbridge_protocol::value::Timestamp;
use tokio::sync::{mpsc, watch};
use tonic::Code;

use super::record::Record;
use super::streams::Streams;
use super::wire;
use crate::database::Database;
use crate::refusal::{Error, Result};

/// The capacity of the queue of rows for the client.
const AHEAD: usize = 4;

/// The rows of a running query.
pub(crate) type Rows = mpsc::Receiver<Result<Wire>>;

/// One query of a change stream.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) stream: String,
    /// The partition token; `None` queries the partitions at the start.
    pub(crate) token: Option<String>,
    pub(crate) start: Timestamp,
    pub(crate) end: Option<Timestamp>,
    pub(crate) heartbeat: Duration,
}

/// The position of a query in a partition.
struct Cursor {
    query: Query,
    partition: usize,
    place: usize,
    turn: usize,
    /// The records of the current commit timestamp that have not been returned.
    queue: VecDeque<Arc<Record>>,
    dropped: u64,
    broken: u64,
}

enum Step {
    Row(Wire),
    /// The last rows of the query.
    End(Vec<Wire>),
    Broken,
    Wait,
}

impl Query {
    /// # Errors
    /// The arguments of the query are invalid.
    pub(crate) fn run(self, database: &Arc<Database>) -> Result<Rows> {
        if !(1_000..=300_000).contains(&self.heartbeat.as_millis()) {
            return Err(Error::invalid("heartbeat_milliseconds must be within min 1000 and max 300000."));
        }
        let (sender, rows) = mpsc::channel(AHEAD);
        let Some(token) = self.token.clone() else {
            let roots = database.streams(|streams, now| self.roots(streams, now))?;
            tokio::spawn(async move { tell(&sender, roots).await });
            return Ok(rows);
        };
        let (cursor, news) = database.streams(|streams, now| self.begin(streams, &token, now))?;
        tokio::spawn(follow(database.clone(), cursor, news, sender));
        Ok(rows)
    }

    fn check(&self, streams: &mut Streams, now: Timestamp) -> Result<()> {
        let stream = streams.get(&self.stream)?;
        let retention = TimeDelta::from_std(stream.definition.retention).unwrap_or(TimeDelta::MAX);
        let out_of_range = |message: String| Err(Error::new(Code::OutOfRange, message));
        if self.start < stream.created.max(now - retention) {
            return out_of_range(format!(
                "Specified start_timestamp is too far in the past. Please specify a start_timestamp within the \
                 change stream's retention period and not before its creation at {}.",
                stream.created
            ));
        }
        // A child may begin a moment after this clock's last tick.
        if self.start > now + TimeDelta::minutes(10) {
            return out_of_range("Specified start_timestamp is too far in the future.".to_owned());
        }
        Ok(())
    }

    fn roots(&self, streams: &mut Streams, now: Timestamp) -> Result<Vec<Wire>> {
        self.check(streams, now)?;
        let roots = streams.get(&self.stream)?.at(self.start).enumerate();
        Ok(roots.map(|(place, root)| wire::child(self.start, place, &root.token, &[])).collect())
    }

    fn begin(
        self,
        streams: &mut Streams,
        token: &str,
        now: Timestamp,
    ) -> Result<(Cursor, watch::Receiver<()>)> {
        self.check(streams, now)?;
        let stream = streams.get(&self.stream)?;
        let place = stream.place(token)?;
        stream.turn += 1;
        let turn = stream.turn;
        let partition = &mut stream.partitions[place];
        partition.queries += 1;
        let cursor = Cursor {
            place: partition.place(self.start),
            partition: place,
            turn,
            queue: VecDeque::new(),
            dropped: partition.dropped,
            broken: partition.broken,
            query: self,
        };
        Ok((cursor, partition.subscribe()))
    }
}

impl Cursor {
    /// Returns the next rows. `settled` is the timestamp up to which no further commit is possible; `idle` requests a heartbeat.
    fn step(&mut self, streams: &mut Streams, settled: Timestamp, idle: bool) -> Result<Step> {
        let end = self.query.end;
        let stream = streams.get(&self.query.stream)?;
        let partition = &mut stream.partitions[self.partition];
        if partition.dropped > self.dropped {
            return Ok(Step::End(Vec::new()));
        }
        if partition.broken > self.broken {
            return Ok(Step::Broken);
        }
        if self.queue.is_empty() {
            let until = end.map_or(settled, |end| end.min(settled));
            self.queue = partition.at(self.place, until, self.turn).into();
            self.place += self.queue.len();
        }
        if let Some(record) = self.queue.front() {
            let row = wire::data(record);
            match &mut partition.allowance {
                Some(0) => return Ok(Step::Wait),
                Some(left) => *left -= 1,
                None => {}
            }
            self.queue.pop_front();
            partition.told += 1;
            return Ok(Step::Row(row));
        }
        if end.is_some_and(|end| settled >= end) {
            return Ok(Step::End(Vec::new()));
        }
        // All of an ended partition has been told, unless something later than what is settled is left.
        if let Some(at) = partition.end.filter(|_| self.place == partition.records.len()) {
            if partition.allowance == Some(0) {
                return Ok(Step::Wait);
            }
            let children: Vec<usize> = partition.children.clone();
            let child = |(sequence, place): (usize, usize)| {
                let child = &stream.partitions[place];
                wire::child(at, sequence, &child.token, &child.parents)
            };
            return Ok(Step::End(children.into_iter().enumerate().map(child).collect()));
        }
        if idle && partition.allowance != Some(0) {
            return Ok(Step::Row(wire::heartbeat(settled)));
        }
        Ok(Step::Wait)
    }
}

/// Sends rows until the receiver is dropped.
async fn tell(sender: &mpsc::Sender<Result<Wire>>, rows: Vec<Wire>) {
    for row in rows {
        if sender.send(Ok(row)).await.is_err() {
            return;
        }
    }
}

async fn follow(
    database: Arc<Database>,
    mut cursor: Cursor,
    mut news: watch::Receiver<()>,
    sender: mpsc::Sender<Result<Wire>>,
) {
    let mut idle = false;
    loop {
        news.mark_unchanged();
        let step = database.streams(|streams, settled| cursor.step(streams, settled, idle));
        idle = false;
        match step {
            Ok(Step::Row(row)) => {
                if sender.send(Ok(row)).await.is_err() {
                    break;
                }
            }
            Ok(Step::End(rows)) => {
                tell(&sender, rows).await;
                break;
            }
            Ok(Step::Broken) => {
                // Nobody listens any more when this fails.
                let _ = sender.send(Err(Error::new(Code::Unavailable, "The query was broken off"))).await;
                break;
            }
            Ok(Step::Wait) => {
                tokio::select! {
                    changed = news.changed() => if changed.is_err() { break },
                    () = tokio::time::sleep(cursor.query.heartbeat) => idle = true,
                    () = sender.closed() => break,
                }
            }
            Err(error) => {
                let _ = sender.send(Err(error)).await;
                break;
            }
        }
    }
    let ended = database.streams(|streams, _| {
        let stream = streams.get(&cursor.query.stream)?;
        stream.partitions[cursor.partition].queries -= 1;
        Ok(())
    });
    debug_assert!(ended.is_ok(), "change streams are never dropped");
}
