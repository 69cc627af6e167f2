//! The query that reads one partition of a change stream.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::stream::{self, BoxStream, Stream, StreamExt};
use google_cloud_gax::error::Error as ClientError;
use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_spanner::result::ResultSet;
use google_cloud_spanner::statement::{Statement, StatementBuilder};
use google_cloud_spanner::types::{self, TypeCode};
use google_cloud_spanner::value::Value as Wire;
use spanbridge_protocol::value::{Timestamp, Value};

use super::idle_timeout::with_idle_timeout;
use super::json_decoder::JsonDecoder;
use super::record::ChangeRecord;
use super::struct_decoder::StructDecoder;
use crate::database::Database;
use crate::dialect::Dialect;
use crate::error::{Call, Error, ErrorKind, Result};
use crate::name::is_identifier;
use crate::wire::encode;

/// The heartbeat intervals that Spanner accepts.
/// Source: <https://cloud.google.com/spanner/docs/change-streams/details#change_stream_query_syntax>.
const HEARTBEAT_RANGE: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(300);

impl Database {
    /// Reads one partition of a change stream, from `start` to `end`, both inclusive. Without `end` the query runs for as long
    /// as the partition lives. Without `token` it returns the root partitions.
    ///
    /// The query runs while [`Changes`] is polled. Records that are not polled stay with Spanner, except for those in a
    /// connection's window ([`Options::stream_channels`](crate::Options)). The query is never resumed here: an error ends
    /// it. Three heartbeats and ten seconds without a record are an error too ([`ErrorKind::Unavailable`]).
    ///
    /// `heartbeat` is clamped to Spanner's range of 1 s to 300 s.
    pub fn changes(
        &self,
        stream: &str,
        token: Option<&str>,
        start: Timestamp,
        end: Option<Timestamp>,
        heartbeat: Duration,
    ) -> Changes {
        let heartbeat = heartbeat.clamp(*HEARTBEAT_RANGE.start(), *HEARTBEAT_RANGE.end());
        let query = PendingQuery {
            database: self.clone(),
            stream: stream.to_owned(),
            token: token.map(ToOwned::to_owned),
            start,
            end,
            heartbeat,
        };
        let rows = stream::try_unfold(State::Pending(Box::new(query)), |state| async {
            let mut reader = match state {
                State::Pending(query) => query.run().await?,
                State::Reading(reader) => reader,
            };
            Ok(reader.row().await?.map(|records| (records, State::Reading(reader))))
        });
        Changes { row: VecDeque::new(), ahead: 0, rows: rows.boxed() }
    }
}

/// The records of one partition, in order. The stream ends after the last record or after an error.
///
/// A stream without `end` that finishes without [`ChangeRecord::Children`] was interrupted: the partition has not ended.
pub struct Changes {
    /// The remaining records of the current row.
    row: VecDeque<ChangeRecord>,
    ahead: usize,
    rows: BoxStream<'static, Result<Vec<ChangeRecord>>>,
}

impl Changes {
    /// Returns the next record, or `None` at the end. Cancel-safe: no record is lost when the future is dropped.
    ///
    /// # Errors
    /// See [`ErrorKind`]; the stream ends after an error.
    pub async fn next(&mut self) -> Option<Result<ChangeRecord>> {
        StreamExt::next(self).await
    }

    /// Returns the size in bytes of the records that arrived in the same row and have not been returned yet.
    pub fn ahead(&self) -> usize {
        self.ahead
    }
}

impl Stream for Changes {
    type Item = Result<ChangeRecord>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(record) = self.row.pop_front() {
                self.ahead -= if self.row.is_empty() { self.ahead } else { record.size() };
                return Poll::Ready(Some(Ok(record)));
            }
            match ready!(self.rows.poll_next_unpin(context)) {
                Some(Ok(row)) => {
                    self.ahead = row.iter().map(ChangeRecord::size).sum();
                    self.row = row.into();
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").field("ahead", &self.ahead).finish_non_exhaustive()
    }
}

enum State {
    Pending(Box<PendingQuery>),
    Reading(Box<Reader>),
}

/// A query that has not started.
struct PendingQuery {
    database: Database,
    stream: String,
    token: Option<String>,
    start: Timestamp,
    end: Option<Timestamp>,
    heartbeat: Duration,
}

impl PendingQuery {
    async fn run(self) -> Result<Box<Reader>> {
        let Self { database, stream, token, start, end, heartbeat } = self;
        let dialect = database.dialect().await?;
        let statement = statement(dialect, &stream, token.as_deref(), start, end, heartbeat)?;
        let statement = database.options().apply_to_query(statement).build();
        let idle_timeout = heartbeat * 3 + Duration::from_secs(10);
        let transaction = database.streams().await?.shared().single_use().build();
        let result =
            within_idle_timeout(&database, idle_timeout, transaction.execute_query(statement)).await?;
        let decoder = match result.metadata().column_types() {
            [column] if column.code() == TypeCode::Json => Decoder::Json(JsonDecoder::default()),
            [column] => Decoder::Structs(Box::new(StructDecoder::of(column)?)),
            _ => return Err(Error::bug("change stream", "the query does not have exactly one column")),
        };
        Ok(Box::new(Reader { database, idle_timeout, result, decoder }))
    }
}

struct Reader {
    database: Database,
    idle_timeout: Duration,
    result: ResultSet,
    decoder: Decoder,
}

impl Reader {
    /// Returns the records of the next row.
    async fn row(&mut self) -> Result<Option<Vec<ChangeRecord>>> {
        let Self { database, idle_timeout, result, decoder } = self;
        let Some(row) =
            within_idle_timeout(database, *idle_timeout, async { result.next().await.transpose() }).await?
        else {
            return Ok(None);
        };
        let mut records = Vec::new();
        for cell in row.into_values() {
            records.extend(decoder.decode(cell)?);
        }
        Ok(Some(records))
    }
}

/// Returns the answer, or an error when it takes longer than `idle_timeout`.
async fn within_idle_timeout<T>(
    database: &Database,
    idle_timeout: Duration,
    answer: impl Future<Output = std::result::Result<T, ClientError>>,
) -> Result<T> {
    match with_idle_timeout(idle_timeout, answer).await {
        Some(answer) => database.stream_answer(answer).await,
        None => Err(Error::timeout(Call::Changes, idle_timeout)),
    }
}

/// The decoder for the dialect of the database.
enum Decoder {
    Structs(Box<StructDecoder>),
    /// For the PostgreSQL dialect.
    Json(JsonDecoder),
}

impl Decoder {
    fn decode(&mut self, cell: Wire) -> Result<Vec<ChangeRecord>> {
        match self {
            Self::Structs(decoder) => decoder.decode(cell),
            Self::Json(decoder) => decoder.decode(&cell).map(|record| vec![record]),
        }
    }
}

fn statement(
    dialect: Dialect,
    stream: &str,
    token: Option<&str>,
    start: Timestamp,
    end: Option<Timestamp>,
    heartbeat: Duration,
) -> Result<StatementBuilder> {
    if !is_identifier(stream) {
        let message = format!("`{stream}` is not the name of a change stream");
        return Err(Error::new(ErrorKind::Config, "change stream", message));
    }
    let (sql, names) = match dialect {
        Dialect::GoogleSql => (
            format!(
                "SELECT ChangeRecord FROM READ_{stream}(start_timestamp => @start, end_timestamp => @end, \
                 partition_token => @token, heartbeat_milliseconds => @heartbeat)"
            ),
            ["start", "end", "token", "heartbeat"],
        ),
        Dialect::PostgreSql => (
            format!("SELECT * FROM \"spanner\".\"read_json_{stream}\"($1, $2, $3, $4, NULL)"),
            ["p1", "p2", "p3", "p4"],
        ),
    };
    let milliseconds = i64::try_from(heartbeat.as_millis()).unwrap_or(i64::MAX);
    Ok(Statement::builder(sql)
        .add_typed_param(names[0], encode(Value::Timestamp(start)), types::timestamp())
        .add_typed_param(names[1], encode(end.map_or(Value::Null, Value::Timestamp)), types::timestamp())
        .add_typed_param(names[2], encode(token.into()), types::string())
        .add_typed_param(names[3], milliseconds, types::int64())
        .with_retry_policy(NeverRetry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statement_rejects_anything_but_an_identifier() {
        let start = Timestamp::UNIX_EPOCH;
        let heartbeat = Duration::from_secs(1);
        for (dialect, function) in
            [(Dialect::GoogleSql, "READ_Flights("), (Dialect::PostgreSql, "\"read_json_Flights\"(")]
        {
            let statement = statement(dialect, "Flights", None, start, None, heartbeat).unwrap().build();
            assert!(statement.sql().contains(function));
        }
        for wrong in ["", "A B", "A(", "1a"] {
            let statement = statement(Dialect::PostgreSql, wrong, None, start, None, heartbeat);
            assert_eq!(statement.err().unwrap().kind(), ErrorKind::Config);
        }
    }
}
