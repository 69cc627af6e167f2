//! Checks the way from Kafka to Spanner: compares the source topic with its writer, and the tables with the source topic.

use std::collections::{BTreeMap, HashMap};

use super::{Anomaly, Direction, Kind};
use crate::history::{IngestHistory, LogRecord, Outcome};

/// The running count and sum of a key, after each of its records.
type Prefixes = Vec<(i64, i64)>;

pub(super) fn check(history: &IngestHistory) -> Vec<Anomaly> {
    let outcomes: HashMap<i64, Outcome> =
        history.attempts.iter().map(|attempt| (attempt.number, attempt.outcome)).collect();
    let mut anomalies = source(history, &outcomes);
    anomalies.extend(received(history, &outcomes));
    anomalies.extend(by_key(history));
    anomalies.extend(positions(history));
    let dead_letters = history.dead_letters.iter().map(|(code, count)| {
        // All records are valid. An insert that is repeated is a dead letter.
        let kind = if code.contains("EXISTS") { Kind::Duplicated } else { Kind::Lost };
        Anomaly::new(Direction::Ingest, kind, format_args!("{count} valid records are dead letters: {code}"))
    });
    anomalies.extend(dead_letters);
    anomalies
}

/// Compares the source topic with what its writer was told.
fn source(history: &IngestHistory, outcomes: &HashMap<i64, Outcome>) -> Vec<Anomaly> {
    let found = |kind, example: String| Anomaly::new(Direction::Source, kind, example);
    let mut anomalies = Vec::new();
    let mut logged: HashMap<i64, &LogRecord> = HashMap::new();
    for record in &history.log {
        let (number, place) = (record.number, place(record.partition, record.offset));
        if let Some(first) = logged.insert(number, record) {
            let first = self::place(first.partition, first.offset);
            anomalies.push(found(Kind::Duplicated, format!("record {number} at {first} and at {place}")));
        }
        match outcomes.get(&number) {
            Some(Outcome::Committed | Outcome::Unknown) => {}
            Some(Outcome::Aborted) => {
                anomalies.push(found(Kind::AbortedRead, format!("record {number} at {place} was aborted")));
            }
            None => anomalies.push(found(Kind::Unwritten, format!("record {number} at {place}"))),
        }
    }
    let lost = history
        .attempts
        .iter()
        .filter(|attempt| attempt.outcome == Outcome::Committed && !logged.contains_key(&attempt.number));
    let lost = lost.map(|attempt| found(Kind::Lost, format!("record {} was acknowledged", attempt.number)));
    anomalies.extend(lost);
    anomalies
}

/// Compares the table that has one row for each record with the source topic.
fn received(history: &IngestHistory, outcomes: &HashMap<i64, Outcome>) -> Vec<Anomaly> {
    let found = |kind, example: String| Anomaly::new(Direction::Ingest, kind, example);
    let mut anomalies = Vec::new();
    let log: HashMap<(i64, i64), i64> =
        history.log.iter().map(|record| ((record.partition, record.offset), record.number)).collect();
    let mut rows: HashMap<(i64, i64), i64> = HashMap::new();
    for row in &history.received {
        let (number, place) = (row.number, place(row.partition, row.offset));
        rows.insert((row.partition, row.offset), number);
        match (log.get(&(row.partition, row.offset)), outcomes.get(&number)) {
            (Some(logged), _) if *logged == number => {}
            (None, Some(Outcome::Aborted)) => {
                anomalies.push(found(Kind::AbortedRead, format!("a row of record {number} at {place}")));
            }
            _ => anomalies.push(found(Kind::Unwritten, format!("a row of record {number} at {place}"))),
        }
    }
    let lost = history.log.iter().filter(|record| !rows.contains_key(&(record.partition, record.offset)));
    let lost = lost.map(|record| {
        let place = place(record.partition, record.offset);
        found(Kind::Lost, format!("record {} at {place} has no row", record.number))
    });
    anomalies.extend(lost);
    anomalies
}

/// Compares the tables with one row for each key with the fold of the source topic.
fn by_key(history: &IngestHistory) -> Vec<Anomaly> {
    let found = |kind, example: String| Anomaly::new(Direction::Ingest, kind, example);
    let mut keys: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    // All records of a key are in one partition, so the log has them in order.
    for record in &history.log {
        keys.entry(&record.key).or_default().push(record.number);
    }
    let mut anomalies = Vec::new();
    for (key, numbers) in &keys {
        let last = numbers.last().copied();
        match history.latest.get(*key).copied() {
            latest if latest == last => {}
            None => anomalies.push(found(Kind::Lost, format!("key {key} has no row"))),
            Some(latest) if numbers.contains(&latest) => {
                let example = format!("key {key} has record {latest} instead of the later {last:?}");
                anomalies.push(found(Kind::Reordered, example));
            }
            Some(latest) => {
                anomalies.push(found(Kind::Unwritten, format!("key {key} has record {latest}")));
            }
        }
        let prefixes: Prefixes = numbers
            .iter()
            .scan((0, 0), |(count, sum), number| {
                *count += 1;
                *sum += number;
                Some((*count, *sum))
            })
            .collect();
        let (count, sum) = prefixes.last().copied().unwrap_or_default();
        let total = history.totals.get(*key).copied().unwrap_or_default();
        if total != (count, sum) {
            let kind = if total.0 > count || total.1 > sum { Kind::Duplicated } else { Kind::Lost };
            let (counted, summed) = total;
            let example = format!(
                "key {key} counts {counted} records with sum {summed}, the log has {count} with sum {sum}"
            );
            anomalies.push(found(kind, example));
        }
    }
    let unwritten = history.latest.keys().chain(history.totals.keys());
    let unwritten = unwritten.filter(|key| !keys.contains_key(key.as_str()));
    anomalies.extend(unwritten.map(|key| found(Kind::Unwritten, format!("a row of key {key}"))));
    anomalies
}

fn positions(history: &IngestHistory) -> Vec<Anomaly> {
    let mut anomalies = Vec::new();
    for ((topic, partition), end) in &history.ends {
        let stored = history.positions.get(&(topic.clone(), *partition));
        if stored.map(Vec::as_slice) != Some(&[*end][..]) {
            let example = format!("{topic}[{partition}] ends at {end}, its positions are {stored:?}");
            anomalies.push(Anomaly::new(Direction::Ingest, Kind::Position, example));
        }
    }
    anomalies
}

fn place(partition: i64, offset: i64) -> String {
    format!("[{partition}]@{offset}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{ReceivedRow, RecordAttempt};

    /// Records 1 to 4 of two keys. Record 5 was aborted, the outcome of record 6 is unknown.
    fn whole() -> IngestHistory {
        use Outcome::{Aborted, Committed, Unknown};
        let outcomes = [Committed, Committed, Committed, Committed, Aborted, Unknown];
        let attempts = outcomes.into_iter().zip(1..);
        let attempts = attempts.map(|(outcome, number)| RecordAttempt { number, outcome }).collect();
        let log = [("a", 0, 0, 1), ("a", 0, 1, 2), ("b", 1, 0, 3), ("b", 1, 4, 4)];
        let log: Vec<_> = log
            .into_iter()
            .map(|(key, partition, offset, number)| LogRecord { partition, offset, key: key.into(), number })
            .collect();
        let received = log
            .iter()
            .map(|&LogRecord { partition, offset, number, .. }| ReceivedRow { partition, offset, number })
            .collect();
        IngestHistory {
            attempts,
            log,
            received,
            latest: [("a".into(), 2), ("b".into(), 4)].into(),
            totals: [("a".into(), (2, 3)), ("b".into(), (2, 7))].into(),
            dead_letters: BTreeMap::new(),
            positions: [(("t".into(), 0), vec![2])].into(),
            ends: [(("t".into(), 0), 2)].into(),
        }
    }

    /// Plants an anomaly, and returns what the checker finds.
    fn planted(plant: impl FnOnce(&mut IngestHistory)) -> Vec<(Direction, Kind)> {
        let mut history = whole();
        plant(&mut history);
        check(&history).into_iter().map(|anomaly| (anomaly.direction, anomaly.kind)).collect()
    }

    #[test]
    fn whole_history_has_no_anomalies() {
        assert_eq!(check(&whole()), []);
    }

    #[test]
    fn lost_record_is_named() {
        let unapplied = |history: &mut IngestHistory| history.received.truncate(3);
        assert_eq!(planted(unapplied), [(Direction::Ingest, Kind::Lost)]);
        let without_row = |history: &mut IngestHistory| {
            history.latest.remove("a");
        };
        assert_eq!(planted(without_row), [(Direction::Ingest, Kind::Lost)]);
        let uncounted = |history: &mut IngestHistory| {
            history.totals.insert("a".into(), (1, 1));
        };
        assert_eq!(planted(uncounted), [(Direction::Ingest, Kind::Lost)]);
        let rejected = |history: &mut IngestHistory| {
            history.dead_letters.insert("SB-SPANNER-REJECTED".into(), 1);
        };
        assert_eq!(planted(rejected), [(Direction::Ingest, Kind::Lost)]);
    }

    #[test]
    fn duplicated_record_is_named() {
        let twice = |history: &mut IngestHistory| {
            history.totals.insert("a".into(), (3, 5));
        };
        assert_eq!(planted(twice), [(Direction::Ingest, Kind::Duplicated)]);
        let repeated = |history: &mut IngestHistory| {
            history.dead_letters.insert("SB-SPANNER-ALREADY-EXISTS".into(), 1);
        };
        assert_eq!(planted(repeated), [(Direction::Ingest, Kind::Duplicated)]);
    }

    #[test]
    fn reordered_records_are_named() {
        let earlier = |history: &mut IngestHistory| {
            history.latest.insert("a".into(), 1);
        };
        assert_eq!(planted(earlier), [(Direction::Ingest, Kind::Reordered)]);
    }

    #[test]
    fn aborted_record_is_named() {
        let aborted = |history: &mut IngestHistory| {
            history.received.push(ReceivedRow { partition: 1, offset: 2, number: 5 });
        };
        assert_eq!(planted(aborted), [(Direction::Ingest, Kind::AbortedRead)]);
    }

    #[test]
    fn unwritten_rows_are_named() {
        let row = |history: &mut IngestHistory| history.received[0].number = 9;
        assert_eq!(planted(row), [(Direction::Ingest, Kind::Unwritten)]);
        let key = |history: &mut IngestHistory| {
            history.latest.insert("c".into(), 1);
        };
        assert_eq!(planted(key), [(Direction::Ingest, Kind::Unwritten)]);
    }

    #[test]
    fn position_before_the_end_is_named() {
        let before = |history: &mut IngestHistory| {
            history.positions.insert(("t".into(), 0), vec![1, 2]);
        };
        assert_eq!(planted(before), [(Direction::Ingest, Kind::Position)]);
    }

    #[test]
    fn faults_of_the_source_are_not_those_of_the_bridge() {
        let lost = |history: &mut IngestHistory| history.attempts[5].outcome = Outcome::Committed;
        assert_eq!(planted(lost), [(Direction::Source, Kind::Lost)]);
        let aborted = |history: &mut IngestHistory| history.attempts[0].outcome = Outcome::Aborted;
        assert_eq!(planted(aborted), [(Direction::Source, Kind::AbortedRead)]);
    }
}
