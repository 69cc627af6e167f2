//! Changes to the dead letters that an operator has seen in a list.
//!
//! A position that was set back may meet its record again and replace the dead letter. Each change therefore concerns
//! only rows that still have the listed `FailedAt`.

use std::collections::HashSet;
use std::time::Duration;

use spanbridge_protocol::ingest::{TABLE_DEAD_LETTERS, TABLE_REPLAYS};
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{CommitOptions, Database, ErrorKind, Result};

use super::address::DeadLetterAddress;
use super::summary::DeadLetterSummary;
use super::typed_columns;

/// The number of rows per transaction, far below Spanner's limits.
pub const MAX_ROWS_PER_TRANSACTION: usize = 200;
/// The pauses before an aborted transaction is repeated, in milliseconds. Ingest aborts it by writing the same rows.
const RETRY_PAUSES_MS: [u64; 6] = [10, 50, 100, 200, 500, 1000];

/// Deletes dead letters in one transaction and returns the number of deleted rows. Pass at most
/// [`MAX_ROWS_PER_TRANSACTION`].
///
/// # Errors
/// Spanner does not answer.
pub async fn delete(database: &Database, listed: &[DeadLetterSummary]) -> Result<u64> {
    write(database, listed, Write::Delete, TABLE_DEAD_LETTERS, &[], &[]).await
}

/// Requests the replay of dead letters in one transaction and returns the number of requests. Pass at most
/// [`MAX_ROWS_PER_TRANSACTION`].
///
/// The worker that owns a partition replays them, because nobody else may change its rows.
///
/// # Errors
/// Spanner does not answer.
pub async fn request_replays(database: &Database, listed: &[DeadLetterSummary]) -> Result<u64> {
    write(database, listed, Write::Upsert, TABLE_REPLAYS, &["RequestedAt"], &[Value::CommitTimestamp]).await
}

/// Writes a row for each listed dead letter that still exists: its key, then the given columns.
async fn write(
    database: &Database,
    listed: &[DeadLetterSummary],
    write: Write,
    table: &str,
    columns: &[&str],
    values: &[Value],
) -> Result<u64> {
    let mutation = |mut rows: Vec<Vec<Value>>| {
        rows.iter_mut().for_each(|row| row.extend_from_slice(values));
        let columns = DeadLetterAddress::COLUMNS.iter().chain(columns).map(ToString::to_string).collect();
        Mutation { write, table: table.into(), columns, rows }
    };
    for pause in RETRY_PAUSES_MS {
        match attempt(database, listed, &mutation).await {
            Err(error) if error.kind() == ErrorKind::Aborted => {
                tokio::time::sleep(error.retry_after().unwrap_or(Duration::from_millis(pause))).await;
            }
            outcome => return outcome,
        }
    }
    attempt(database, listed, &mutation).await
}

async fn attempt(
    database: &Database,
    listed: &[DeadLetterSummary],
    mutation: &impl Fn(Vec<Vec<Value>>) -> Mutation,
) -> Result<u64> {
    let columns = typed_columns(&[
        ("Pipeline", Type::String),
        ("Topic", Type::String),
        ("KafkaPartition", Type::Int64),
        ("KafkaOffset", Type::Int64),
        ("FailedAt", Type::Timestamp),
    ]);
    let mut transaction = database.begin(CommitOptions::default()).await?;
    let keys = listed.iter().map(|summary| summary.address.key()).collect();
    let stored = transaction.read(TABLE_DEAD_LETTERS, &columns, keys).await?;
    let expected: HashSet<Vec<Value>> = listed
        .iter()
        .map(|summary| {
            let mut row = summary.address.key();
            row.push(Value::Timestamp(summary.failed_at));
            row
        })
        .collect();
    let unchanged = stored.into_iter().filter(|row| expected.contains(row));
    let rows: Vec<Vec<Value>> = unchanged
        .map(|mut row| {
            row.truncate(DeadLetterAddress::COLUMNS.len());
            row
        })
        .collect();
    if rows.is_empty() {
        transaction.rollback().await;
        return Ok(0);
    }
    let count = rows.len() as u64;
    transaction.commit(vec![mutation(rows)]).await?;
    Ok(count)
}
