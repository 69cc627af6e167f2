//! A bounded cache in memory.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

/// A map of the newest `capacity` entries. An entry expires after `lifetime`, if there is one.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    entries: HashMap<K, (V, Instant)>,
    /// The keys, oldest first.
    order: VecDeque<K>,
    capacity: usize,
    lifetime: Option<Duration>,
}

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    /// An empty cache.
    pub(super) fn new(capacity: usize, lifetime: Option<Duration>) -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new(), capacity, lifetime }
    }

    /// The value of `key`, unless it is absent or expired.
    pub(super) fn get(&self, key: &K) -> Option<V> {
        let (value, since) = self.entries.get(key)?;
        let fresh = self.lifetime.is_none_or(|lifetime| since.elapsed() < lifetime);
        fresh.then(|| value.clone())
    }

    /// Adds an entry, and drops the oldest one if the cache is full.
    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.entries.insert(key.clone(), (value, Instant::now())).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_entry_is_dropped_when_full() {
        let mut cache = Cache::new(2, None);
        for key in [1, 2, 1, 3] {
            cache.insert(key, key);
        }
        assert_eq!([1, 2, 3].map(|key| cache.get(&key)), [None, Some(2), Some(3)]);
        assert_eq!((cache.entries.len(), cache.order.len()), (2, 2));
    }

    #[test]
    fn expired_entry_is_absent() {
        let mut cache = Cache::new(2, Some(Duration::ZERO));
        cache.insert(1, 1);
        assert_eq!(cache.get(&1), None);
        cache.lifetime = Some(Duration::from_secs(3600));
        assert_eq!(cache.get(&1), Some(1));
    }
}
