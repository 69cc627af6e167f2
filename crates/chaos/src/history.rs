//! The history of a run: what was written, with the outcome that the writer saw, and what was read at the end.

use std::collections::BTreeMap;

use spanbridge_verify::ancestry::Ancestry;
use spanbridge_verify::change_id::ChangeId;
use spanbridge_verify::positions::Positions;
use spanbridge_verify::published::PublishedRecord;
use spanbridge_verify::rows::Rows;

/// The outcome that a writer saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The write was acknowledged.
    Committed,
    /// The write was aborted or rejected, and must never be seen.
    Aborted,
    /// The write may or may not have taken effect.
    Unknown,
}

/// A record that was sent to Kafka. Its number is unique.
#[derive(Debug, Clone)]
pub(crate) struct RecordAttempt {
    pub(crate) number: i64,
    pub(crate) outcome: Outcome,
}

/// A committed record of the source topic.
#[derive(Debug, Clone)]
pub(crate) struct LogRecord {
    pub(crate) partition: i64,
    pub(crate) offset: i64,
    pub(crate) key: String,
    pub(crate) number: i64,
}

/// A row of the table that has one row for each record.
#[derive(Debug, Clone)]
pub(crate) struct ReceivedRow {
    pub(crate) partition: i64,
    pub(crate) offset: i64,
    pub(crate) number: i64,
}

/// The history of the way from Kafka to Spanner.
#[derive(Debug, Clone, Default)]
pub(crate) struct IngestHistory {
    pub(crate) attempts: Vec<RecordAttempt>,
    /// The log, sorted by partition and offset.
    pub(crate) log: Vec<LogRecord>,
    pub(crate) received: Vec<ReceivedRow>,
    /// The number of the last record of each key.
    pub(crate) latest: BTreeMap<String, i64>,
    /// The count and the sum of the numbers of each key.
    pub(crate) totals: BTreeMap<String, (i64, i64)>,
    pub(crate) dead_letters: BTreeMap<String, u64>,
    pub(crate) positions: Positions,
    /// The end of each partition.
    pub(crate) ends: BTreeMap<(String, i64), i64>,
}

/// A Spanner transaction. Its number is unique, and is in each row that it writes.
#[derive(Debug, Clone)]
pub(crate) struct TransactionAttempt {
    pub(crate) number: i64,
    pub(crate) outcome: Outcome,
    /// The table and primary key of each written row.
    pub(crate) rows: Vec<(&'static str, Vec<i64>)>,
}

/// The records that one pipeline published from one table.
#[derive(Debug, Clone)]
pub(crate) struct TopicHistory {
    pub(crate) pipeline: &'static str,
    pub(crate) table: &'static str,
    pub(crate) is_atomic: bool,
    /// The index of the column with the number of the transaction.
    pub(crate) number_column: usize,
    /// All committed records, sorted by partition and offset.
    pub(crate) records: Vec<PublishedRecord>,
}

/// The history of the way from Spanner to Kafka.
#[derive(Debug, Clone, Default)]
pub(crate) struct PublishHistory {
    pub(crate) attempts: Vec<TransactionAttempt>,
    /// The changes of the change stream, read from its start after the last commit.
    pub(crate) changes: Vec<ChangeId>,
    pub(crate) ancestry: Ancestry,
    /// The final rows of each table.
    pub(crate) rows: BTreeMap<&'static str, Rows>,
    pub(crate) topics: Vec<TopicHistory>,
}

/// Everything that is checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    pub(crate) ingest: IngestHistory,
    pub(crate) publish: PublishHistory,
    /// The states in which the run made no progress after the last fault had ended.
    pub(crate) stalls: Vec<String>,
    /// Messages about workers that exited on their own, or did not exit cleanly.
    pub(crate) exits: Vec<String>,
}
