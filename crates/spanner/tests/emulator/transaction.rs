//! Read-write transactions: each has one attempt and leaves no locks behind.

use std::future::Future as _;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{Admin, CommitOptions, Database, ErrorKind, KeyRange, ReadWrite, Result};
use spanbridge_testbed::{Source, Spanner, SpannerOptions};

use crate::support::{self, columns, mutation};

const DDL: &str = "CREATE TABLE Counters (Id INT64 NOT NULL, N INT64) PRIMARY KEY (Id)";

fn counter(id: i64, n: i64) -> Vec<Mutation> {
    vec![mutation(Write::Upsert, "Counters", &["Id", "N"], vec![vec![id.into(), n.into()]])]
}

async fn begin(database: &Database) -> ReadWrite {
    database
        .begin(CommitOptions { tag: Some("a-tag"), stats: true, ..CommitOptions::default() })
        .await
        .unwrap()
}

/// Reads the counter in the transaction; 0 without a row.
async fn read(transaction: &mut ReadWrite, id: i64) -> Result<i64> {
    let rows = transaction.read("Counters", &columns(&[("N", Type::Int64)]), vec![vec![id.into()]]).await?;
    Ok(match rows.first().map(Vec::as_slice) {
        None => 0,
        Some([Value::Int64(n)]) => *n,
        Some(row) => panic!("{row:?}"),
    })
}

async fn increment(database: &Database, id: i64) -> Result<()> {
    let mut transaction = begin(database).await;
    let n = read(&mut transaction, id).await?;
    transaction.commit(counter(id, n + 1)).await.map(drop)
}

async fn value(database: &Database) -> i64 {
    let rows = database.read_all("Counters", &columns(&[("N", Type::Int64)]), None).await.unwrap();
    if let [[Value::Int64(n)]] = rows.iter().map(Vec::as_slice).collect::<Vec<_>>()[..] { *n } else { 0 }
}

/// Starts an emulator that never aborts the transaction that holds the locks, as it otherwise does at random: only a rollback
/// lets the next transaction succeed.
async fn strict(fault_injection: bool) -> (Spanner, Database) {
    let arguments = vec!["--abort_current_transaction_probability=0".to_owned()];
    let options = SpannerOptions { source: Source::New, arguments, fault_injection };
    let emulator = Spanner::start(options).await.unwrap();
    let options = support::options(&emulator);
    let admin = Admin::connect(&options).await.unwrap();
    admin.create_instance().await.unwrap();
    admin.create_database(&[DDL.to_owned()]).await.unwrap();
    (emulator, Database::connect(&options).await.unwrap())
}

/// Waits until a running rollback has ended.
async fn passes_soon(database: &Database) {
    let limit = Instant::now() + Duration::from_secs(5);
    while let Err(error) = increment(database, 1).await {
        assert_eq!(error.kind(), ErrorKind::Aborted, "{error}");
        assert!(Instant::now() < limit, "the locks are still held");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn transaction_writes_what_depends_on_its_read() {
    let (_, database) = support::database(&[DDL]).await;
    let before = database.now().await.unwrap();
    let mut transaction = begin(&database).await;
    assert_eq!(read(&mut transaction, 1).await.unwrap(), 0);
    assert_eq!(read(&mut transaction, 2).await.unwrap(), 0);
    let committed = transaction.commit(counter(1, 7)).await.unwrap();
    assert!(committed.timestamp > before);
    increment(&database, 1).await.unwrap();
    assert_eq!(value(&database).await, 8);
    // The same without a preceding read.
    begin(&database).await.commit(counter(1, 3)).await.unwrap();
    assert_eq!(value(&database).await, 3);
}

#[tokio::test]
async fn one_of_two_readers_of_a_row_is_aborted() {
    let (_emulator, database) = strict(false).await;
    let (mut first, mut second) = (begin(&database).await, begin(&database).await);
    assert_eq!(read(&mut first, 1).await.unwrap(), 0);
    assert_eq!(read(&mut second, 1).await.unwrap_err().kind(), ErrorKind::Aborted);
    let error = second.commit(counter(1, 2)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Aborted, "{error}");
    // A blind commit loses too, and does not affect the first transaction.
    let error = database.commit(counter(1, 3), CommitOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Aborted, "{error}");
    first.commit(counter(1, 1)).await.unwrap();
    assert_eq!(value(&database).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_transactions_lose_no_increment() {
    const WRITERS: i64 = 4;
    const EACH: i64 = 25;
    let (_, database) = support::database(&[DDL]).await;
    let writers = (0..WRITERS).map(|_| {
        let database = database.clone();
        tokio::spawn(async move {
            for _ in 0..EACH {
                while let Err(error) = increment(&database, 1).await {
                    assert_eq!(error.kind(), ErrorKind::Aborted, "{error}");
                }
                // Reads outside the transaction do not affect it.
                database.now().await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(value(&database).await, WRITERS * EACH);
}

#[tokio::test]
async fn abort_is_reported_and_not_retried() {
    let (_emulator, database) = strict(true).await;
    let mut aborted = 0;
    for _ in 0..300 {
        match increment(&database, 1).await {
            Ok(()) => {}
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Aborted, "{error}");
                aborted += 1;
            }
        }
    }
    assert!(aborted > 0);
    // Each success counts once, each abort not at all.
    assert_eq!(value(&database).await, 300 - aborted);
}

#[tokio::test]
async fn rollback_releases_the_locks_before_it_returns() {
    let (_emulator, database) = strict(false).await;
    let mut transaction = begin(&database).await;
    read(&mut transaction, 1).await.unwrap();
    assert_eq!(increment(&database, 1).await.unwrap_err().kind(), ErrorKind::Aborted);
    transaction.rollback().await;
    increment(&database, 1).await.unwrap();
    begin(&database).await.rollback().await;
}

#[tokio::test]
async fn dropped_transaction_releases_its_locks() {
    let (_emulator, database) = strict(false).await;
    let mut transaction = begin(&database).await;
    read(&mut transaction, 1).await.unwrap();
    assert_eq!(increment(&database, 1).await.unwrap_err().kind(), ErrorKind::Aborted);
    drop(transaction);
    passes_soon(&database).await;
}

#[tokio::test]
async fn transaction_dropped_during_its_first_read_releases_its_locks() {
    let (_emulator, database) = strict(false).await;
    for _ in 0..20 {
        let mut transaction = begin(&database).await;
        let mut reading = Box::pin(read(&mut transaction, 1));
        assert!(reading.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        // Lets the transaction's task send the read.
        tokio::task::yield_now().await;
        drop(reading);
        drop(transaction);
        passes_soon(&database).await;
    }
}

#[tokio::test]
async fn an_error_ends_the_transaction() {
    let (_emulator, database) = strict(false).await;
    let mut transaction = begin(&database).await;
    read(&mut transaction, 1).await.unwrap();
    let error = transaction.read("Nope", &columns(&[("N", Type::Int64)]), vec![vec![1.into()]]).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(read(&mut transaction, 1).await.unwrap_err().kind(), ErrorKind::Aborted);
    passes_soon(&database).await;
    assert_eq!(transaction.commit(counter(1, 9)).await.unwrap_err().kind(), ErrorKind::Aborted);
    assert_eq!(value(&database).await, 1);

    let mut transaction = begin(&database).await;
    let everything = || vec![KeyRange::prefix(Vec::new())];
    let n = columns(&[("N", Type::Int64)]);
    assert_eq!(transaction.read_ranges("Counters", &n, everything(), 1).await.unwrap().len(), 1);
    let error = transaction.read_ranges("Counters", &n, everything(), 0).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_in_doubt_and_may_have_happened() {
    let (_, database) = support::database(&[DDL]).await;
    let (relay, through) = support::relayed(&database).await;
    let mut transaction = begin(&through).await;
    read(&mut transaction, 1).await.unwrap();
    relay.lose_answers();
    let error = transaction.commit(counter(1, 1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InDoubt, "{error}");
    assert_eq!(value(&database).await, 1);
}

#[tokio::test]
async fn lost_answer_of_a_read_means_nothing_was_written() {
    let (_, database) = support::database(&[DDL]).await;
    let (relay, through) = support::relayed(&database).await;
    let mut transaction = begin(&through).await;
    relay.lose_answers();
    let error = read(&mut transaction, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(transaction.commit(counter(1, 1)).await.unwrap_err().kind(), ErrorKind::Aborted);
    assert_eq!(value(&database).await, 0);
}
