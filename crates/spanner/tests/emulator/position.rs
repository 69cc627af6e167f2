//! The commit that consumes the position row, on which exactly-once depends.

use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{CommitOptions, Database, ErrorKind, migrate};

use crate::support;

const KEY: [&str; 5] = ["Pipeline", "Topic", "KafkaPartition", "NextOffset", "Revision"];

fn position(next: i64) -> Vec<Value> {
    vec!["p".into(), "t".into(), 0.into(), next.into(), 0.into()]
}

fn with_time(next: i64) -> Vec<Value> {
    let mut row = position(next);
    row.push(Value::CommitTimestamp);
    row
}

/// Returns the mutations of a commit: update and delete of position `from`, insert of position `to`, and one row of data.
fn batch(from: i64, to: i64) -> Vec<Mutation> {
    let timed = [KEY[0], KEY[1], KEY[2], KEY[3], KEY[4], "UpdatedAt"];
    vec![
        support::mutation(Write::Update, "BridgePositions", &timed, vec![with_time(from)]),
        support::mutation(Write::Delete, "BridgePositions", &KEY, vec![position(from)]),
        support::mutation(Write::Insert, "BridgePositions", &timed, vec![with_time(to)]),
        support::mutation(Write::Upsert, "Data", &["Id", "UpTo"], vec![vec![from.into(), to.into()]]),
    ]
}

fn registration(next: i64) -> Vec<Mutation> {
    let parent = ["Pipeline", "Topic", "KafkaPartition", "CreatedAt"];
    let timed = [KEY[0], KEY[1], KEY[2], KEY[3], KEY[4], "UpdatedAt"];
    let row = vec!["p".into(), "t".into(), 0.into(), Value::CommitTimestamp];
    vec![
        support::mutation(Write::Insert, "BridgePartitions", &parent, vec![row]),
        support::mutation(Write::Insert, "BridgePositions", &timed, vec![with_time(next)]),
    ]
}

async fn positions(database: &Database) -> Vec<i64> {
    let columns = support::columns(&[("NextOffset", Type::Int64)]);
    let prefix = vec!["p".into(), "t".into(), 0.into()];
    let rows = database.read_prefix("BridgePositions", &columns, prefix).await.unwrap();
    rows.iter().map(|row| if let [Value::Int64(next)] = row[..] { next } else { panic!("{row:?}") }).collect()
}

async fn migrated() -> Database {
    let ddl = ["CREATE TABLE Data (Id INT64 NOT NULL, UpTo INT64) PRIMARY KEY (Id)"];
    let (admin, database) = support::database(&ddl).await;
    migrate::migrate(&admin, &database).await.unwrap();
    database
}

#[tokio::test]
async fn a_commit_consumes_the_position_and_fences_everybody_else() {
    let database = migrated().await;
    let zombie = support::another(&database).await;
    database.commit(registration(0), CommitOptions::default()).await.unwrap();
    assert_eq!(positions(&database).await, [0]);

    let before = database.now().await.unwrap();
    let committed = database
        .commit(batch(0, 10), CommitOptions { tag: Some("a-tag"), stats: true, ..CommitOptions::default() })
        .await
        .unwrap();
    assert!(committed.timestamp > before);
    assert_eq!(positions(&database).await, [10]);

    // The same range, a shorter and a longer one, and a repetition of the same commit.
    for to in [10, 5, 15] {
        let error = zombie.commit(batch(0, to), CommitOptions::default()).await.unwrap_err();
        assert_eq!((error.kind(), error.table()), (ErrorKind::NotFound, Some("BridgePositions")), "{error}");
    }
    assert_eq!(positions(&database).await, [10]);
    let data = database.read_all("Data", &support::columns(&[("UpTo", Type::Int64)]), None).await.unwrap();
    assert_eq!(data, [vec![Value::Int64(10)]]);
    zombie.commit(batch(10, 20), CommitOptions::default()).await.unwrap();
    assert_eq!(positions(&database).await, [20]);
}

#[tokio::test]
async fn a_partition_is_registered_once_whatever_its_first_offset() {
    let database = migrated().await;
    database.commit(registration(7), CommitOptions::default()).await.unwrap();
    for next in [7, 0] {
        let error = database.commit(registration(next), CommitOptions::default()).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.table()),
            (ErrorKind::AlreadyExists, Some("BridgePartitions")),
            "{error}"
        );
    }
    assert_eq!(positions(&database).await, [7]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_writers_apply_each_offset_once() {
    const WRITERS: usize = 4;
    const END: i64 = 40;
    let database = migrated().await;
    database.commit(registration(0), CommitOptions::default()).await.unwrap();
    let writers = (0..WRITERS).map(|_| {
        // The clones share one connection, like the workers of one service.
        let database = database.clone();
        tokio::spawn(async move {
            let mut won = Vec::new();
            loop {
                let [next] = positions(&database).await[..] else { panic!("not exactly one position") };
                if next >= END {
                    return won;
                }
                match database.commit(batch(next, next + 1), CommitOptions::default()).await {
                    Ok(_) => won.push(next),
                    Err(error) => match error.kind() {
                        ErrorKind::NotFound | ErrorKind::Aborted => {}
                        kind => panic!("{kind:?} {error}"),
                    },
                }
            }
        })
    });
    let mut won = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        won.extend(writer.await.unwrap());
    }
    won.sort_unstable();
    assert_eq!(won, (0..END).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_zombie_is_fenced_in_a_transaction_too() {
    let database = migrated().await;
    database.commit(registration(0), CommitOptions::default()).await.unwrap();
    let up_to = support::columns(&[("UpTo", Type::Int64)]);
    for (from, to) in [(0, 10), (10, 20)] {
        let mut transaction = database.begin(CommitOptions::default()).await.unwrap();
        assert!(transaction.read("Data", &up_to, vec![vec![from.into()]]).await.unwrap().is_empty());
        transaction.commit(batch(from, to)).await.unwrap();
    }
    for to in [10, 5, 15] {
        let mut zombie = support::another(&database).await.begin(CommitOptions::default()).await.unwrap();
        zombie.read("Data", &up_to, vec![vec![0.into()]]).await.unwrap();
        let error = zombie.commit(batch(0, to)).await.unwrap_err();
        assert_eq!((error.kind(), error.table()), (ErrorKind::NotFound, Some("BridgePositions")), "{error}");
    }
    assert_eq!(positions(&database).await, [20]);
    let rows = database.read("Data", &up_to, vec![vec![0.into()]]).await.unwrap();
    assert_eq!(rows, [vec![Value::Int64(10)]]);
}
