//! What must hold when both services have ended.

use std::collections::BTreeMap;

use indicatif::HumanCount;
use spanbridge_kafka::{Offsets, TopicPartition};
use spanbridge_protocol::value::Value;

use super::check::{Check, fault};
use super::evidence::Evidence;
use super::expected::{Delays, Group};
use crate::exactly_once::{self, Disorder};
use crate::rows::{self, Difference};
use crate::{Error, Kind, Result, positions};

/// Rows of Flights against those computed from the data.
pub(super) fn flights(evidence: &Evidence) -> Check {
    let compared = format!(
        "{} rows of Flights equal those computed from the CSV",
        HumanCount(count(&evidence.expected))
    );
    Check::of("rows", compared, differences(&Difference::of(&evidence.expected, &evidence.flights.rows)))
}

/// DelaysByHour, its parts put together, against the data.
pub(super) fn delays(evidence: &Evidence, expected: &BTreeMap<Group, Delays>) -> Result<Check> {
    let mut found = BTreeMap::<Group, Delays>::new();
    for row in evidence.delays.rows.values() {
        let (group, delays) = part(row).ok_or_else(|| unexpected("DelaysByHour"))?;
        found.entry(group).or_default().add(delays);
    }
    let wrong = expected.iter().filter(|(group, delays)| found.get(*group) != Some(*delays));
    let unexpected = found.keys().filter(|group| !expected.contains_key(*group));
    let name = |(origin, carrier, hour): &Group| format!("{origin} {carrier} {hour}");
    let faults = [
        fault("groups are missing or other", wrong.map(|(group, _)| name(group))),
        fault("groups were not expected", unexpected.map(name)),
    ];
    let compared = format!(
        "{} groups (count, sum, min, max) equal the CSV's, folded from {} rows of DelaysByHour",
        HumanCount(count(expected)),
        HumanCount(count(&evidence.delays.rows)),
    );
    Ok(Check::of("aggregates", compared, faults.into_iter().flatten().collect()))
}

/// Columns as `super::database` creates them.
fn part(row: &[Value]) -> Option<(Group, Delays)> {
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
            least,
            most,
        ] => {
            let delays = Delays {
                flights: *flights,
                sum: optional(sum)?,
                least: optional(least)?,
                most: optional(most)?,
            };
            Some(((origin.clone(), carrier.clone(), *hour), delays))
        }
        _ => None,
    }
}

/// One position for each partition, at the end of the log.
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
        let end = offsets.end(&tp, super::LIMIT).await?;
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
    Ok(Check::of("positions", compared, faults))
}

/// No record was refused.
pub(super) async fn dead_letters(evidence: &Evidence, pipeline: &str) -> Result<Check> {
    let letters = positions::dead_letters(&evidence.database, pipeline).await?;
    let codes = letters.iter().map(|(code, count)| format!("{count} of {code}"));
    Ok(Check::of("dead-letters", "no dead letters".into(), fault("codes", codes).into_iter().collect()))
}

/// What was published, folded per key, is what stands in the tables.
pub(super) fn folded(evidence: &Evidence) -> Check {
    let mut faults = Vec::new();
    let mut keys = 0;
    for table in evidence.tables() {
        // A TIMESTAMP loses its fraction of a second in the emulator's change streams.
        let folded = rows::whole_seconds(rows::fold(&table.events));
        let stored = rows::whole_seconds(table.rows.clone());
        keys += stored.len();
        let found = differences(&Difference::of(&stored, &folded));
        faults.extend(found.into_iter().map(|fault| format!("{}: {fault}", table.table.name)));
    }
    let compared = format!(
        "{} keys of 2 topics, folded in commit order, equal the rows of their tables (instants to the second)",
        HumanCount(keys as u64)
    );
    Check::of("fold", compared, faults)
}

/// Each change that the stream has, read again from its start, was published once.
pub(super) fn exactly_once(evidence: &Evidence) -> Check {
    let happened: Vec<_> = evidence.oracle.changes.iter().map(|change| &change.id).collect();
    let published: Vec<_> = evidence.changes().map(|change| &change.id).collect();
    let difference = exactly_once::Difference::of(happened.iter().copied(), published.iter().copied());
    let repeated = difference.repeated.iter().map(|(id, times)| format!("{times} times {id}"));
    let missing = fault("were not published", &difference.missing).map(|missing| {
        format!(
            "{missing} (a tailing read of the emulator can miss a commit on its polling boundary, about one in 100,000; \
             if all of these are of one transaction, it may be that)"
        )
    });
    let faults = [
        missing,
        fault("were published more than once", repeated),
        fault("were published but are not in the stream", &difference.unknown),
    ];
    let compared = format!(
        "{} changes of {} transactions, read again from the stream's start, each published once",
        HumanCount(happened.len() as u64),
        HumanCount(transactions(evidence)),
    );
    Check::of("exactly-once", compared, faults.into_iter().flatten().collect())
}

/// Each key in one partition, in commit order.
pub(super) fn order(evidence: &Evidence) -> Check {
    let mut faults = Vec::new();
    let mut keys = 0;
    for table in evidence.tables() {
        let disorder =
            exactly_once::disorder(&table.events, &evidence.oracle.ancestry).into_iter().map(|disorder| {
                match disorder {
                    Disorder::Backwards { earlier, later } => format!("({later}) behind ({earlier})"),
                    Disorder::Scattered { partitions: (one, other), .. } => {
                        format!("a key in partitions {one} and {other}")
                    }
                    Disorder::Tombstone { partition, offset } => {
                        format!("a tombstone without deletion in partition {partition} at {offset}")
                    }
                }
            });
        faults.extend(fault("out of order", disorder).map(|fault| format!("{}: {fault}", table.table.name)));
        keys += rows::fold(&table.events).len();
    }
    let compared = format!(
        "the changes of each of {} keys are in commit order in one partition",
        HumanCount(keys as u64)
    );
    Check::of("order", compared, faults)
}

fn transactions(evidence: &Evidence) -> u64 {
    let ids: std::collections::BTreeSet<_> =
        evidence.oracle.changes.iter().map(|change| (change.id.commit, &change.id.transaction)).collect();
    ids.len() as u64
}

fn differences(difference: &Difference) -> Vec<String> {
    let key = |key: &Vec<Value>| key.iter().map(shown).collect::<Vec<_>>().join("/");
    let of = |what, keys: &[Vec<Value>]| fault(what, keys.iter().map(key));
    let faults = [
        of("are missing", &difference.missing),
        of("were not expected", &difference.unexpected),
        of("have other values", &difference.different),
    ];
    faults.into_iter().flatten().collect()
}

/// The demo's keys are public data.
fn shown(value: &Value) -> String {
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
    Error::new(Kind::Failed, "demo-table", format!("a row of {table} is not what the demo has created"))
}
