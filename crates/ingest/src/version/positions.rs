use std::collections::BTreeMap;

use spanbridge_protocol::ingest::{Offset, Partition, TABLE_PARTITIONS, TABLE_POSITIONS};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{Database, KeyRange, ReadWrite, Snapshot};

use crate::{Error, ErrorKind};

/// The maximum number of positions that one read returns.
const MAX_POSITIONS: usize = 200_000;

/// The next offset of each partition of one version.
pub type Positions = BTreeMap<Partition, Offset>;

/// Reads the positions of several versions at the instant of a snapshot.
///
/// # Errors
/// Spanner does not answer, or a partition has several positions.
pub(super) async fn at<const N: usize>(
    snapshot: &Snapshot,
    identities: [&str; N],
) -> Result<[Positions; N], Error> {
    let columns = columns("NextOffset");
    let rows = snapshot.read_ranges(TABLE_POSITIONS, &columns, ranges(identities), MAX_POSITIONS).await?;
    sort_by_version(rows, identities)
}

/// Reads the current positions of several versions.
///
/// # Errors
/// Spanner does not answer, or a partition has several positions.
pub(super) async fn now<const N: usize>(
    database: &Database,
    identities: [&str; N],
) -> Result<[Positions; N], Error> {
    let columns = columns("NextOffset");
    let rows = database.read_ranges(TABLE_POSITIONS, &columns, ranges(identities), MAX_POSITIONS).await?;
    sort_by_version(rows, identities)
}

/// Reads the positions of several versions under lock.
///
/// # Errors
/// Spanner does not answer, the transaction is aborted, or a partition has several positions.
pub(super) async fn locked<const N: usize>(
    transaction: &mut ReadWrite,
    identities: [&str; N],
) -> Result<[Positions; N], Error> {
    let columns = columns("NextOffset");
    let rows = transaction.read_ranges(TABLE_POSITIONS, &columns, ranges(identities), MAX_POSITIONS).await?;
    sort_by_version(rows, identities)
}

/// Reads the offsets at which a version started.
///
/// # Errors
/// Spanner does not answer, or a partition has several rows.
pub(super) async fn first(database: &Database, identity: &str) -> Result<Positions, Error> {
    let rows = database
        .read_ranges(TABLE_PARTITIONS, &columns("FirstOffset"), ranges([identity]), MAX_POSITIONS)
        .await?;
    let known = rows.into_iter().filter(|row| row.last() != Some(&Value::Null)).collect();
    let [first] = sort_by_version(known, [identity])?;
    Ok(first)
}

fn ranges<const N: usize>(identities: [&str; N]) -> Vec<KeyRange> {
    identities.map(|identity| KeyRange::prefix(vec![identity.into()])).to_vec()
}

fn columns(offset: &str) -> Vec<(String, Type)> {
    let text = |name: &str| (name.to_owned(), Type::String);
    let number = |name: &str| (name.to_owned(), Type::Int64);
    vec![text("Pipeline"), text("Topic"), number("KafkaPartition"), number(offset)]
}

/// Sorts rows by version and partition.
fn sort_by_version<const N: usize>(
    rows: Vec<Vec<Value>>,
    identities: [&str; N],
) -> Result<[Positions; N], Error> {
    let mut sorted = [const { Positions::new() }; N];
    for row in rows {
        let [Value::String(pipeline), Value::String(topic), Value::Int64(partition), Value::Int64(next)] =
            row.as_slice()
        else {
            return Err(unexpected(identities[0]));
        };
        let number = i32::try_from(*partition).map_err(|_| unexpected(pipeline))?;
        let partition = Partition { topic: topic.as_str().into(), number };
        let Some(of) = identities.iter().position(|identity| identity == pipeline) else { continue };
        if sorted[of].insert(partition, *next).is_some() {
            return Err(unexpected(pipeline));
        }
    }
    Ok(sorted)
}

fn unexpected(pipeline: &str) -> Error {
    let message = format!("its rows in {TABLE_POSITIONS} are not exactly one position per partition");
    Error::new(ErrorKind::Bug, pipeline, message)
}

/// Returns the number of records by which a version is behind another one, summed over the partitions in which it is
/// behind. A partition that it does not have counts from offset 0.
pub(super) fn behind(of: &Positions, other: &Positions) -> i64 {
    let missing = |(partition, next): (&Partition, &Offset)| next - of.get(partition).copied().unwrap_or(0);
    other.iter().map(missing).filter(|missing| *missing > 0).fold(0, i64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(offsets: &[(i32, Offset)]) -> Positions {
        let partition = |number| Partition { topic: "t".into(), number };
        offsets.iter().map(|(number, offset)| (partition(*number), *offset)).collect()
    }

    #[test]
    fn lead_in_one_partition_does_not_compensate_another() {
        let active = positions(&[(0, 10), (1, 20)]);
        assert_eq!(behind(&active, &active), 0);
        assert_eq!(behind(&positions(&[(0, 7), (1, 90)]), &active), 3);
        assert_eq!(behind(&positions(&[(0, 10)]), &active), 20);
        assert_eq!(behind(&active, &Positions::new()), 0);
    }

    #[test]
    fn partition_with_two_positions_is_rejected() {
        let row = |pipeline: &str, next: i64| vec![pipeline.into(), "t".into(), 0.into(), next.into()];
        let [one, two] = sort_by_version(vec![row("p", 1), row("p@2", 2)], ["p", "p@2"]).unwrap();
        assert_eq!((one, two), (positions(&[(0, 1)]), positions(&[(0, 2)])));
        assert!(sort_by_version(vec![row("p", 1), row("p", 2)], ["p"]).is_err());
    }
}
