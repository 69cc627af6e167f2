use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::stream::{self, BoxStream, Stream, StreamExt};
use google_cloud_gax::error::Error as ClientError;
use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_spanner::result::ResultSet;
use google_cloud_spanner::statement::Statement;
use google_cloud_spanner::types::{self, TypeCode};
use google_cloud_spanner::value::Value as Wire;
use spanbridge_protocol::value::{Timestamp, Value};

use super::idle_timeout::unless_silent;
use super::json::Records;
use super::layout::Layout;
use super::record::ChangeRecord;
use crate::database::Database;
use crate::dialect::Dialect;
use crate::error::{Call, Error, ErrorKind, Result};
use crate::name::is_identifier;
use crate::wire::encode;

/// What Spanner takes for a heartbeat.
/// Source: <https://cloud.google.com/spanner/docs/change-streams/details#change_stream_query_syntax>.
const HEARTBEATS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(300);

impl Database {
    /// Reads one partition of a change stream, from `start` (inclusive) to `end` (inclusive; without it,
    /// for as long as the partition lives). No token asks for the root partitions.
    ///
    /// The query runs while [`Changes`] is polled, and reads no more than it is asked for: what nobody asks for stays
    /// with Spanner, but for what a connection holds ([`Options::stream_channels`](crate::Options)). It is never
    /// resumed behind the caller's back: an error ends it. Silence for three heartbeats and ten seconds is an error
    /// too ([`ErrorKind::Unavailable`]).
    ///
    /// `heartbeat` is brought into Spanner's range of 1 s to 300 s.
    pub fn changes(
        &self,
        stream: &str,
        token: Option<&str>,
        start: Timestamp,
        end: Option<Timestamp>,
        heartbeat: Duration,
    ) -> Changes {
        let heartbeat = heartbeat.clamp(*HEARTBEATS.start(), *HEARTBEATS.end());
        let asked = Asked {
            database: self.clone(),
            stream: stream.to_owned(),
            token: token.map(ToOwned::to_owned),
            start,
            end,
            heartbeat,
        };
        let rows = stream::try_unfold(State::Asked(Box::new(asked)), |state| async {
            let mut reader = match state {
                State::Asked(asked) => asked.run().await?,
                State::Reading(reader) => reader,
            };
            Ok(reader.row().await?.map(|records| (records, State::Reading(reader))))
        });
        Changes { row: VecDeque::new(), ahead: 0, rows: rows.boxed() }
    }
}

/// The records of one partition, in its order. Ends after the last one, or after an error.
///
/// The end without [`ChangeRecord::Children`] before it is a drop-out, not the end of the partition,
/// unless an `end` was given.
pub struct Changes {
    /// What is left of a row.
    row: VecDeque<ChangeRecord>,
    ahead: usize,
    rows: BoxStream<'static, Result<Vec<ChangeRecord>>>,
}

impl Changes {
    /// The next record. May be dropped and called again: nothing is lost.
    pub async fn next(&mut self) -> Option<Result<ChangeRecord>> {
        StreamExt::next(self).await
    }

    /// Bytes of records that came with the last one, in the same row, and wait.
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
    Asked(Box<Asked>),
    Reading(Box<Reader>),
}

/// A query that has not begun.
struct Asked {
    database: Database,
    stream: String,
    token: Option<String>,
    start: Timestamp,
    end: Option<Timestamp>,
    heartbeat: Duration,
}

impl Asked {
    async fn run(self) -> Result<Box<Reader>> {
        let Self { database, stream, token, start, end, heartbeat } = self;
        let dialect = database.dialect().await?;
        let statement = statement(dialect, &stream, token.as_deref(), start, end, heartbeat)?;
        let silence = heartbeat * 3 + Duration::from_secs(10);
        let transaction = database.streams().await?.shared().single_use().build();
        let result = heard(&database, silence, transaction.execute_query(statement)).await?;
        let decoder = match result.metadata().column_types() {
            [column] if column.code() == TypeCode::Json => Decoder::Json(Records::default()),
            [column] => Decoder::Structs(Box::new(Layout::of(column)?)),
            _ => return Err(Error::bug("change stream", "the query has not one column")),
        };
        Ok(Box::new(Reader { database, silence, result, decoder }))
    }
}

struct Reader {
    database: Database,
    silence: Duration,
    result: ResultSet,
    decoder: Decoder,
}

impl Reader {
    /// The records of the next row.
    async fn row(&mut self) -> Result<Option<Vec<ChangeRecord>>> {
        let Self { database, silence, result, decoder } = self;
        let Some(row) = heard(database, *silence, async { result.next().await.transpose() }).await? else {
            return Ok(None);
        };
        let mut records = Vec::new();
        for cell in row.into_values() {
            records.extend(decoder.decode(cell)?);
        }
        Ok(Some(records))
    }
}

/// The answer, unless it takes longer than heartbeats allow.
async fn heard<T>(
    database: &Database,
    silence: Duration,
    answer: impl Future<Output = std::result::Result<T, ClientError>>,
) -> Result<T> {
    match unless_silent(silence, answer).await {
        Some(answer) => database.judge_stream(answer).await,
        None => Err(Error::timeout(Call::Changes, silence)),
    }
}

/// How the records come.
enum Decoder {
    Structs(Box<Layout>),
    /// From a database of the PostgreSQL dialect.
    Json(Records),
}

impl Decoder {
    fn decode(&mut self, cell: Wire) -> Result<Vec<ChangeRecord>> {
        match self {
            Self::Structs(layout) => layout.decode(cell),
            Self::Json(records) => records.decode(&cell).map(|record| vec![record]),
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
) -> Result<Statement> {
    if !is_identifier(stream) {
        let message = format!("`{stream}` is no name of a change stream");
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
        .with_retry_policy(NeverRetry)
        .build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_goes_into_the_statement() {
        let start = Timestamp::UNIX_EPOCH;
        let heartbeat = Duration::from_secs(1);
        for (dialect, function) in
            [(Dialect::GoogleSql, "READ_Flights("), (Dialect::PostgreSql, "\"read_json_Flights\"(")]
        {
            let statement = statement(dialect, "Flights", None, start, None, heartbeat).unwrap();
            assert!(statement.sql().contains(function));
        }
        for wrong in ["", "A B", "A(", "1a"] {
            let statement = statement(Dialect::PostgreSql, wrong, None, start, None, heartbeat);
            assert_eq!(statement.unwrap_err().kind(), ErrorKind::Config);
        }
    }
}
