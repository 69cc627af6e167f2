//! How much goes into one commit.

use std::time::Duration;

use crate::read::{Entry, Section};

/// Most records of one commit: well below Spanner's 80,000 mutations.
const MAX_RECORDS: u32 = 20_000;
/// Most bytes of one batch: below Spanner's 100 MiB a commit.
const MAX_BYTES: u64 = 64 << 20;
const MAX_WAIT: Duration = Duration::from_secs(60);

/// When an ingest batch is full, whichever comes first, and how many are committed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Records, 1 to 20,000. Default: 1000.
    pub max_records: u32,
    /// Bytes of keys and values, 1 to 64 MiB. Default: 2 MiB.
    pub max_bytes: u64,
    /// Time since its first record, 1 ms to 60 s. Default: 50 ms.
    pub max_wait: Duration,
    /// Commits on their way at once, 1 to 64. Default: 4.
    pub max_in_flight: u32,
}

impl Default for Batch {
    fn default() -> Self {
        let max_wait = Duration::from_millis(50);
        Self { max_records: 1000, max_bytes: 2 << 20, max_wait, max_in_flight: 4 }
    }
}

impl Batch {
    pub(crate) fn read(entry: &Entry<'_>) -> Option<Self> {
        let section = entry.section()?;
        let default = Self::default();
        let max_bytes = section.optional("max_bytes").and_then(|entry| entry.size(1..=MAX_BYTES));
        let (max_records, max_wait) = records_and_wait(&section);
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

/// When a publish transaction is committed: whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transaction {
    /// Records, 1 to 20,000. A change record is never divided, so that one may exceed it. Default: 10,000.
    pub max_records: u32,
    /// Time since its first record, 1 ms to 60 s. Default: 100 ms.
    pub max_wait: Duration,
}

impl Default for Transaction {
    fn default() -> Self {
        Self { max_records: 10_000, max_wait: Duration::from_millis(100) }
    }
}

impl Transaction {
    pub(crate) fn read(entry: &Entry<'_>) -> Option<Self> {
        let section = entry.section()?;
        let default = Self::default();
        let (max_records, max_wait) = records_and_wait(&section);
        section.finish();
        Some(Self {
            max_records: max_records.unwrap_or(default.max_records),
            max_wait: max_wait.unwrap_or(default.max_wait),
        })
    }
}

fn records_and_wait(section: &Section<'_>) -> (Option<u32>, Option<Duration>) {
    let records = section.optional("max_records").and_then(|entry| entry.integer(1..=MAX_RECORDS));
    let wait = section.optional("max_wait");
    let wait = wait.and_then(|entry| entry.duration(Duration::from_millis(1)..=MAX_WAIT));
    (records, wait)
}
