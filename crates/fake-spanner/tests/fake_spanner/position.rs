//! The commit that consumes the position row, under faults that the emulator lacks.

use std::time::Duration;

use spanbridge_fake_spanner::{FakeSpanner, Fault, Latency, Loss};
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{CommitOptions, Database, ErrorKind};

use crate::support::{self, PLAIN, columns, data, mutation, rows};

const KEY: [&str; 5] = ["Pipeline", "Topic", "KafkaPartition", "NextOffset", "Revision"];
const TIMED: [&str; 6] = ["Pipeline", "Topic", "KafkaPartition", "NextOffset", "Revision", "UpdatedAt"];

fn position(next: i64) -> Vec<Value> {
    vec!["p".into(), "t".into(), 0.into(), next.into(), 0.into()]
}

fn timed(next: i64) -> Vec<Value> {
    [position(next), vec![Value::CommitTimestamp]].concat()
}

/// Returns the mutations of a commit: update and delete of position `from`, insert of position `to`, and one row of data.
fn batch(from: i64, to: i64) -> Vec<Mutation> {
    vec![
        mutation(Write::Update, "BridgePositions", &TIMED, vec![timed(from)]),
        mutation(Write::Delete, "BridgePositions", &KEY, vec![position(from)]),
        mutation(Write::Insert, "BridgePositions", &TIMED, vec![timed(to)]),
        data(from, to),
    ]
}

fn registration(next: i64) -> Vec<Mutation> {
    let parent = ["Pipeline", "Topic", "KafkaPartition", "CreatedAt"];
    let row = vec!["p".into(), "t".into(), 0.into(), Value::CommitTimestamp];
    vec![
        mutation(Write::Insert, "BridgePartitions", &parent, vec![row]),
        mutation(Write::Insert, "BridgePositions", &TIMED, vec![timed(next)]),
    ]
}

async fn next(database: &Database) -> i64 {
    let columns = columns(&[("NextOffset", Type::Int64)]);
    let prefix = vec!["p".into(), "t".into(), 0.into()];
    let rows = database.read_prefix("BridgePositions", &columns, prefix).await.unwrap();
    match rows.as_slice() {
        [row] => {
            if let [Value::Int64(next)] = row[..] {
                next
            } else {
                panic!("{row:?}")
            }
        }
        _ => panic!("not exactly one position: {rows:?}"),
    }
}

async fn registered() -> (FakeSpanner, Database) {
    let (fake_spanner, database) = support::migrated(FakeSpanner::builder()).await;
    database.commit(registration(0), PLAIN).await.unwrap();
    (fake_spanner, database)
}

#[tokio::test]
async fn a_commit_consumes_the_position_and_fences_everybody_else() {
    let (fake_spanner, database) = registered().await;
    let zombie = Database::connect(&support::options(&fake_spanner)).await.unwrap();
    let error = database.commit(registration(7), PLAIN).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.table()),
        (ErrorKind::AlreadyExists, Some("BridgePartitions")),
        "{error}"
    );

    let before = database.now().await.unwrap();
    let asked = CommitOptions { tag: Some("a-tag"), stats: true, ..CommitOptions::default() };
    let committed = database.commit(batch(0, 10), asked).await.unwrap();
    assert!(committed.timestamp > before);
    for to in [10, 5, 15] {
        let error = zombie.commit(batch(0, to), PLAIN).await.unwrap_err();
        assert_eq!((error.kind(), error.table()), (ErrorKind::NotFound, Some("BridgePositions")), "{error}");
    }
    assert_eq!((next(&database).await, rows(&database).await), (10, vec![(0, 10)]));

    let updated = columns(&[("UpdatedAt", Type::Timestamp), ("NextOffset", Type::Int64)]);
    let row = database.read("BridgePositions", &updated, vec![position(10)]).await.unwrap();
    assert_eq!(row, [vec![Value::Timestamp(committed.timestamp), 10.into()]]);
    let record = fake_spanner.log().records().into_iter().find(|record| record.tag == "a-tag").unwrap();
    assert_eq!(record.timestamp, Some(committed.timestamp));
    // Two rows with six columns, one delete, two columns of data.
    assert_eq!((record.mutations, committed.mutation_count), (15, Some(15)));
}

#[tokio::test]
async fn a_commit_that_is_executed_twice_is_fenced_by_itself() {
    let (fake_spanner, database) = registered().await;
    fake_spanner.faults().nth(1, Fault::Twice);
    let error = database.commit(batch(0, 10), PLAIN).await.unwrap_err();
    assert_eq!((error.kind(), error.table()), (ErrorKind::NotFound, Some("BridgePositions")), "{error}");
    assert_eq!((next(&database).await, rows(&database).await), (10, vec![(0, 10)]));
}

#[tokio::test]
async fn a_late_commit_of_a_zombie_changes_nothing() {
    let (fake_spanner, database) = registered().await;
    fake_spanner.faults().nth(1, Fault::Late(Duration::from_millis(50)));
    let error = database.commit(batch(0, 5), PLAIN).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InDoubt, "{error}");
    database.commit(batch(0, 10), PLAIN).await.unwrap();
    let executed = || fake_spanner.log().records().iter().filter(|record| record.fault.is_some()).count();
    while executed() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((next(&database).await, rows(&database).await), (10, vec![(0, 10)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_writers_with_faults_apply_each_offset_once() {
    const END: i64 = 60;
    let (fake_spanner, database) = registered().await;
    let faults = fake_spanner.faults();
    faults.set_latency(Latency::Uniform(Duration::ZERO, Duration::from_millis(2)));
    for fault in [
        Fault::Twice,
        Fault::Aborted,
        Fault::LostBefore(Loss::Unavailable),
        Fault::LostAfter(Loss::DeadlineExceeded),
        Fault::LostAfter(Loss::Reset),
        Fault::Late(Duration::from_millis(3)),
    ] {
        faults.share(fault, 0.08);
    }
    let writers = (0..4).map(|_| {
        let options = support::options(&fake_spanner);
        tokio::spawn(async move {
            let database = Database::connect(&options).await.unwrap();
            let columns = columns(&[("NextOffset", Type::Int64)]);
            let mut failed = 0;
            loop {
                let prefix = vec!["p".into(), "t".into(), 0.into()];
                let read = database.read_prefix("BridgePositions", &columns, prefix).await;
                // A reset connection ends running reads too.
                let Ok(read) = read else { continue };
                let [row] = &read[..] else { panic!("not exactly one position: {read:?}") };
                let [Value::Int64(next)] = row[..] else { panic!("{row:?}") };
                if next >= END {
                    return failed;
                }
                failed += usize::from(database.commit(batch(next, next + 1), PLAIN).await.is_err());
            }
        })
    });
    let mut failed = 0;
    for writer in writers.collect::<Vec<_>>() {
        failed += writer.await.unwrap();
    }
    assert!(failed > 0);
    assert_eq!(next(&database).await, END);
    let each: Vec<(i64, i64)> = (0..END).map(|from| (from, from + 1)).collect();
    assert_eq!(rows(&database).await, each);
    let took_effect = fake_spanner
        .log()
        .records()
        .iter()
        .filter(|r| r.timestamp.is_some() && r.tables.iter().any(|table| table.table == "Data"))
        .count();
    assert_eq!(took_effect, each.len());
}
