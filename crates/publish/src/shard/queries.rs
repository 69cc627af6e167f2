use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use futures::stream::{self, BoxStream, SelectAll, StreamExt};
use spanbridge_protocol::publish::Token;
use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::{ChangeRecord, Error};
use tokio::sync::oneshot;

use crate::backoff::Backoff;
use crate::pipeline::Pipeline;

/// Before a token is queried again.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));

/// What comes of a query.
pub(super) enum Event {
    Record { record: ChangeRecord, read: SystemTime },
    Ended(Ending),
}

/// How a query ended.
pub(super) struct Ending {
    /// Nothing when Spanner itself ended it.
    pub(super) error: Option<Error>,
}

/// The queries of a shard's tokens. Each reads a few records ahead and waits; dropped, they end.
pub(super) struct Queries {
    readers: SelectAll<BoxStream<'static, (Token, Answer)>>,
    tokens: HashMap<Token, Query>,
}

struct Query {
    pauses: Backoff,
    started: bool,
    error: Option<Error>,
    /// Dropped, it ends the reader.
    _reader: Option<oneshot::Sender<()>>,
}

enum Answer {
    Record(ChangeRecord, SystemTime),
    Failed(Error),
    Ended,
}

impl Queries {
    pub(super) fn new() -> Self {
        Self { readers: SelectAll::new(), tokens: HashMap::new() }
    }

    /// Queries the token, after a pause when it was queried before.
    pub(super) fn start(&mut self, pipeline: &Pipeline, token: Token, at: Timestamp) {
        let query = self.tokens.entry(token.clone()).or_insert(Query {
            pauses: PAUSES,
            started: false,
            error: None,
            _reader: None,
        });
        let pause = if query.started { query.pauses.pause() } else { Duration::ZERO };
        let (reader, dropped) = oneshot::channel();
        (query.started, query.error, query._reader) = (true, None, Some(reader));
        tracing::debug!(pipeline = pipeline.name(), token = token.short(), %at, ?pause, "query");
        let (database, stream) = (pipeline.database.clone(), pipeline.change_stream.clone());
        let (heartbeat, of) = (pipeline.config.heartbeat, token.clone());
        let changes = stream::once(tokio::time::sleep(pause))
            .flat_map(move |()| database.changes(&stream, Some(&of.0), at, None, heartbeat))
            .map(|answer| match answer {
                Ok(record) => Answer::Record(record, SystemTime::now()),
                Err(error) => Answer::Failed(error),
            })
            .chain(stream::once(async { Answer::Ended }));
        self.readers.push(changes.map(move |answer| (token.clone(), answer)).take_until(dropped).boxed());
    }

    /// The token is not read any more: it is finished, or past the pipeline's end.
    pub(super) fn finished(&mut self, token: &Token) {
        self.tokens.remove(token);
    }

    /// The next event of any query; pending while there is none. Safe to cancel.
    pub(super) async fn next(&mut self) -> (Token, Event) {
        loop {
            let Some((token, answer)) = self.readers.next().await else {
                return std::future::pending().await;
            };
            let Some(query) = self.tokens.get_mut(&token) else { continue };
            let event = match answer {
                Answer::Failed(error) => {
                    query.error = Some(error);
                    continue;
                }
                Answer::Record(record, read) => {
                    query.pauses.reset();
                    Event::Record { record, read }
                }
                Answer::Ended => Event::Ended(Ending { error: query.error.take() }),
            };
            return (token, event);
        }
    }
}
