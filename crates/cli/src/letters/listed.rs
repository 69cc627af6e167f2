//! Changes to letters that an operator has been shown.

use std::collections::HashSet;
use std::time::Duration;

use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{CommitOptions, Database, ErrorKind, Result};

use super::address::Address;
use super::letter::{Summary, TABLE, named};

/// Rows of one transaction: far below Spanner's limits.
pub(super) const BATCH: usize = 200;
/// Transactions that lose against ingest are tried again after these pauses, in milliseconds.
const PAUSES: [u64; 6] = [10, 50, 100, 200, 500, 1000];

/// Writes a row for each of these letters, its key and then `behind`, and says how many were still there.
pub(super) async fn write(
    database: &Database,
    letters: &[Summary],
    write: Write,
    table: &str,
    columns: &[&str],
    behind: &[Value],
) -> Result<u64> {
    let mutation = |mut rows: Vec<Vec<Value>>| {
        rows.iter_mut().for_each(|row| row.extend_from_slice(behind));
        let columns = columns.iter().map(ToString::to_string).collect();
        Mutation { write, table: table.into(), columns, rows }
    };
    for pause in PAUSES {
        match attempt(database, letters, &mutation).await {
            Err(error) if error.kind() == ErrorKind::Aborted => {
                tokio::time::sleep(error.retry_after().unwrap_or(Duration::from_millis(pause))).await;
            }
            outcome => return outcome,
        }
    }
    attempt(database, letters, &mutation).await
}

/// A position that was set back may meet its record again and write its letter anew: only what is as it was
/// listed is meant.
async fn attempt(
    database: &Database,
    letters: &[Summary],
    mutation: &impl Fn(Vec<Vec<Value>>) -> Mutation,
) -> Result<u64> {
    let columns = named(&[
        ("Pipeline", Type::String),
        ("Topic", Type::String),
        ("KafkaPartition", Type::Int64),
        ("KafkaOffset", Type::Int64),
        ("FailedAt", Type::Timestamp),
    ]);
    let mut transaction = database.begin(CommitOptions::default()).await?;
    let keys = letters.iter().map(|letter| letter.address.key()).collect();
    let found = transaction.read(TABLE, &columns, keys).await?;
    let listed: HashSet<Vec<Value>> = letters
        .iter()
        .map(|letter| {
            let mut row = letter.address.key();
            row.push(Value::Timestamp(letter.failed_at));
            row
        })
        .collect();
    let as_listed = found.into_iter().filter(|row| listed.contains(row));
    let rows: Vec<Vec<Value>> = as_listed
        .map(|mut row| {
            row.truncate(Address::COLUMNS.len());
            row
        })
        .collect();
    if rows.is_empty() {
        transaction.rollback().await;
        return Ok(0);
    }
    let meant = rows.len() as u64;
    transaction.commit(vec![mutation(rows)]).await?;
    Ok(meant)
}
