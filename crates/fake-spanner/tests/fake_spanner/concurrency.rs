//! Commits that may overlap, and commits that must not.

use std::time::{Duration, Instant};

use futures::future::join_all;
use spanbridge_fake_spanner::{FakeSpanner, Latency};

use crate::support::{self, PLAIN, data, rows};

const LATENCY: Duration = Duration::from_millis(100);

#[tokio::test]
async fn commits_of_different_rows_overlap_and_those_of_one_row_do_not() {
    let (fake_spanner, database) = support::migrated(FakeSpanner::builder()).await;
    fake_spanner.faults().set_latency(Latency::Fixed(LATENCY));

    let start = Instant::now();
    let answers = join_all((0..20).map(|id| database.commit(vec![data(id, 0)], PLAIN))).await;
    let took = start.elapsed();
    assert!((LATENCY..LATENCY * 10).contains(&took), "{took:?}");
    let mut timestamps: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().timestamp).collect();
    timestamps.sort_unstable();
    timestamps.dedup();
    assert_eq!(timestamps.len(), 20);
    assert_eq!(fake_spanner.log().peak(), 20);
    assert!(fake_spanner.log().records().iter().all(|record| record.waited < LATENCY / 2));

    fake_spanner.log().clear();
    let start = Instant::now();
    let answers = join_all((0..4).map(|up_to| database.commit(vec![data(0, up_to)], PLAIN))).await;
    assert!(start.elapsed() >= LATENCY * 4);
    assert_eq!(fake_spanner.log().peak(), 1);
    // The commit that took effect last determines the row.
    let last = (0..4).zip(answers).max_by_key(|(_, answer)| answer.as_ref().unwrap().timestamp).unwrap().0;
    assert_eq!(rows(&database).await[0], (0, last));
}

#[tokio::test]
async fn read_sees_acknowledged_commits_only() {
    let (fake_spanner, database) = support::migrated(FakeSpanner::builder()).await;
    fake_spanner.faults().set_latency(Latency::Fixed(LATENCY));
    let both = vec![data(1, 1), data(2, 1)];
    let commit = tokio::spawn({
        let database = database.clone();
        async move { database.commit(both, PLAIN).await }
    });
    while !commit.is_finished() {
        let rows = rows(&database).await;
        assert!(rows.is_empty() || rows.len() == 2, "{rows:?}");
    }
    commit.await.unwrap().unwrap();
    assert_eq!(rows(&database).await, [(1, 1), (2, 1)]);
}
