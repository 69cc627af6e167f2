//! Commits transfers between accounts in Spanner, some of which Spanner rejects.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{CommitOptions, Database, ErrorKind};
use tokio::time::{Instant, sleep, sleep_until};

use super::Stop;
use crate::Result;
use crate::history::{Outcome, TransactionAttempt};

/// The number of accounts.
const ACCOUNTS: i64 = 60;
/// One transaction in so many breaks a constraint.
const REJECTED: u32 = 12;
/// One transaction in so many also deletes the entries of an earlier one.
const DELETING: u32 = 8;
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// One transfer.
struct Transfer {
    number: i64,
    accounts: [i64; 2],
    amount: i64,
    is_rejected: bool,
    /// The number of an earlier transfer whose entries are deleted.
    deletes: Option<i64>,
}

/// Commits transfers until the flag is set. The emulator aborts some, and may be unavailable for a while.
pub(super) async fn write(
    database: Database,
    seed: u64,
    rate: u64,
    stop: Stop,
) -> Result<Vec<TransactionAttempt>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed.wrapping_add(1));
    let mut attempts = Vec::new();
    let mut due = Instant::now();
    for number in 1.. {
        if stop.is_set() {
            break;
        }
        let first = random.random_range(0..ACCOUNTS);
        let second = (first + random.random_range(1..ACCOUNTS)) % ACCOUNTS;
        let is_deleting = number > 1 && random.random_range(0..DELETING) == 0;
        let transfer = Transfer {
            number,
            accounts: [first, second],
            amount: random.random_range(1..100),
            is_rejected: random.random_range(0..REJECTED) == 0,
            deletes: is_deleting.then(|| random.random_range(1..number)),
        };
        let outcome = loop {
            match commit(&database, &transfer).await {
                Ok(()) => break Outcome::Committed,
                Err(error) => match error.kind() {
                    ErrorKind::InDoubt => break Outcome::Unknown,
                    ErrorKind::Rejected => break Outcome::Aborted,
                    // Nothing was written.
                    ErrorKind::Aborted | ErrorKind::Unavailable if stop.is_set() => break Outcome::Aborted,
                    ErrorKind::Aborted | ErrorKind::Unavailable => sleep(RETRY_INTERVAL).await,
                    _ => return Err(error.into()),
                },
            }
        };
        let accounts = transfer.accounts.iter().map(|account| ("Accounts", vec![*account]));
        let entries = (0..2).map(|leg| ("Entries", vec![number, leg]));
        attempts.push(TransactionAttempt { number, outcome, rows: accounts.chain(entries).collect() });
        due = (due + Duration::from_millis(1000 / rate)).max(Instant::now());
        sleep_until(due).await;
    }
    Ok(attempts)
}

/// Reads both balances and writes them, with one entry for each account.
async fn commit(database: &Database, transfer: &Transfer) -> spanbridge_spanner::Result<()> {
    let Transfer { number, accounts, amount, is_rejected, deletes } = transfer;
    let mut transaction = database.begin(CommitOptions::default()).await?;
    let columns = ["Id", "Balance"].map(|name| (name.to_owned(), Type::Int64));
    let keys = accounts.iter().map(|account| vec![(*account).into()]).collect();
    let read = transaction.read("Accounts", &columns, keys).await?;
    let balance = |account: i64| {
        let row = read.iter().find(|row| row.first() == Some(&account.into()));
        match row.and_then(|row| row.get(1)) {
            Some(Value::Int64(balance)) => *balance,
            _ => 0,
        }
    };
    let changes = [-amount, *amount];
    let rows = |row: &dyn Fn(i64, i64, i64) -> Vec<Value>| {
        let legs = accounts.iter().zip(changes).zip(0..);
        legs.map(|((account, change), leg)| row(*account, change, leg)).collect::<Vec<_>>()
    };
    let new_balances = rows(&|account, change, _| {
        vec![account.into(), (*number).into(), (balance(account) + change).into()]
    });
    let entries = rows(&|account, _, leg| {
        let account = if *is_rejected { -1 } else { account };
        vec![(*number).into(), leg.into(), account.into()]
    });
    let mut mutations = vec![
        mutation(Write::Upsert, "Accounts", &["Id", "Number", "Balance"], new_balances),
        mutation(Write::Insert, "Entries", &["Number", "Leg", "Account"], entries),
    ];
    if let Some(earlier) = deletes {
        let keys = (0..2).map(|leg: i64| vec![(*earlier).into(), leg.into()]).collect();
        mutations.push(mutation(Write::Delete, "Entries", &["Number", "Leg"], keys));
    }
    transaction.commit(mutations).await.map(drop)
}

fn mutation(write: Write, table: &str, columns: &[&str], rows: Vec<Vec<Value>>) -> Mutation {
    let columns = columns.iter().map(|column| (*column).to_owned()).collect();
    Mutation { write, table: table.into(), columns, rows }
}
