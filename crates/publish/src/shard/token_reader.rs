use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use futures::stream::{self, BoxStream, StreamExt};
use spanbridge_protocol::publish::Token;
use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::{ChangeRecord, Error};
use tokio::sync::oneshot;

use crate::pipeline::Pipeline;

/// A record as it was read.
pub(super) struct Read {
    pub(super) record: ChangeRecord,
    pub(super) at: SystemTime,
    /// Bytes of it, and of what came in the same row and waits.
    pub(super) bytes: usize,
}

pub(super) type Records = BoxStream<'static, Result<Read, Error>>;

/// The query of a token, which is not read any further while one of its records waits.
pub(super) struct TokenReader {
    pub(super) token: Token,
    /// Among all that there have been.
    pub(super) number: u64,
    pub(super) records: Records,
}

/// The next record of a reader, which comes back with it.
pub(super) struct Reading(Option<TokenReader>);

impl TokenReader {
    /// The next record.
    pub(super) fn read(self) -> Reading {
        Reading(Some(self))
    }
}

impl Future for Reading {
    type Output = (TokenReader, Option<Result<Read, Error>>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(reader) = &mut self.0 else { return Poll::Pending };
        let read = ready!(reader.records.poll_next_unpin(context));
        match self.0.take() {
            Some(reader) => Poll::Ready((reader, read)),
            None => Poll::Pending,
        }
    }
}

/// The records of a token from `at` on, after the pause; they end at once when the other side of `dropped` is gone.
pub(super) fn records(
    pipeline: &Pipeline,
    token: &Token,
    at: Timestamp,
    pause: Duration,
    dropped: oneshot::Receiver<()>,
) -> Records {
    let (database, stream) = (pipeline.database.clone(), pipeline.change_stream.clone());
    let (heartbeat, of) = (pipeline.config.heartbeat, token.clone());
    stream::once(tokio::time::sleep(pause))
        .flat_map(move |()| {
            let changes = database.changes(&stream, Some(&of.0), at, None, heartbeat);
            stream::unfold(changes, |mut changes| async {
                let record = changes.next().await?;
                let bytes = changes.ahead();
                let read =
                    record.map(|record| Read { bytes: bytes + record.size(), record, at: SystemTime::now() });
                Some((read, changes))
            })
        })
        .take_until(dropped)
        .boxed()
}
