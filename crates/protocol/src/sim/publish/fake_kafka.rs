//! A fake Kafka: logs with transactions, producer epochs, a last stable offset and compaction.

use std::collections::BTreeMap;
use std::time::Duration;

use super::stream_history::ChangeRecord;
use crate::publish::{KafkaTransaction, Origin, StateKey, StateValue};

#[derive(Debug, Clone, Copy, PartialEq)]
enum TransactionStatus {
    Open,
    Committed,
    Aborted,
}

struct LogRecord<T> {
    transaction: usize,
    record: T,
}

pub(super) type State = (StateKey, Option<StateValue>);

/// The time for which a tombstone stays after the first cleaning that has seen it (`delete.retention.ms`, as
/// KIP-534 defines it).
pub(super) const TOMBSTONE_RETENTION: Duration = Duration::from_millis(200);

#[derive(Default)]
pub(super) struct FakeKafka {
    transactions: Vec<TransactionStatus>,
    data: Vec<LogRecord<ChangeRecord>>,
    state: BTreeMap<u32, Vec<LogRecord<State>>>,
    /// The effect of compaction on the records of each shard's partition, by offset.
    cleaned: BTreeMap<u32, Vec<Cleaned>>,
    /// The epoch and the open transaction of each shard's transactional id.
    producers: BTreeMap<u32, (u64, Option<usize>)>,
}

/// The effect of compaction on a record.
#[derive(Clone, Copy, PartialEq)]
enum Cleaned {
    Kept,
    /// A tombstone that a cleaning has seen, and the time from which a later one may take it.
    Expires(Duration),
    Removed,
}

/// The error of a producer whose epoch is not the latest.
pub(super) struct Fenced;

impl FakeKafka {
    /// Aborts the open transaction and fences older producers, as `init_transactions` does.
    pub(super) fn init_transactions(&mut self, shard: u32) -> u64 {
        let (epoch, open) = self.producers.entry(shard).or_default();
        *epoch += 1;
        if let Some(open) = open.take() {
            self.transactions[open] = TransactionStatus::Aborted;
        }
        *epoch
    }

    /// Sends the records of a transaction, which stays open.
    ///
    /// # Errors
    /// If the producer is fenced.
    pub(super) fn send(
        &mut self,
        shard: u32,
        epoch: u64,
        transaction: KafkaTransaction<ChangeRecord>,
    ) -> Result<(), Fenced> {
        let number = self.transactions.len();
        let producer = self.producer(shard, epoch)?;
        assert!(producer.replace(number).is_none(), "a producer has one open transaction");
        self.transactions.push(TransactionStatus::Open);
        for record in transaction.data {
            self.data.push(LogRecord { transaction: number, record });
        }
        for record in transaction.state {
            let log = self.state.entry(record.shard).or_default();
            log.push(LogRecord { transaction: number, record: (record.key, record.value) });
        }
        Ok(())
    }

    /// Writes a record to shard 0, as a command does.
    pub(super) fn write(&mut self, record: State) {
        let transaction = self.transactions.len();
        self.transactions.push(TransactionStatus::Committed);
        self.state.entry(0).or_default().push(LogRecord { transaction, record });
    }

    /// Compacts the first `length` records of a shard's partition. Kafka compacts up to the last stable offset
    /// at most, and never the newest segment. `unread` is the offset that every active reader has reached: no
    /// tombstone after it is taken, since a reader that keeps up is faster than `delete.retention.ms`.
    pub(super) fn compact(&mut self, shard: u32, length: usize, unread: usize, now: Duration) {
        let Some(log) = self.state.get(&shard) else { return };
        let status = |entry: &LogRecord<State>| self.transactions[entry.transaction];
        let is_open = |entry: &LogRecord<State>| status(entry) == TransactionStatus::Open;
        let stable = log.iter().position(is_open).unwrap_or(log.len());
        let log = &log[..length.min(stable)];
        let committed =
            log.iter().enumerate().filter(|(_, entry)| status(entry) == TransactionStatus::Committed);
        let last: BTreeMap<&StateKey, usize> =
            committed.map(|(offset, entry)| (&entry.record.0, offset)).collect();
        let cleaned = self.cleaned.entry(shard).or_default();
        cleaned.resize(log.len().max(cleaned.len()), Cleaned::Kept);
        for ((offset, entry), cleaned) in log.iter().enumerate().zip(cleaned) {
            let is_last = last.get(&entry.record.0) == Some(&offset);
            let is_tombstone = entry.record.1.is_none();
            *cleaned = match *cleaned {
                Cleaned::Kept if is_last && is_tombstone => Cleaned::Expires(now + TOMBSTONE_RETENTION),
                kept @ Cleaned::Kept if is_last => kept,
                Cleaned::Expires(until) if is_last && (now <= until || offset >= unread) => {
                    Cleaned::Expires(until)
                }
                _ => Cleaned::Removed,
            };
        }
    }

    /// Returns the committed state records of all shards, also those that compaction has removed.
    pub(super) fn state(&self) -> impl Iterator<Item = &State> {
        let committed =
            |entry: &&LogRecord<State>| self.transactions[entry.transaction] == TransactionStatus::Committed;
        self.state.values().flatten().filter(committed).map(|entry| &entry.record)
    }

    /// Commits the open transaction.
    ///
    /// # Errors
    /// If the producer is fenced.
    pub(super) fn commit(&mut self, shard: u32, epoch: u64) -> Result<(), Fenced> {
        if let Some(open) = self.producer(shard, epoch)?.take() {
            self.transactions[open] = TransactionStatus::Committed;
        }
        Ok(())
    }

    /// Reads the next committed state record from `offset` on, up to the last stable offset.
    pub(super) fn read(&self, shard: u32, offset: &mut usize) -> Option<State> {
        let cleaned = self.cleaned.get(&shard).map_or(&[][..], Vec::as_slice);
        self.read_where(shard, offset, |offset| cleaned.get(offset) != Some(&Cleaned::Removed))
    }

    /// Reads like [`Self::read`], also what compaction has removed.
    pub(super) fn read_uncompacted(&self, shard: u32, offset: &mut usize) -> Option<State> {
        self.read_where(shard, offset, |_| true)
    }

    fn read_where(&self, shard: u32, offset: &mut usize, exists: impl Fn(usize) -> bool) -> Option<State> {
        let log = self.state.get(&shard)?;
        while let Some(entry) = log.get(*offset) {
            let status = self.transactions[entry.transaction];
            if status == TransactionStatus::Open {
                return None;
            }
            *offset += 1;
            if status == TransactionStatus::Committed && exists(*offset - 1) {
                return Some(entry.record.clone());
            }
        }
        None
    }

    /// Returns the pipeline's origin, once it is committed.
    pub(super) fn origin(&self) -> Option<&Origin> {
        let committed =
            |entry: &&LogRecord<State>| self.transactions[entry.transaction] == TransactionStatus::Committed;
        self.state.get(&0)?.iter().rev().filter(committed).find_map(|entry| match &entry.record {
            (StateKey::Origin, Some(StateValue::Origin(origin))) => Some(origin),
            _ => None,
        })
    }

    /// Returns the high watermark of a shard's partition, which includes open transactions.
    pub(super) fn high_watermark(&self, shard: u32) -> usize {
        self.state.get(&shard).map_or(0, Vec::len)
    }

    /// Returns the data that a `read_committed` consumer receives.
    pub(super) fn committed(&self) -> impl Iterator<Item = &ChangeRecord> {
        self.by_transaction().map(|(_, change)| change)
    }

    /// Returns the same data, with the number of the Kafka transaction.
    pub(super) fn by_transaction(&self) -> impl Iterator<Item = (usize, &ChangeRecord)> {
        self.data
            .iter()
            .filter(|entry| self.transactions[entry.transaction] == TransactionStatus::Committed)
            .map(|entry| (entry.transaction, &entry.record))
    }

    fn producer(&mut self, shard: u32, epoch: u64) -> Result<&mut Option<usize>, Fenced> {
        match self.producers.get_mut(&shard) {
            Some((current, open)) if *current == epoch => Ok(open),
            _ => Err(Fenced),
        }
    }
}
