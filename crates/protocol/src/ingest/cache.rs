//! Group states that the owner of a partition knows without asking.
//!
//! What was read after the position s stays true until s is consumed, because every other writer
//! of those rows must consume s too.

use std::collections::{BTreeMap, HashMap};

use super::change::GroupKey;
use super::position::Partition;
use crate::value::Value;

pub(super) struct Cache {
    partitions: BTreeMap<Partition, HashMap<GroupKey, Vec<Value>>>,
    /// Groups a partition at most.
    capacity: usize,
}

impl Cache {
    pub(super) fn new(capacity: usize) -> Self {
        Self { partitions: BTreeMap::new(), capacity }
    }

    pub(super) fn get(&self, partition: &Partition, key: &GroupKey) -> Option<&Vec<Value>> {
        self.partitions.get(partition)?.get(key)
    }

    /// Makes room for `more` groups of that partition. To forget is always right: what is needed
    /// again is read again.
    pub(super) fn reserve(&mut self, partition: &Partition, more: usize) {
        let groups = self.partitions.entry(partition.clone()).or_default();
        if groups.len() + more > self.capacity {
            groups.clear();
        }
    }

    pub(super) fn put(&mut self, partition: &Partition, key: GroupKey, state: Vec<Value>) {
        self.partitions.entry(partition.clone()).or_default().insert(key, state);
    }

    pub(super) fn forget(&mut self, partition: &Partition) {
        self.partitions.remove(partition);
    }
}
