//! Checks that an atomic pipeline published each Spanner transaction whole and in the order of commits.

use std::collections::HashSet;

use spanbridge_protocol::value::Timestamp;

use crate::published::PublishedRecord;

/// A place in a topic where a transaction is in pieces, or precedes an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AtomicityViolation {
    /// The records of one transaction in one partition are not contiguous: the marker of a Kafka transaction or another
    /// Spanner transaction is between them.
    Torn {
        /// The partition.
        partition: i32,
        /// The offset of the record at which the transaction continues.
        offset: i64,
        /// The `server_transaction_id`.
        transaction_id: String,
    },
    /// A transaction follows one with a later commit timestamp in the same partition.
    OutOfOrder {
        /// The partition.
        partition: i32,
        /// The offset of the earlier transaction's first record.
        offset: i64,
        /// The `server_transaction_id` of the earlier transaction.
        transaction_id: String,
    },
}

/// Finds the violations in the records of one topic, which are sorted by partition and offset. The topic must be neither
/// compacted nor written by anyone else.
///
/// The marker that ends a Kafka transaction occupies one offset
/// (<https://cwiki.apache.org/confluence/display/KAFKA/KIP-98+-+Exactly+Once+Delivery+and+Transactional+Messaging>), so
/// the records of one Kafka transaction have consecutive offsets in each partition.
#[must_use]
pub fn find_atomicity_violations(records: &[PublishedRecord]) -> Vec<AtomicityViolation> {
    let mut violations = Vec::new();
    let mut seen: HashSet<(i32, Timestamp, &str)> = HashSet::new();
    let mut before: Option<(i32, i64, Timestamp, &str)> = None;
    for record in records {
        let (partition, offset) = (record.partition, record.offset);
        let same_partition = before.filter(|(other, ..)| *other == partition);
        // A tombstone belongs to the deletion before it.
        let (commit, id) = match (&record.change, same_partition) {
            (Some(change), _) => (change.id.commit_timestamp, change.id.transaction_id.as_str()),
            (None, Some((_, _, commit, id))) => (commit, id),
            (None, None) => continue,
        };
        let is_first = seen.insert((partition, commit, id));
        if let Some((_, last_offset, last_commit, last_id)) = same_partition {
            let continues = (last_commit, last_id) == (commit, id) && last_offset + 1 == offset;
            let transaction_id = || id.to_owned();
            if !is_first && !continues {
                violations.push(AtomicityViolation::Torn {
                    partition,
                    offset,
                    transaction_id: transaction_id(),
                });
            } else if commit < last_commit {
                violations.push(AtomicityViolation::OutOfOrder {
                    partition,
                    offset,
                    transaction_id: transaction_id(),
                });
            }
        }
        before = Some((partition, offset, commit, id));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change_id::ChangeId;
    use crate::published::PublishedChange;

    fn record(partition: i32, offset: i64, transaction: Option<i64>) -> PublishedRecord {
        let change = transaction.map(|second| {
            let commit_timestamp = Timestamp::from_timestamp(second, 0).unwrap();
            let id = ChangeId {
                commit_timestamp,
                transaction_id: second.to_string(),
                record_sequence: 0,
                table: "T".into(),
                mod_number: 0,
            };
            let (token, op) = ("token".into(), "u".into());
            PublishedChange { id, token, op, before: None, after: None, processed_at: commit_timestamp }
        });
        PublishedRecord {
            partition,
            offset,
            key_bytes: vec![1],
            key: Vec::new(),
            change,
            headers: Vec::new(),
        }
    }

    #[test]
    fn whole_transactions_in_order_are_accepted() {
        let records = [
            record(0, 0, Some(1)),
            record(0, 1, Some(1)),
            record(0, 2, None),
            record(0, 4, Some(2)),
            record(1, 0, Some(1)),
        ];
        assert_eq!(find_atomicity_violations(&records), []);
    }

    #[test]
    fn marker_or_transaction_within_a_transaction_is_reported() {
        let torn =
            |offset| vec![AtomicityViolation::Torn { partition: 0, offset, transaction_id: "1".into() }];
        assert_eq!(find_atomicity_violations(&[record(0, 0, Some(1)), record(0, 2, Some(1))]), torn(2));
        let between = [record(0, 0, Some(1)), record(0, 2, Some(2)), record(0, 4, Some(1))];
        assert_eq!(find_atomicity_violations(&between), torn(4));
    }

    #[test]
    fn earlier_transaction_after_a_later_one_is_reported() {
        let records = [record(0, 0, Some(2)), record(0, 2, Some(1))];
        let expected = AtomicityViolation::OutOfOrder { partition: 0, offset: 2, transaction_id: "1".into() };
        assert_eq!(find_atomicity_violations(&records), [expected]);
    }
}
