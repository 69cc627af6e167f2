//! Checks the way from Spanner to Kafka: compares the published records with the change stream, with the tables, and with
//! the outcomes that the writer saw.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use spanbridge_protocol::value::Value;
use spanbridge_verify::atomicity::{AtomicityViolation, find_atomicity_violations};
use spanbridge_verify::exactly_once::{ChangeDifference, OrderViolation, find_order_violations};
use spanbridge_verify::rows::{self, RowDifference};

use super::{Anomaly, Direction, Kind};
use crate::history::{Outcome, PublishHistory, TopicHistory};

pub(super) fn check(history: &PublishHistory) -> Vec<Anomaly> {
    let mut anomalies = Vec::new();
    for topic in &history.topics {
        let changes = changes(history, topic);
        let (order, atomicity) = (order(history, topic), atomicity(topic));
        let rows = final_rows(history, topic);
        anomalies.extend([changes, order, atomicity, rows].into_iter().flatten());
    }
    let pipelines: BTreeSet<&str> = history.topics.iter().map(|topic| topic.pipeline).collect();
    for pipeline in pipelines {
        let topics = history.topics.iter().filter(|topic| topic.pipeline == pipeline);
        anomalies.extend(transactions(history, pipeline, &topics.collect::<Vec<_>>()));
    }
    anomalies
}

fn found(kind: Kind, topic: &TopicHistory, example: impl std::fmt::Display) -> Anomaly {
    let TopicHistory { pipeline, table, .. } = topic;
    Anomaly::new(Direction::Publish, kind, format_args!("{pipeline}.{table}: {example}"))
}

/// Each change of the change stream is published once.
fn changes(history: &PublishHistory, topic: &TopicHistory) -> Vec<Anomaly> {
    let happened = history.changes.iter().filter(|id| id.table == topic.table);
    let published = topic.records.iter().filter_map(|record| Some(&record.change.as_ref()?.id));
    let ChangeDifference { missing, repeated, unknown } = ChangeDifference::between(happened, published);
    let missing = missing.iter().map(|id| found(Kind::Lost, topic, id));
    let repeated =
        repeated.iter().map(|(id, times)| found(Kind::Duplicated, topic, format_args!("{times} times {id}")));
    let unknown = unknown.iter().map(|id| found(Kind::Unwritten, topic, id));
    missing.chain(repeated).chain(unknown).collect()
}

/// The changes of a key are in order along the lineage of their tokens.
fn order(history: &PublishHistory, topic: &TopicHistory) -> Vec<Anomaly> {
    let violations = find_order_violations(&topic.records, &history.ancestry);
    let anomaly = |violation: &OrderViolation| match violation {
        // A repeated change is reported as such.
        OrderViolation::Backwards { earlier, later } if earlier == later => None,
        OrderViolation::Backwards { earlier, later } => {
            Some(found(Kind::Reordered, topic, format_args!("({later}) after ({earlier})")))
        }
        OrderViolation::Scattered { partitions: (one, other), .. } => {
            Some(found(Kind::Reordered, topic, format_args!("a key in partitions {one} and {other}")))
        }
        OrderViolation::Tombstone { partition, offset } => {
            let example = format_args!("a tombstone without a deletion at [{partition}]@{offset}");
            Some(found(Kind::Reordered, topic, example))
        }
    };
    violations.iter().filter_map(anomaly).collect()
}

/// The transactions of an atomic pipeline are whole and in order in each partition.
fn atomicity(topic: &TopicHistory) -> Vec<Anomaly> {
    if !topic.is_atomic {
        return Vec::new();
    }
    let anomaly = |violation: &AtomicityViolation| match violation {
        AtomicityViolation::Torn { partition, offset, transaction_id } => {
            let example = format_args!("transaction {transaction_id} continues at [{partition}]@{offset}");
            found(Kind::Torn, topic, example)
        }
        AtomicityViolation::OutOfOrder { partition, offset, transaction_id } => {
            let example =
                format_args!("transaction {transaction_id} follows a later one at [{partition}]@{offset}");
            found(Kind::Reordered, topic, example)
        }
    };
    find_atomicity_violations(&topic.records).iter().map(anomaly).collect()
}

/// The fold of the published changes equals the table.
fn final_rows(history: &PublishHistory, topic: &TopicHistory) -> Vec<Anomaly> {
    let Some(expected) = history.rows.get(topic.table) else { return Vec::new() };
    let RowDifference { missing, unexpected, different } =
        RowDifference::between(expected, &rows::fold(&topic.records));
    let anomalies = |kind, what: &'static str, keys: Vec<Vec<Value>>| {
        keys.into_iter().map(move |key| found(kind, topic, format_args!("{what} of key {:?}", numbers(&key))))
    };
    anomalies(Kind::Lost, "the last change", missing)
        .chain(anomalies(Kind::Unwritten, "a row", unexpected))
        .chain(anomalies(Kind::Reordered, "another last value", different))
        .collect()
}

/// Compares the rows of each transaction with what its writer was told. The change stream is not asked.
fn transactions(history: &PublishHistory, pipeline: &str, topics: &[&TopicHistory]) -> Vec<Anomaly> {
    let found =
        |kind, example: String| Anomaly::new(Direction::Publish, kind, format_args!("{pipeline}: {example}"));
    // How often each row of each transaction was published.
    let mut published: BTreeMap<i64, HashMap<(&str, Vec<i64>), usize>> = BTreeMap::new();
    for topic in topics {
        for record in &topic.records {
            let Some(row) = record.change.as_ref().and_then(|change| change.after.as_ref()) else { continue };
            let Some(Value::Int64(number)) = row.get(topic.number_column) else { continue };
            let rows = published.entry(*number).or_default();
            *rows.entry((topic.table, numbers(&record.key))).or_default() += 1;
        }
    }
    let is_atomic = topics.iter().any(|topic| topic.is_atomic);
    let mut anomalies = Vec::new();
    for attempt in &history.attempts {
        let number = attempt.number;
        let rows = published.remove(&number).unwrap_or_default();
        if attempt.outcome == Outcome::Aborted {
            if !rows.is_empty() {
                anomalies.push(found(Kind::AbortedRead, format!("transaction {number} was rejected")));
            }
            continue;
        }
        let is_known = |(table, key): &&(&'static str, Vec<i64>)| rows.contains_key(&(*table, key.clone()));
        let (present, missing): (Vec<_>, Vec<_>) = attempt.rows.iter().partition(is_known);
        if !missing.is_empty() && (attempt.outcome == Outcome::Committed || !present.is_empty()) {
            let kind = if is_atomic && !present.is_empty() { Kind::Torn } else { Kind::Lost };
            let (missing, all) = (missing.len(), attempt.rows.len());
            anomalies.push(found(kind, format!("{missing} of {all} rows of transaction {number}")));
        }
        if rows.values().any(|times| *times > 1) {
            anomalies.push(found(Kind::Duplicated, format!("a row of transaction {number}")));
        }
    }
    let unwritten = published.keys().map(|number| found(Kind::Unwritten, format!("transaction {number}")));
    anomalies.extend(unwritten);
    anomalies
}

/// Returns the numbers of a key.
fn numbers(key: &[Value]) -> Vec<i64> {
    let number = |value: &Value| match value {
        Value::Int64(number) => Some(*number),
        _ => None,
    };
    key.iter().filter_map(number).collect()
}

#[cfg(test)]
#[path = "publish_tests.rs"]
mod tests;
