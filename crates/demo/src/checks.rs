//! The checks of a run, made after both services have stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use indicatif::HumanCount;
use spanbridge_kafka::{Offsets, TopicPartition};
use spanbridge_protocol::value::Value;
use spanbridge_verify::exactly_once::{ChangeDifference, OrderViolation, find_order_violations};
use spanbridge_verify::positions;
use spanbridge_verify::rows::{self, RowDifference};

use super::check::{Check, describe_fault};
use super::evidence::Evidence;
use super::expected_rows::{Delays, Group};
use crate::error::{Error, ErrorKind, Result};

/// The timeout of one request to Kafka.
const KAFKA_TIMEOUT: Duration = Duration::from_secs(30);

/// Compares the rows of Flights with those computed from the data.
pub(super) fn flights(evidence: &Evidence) -> Check {
    let compared = format!(
        "{} rows of Flights equal those computed from the CSV",
        HumanCount(count(&evidence.expected))
    );
    Check::new(
        "rows",
        compared,
        row_faults(&RowDifference::between(&evidence.expected, &evidence.flights.rows)),
    )
}

/// Compares `DelaysByHour`, with the rows of all source partitions combined, with the data.
pub(super) fn delays(evidence: &Evidence, expected: &BTreeMap<Group, Delays>) -> Result<Check> {
    let mut actual = BTreeMap::<Group, Delays>::new();
    for row in evidence.delays.rows.values() {
        let (group, delays) = group_of(row).ok_or_else(|| unexpected("DelaysByHour"))?;
        actual.entry(group).or_default().add(delays);
    }
    let wrong = expected.iter().filter(|(group, delays)| actual.get(*group) != Some(*delays));
    let unexpected = actual.keys().filter(|group| !expected.contains_key(*group));
    let name = |(origin, carrier, hour): &Group| format!("{origin} {carrier} {hour}");
    let faults = [
        describe_fault("groups are missing or wrong", wrong.map(|(group, _)| name(group))),
        describe_fault("groups were not expected", unexpected.map(name)),
    ];
    let compared = format!(
        "{} groups (count, sum, min, max) equal the CSV's, folded from {} rows of DelaysByHour",
        HumanCount(count(expected)),
        HumanCount(count(&evidence.delays.rows)),
    );
    Ok(Check::new("aggregates", compared, faults.into_iter().flatten().collect()))
}

/// Reads a row of `DelaysByHour`, whose columns `super::database` defines.
fn group_of(row: &[Value]) -> Option<(Group, Delays)> {
    let optional = |value: &Value| match value {
        Value::Null => Some(None),
        Value::Int64(number) => Some(Some(*number)),
        _ => None,
    };
    match row {
        [
            Value::String(origin),
            Value::String(carrier),
            Value::Timestamp(hour),
            Value::Int64(_),
            Value::Int64(flights),
            sum,
            min,
            max,
        ] => {
            let delays =
                Delays { flights: *flights, sum: optional(sum)?, min: optional(min)?, max: optional(max)? };
            Some(((origin.clone(), carrier.clone(), *hour), delays))
        }
        _ => None,
    }
}

/// Checks that each partition has one position, at the end of the log.
pub(super) async fn positions(
    evidence: &Evidence,
    pipeline: &str,
    topic: &str,
    partitions: u16,
) -> Result<Check> {
    let positions = positions::read(&evidence.database, pipeline).await?;
    let offsets = Offsets::new(&evidence.kafka)?;
    let mut faults = Vec::new();
    let mut total = 0;
    for partition in 0..partitions {
        let tp = TopicPartition::new(topic, i32::from(partition));
        let end = offsets.end(&tp, KAFKA_TIMEOUT).await?;
        total += u64::try_from(end).unwrap_or_default();
        match positions.get(&(topic.to_owned(), i64::from(partition))).map(Vec::as_slice) {
            Some([next]) if *next == end => {}
            other => {
                faults.push(format!("{tp} ends at {end}, its positions are {:?}", other.unwrap_or_default()))
            }
        }
    }
    if positions.len() != usize::from(partitions) {
        faults.push(format!("there are positions of {} partitions", positions.len()));
    }
    let compared =
        format!("{partitions} positions stand at their log's end, {} records in all", HumanCount(total));
    Ok(Check::new("positions", compared, faults))
}

/// Checks that there are no dead letters.
pub(super) async fn dead_letters(evidence: &Evidence, pipeline: &str) -> Result<Check> {
    let dead_letters = positions::count_dead_letters(&evidence.database, pipeline).await?;
    let codes = dead_letters.iter().map(|(code, count)| format!("{count} of {code}"));
    Ok(Check::new(
        "dead-letters",
        "no dead letters".into(),
        describe_fault("codes", codes).into_iter().collect(),
    ))
}

/// Compares the published changes, folded per key, with the rows of the tables.
pub(super) fn folded(evidence: &Evidence) -> Check {
    let mut faults = Vec::new();
    let mut keys = 0;
    for table in evidence.tables() {
        // The emulator's change streams truncate a TIMESTAMP to whole seconds.
        let folded = rows::truncate_to_seconds(rows::fold(&table.records));
        let stored = rows::truncate_to_seconds(table.rows.clone());
        keys += stored.len();
        let differences = row_faults(&RowDifference::between(&stored, &folded));
        faults.extend(differences.into_iter().map(|fault| format!("{}: {fault}", table.table.name)));
    }
    let compared = format!(
        "{} keys of 2 topics, folded in commit order, equal the rows of their tables (instants to the second)",
        HumanCount(keys as u64)
    );
    Check::new("fold", compared, faults)
}

/// Checks that each change of the stream was published exactly once.
pub(super) fn exactly_once(evidence: &Evidence) -> Check {
    let happened: Vec<_> = evidence.history.changes.iter().map(|change| &change.id).collect();
    let published: Vec<_> = evidence.changes().map(|change| &change.id).collect();
    let difference = ChangeDifference::between(happened.iter().copied(), published.iter().copied());
    let repeated = difference.repeated.iter().map(|(id, times)| format!("{times} times {id}"));
    let missing = describe_fault("were not published", &difference.missing).map(|missing| {
        format!(
            "{missing} (a tailing read of the emulator can miss a commit on its polling boundary, about one in 100,000; \
             if all of these belong to one transaction, that may be the cause)"
        )
    });
    let faults = [
        missing,
        describe_fault("were published more than once", repeated),
        describe_fault("were published but are not in the stream", &difference.unknown),
    ];
    let compared = format!(
        "{} changes of {} transactions, read from the start of the stream, each published once",
        HumanCount(happened.len() as u64),
        HumanCount(count_transactions(evidence)),
    );
    Check::new("exactly-once", compared, faults.into_iter().flatten().collect())
}

/// Checks that the changes of each key are in one partition, in commit order.
pub(super) fn order(evidence: &Evidence) -> Check {
    let mut faults = Vec::new();
    let mut keys = 0;
    for table in evidence.tables() {
        let violations = find_order_violations(&table.records, &evidence.history.ancestry);
        let violations = violations.iter().map(describe_violation);
        faults.extend(
            describe_fault("out of order", violations).map(|fault| format!("{}: {fault}", table.table.name)),
        );
        keys += rows::fold(&table.records).len();
    }
    let compared = format!(
        "the changes of each of {} keys are in commit order in one partition",
        HumanCount(keys as u64)
    );
    Check::new("order", compared, faults)
}

fn describe_violation(violation: &OrderViolation) -> String {
    match violation {
        OrderViolation::Backwards { earlier, later } => format!("({later}) after ({earlier})"),
        OrderViolation::Scattered { partitions: (one, other), .. } => {
            format!("a key in partitions {one} and {other}")
        }
        OrderViolation::Tombstone { partition, offset } => {
            format!("a tombstone without a deletion in partition {partition} at offset {offset}")
        }
    }
}

fn count_transactions(evidence: &Evidence) -> u64 {
    let ids: BTreeSet<_> = evidence
        .history
        .changes
        .iter()
        .map(|change| (change.id.commit_timestamp, &change.id.transaction_id))
        .collect();
    ids.len() as u64
}

fn row_faults(difference: &RowDifference) -> Vec<String> {
    let key = |key: &Vec<Value>| key.iter().map(format_value).collect::<Vec<_>>().join("/");
    let fault = |what, keys: &[Vec<Value>]| describe_fault(what, keys.iter().map(key));
    let faults = [
        fault("are missing", &difference.missing),
        fault("were not expected", &difference.unexpected),
        fault("have other values", &difference.different),
    ];
    faults.into_iter().flatten().collect()
}

/// Formats a value of a key. The demo's keys are public data, so they may be printed.
fn format_value(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Int64(number) => number.to_string(),
        Value::Timestamp(at) => at.to_rfc3339(),
        other => format!("{other:?}"),
    }
}

fn count<K, V>(map: &BTreeMap<K, V>) -> u64 {
    map.len() as u64
}

fn unexpected(table: &str) -> Error {
    Error::new(ErrorKind::Table, format!("a row of {table} does not have the columns that the demo created"))
}
