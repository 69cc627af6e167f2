//! Group states that the owner of a partition knows without asking.
//!
//! What was read after the position s stays true until s is consumed, because every other writer
//! of those rows must consume s too.

use lru::LruCache;

use super::change::RowKey;
use super::position::Partition;
use crate::value::Value;

/// Bounded in bytes; what was not used for longest is forgotten first. To forget is always right: what is
/// needed again is read again.
pub(super) struct Cache {
    states: LruCache<RowKey, (Partition, Vec<Value>)>,
    bytes: usize,
    capacity: usize,
}

impl Cache {
    pub(super) fn new(capacity: usize) -> Self {
        Self { states: LruCache::unbounded(), bytes: 0, capacity }
    }

    pub(super) fn get(&mut self, key: &RowKey) -> Option<&Vec<Value>> {
        self.states.get(key).map(|(_, state)| state)
    }

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
    fn the_least_recently_used_state_makes_room() {
        let partition = Partition { topic: "t".into(), number: 0 };
        let key = |at: i64| RowKey { target: 0, key: vec![at.into()] };
        let one = size(&key(0), &[0.into()]);
        let mut cache = Cache::new(2 * one);
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
