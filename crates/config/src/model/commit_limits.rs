//! Limits of one commit to Spanner and of one transaction in Kafka.

use std::time::Duration;

use crate::read::{Entry, Section};

/// The maximum of `max_records`: well below Spanner's limit of 80,000 mutations per commit.
const MAX_RECORDS: u32 = 20_000;
/// The maximum of `max_bytes`: below Spanner's limit of 100 MiB per commit.
const MAX_BYTES: u64 = 64 << 20;
/// The maximum of `max_wait`.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// `[ingest.batch]`: the limits of a batch, of which the first one that is reached counts, and the number of
/// parallel commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// The number of records at which a batch is full, 1 to 20,000. Default: 1000.
    pub max_records: u32,
    /// The size of keys and values at which a batch is full, in bytes, 1 B to 64 MiB. Default: 2 MiB.
    pub max_bytes: u64,
    /// The time after its first record at which a batch is full, 1 ms to 60 s. Default: 50 ms.
    pub max_wait: Duration,
    /// The maximum number of parallel commits, 1 to 64. Default: 4.
    pub max_in_flight: u32,
}

impl Default for BatchLimits {
    fn default() -> Self {
        let max_wait = Duration::from_millis(50);
        Self { max_records: 1000, max_bytes: 2 << 20, max_wait, max_in_flight: 4 }
    }
}

impl BatchLimits {
    pub(crate) fn read(entry: &Entry<'_>) -> Option<Self> {
        let section = entry.section()?;
        let default = Self::default();
        let max_bytes = section.optional("max_bytes").and_then(|entry| entry.size(1..=MAX_BYTES));
        let (max_records, max_wait) = read_records_and_wait(&section);
        let max_in_flight = section.optional("max_in_flight").and_then(|entry| entry.integer(1..=64));
        section.finish();
        Some(Self {
            max_records: max_records.unwrap_or(default.max_records),
            max_bytes: max_bytes.unwrap_or(default.max_bytes),
            max_wait: max_wait.unwrap_or(default.max_wait),
            max_in_flight: max_in_flight.unwrap_or(default.max_in_flight),
        })
    }
}

/// `[publish.transaction]`: the limits of a Kafka transaction, of which the first one that is reached counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionLimits {
    /// The number of records at which a transaction is committed, 1 to 20,000. A change record is never
    /// divided, so the last one may exceed the limit. Default: 10,000.
    pub max_records: u32,
    /// The time after its first record at which a transaction is committed, 1 ms to 60 s. Default: 100 ms.
    pub max_wait: Duration,
}

impl Default for TransactionLimits {
    fn default() -> Self {
        Self { max_records: 10_000, max_wait: Duration::from_millis(100) }
    }
}

impl TransactionLimits {
    pub(crate) fn read(entry: &Entry<'_>) -> Option<Self> {
        let section = entry.section()?;
        let default = Self::default();
        let (max_records, max_wait) = read_records_and_wait(&section);
        section.finish();
        Some(Self {
            max_records: max_records.unwrap_or(default.max_records),
            max_wait: max_wait.unwrap_or(default.max_wait),
        })
    }
}

/// Reads `max_records` and `max_wait`, which both sections have.
fn read_records_and_wait(section: &Section<'_>) -> (Option<u32>, Option<Duration>) {
    let records = section.optional("max_records").and_then(|entry| entry.integer(1..=MAX_RECORDS));
    let wait = section.optional("max_wait");
    let wait = wait.and_then(|entry| entry.duration(Duration::from_millis(1)..=MAX_WAIT));
    (records, wait)
}
