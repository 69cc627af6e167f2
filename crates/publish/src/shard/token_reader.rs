//! The change stream query of one token.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use futures::stream::{self, BoxStream, StreamExt};
use spanbridge_protocol::publish::Token;
use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::{ChangeRecord, Error};
use tokio::sync::oneshot;

use crate::pipeline::Pipeline;

/// A record with the time when it was read.
pub(super) struct ReadRecord {
    pub(super) record: ChangeRecord,
    pub(super) read: SystemTime,
    /// Bytes of the record, and of the records that came in the same row and wait behind it.
    pub(super) bytes: usize,
}

/// The records of a token.
pub(super) type Records = BoxStream<'static, Result<ReadRecord, Error>>;

/// The query of a token. It is not polled while one of its records waits.
pub(super) struct TokenReader {
    pub(super) token: Token,
    /// The number of the query among all queries of the run.
    pub(super) number: u64,
    pub(super) records: Records,
}

/// The future of a reader's next record, which returns the reader with it.
pub(super) struct NextRecord(Option<TokenReader>);

impl TokenReader {
    pub(super) fn next_record(self) -> NextRecord {
        NextRecord(Some(self))
    }
}

impl Future for NextRecord {
    type Output = (TokenReader, Option<Result<ReadRecord, Error>>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(reader) = &mut self.0 else { return Poll::Pending };
        let record = ready!(reader.records.poll_next_unpin(context));
        match self.0.take() {
            Some(reader) => Poll::Ready((reader, record)),
            None => Poll::Pending,
        }
    }
}

/// Queries the records of a token from the timestamp on, after the pause. The stream ends as soon as the sender of
/// `dropped` is dropped.
pub(super) fn records(
    pipeline: &Pipeline,
    token: &Token,
    at: Timestamp,
    pause: Duration,
    dropped: oneshot::Receiver<()>,
) -> Records {
    let (database, stream) = (pipeline.database.clone(), pipeline.change_stream.clone());
    let (heartbeat, token) = (pipeline.config.heartbeat, token.clone());
    stream::once(tokio::time::sleep(pause))
        .flat_map(move |()| {
            let changes = database.changes(&stream, Some(&token.0), at, None, heartbeat);
            stream::unfold(changes, |mut changes| async {
                let record = changes.next().await?;
                let bytes = changes.ahead();
                let record = record.map(|record| ReadRecord {
                    bytes: bytes + record.size(),
                    record,
                    read: SystemTime::now(),
                });
                Some((record, changes))
            })
        })
        .take_until(dropped)
        .boxed()
}
