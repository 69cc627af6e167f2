//! The cache of group states that the owner of a partition knows without reading them.
//!
//! A state that was read after the position `s` stays true until `s` is consumed, because every other
//! writer of the row has to consume `s` too: "Cached state" (docs/design/ingest-positions.md).

use lru::LruCache;

use super::change::RowKey;
use super::position::Partition;
use crate::value::Value;

/// A cache that is bounded in bytes and drops the least recently used states.
///
/// A dropped state is read from Spanner when it is needed: "Forgetting is always right"
/// (docs/design/time-and-memory.md).
#[derive(Debug)]
pub(super) struct StateCache {
    states: LruCache<RowKey, (Partition, Vec<Value>)>,
    bytes: usize,
    capacity: usize,
}

impl StateCache {
    /// Creates an empty cache of `capacity` bytes.
    pub(super) fn new(capacity: usize) -> Self {
        Self { states: LruCache::unbounded(), bytes: 0, capacity }
    }

    /// Returns the state of a row, if it is cached.
    pub(super) fn get(&mut self, key: &RowKey) -> Option<&Vec<Value>> {
        self.states.get(key).map(|(_, state)| state)
    }

    /// Adds or replaces the state of a row, which belongs to `partition`.
    pub(super) fn put(&mut self, partition: &Partition, key: RowKey, state: Vec<Value>) {
        self.bytes += size(&key, &state);
        if let Some((key, (_, old))) = self.states.push(key, (partition.clone(), state)) {
            self.bytes -= size(&key, &old);
        }
        while self.bytes > self.capacity {
            let Some((key, (_, state))) = self.states.pop_lru() else { break };
            self.bytes -= size(&key, &state);
        }
    }

    /// Drops all states of a partition.
    pub(super) fn forget(&mut self, partition: &Partition) {
        let of_partition = self.states.iter().filter(|(_, (owner, _))| owner == partition);
        let keys: Vec<RowKey> = of_partition.map(|(key, _)| key.clone()).collect();
        for key in keys {
            if let Some((_, state)) = self.states.pop(&key) {
                self.bytes -= size(&key, &state);
            }
        }
    }
}

fn size(key: &RowKey, state: &[Value]) -> usize {
    size_of::<(RowKey, Vec<Value>)>() + key.key.iter().chain(state).map(Value::size).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_cache_drops_the_least_recently_used_state() {
        let partition = Partition { topic: "t".into(), number: 0 };
        let key = |at: i64| RowKey { target: 0, key: vec![at.into()] };
        let one = size(&key(0), &[0.into()]);
        let mut cache = StateCache::new(2 * one);
        for at in 0..2 {
            cache.put(&partition, key(at), vec![at.into()]);
        }
        assert!(cache.get(&key(0)).is_some());
        cache.put(&partition, key(2), vec![2.into()]);
        assert_eq!(cache.get(&key(1)), None);
        assert_eq!(cache.get(&key(0)), Some(&vec![0.into()]));
        cache.put(&partition, key(0), vec![7.into()]);
        assert_eq!(cache.bytes, 2 * one);
        cache.forget(&partition);
        assert_eq!((cache.bytes, cache.get(&key(0))), (0, None));
    }
}
