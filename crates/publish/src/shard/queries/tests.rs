use std::sync::atomic::{AtomicUsize, Ordering};

use futures::stream::{self, Stream};
use spanbridge_spanner::ErrorKind;
use spanbridge_telemetry::metrics::Gauge;

use super::*;

/// A little more than a record takes.
const RECORD: usize = 300;

fn queries(limit: usize) -> Queries {
    Queries::new(Arc::new(MemoryBudget::new(limit, Gauge::noop())))
}

fn at(second: u8) -> Timestamp {
    Timestamp::UNIX_EPOCH + Duration::from_secs(second.into())
}

fn records(seconds: impl Iterator<Item = u8> + Send + 'static) -> impl Stream<Item = Result<Read, Error>> {
    let read =
        |second| Read { record: ChangeRecord::Heartbeat(at(second)), at: SystemTime::now(), bytes: RECORD };
    stream::iter(seconds.map(move |second| Ok(read(second))))
}

/// Tells the records, and then nothing.
fn tell(queries: &mut Queries, token: &str, seconds: impl Iterator<Item = u8> + Send + 'static) {
    let records = records(seconds).chain(stream::pending());
    queries.begin(token.into(), |_, dropped| records.take_until(dropped).boxed());
}

async fn record(queries: &mut Queries, may_read: impl Fn(&Token) -> bool) -> (String, u8) {
    match queries.next(may_read).await {
        (token, Event::Record { record, .. }) => {
            (token.to_string(), u8::try_from(record.at().timestamp()).unwrap())
        }
        (token, Event::Ended(_)) => panic!("{token} has ended"),
        (token, Event::GivenUp) => panic!("{token} was given up"),
    }
}

#[tokio::test]
async fn who_is_furthest_behind_comes_first() {
    let mut queries = queries(1 << 20);
    tell(&mut queries, "a", [3, 4, 9].into_iter());
    tell(&mut queries, "b", [2, 5].into_iter());
    tell(&mut queries, "c", [2, 8].into_iter());
    let mut order = Vec::new();
    for _ in 0..7 {
        order.push(record(&mut queries, |_| true).await);
    }
    let expected = [("b", 2), ("c", 2), ("a", 3), ("a", 4), ("b", 5), ("c", 8), ("a", 9)];
    assert_eq!(order, expected.map(|(token, second)| (token.to_owned(), second)));
    assert!(queries.next(|_| true).now_or_never().is_none());
    assert!(queries.budget.has_much_room());
}

#[tokio::test]
async fn one_record_is_read_ahead_of_each_token() {
    let mut queries = queries(1 << 20);
    let read = Arc::new(AtomicUsize::new(0));
    for token in ["a", "b", "c"] {
        let read = read.clone();
        tell(&mut queries, token, (1..100).inspect(move |_| _ = read.fetch_add(1, Ordering::Relaxed)));
    }
    for taken in 1..20 {
        record(&mut queries, |_| true).await;
        assert_eq!(read.load(Ordering::Relaxed), taken + 2);
    }
}

#[tokio::test]
async fn what_may_not_be_read_waits_and_what_has_ended_does_not() {
    let mut queries = queries(1 << 20);
    tell(&mut queries, "a", [1, 2].into_iter());
    tell(&mut queries, "b", [5].into_iter());
    queries.begin("c".into(), |_, _| stream::iter([Err(error())]).boxed());
    let (token, event) = queries.next(|_| false).await;
    let Event::Ended(Ending { error: Some(error) }) = event else {
        panic!("{token} has told something else")
    };
    assert_eq!((&*token.0, error.kind()), ("c", ErrorKind::Config));
    assert_eq!(record(&mut queries, |token| &*token.0 == "b").await, ("b".to_owned(), 5));
    assert!(queries.next(|token| &*token.0 == "b").now_or_never().is_none());
    queries.finished(&"a".into());
    assert!(queries.next(|_| true).now_or_never().is_none());
    assert!(queries.heads.is_empty() && queries.budget.has_much_room());
}

/// Whatever error.
fn error() -> Error {
    "no database".parse::<spanbridge_spanner::DatabaseName>().unwrap_err()
}

#[tokio::test]
async fn all_comes_through_a_small_budget() {
    const TOKENS: usize = 50;
    let mut queries = queries(5 * RECORD);
    let name = |number: usize| format!("{number:02}");
    for token in 0..TOKENS {
        tell(&mut queries, &name(token), 0..20);
    }
    let mut frontiers = [0; TOKENS];
    // Each may be read in its turn alone, the last one first.
    for turn in (0..TOKENS).rev() {
        while frontiers[turn] < 20 {
            let (token, event) = queries.next(|token| *token.0 == *name(turn)).await;
            assert!(queries.budget.held() <= 5 * RECORD, "{} bytes", queries.budget.held());
            let number: usize = token.0.parse().unwrap();
            match event {
                Event::Record { record, .. } => {
                    assert_eq!((number, record.at()), (turn, at(frontiers[turn])));
                    frontiers[turn] += 1;
                }
                Event::GivenUp => tell(&mut queries, &token.0, frontiers[number]..20),
                Event::Ended(_) => panic!("{token} has ended"),
            }
        }
    }
}

#[tokio::test]
async fn who_is_furthest_behind_is_read_without_any_room() {
    let mut queries = queries(2 * RECORD);
    let others = queries.budget.take(10 * RECORD);
    tell(&mut queries, "a", [7].into_iter());
    tell(&mut queries, "b", [8].into_iter());
    let (late, turn) = oneshot::channel();
    queries.begin("late".into(), |_, _| {
        stream::once(async { turn.await.unwrap() }).flat_map(|()| records([1].into_iter())).boxed()
    });
    let is_late = |token: &Token| &*token.0 == "late";
    assert!(queries.next(is_late).now_or_never().is_none());
    assert!(queries.heads.is_empty() && queries.given_up.len() == 2);
    late.send(()).unwrap();
    assert_eq!(record(&mut queries, is_late).await, ("late".to_owned(), 1));
    assert!(queries.next(is_late).now_or_never().is_some_and(|(_, event)| matches!(event, Event::Ended(_))));
    // They come back when there is room, or when it is their turn.
    assert!(
        matches!(queries.next(|token| &*token.0 == "b").await, (token, Event::GivenUp) if &*token.0 == "b")
    );
    assert!(queries.next(is_late).now_or_never().is_none());
    drop(others);
    assert!(matches!(queries.next(is_late).await, (token, Event::GivenUp) if &*token.0 == "a"));
}

#[tokio::test]
async fn a_query_that_nobody_reads_does_not_keep_its_connection() {
    let mut queries = queries(1 << 20);
    let (open, mut is_dropped) = oneshot::channel::<()>();
    let records = records([3, 4].into_iter()).inspect(move |_| _ = &open);
    queries.begin("a".into(), |_, dropped| records.take_until(dropped).boxed());
    tokio::select! {
        _ = queries.next(|_| false) => panic!("nothing may be read"),
        _ = &mut is_dropped => {}
    }
    assert_eq!(record(&mut queries, |_| true).await, ("a".to_owned(), 3));
    assert!(matches!(queries.next(|_| true).await, (_, Event::GivenUp)));
}
