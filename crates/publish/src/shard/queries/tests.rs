use std::sync::atomic::{AtomicUsize, Ordering};

use futures::stream::{self, Stream};
use spanbridge_spanner::ErrorKind;
use spanbridge_telemetry::metrics::Gauge;

use super::*;

/// Bytes that a record is counted with in these tests.
const RECORD: usize = 300;

fn queries(limit: usize) -> Queries {
    Queries::new(Arc::new(MemoryBudget::new(limit, Gauge::noop())))
}

fn at(second: u8) -> Timestamp {
    Timestamp::UNIX_EPOCH + Duration::from_secs(second.into())
}

fn records(
    seconds: impl Iterator<Item = u8> + Send + 'static,
) -> impl Stream<Item = Result<ReadRecord, Error>> {
    let record = |second| ReadRecord {
        record: ChangeRecord::Heartbeat(at(second)),
        read: SystemTime::now(),
        bytes: RECORD,
    };
    stream::iter(seconds.map(move |second| Ok(record(second))))
}

/// Starts a query that returns these records and then stays open.
fn start(queries: &mut Queries, token: &str, seconds: impl Iterator<Item = u8> + Send + 'static) {
    let records = records(seconds).chain(stream::pending());
    queries.start_with(token.into(), |_, dropped| records.take_until(dropped).boxed());
}

async fn next_record(queries: &mut Queries, may_read: impl Fn(&Token) -> bool) -> (String, u8) {
    match queries.next(may_read).await {
        (token, QueryEvent::Record { record, .. }) => {
            (token.to_string(), u8::try_from(record.at().timestamp()).unwrap())
        }
        (token, QueryEvent::Ended { .. }) => panic!("the query of {token} has ended"),
        (token, QueryEvent::Dropped) => panic!("the query of {token} was dropped"),
    }
}

#[tokio::test]
async fn earliest_record_comes_first() {
    let mut queries = queries(1 << 20);
    start(&mut queries, "a", [3, 4, 9].into_iter());
    start(&mut queries, "b", [2, 5].into_iter());
    start(&mut queries, "c", [2, 8].into_iter());
    let mut order = Vec::new();
    for _ in 0..7 {
        order.push(next_record(&mut queries, |_| true).await);
    }
    let expected = [("b", 2), ("c", 2), ("a", 3), ("a", 4), ("b", 5), ("c", 8), ("a", 9)];
    assert_eq!(order, expected.map(|(token, second)| (token.to_owned(), second)));
    assert!(queries.next(|_| true).now_or_never().is_none());
    assert!(queries.budget.has_half_free());
}

#[tokio::test]
async fn each_token_reads_one_record_ahead() {
    let mut queries = queries(1 << 20);
    let read = Arc::new(AtomicUsize::new(0));
    for token in ["a", "b", "c"] {
        let read = read.clone();
        start(&mut queries, token, (1..100).inspect(move |_| _ = read.fetch_add(1, Ordering::Relaxed)));
    }
    for taken in 1..20 {
        next_record(&mut queries, |_| true).await;
        assert_eq!(read.load(Ordering::Relaxed), taken + 2);
    }
}

#[tokio::test]
async fn unreadable_token_waits_and_ended_query_does_not() {
    let mut queries = queries(1 << 20);
    start(&mut queries, "a", [1, 2].into_iter());
    start(&mut queries, "b", [5].into_iter());
    queries.start_with("c".into(), |_, _| stream::iter([Err(error())]).boxed());
    let (token, event) = queries.next(|_| false).await;
    let QueryEvent::Ended { error: Some(error) } = event else {
        panic!("the query of {token} has not ended with an error")
    };
    assert_eq!((&*token.0, error.kind()), ("c", ErrorKind::Config));
    assert_eq!(next_record(&mut queries, |token| &*token.0 == "b").await, ("b".to_owned(), 5));
    assert!(queries.next(|token| &*token.0 == "b").now_or_never().is_none());
    queries.stop(&"a".into());
    assert!(queries.next(|_| true).now_or_never().is_none());
    assert!(queries.heads.is_empty() && queries.budget.has_half_free());
}

/// Any error of Spanner.
fn error() -> Error {
    "no database".parse::<spanbridge_spanner::DatabaseName>().unwrap_err()
}

#[tokio::test]
async fn small_budget_delivers_every_record() {
    const TOKENS: usize = 50;
    let mut queries = queries(5 * RECORD);
    let name = |number: usize| format!("{number:02}");
    for token in 0..TOKENS {
        start(&mut queries, &name(token), 0..20);
    }
    let mut frontiers = [0; TOKENS];
    // Only one token may be read at a time, the last one first.
    for turn in (0..TOKENS).rev() {
        while frontiers[turn] < 20 {
            let (token, event) = queries.next(|token| *token.0 == *name(turn)).await;
            assert!(queries.budget.held() <= 5 * RECORD, "{} bytes", queries.budget.held());
            let number: usize = token.0.parse().unwrap();
            match event {
                QueryEvent::Record { record, .. } => {
                    assert_eq!((number, record.at()), (turn, at(frontiers[turn])));
                    frontiers[turn] += 1;
                }
                QueryEvent::Dropped => start(&mut queries, &token.0, frontiers[number]..20),
                QueryEvent::Ended { .. } => panic!("the query of {token} has ended"),
            }
        }
    }
}

#[tokio::test]
async fn readable_token_is_read_without_room() {
    let mut queries = queries(2 * RECORD);
    let others = queries.budget.reserve(10 * RECORD);
    start(&mut queries, "a", [7].into_iter());
    start(&mut queries, "b", [8].into_iter());
    let (late, turn) = oneshot::channel();
    queries.start_with("late".into(), |_, _| {
        stream::once(async { turn.await.unwrap() }).flat_map(|()| records([1].into_iter())).boxed()
    });
    let is_late = |token: &Token| &*token.0 == "late";
    assert!(queries.next(is_late).now_or_never().is_none());
    assert!(queries.heads.is_empty() && queries.dropped.len() == 2);
    late.send(()).unwrap();
    assert_eq!(next_record(&mut queries, is_late).await, ("late".to_owned(), 1));
    let ended = queries.next(is_late).now_or_never();
    assert!(ended.is_some_and(|(_, event)| matches!(event, QueryEvent::Ended { .. })));
    // Dropped queries are resumed when it is their turn, or when there is room.
    let resumed = queries.next(|token| &*token.0 == "b").await;
    assert!(matches!(resumed, (token, QueryEvent::Dropped) if &*token.0 == "b"));
    assert!(queries.next(is_late).now_or_never().is_none());
    drop(others);
    assert!(matches!(queries.next(is_late).await, (token, QueryEvent::Dropped) if &*token.0 == "a"));
}

#[tokio::test]
async fn unread_query_releases_its_connection() {
    let mut queries = queries(1 << 20);
    let (open, mut is_dropped) = oneshot::channel::<()>();
    let records = records([3, 4].into_iter()).inspect(move |_| _ = &open);
    queries.start_with("a".into(), |_, dropped| records.take_until(dropped).boxed());
    tokio::select! {
        _ = queries.next(|_| false) => panic!("no token may be read"),
        _ = &mut is_dropped => {}
    }
    assert_eq!(next_record(&mut queries, |_| true).await, ("a".to_owned(), 3));
    assert!(matches!(queries.next(|_| true).await, (_, QueryEvent::Dropped)));
}
