use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::ingest::aggregate::AggregateError;
use crate::ingest::window::instant::{FIRST, LAST};
use crate::ingest::window::oracle::{FUNCTIONS, TimedRecord, at, batches, records, state};

type Rows = BTreeMap<Timestamp, Session>;

fn gap(millis: u64) -> WindowSize {
    WindowSize::new(Duration::from_millis(millis)).unwrap()
}

/// Computes the sessions by sorting the records and splitting them where the gap is exceeded.
fn naive(gap: i128, records: &[TimedRecord]) -> Rows {
    let mut times: Vec<i128> = records.iter().map(TimedRecord::millis).collect();
    times.sort_unstable();
    let sessions = times.chunk_by(|one, next| next - one <= gap).map(|times| {
        let (start, end) = (times[0], times[times.len() - 1]);
        let within = records.iter().filter(|record| (start..=end).contains(&record.millis()));
        (at(end), Session { start: at(start), end: at(end), state: state(within) })
    });
    sessions.collect()
}

/// Returns the rows that a batch reads of the table.
fn read(rows: &Rows, range: SessionRange) -> Vec<Session> {
    let within = |row: &&Session| row.end >= range.earliest_end && row.start <= range.latest_start;
    rows.values().filter(within).cloned().collect()
}

/// Returns the table after a batch's changes.
fn written(rows: &Rows, sessions: &Sessions) -> Rows {
    let mut rows = rows.clone();
    for end in sessions.removed() {
        assert!(rows.remove(&end).is_some(), "only an existing row is removed");
    }
    rows.extend(sessions.written().map(|session| (session.end, session.clone())));
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn rows_equal_the_sorted_and_split_records(records in records(60), millis in 1_u64..12) {
        let mut rows = Rows::new();
        let mut seen = 0;
        for (batch, first, last) in batches(&records) {
            let existing = read(&rows, session_range(gap(millis), first, last));
            let mut sessions = Sessions::new(gap(millis), existing);
            for record in batch {
                let end = sessions.end(record.at).unwrap();
                sessions.add(&FUNCTIONS, record.at, &record.inputs()).unwrap();
                seen += 1;
                let now = written(&rows, &sessions);
                prop_assert!(now.contains_key(&end));
                prop_assert_eq!(now, naive(millis.into(), &records[..seen]));
            }
            rows = written(&rows, &sessions);
        }
    }
}

#[test]
fn records_exactly_a_gap_apart_belong_to_one_session() {
    // The example of Kafka Streams' `SessionWindows`, with a gap of 5.
    let mut sessions = Sessions::new(gap(5), Vec::new());
    let add = |sessions: &mut Sessions, time: i128| {
        sessions.add(&[AggregateFunction::Count], at(time), &[AggregateInput::Record]).unwrap();
        sessions.iter().map(|session| (session.start, session.end)).collect::<Vec<_>>()
    };
    add(&mut sessions, 10);
    add(&mut sessions, 12);
    assert_eq!(add(&mut sessions, 20), [(at(10), at(12)), (at(20), at(20))]);
    assert_eq!(add(&mut sessions, 16), [(at(10), at(20))]);
    assert_eq!(add(&mut sessions, 25), [(at(10), at(25))]);
    assert_eq!(add(&mut sessions, 31), [(at(10), at(25)), (at(31), at(31))]);
}

#[test]
fn only_stored_sessions_are_removed() {
    let stored = |start, end| Session { start: at(start), end: at(end), state: vec![1.into()] };
    let mut sessions = Sessions::new(gap(5), vec![stored(0, 0), stored(10, 12)]);
    for time in [5, 20, 16] {
        sessions.add(&[AggregateFunction::Count], at(time), &[AggregateInput::Record]).unwrap();
    }
    assert_eq!(sessions.removed().collect::<Vec<_>>(), [at(0), at(12)]);
    let merged = Session { start: at(0), end: at(20), state: vec![5.into()] };
    assert_eq!(sessions.written().collect::<Vec<_>>(), [&merged]);
}

#[test]
fn rejected_record_changes_nothing() {
    let mut sessions = Sessions::new(gap(5), Vec::new());
    let add = |sessions: &mut Sessions, millis, value| {
        let record = TimedRecord::new(millis, value);
        sessions.add(&FUNCTIONS, record.at, &record.inputs())
    };
    add(&mut sessions, 0, i64::MAX).unwrap();
    add(&mut sessions, 8, 1).unwrap();
    let before: Vec<_> = sessions.iter().cloned().collect();
    // The first record overflows the sum of its session. The second merges two sessions whose sum overflows.
    for (millis, value) in [(-3, 1), (4, 0)] {
        let rejected = Err(WindowError::Function(1, AggregateError::Overflow));
        assert_eq!(add(&mut sessions, millis, value), rejected);
        assert!(sessions.iter().eq(&before));
    }
}

#[test]
fn sessions_at_the_first_and_last_timestamp_are_valid() {
    for time in [FIRST, LAST] {
        let mut sessions = Sessions::new(gap(5), Vec::new());
        sessions.add(&[AggregateFunction::Count], time, &[AggregateInput::Record]).unwrap();
        sessions.add(&[AggregateFunction::Count], time, &[AggregateInput::Record]).unwrap();
        assert_eq!(sessions.iter().count(), 1);
        let range = session_range(gap(5), time, time);
        assert!(range.earliest_end <= time && time <= range.latest_start);
    }
    let outside = LAST + Duration::from_nanos(1);
    assert_eq!(Sessions::new(gap(5), Vec::new()).end(outside), Err(WindowError::Range));
}
