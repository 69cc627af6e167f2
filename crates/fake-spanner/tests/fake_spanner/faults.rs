//! Each fault, with the error that the bridge's client reports and its effect on the rows.

use std::time::{Duration, Instant};

use spanbridge_fake_spanner::{Code, FakeSpanner, Fault, Latency, Loss};
use spanbridge_spanner::ErrorKind;

use crate::support::{self, PLAIN, data, rows};

#[tokio::test]
async fn each_fault_has_its_error_and_its_effect() {
    let (fake_spanner, database) = support::migrated(FakeSpanner::builder()).await;
    for (id, fault, kind, effect) in [
        (1, Fault::LostBefore(Loss::Unavailable), Some(ErrorKind::InDoubt), false),
        (2, Fault::LostBefore(Loss::DeadlineExceeded), Some(ErrorKind::InDoubt), false),
        (3, Fault::LostBefore(Loss::Reset), Some(ErrorKind::InDoubt), false),
        (4, Fault::LostAfter(Loss::Unavailable), Some(ErrorKind::InDoubt), true),
        (5, Fault::LostAfter(Loss::DeadlineExceeded), Some(ErrorKind::InDoubt), true),
        (6, Fault::LostAfter(Loss::Reset), Some(ErrorKind::InDoubt), true),
        (7, Fault::Aborted, Some(ErrorKind::Aborted), false),
        (8, Fault::Twice, None, true),
    ] {
        fake_spanner.faults().nth(1, fault);
        let answer = database.commit(vec![data(id, 0)], PLAIN).await;
        assert_eq!(answer.as_ref().err().map(spanbridge_spanner::Error::kind), kind, "{fault:?} {answer:?}");
        if kind == Some(ErrorKind::Aborted) {
            assert!(answer.unwrap_err().retry_after().is_some());
        }
        let limit = Instant::now() + Duration::from_secs(10);
        // After a reset the client reconnects.
        while database.now().await.is_err() {
            assert!(Instant::now() < limit, "{fault:?}");
        }
        assert_eq!(rows(&database).await.iter().any(|(row, _)| *row == id), effect, "{fault:?}");
        let record = fake_spanner.log().records().pop().unwrap();
        assert_eq!((record.fault, record.timestamp.is_some()), (Some(fault), effect), "{record:?}");
        // The fault applied to one commit only.
        database.commit(vec![data(100 + id, 0)], PLAIN).await.unwrap();
    }
    // The commit that was executed twice has two records.
    let twice = fake_spanner.log().records().into_iter().filter(|record| record.fault == Some(Fault::Twice));
    assert_eq!(twice.map(|record| record.code).collect::<Vec<_>>(), [Code::Ok, Code::Ok]);
}

#[tokio::test]
async fn a_late_commit_takes_effect_after_its_answer() {
    let (fake_spanner, database) = support::migrated(FakeSpanner::builder()).await;
    fake_spanner.faults().nth(1, Fault::Late(Duration::from_millis(300)));
    let error = database.commit(vec![data(1, 0)], PLAIN).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InDoubt, "{error}");
    assert!(rows(&database).await.is_empty());
    let limit = Instant::now() + Duration::from_secs(10);
    while rows(&database).await.is_empty() {
        assert!(Instant::now() < limit, "it never took effect");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_client_that_stops_waiting_does_not_stop_the_commit() {
    let (fake_spanner, database) = support::migrated(FakeSpanner::builder()).await;
    fake_spanner.faults().set_latency(Latency::Fixed(Duration::from_millis(200)));
    let waited =
        tokio::time::timeout(Duration::from_millis(50), database.commit(vec![data(1, 0)], PLAIN)).await;
    assert!(waited.is_err());
    fake_spanner.faults().set_latency(Latency::Fixed(Duration::ZERO));
    // This commit waits for the first one, since it changes the same row.
    database.commit(vec![data(1, 7)], PLAIN).await.unwrap();
    assert_eq!(rows(&database).await, [(1, 7)]);
    let codes: Vec<_> = fake_spanner.log().records().iter().map(|record| record.code).collect();
    assert_eq!(codes, [Code::Ok, Code::Ok]);
}

#[tokio::test]
async fn dropped_fake_does_not_answer() {
    let (fake_spanner, database) = support::migrated(FakeSpanner::builder()).await;
    database.commit(vec![data(1, 0)], PLAIN).await.unwrap();
    drop(fake_spanner);
    let error = database.commit(vec![data(2, 0)], PLAIN).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InDoubt | ErrorKind::Unavailable), "{error}");
}
