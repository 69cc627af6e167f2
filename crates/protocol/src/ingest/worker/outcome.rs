//! What follows from the answer to a commit.

use std::collections::{BTreeMap, BTreeSet};

use super::Worker;
use super::state::{Phase, Sent};
use crate::ingest::batch::Entry;
use crate::ingest::effect::{Effect, OnError, StopReason};
use crate::ingest::letter::{Failure, Payload};
use crate::ingest::position::{Move, Partition};

impl<P: Payload> Worker<P> {
    pub(super) fn committed(&mut self, batch: &[Entry<P>], commit: Sent) {
        self.limit = (self.limit * 2).min(self.limits.max_records);
        let generations: BTreeMap<&Partition, u64> =
            batch.iter().map(|entry| (&entry.partition, entry.generation)).collect();
        let ours =
            |worker: &Self, partition: &Partition| worker.is_current(partition, generations[partition]);
        let mut added: BTreeMap<&Partition, usize> = BTreeMap::new();
        for (partition, _, _) in &commit.states {
            *added.entry(partition).or_default() += 1;
        }
        for (partition, more) in added {
            self.cache.reserve(partition, more);
        }
        for (partition, key, state) in commit.states {
            if ours(self, &partition) {
                self.cache.put(&partition, key, state);
            }
        }
        for Move { partition, from, to } in commit.moves {
            assert!(to > from, "{partition}: a position only goes forward");
            if !ours(self, &partition) {
                continue;
            }
            match self.partitions.get_mut(&partition).map(|owned| &mut owned.phase) {
                Some(Phase::Fetching { position, .. } | Phase::Stopped { position }) => {
                    assert_eq!(*position, from, "{partition}: the position that was consumed");
                    *position = to;
                }
                _ => unreachable!("{partition}: its generation is that of the commit"),
            }
            self.effects.push_back(Effect::Mirror { partition, next: to });
        }
    }

    /// Spanner refuses this batch: find the record by halving.
    pub(super) fn rejected(&mut self, batch: Vec<Entry<P>>, failure: Failure) {
        if batch.len() > 1 {
            self.limit = batch.len() / 2;
            let batch = self.current(batch);
            self.queue.put_back(batch);
            return;
        }
        for mut entry in self.current(batch) {
            if entry.changes.is_ok() && self.on_error == OnError::DeadLetter {
                entry.changes = Err(failure.clone());
                self.queue.put_back(vec![entry]);
            } else {
                self.queue.drop_from(&entry.partition, entry.offset);
                self.stop(&entry.partition, entry.offset, StopReason::Record(failure.clone()));
            }
        }
    }

    /// The one rule: forget, read the stored position, go on from there.
    pub(super) fn begin_again(&mut self, batch: &[Entry<P>]) {
        let partitions: BTreeSet<&Partition> = batch
            .iter()
            .filter(|entry| self.is_current(&entry.partition, entry.generation))
            .map(|entry| &entry.partition)
            .collect();
        for partition in partitions {
            self.begin(partition);
        }
    }
}
