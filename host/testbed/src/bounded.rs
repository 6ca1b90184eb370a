//! A map that forgets its oldest entries.
//!
//! Bound: at most `capacity` entries; the capacity is the constructor's
//! argument and there is no way to grow past it.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// Insertion-ordered, with the oldest entry pushed out by the newest.
#[derive(Debug)]
pub(crate) struct Bounded<K, V> {
    entries: HashMap<K, V>,
    order: VecDeque<K>,
    capacity: usize,
}

impl<K: Clone + Eq + Hash, V> Bounded<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            entries: HashMap::new(),
            order: VecDeque::new(),
            capacity,
        }
    }

    /// Adds an entry under a key that is not in use.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        while self.order.len() >= self.capacity {
            if let Some(oldest) = self.order.pop_front() {
                self.entries.remove(&oldest);
            }
        }
        self.order.push_back(key.clone());
        self.entries.insert(key, value);
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    /// Takes an entry out. Linear in the number of entries, which is small.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let value = self.entries.remove(key)?;
        self.order.retain(|other| other != key);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_pushes_out_the_oldest() {
        let mut map = Bounded::new(2);
        for key in 1..=3 {
            map.insert(key, key * 10);
        }
        assert_eq!(
            [1, 2, 3].map(|key| map.get(&key).copied()),
            [None, Some(20), Some(30)]
        );
    }

    #[test]
    fn a_removed_entry_frees_its_place() {
        let mut map = Bounded::new(2);
        map.insert(1, 10);
        map.insert(2, 20);
        assert_eq!(map.remove(&2), Some(20));
        map.insert(3, 30);
        assert_eq!(
            [1, 2, 3].map(|key| map.get(&key).copied()),
            [Some(10), None, Some(30)]
        );
        assert_eq!(map.remove(&2), None);
    }
}
