use std::collections::HashSet;
use std::io::{self, BufRead as _, IsTerminal as _, Write};
use std::sync::Arc;
use std::time::Duration;

use spanbridge::{Error, Kind, Result};
use spanbridge_protocol::mutation::{self, Mutation};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{CommitOptions, Database, ErrorKind};

use super::address::Address;
use super::filter::Filter;
use super::letter::{Pages, Summary, TABLE, named};
use super::list::Totals;
use super::{print, written};

/// Rows deleted in one transaction: far below Spanner's limits.
const BATCH: usize = 200;
/// Transactions that lose against ingest are tried again after these pauses, in milliseconds.
const PAUSES: [u64; 6] = [10, 50, 100, 200, 500, 1000];

pub(super) async fn run(database: &Database, filter: &Filter, yes: bool, out: &mut impl Write) -> Result<()> {
    let mut totals = Totals::default();
    let mut pages = Pages::new(database, filter);
    while let Some(page) = pages.next().await? {
        page.iter().for_each(|letter| totals.add(letter));
    }
    let sum = totals.sum();
    if sum == 0 {
        print(out, format_args!("no dead letters\n"))?;
        return written(out.flush());
    }
    if !yes {
        totals.write(out)?;
        if !confirmed(sum, out)? {
            print(out, format_args!("nothing is deleted\n"))?;
            return written(out.flush());
        }
    }
    let mut deleted = 0;
    let mut pages = Pages::new(database, filter);
    while let Some(page) = pages.next().await? {
        for batch in page.chunks(BATCH) {
            deleted += delete(database, batch)
                .await
                .map_err(|error| Error::from(error).context(format_args!("after {deleted} of {sum}")))?;
        }
    }
    print(out, format_args!("{deleted} deleted\n"))?;
    written(out.flush())
}

fn confirmed(sum: u64, out: &mut impl Write) -> Result<bool> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        written(out.flush())?;
        let message = format!("{sum} dead letters would be deleted, and nobody is there to confirm it");
        return Err(Error::new(Kind::Config, "usage", message).help("give --yes"));
    }
    print(out, format_args!("Delete {sum} dead letters? [y/N] "))?;
    written(out.flush())?;
    let mut answer = String::new();
    let read = stdin.lock().read_line(&mut answer);
    read.map_err(|error| Error::new(Kind::Failed, "io", format!("cannot read the answer: {error}")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Deletes these letters and says how many were still there.
async fn delete(database: &Database, letters: &[Summary]) -> spanbridge_spanner::Result<u64> {
    for pause in PAUSES {
        match attempt(database, letters).await {
            Err(error) if error.kind() == ErrorKind::Aborted => {
                tokio::time::sleep(error.retry_after().unwrap_or(Duration::from_millis(pause))).await;
            }
            outcome => return outcome,
        }
    }
    attempt(database, letters).await
}

/// A position that was set back may meet its record again and write its letter anew: only what is as it was
/// listed is deleted.
async fn attempt(database: &Database, letters: &[Summary]) -> spanbridge_spanner::Result<u64> {
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
    let deleted = rows.len() as u64;
    let columns: Arc<[String]> = Address::COLUMNS.map(str::to_owned).into();
    transaction
        .commit(vec![Mutation { write: mutation::Write::Delete, table: TABLE.into(), columns, rows }])
        .await?;
    Ok(deleted)
}
