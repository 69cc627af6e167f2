use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use google_cloud_gax::error::Error as ClientError;
use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_spanner::result::ResultSet;
use google_cloud_spanner::statement::Statement;
use google_cloud_spanner::types::{self, TypeCode};
use google_cloud_spanner::value::Value as Wire;
use spanbridge_protocol::value::{Timestamp, Value};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::json::Records;
use super::layout::Layout;
use super::record::ChangeRecord;
use crate::database::Database;
use crate::dialect::Dialect;
use crate::error::{Call, Error, ErrorKind, Result};
use crate::name::is_identifier;
use crate::wire::encode;

/// Records read ahead of the caller. One may hold a whole transaction, so few.
const AHEAD: usize = 4;

/// What Spanner takes for a heartbeat.
/// Source: <https://cloud.google.com/spanner/docs/change-streams/details#change_stream_query_syntax>.
const HEARTBEATS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(300);

impl Database {
    /// Reads one partition of a change stream, from `start` (inclusive) to `end` (inclusive; without it,
    /// for as long as the partition lives). No token asks for the root partitions.
    ///
    /// The query runs in a task of its own that stays a few records ahead, and ends when [`Changes`] is
    /// dropped. It is never resumed behind the caller's back: an error ends it. Silence for three
    /// heartbeats and ten seconds is an error too ([`ErrorKind::Unavailable`]).
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
        let (sender, records) = mpsc::channel(AHEAD);
        let reader =
            Reader { database: self.clone(), silence: heartbeat * 3 + Duration::from_secs(10), sender };
        let (stream, token) = (stream.to_owned(), token.map(ToOwned::to_owned));
        let task = tokio::spawn(async move {
            let sender = reader.sender.clone();
            let outcome = async {
                let dialect = reader.database.dialect().await?;
                reader.run(statement(dialect, &stream, token.as_deref(), start, end, heartbeat)?).await
            };
            let outcome = outcome.await;
            if let Err(error) = outcome {
                // A closed channel means that nobody wants to know.
                let _ = sender.send(Err(error)).await;
            }
        });
        Changes { records, task: task.abort_handle() }
    }
}

/// The records of one partition, in its order. Ends after the last one, or after an error.
///
/// The end without [`ChangeRecord::Children`] before it is a drop-out, not the end of the partition,
/// unless an `end` was given.
#[derive(Debug)]
pub struct Changes {
    records: mpsc::Receiver<Result<ChangeRecord>>,
    task: AbortHandle,
}

impl Changes {
    /// The next record. May be dropped and called again: nothing is lost.
    pub async fn next(&mut self) -> Option<Result<ChangeRecord>> {
        self.records.recv().await
    }
}

impl Stream for Changes {
    type Item = Result<ChangeRecord>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.records.poll_recv(context)
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Reader {
    database: Database,
    silence: Duration,
    sender: mpsc::Sender<Result<ChangeRecord>>,
}

impl Reader {
    async fn run(self, statement: Statement) -> Result<()> {
        let transaction = self.database.client().single_use().build();
        let mut result: ResultSet = self.heard(transaction.execute_query(statement)).await?;
        let mut layout = match result.metadata().column_types() {
            [column] if column.code() == TypeCode::Json => Decoder::Json(Records::default()),
            [column] => Decoder::Structs(Box::new(Layout::of(column)?)),
            _ => return Err(Error::bug("change stream", "the query has not one column")),
        };
        while let Some(row) = self.heard(async { result.next().await.transpose() }).await? {
            for cell in row.into_values() {
                for record in layout.decode(cell)? {
                    if self.sender.send(Ok(record)).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// The answer, unless it takes longer than heartbeats allow.
    async fn heard<T>(&self, answer: impl Future<Output = std::result::Result<T, ClientError>>) -> Result<T> {
        self.database.call(Call::Changes, self.silence, answer).await
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
