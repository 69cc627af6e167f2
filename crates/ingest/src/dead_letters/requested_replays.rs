//! The dead letters whose replay an operator has requested, as Kafka records.
//!
//! Only the worker that owns a partition replays them, see "Revision of a position" (docs/design/ingest-positions.md).

use std::collections::VecDeque;

use spanbridge_kafka::Record;
use spanbridge_protocol::ingest::{Failure, Partition, TABLE_DEAD_LETTERS, TABLE_REPLAYS};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{Database, Error as SpannerError, KeyRange};

use super::address::DeadLetterAddress;
use super::protection::{DeadLetterProtection, RevealError, RevealedRecord};
use super::{stored_payload, typed_columns};

/// The maximum number of dead letters of one partition that are replayed at once.
const MAX_REPLAYS: usize = 100;
/// The bytes of records of one partition that are replayed at once. The last read may exceed it.
const MAX_REPLAY_BYTES: usize = 8 << 20;

/// A dead letter to replay.
#[derive(Debug)]
pub(crate) struct Replay {
    /// The record. It is empty after a failure.
    pub(crate) record: Record,
    /// The reason why the record cannot be revealed, with which it stays a dead letter.
    pub(crate) failure: Option<Failure>,
}

/// The reason why replays cannot be read now.
pub(crate) enum ReplayError {
    /// Spanner does not answer, or refuses.
    Spanner(SpannerError),
    /// The service that holds the key does not answer.
    KeyService(String),
}

impl From<SpannerError> for ReplayError {
    fn from(error: SpannerError) -> Self {
        Self::Spanner(error)
    }
}

/// Returns the first dead letters of a partition to replay, in the order of their offsets. Requests whose dead letter
/// no longer exists are ignored.
///
/// # Errors
/// See [`ReplayError`].
pub(crate) async fn requested_replays(
    database: &Database,
    protection: &DeadLetterProtection,
    pipeline: &str,
    partition: &Partition,
) -> Result<Vec<Replay>, ReplayError> {
    let key = |offset: Option<i64>| {
        let key = [pipeline.into(), Value::from(&*partition.topic), i64::from(partition.number).into()];
        key.into_iter().chain(offset.map(Value::from)).collect::<Vec<_>>()
    };
    let offset = [("KafkaOffset".to_owned(), Type::Int64)];
    let range = KeyRange::prefix(key(None));
    let requests = database.read_page(TABLE_REPLAYS, &offset, range, MAX_REPLAYS).await?;
    let mut keys: VecDeque<_> = requests
        .into_iter()
        .filter_map(|row| if let [Value::Int64(offset)] = row[..] { Some(key(Some(offset))) } else { None })
        .collect();
    let mut budget = ReplayBudget::default();
    let mut replays = Vec::new();
    while let count @ 1.. = budget.next_count().min(keys.len()) {
        let keys = keys.drain(..count).collect();
        for replay in read_replays(database, protection, pipeline, partition, keys).await? {
            budget.add(&replay.record);
            replays.push(replay);
        }
    }
    Ok(replays)
}

/// How many records still fit into memory, estimated by the largest so far.
#[derive(Debug, Default)]
struct ReplayBudget {
    used: usize,
    largest: usize,
}

impl ReplayBudget {
    fn add(&mut self, record: &Record) {
        let size = record.size();
        self.used += size;
        self.largest = self.largest.max(size);
    }

    /// Returns the number of records to read next: one at first, and 0 when the budget is used up.
    fn next_count(&self) -> usize {
        let left = MAX_REPLAY_BYTES.saturating_sub(self.used);
        match self.largest {
            0 => usize::from(self.used == 0),
            largest if left > 0 => (left / largest).max(1),
            _ => 0,
        }
    }
}

/// Returns the replays of these dead letters, without those that no longer exist.
async fn read_replays(
    database: &Database,
    protection: &DeadLetterProtection,
    pipeline: &str,
    partition: &Partition,
    keys: Vec<Vec<Value>>,
) -> Result<Vec<Replay>, ReplayError> {
    let columns = typed_columns(&[
        ("KafkaOffset", Type::Int64),
        ("RecordTimestamp", Type::Timestamp),
        ("RecordKey", Type::Bytes),
        ("RecordValue", Type::Bytes),
        ("Headers", Type::Json),
        ("Envelope", Type::Json),
    ]);
    let rows = database.read(TABLE_DEAD_LETTERS, &columns, keys).await?;
    let mut replays = Vec::with_capacity(rows.len());
    for row in rows {
        let Ok([Value::Int64(offset), timestamp, key, value, headers, envelope]) =
            <[Value; 6]>::try_from(row)
        else {
            continue;
        };
        let address = DeadLetterAddress {
            pipeline: pipeline.to_owned(),
            topic: partition.topic.to_string(),
            partition: partition.number.into(),
            offset,
        };
        let revealed = match stored_payload(key, value, headers, envelope) {
            Some(stored) => protection.reveal(&address, stored).await,
            // An empty record in its place would be replayed as a tombstone.
            None => Err(RevealError::damaged_row()),
        };
        let (revealed, failure) = match revealed {
            Ok(revealed) => (revealed, None),
            Err(RevealError::Failed(failure)) => (RevealedRecord::default(), Some(failure)),
            Err(RevealError::Unavailable(reason)) => return Err(ReplayError::KeyService(reason)),
        };
        let RevealedRecord { key, value, headers } = revealed;
        let timestamp_ms =
            if let Value::Timestamp(at) = timestamp { Some(at.timestamp_millis()) } else { None };
        let topic = partition.topic.clone();
        let record = Record { topic, partition: partition.number, offset, timestamp_ms, key, value, headers };
        replays.push(Replay { record, failure });
    }
    Ok(replays)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(bytes: usize) -> Record {
        Record {
            topic: "t".into(),
            partition: 0,
            offset: 0,
            timestamp_ms: None,
            key: None,
            value: Some(vec![0; bytes]),
            headers: Vec::new(),
        }
    }

    #[test]
    fn large_records_are_read_in_small_numbers() {
        let mut budget = ReplayBudget::default();
        assert_eq!(budget.next_count(), 1, "nothing is known of the sizes");
        budget.add(&record(3 << 20));
        assert_eq!(budget.next_count(), 1);
        budget.add(&record(3 << 20));
        budget.add(&record(3 << 20));
        assert_eq!(budget.next_count(), 0);
    }

    #[test]
    fn small_records_are_read_together() {
        let mut budget = ReplayBudget::default();
        budget.add(&record(100));
        assert!(budget.next_count() >= MAX_REPLAYS);
    }
}
