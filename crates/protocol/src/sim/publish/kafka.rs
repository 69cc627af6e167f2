//! A small Kafka: logs with transactions, epochs and a last stable offset.

use std::collections::BTreeMap;

use super::history::ChangeRecord;
use crate::publish::{KafkaTransaction, Origin, StateKey, StateValue};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Status {
    Open,
    Committed,
    Aborted,
}

struct Entry<T> {
    transaction: usize,
    record: T,
}

type State = (StateKey, Option<StateValue>);

#[derive(Default)]
pub(super) struct FakeKafka {
    transactions: Vec<Status>,
    data: Vec<Entry<ChangeRecord>>,
    state: BTreeMap<u32, Vec<Entry<State>>>,
    /// The epoch of each shard's transactional id, and its open transaction.
    producers: BTreeMap<u32, (u64, Option<usize>)>,
}

/// The producer's epoch is not the newest.
pub(super) struct Fenced;

impl FakeKafka {
    /// Aborts the open transaction and fences older producers.
    pub(super) fn init(&mut self, shard: u32) -> u64 {
        let (epoch, open) = self.producers.entry(shard).or_default();
        *epoch += 1;
        if let Some(open) = open.take() {
            self.transactions[open] = Status::Aborted;
        }
        *epoch
    }

    pub(super) fn send(
        &mut self,
        shard: u32,
        epoch: u64,
        transaction: KafkaTransaction<ChangeRecord>,
    ) -> Result<(), Fenced> {
        let number = self.transactions.len();
        let producer = self.producer(shard, epoch)?;
        assert!(producer.replace(number).is_none(), "one open transaction a producer");
        self.transactions.push(Status::Open);
        for record in transaction.data {
            self.data.push(Entry { transaction: number, record });
        }
        for record in transaction.state {
            let log = self.state.entry(record.shard).or_default();
            log.push(Entry { transaction: number, record: (record.key, record.value) });
        }
        Ok(())
    }

    /// A record of somebody else's, in shard 0.
    pub(super) fn write(&mut self, record: State) {
        let transaction = self.transactions.len();
        self.transactions.push(Status::Committed);
        self.state.entry(0).or_default().push(Entry { transaction, record });
    }

    /// All committed state of all shards.
    pub(super) fn state(&self) -> impl Iterator<Item = &State> {
        let committed = |entry: &&Entry<State>| self.transactions[entry.transaction] == Status::Committed;
        self.state.values().flatten().filter(committed).map(|entry| &entry.record)
    }

    pub(super) fn commit(&mut self, shard: u32, epoch: u64) -> Result<(), Fenced> {
        if let Some(open) = self.producer(shard, epoch)?.take() {
            self.transactions[open] = Status::Committed;
        }
        Ok(())
    }

    /// The next committed state record at `offset` or behind it, in front of the last stable offset.
    pub(super) fn read(&self, shard: u32, offset: &mut usize) -> Option<State> {
        let log = self.state.get(&shard)?;
        while let Some(entry) = log.get(*offset) {
            match self.transactions[entry.transaction] {
                Status::Open => return None,
                Status::Aborted => *offset += 1,
                Status::Committed => {
                    *offset += 1;
                    return Some(entry.record.clone());
                }
            }
        }
        None
    }

    /// The pipeline's origin, once it is committed.
    pub(super) fn origin(&self) -> Option<&Origin> {
        let committed = |entry: &&Entry<State>| self.transactions[entry.transaction] == Status::Committed;
        self.state.get(&0)?.iter().rev().filter(committed).find_map(|entry| match &entry.record {
            (StateKey::Origin, Some(StateValue::Origin(origin))) => Some(origin),
            _ => None,
        })
    }

    /// The high watermark of a shard's partition: open transactions count.
    pub(super) fn end(&self, shard: u32) -> usize {
        self.state.get(&shard).map_or(0, Vec::len)
    }

    /// What a read_committed consumer of the data sees.
    pub(super) fn committed(&self) -> impl Iterator<Item = &ChangeRecord> {
        self.by_transaction().map(|(_, change)| change)
    }

    /// The same, with the number of the Kafka transaction.
    pub(super) fn by_transaction(&self) -> impl Iterator<Item = (usize, &ChangeRecord)> {
        self.data
            .iter()
            .filter(|entry| self.transactions[entry.transaction] == Status::Committed)
            .map(|entry| (entry.transaction, &entry.record))
    }

    fn producer(&mut self, shard: u32, epoch: u64) -> Result<&mut Option<usize>, Fenced> {
        match self.producers.get_mut(&shard) {
            Some((current, open)) if *current == epoch => Ok(open),
            _ => Err(Fenced),
        }
    }
}
