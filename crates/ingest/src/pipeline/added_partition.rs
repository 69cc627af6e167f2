//! Finds partitions that were added to a topic which the pipeline already reads.
//!
//! A producer chooses the partition of a key by the number of partitions. After an addition, new records of a key may be
//! in another partition than its older ones, and the order of the two is lost.

use spanbridge_protocol::ingest::{Partition, TABLE_PARTITIONS, TABLE_POSITIONS};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{Database, Result};

/// Returns whether the pipeline has applied records of the partition before this one.
pub(super) async fn follows_used_partition(
    database: &Database,
    pipeline: &str,
    partition: &Partition,
) -> Result<bool> {
    let Some(before) = partition.number.checked_sub(1).filter(|number| *number >= 0) else {
        return Ok(false);
    };
    let key = || vec![Value::from(pipeline), Value::from(&*partition.topic), Value::from(i64::from(before))];
    let column = |name: &str| [(name.to_owned(), Type::Int64)];
    let first = database.read_prefix(TABLE_PARTITIONS, &column("FirstOffset"), key()).await?;
    let next = database.read_prefix(TABLE_POSITIONS, &column("NextOffset"), key()).await?;
    Ok(is_used(&first, &next))
}

/// Returns whether the position has moved from the first offset.
fn is_used(first: &[Vec<Value>], next: &[Vec<Value>]) -> bool {
    match (first, next) {
        ([first], [next]) => match (first.as_slice(), next.as_slice()) {
            ([Value::Int64(first)], [Value::Int64(next)]) => next > first,
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_is_used_once_its_position_has_moved() {
        let row = |value: Value| vec![vec![value]];
        assert!(is_used(&row(3.into()), &row(4.into())));
        assert!(!is_used(&row(3.into()), &row(3.into())));
        assert!(!is_used(&row(Value::Null), &row(4.into())), "a partition of an early version");
        assert!(!is_used(&[], &[]), "an unregistered partition");
    }
}
