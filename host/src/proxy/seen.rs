//! What a playlist was when it was last seen: for the next text of it, which
//! may be held or leave out what was there, and for the window, which segments
//! leave with their playlist.
//!
//! Bounded in bytes by `relay.seen`.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::text::Name;
use super::window::{Digest, Window};
use crate::metrics::Metrics;
use crate::playlist::{Rewritten, Wraps};

/// Of one playlist.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) target: Option<Duration>,
    /// What its server says that it may be asked.
    pub(super) can_block: bool,
    pub(super) can_skip: bool,
    /// What its segments are wrapped in, which a delta update does not say again.
    pub(super) wraps: Wraps,
    /// The segments that it listed then, and the time before.
    listed: Arc<HashSet<Digest>>,
    before: Arc<HashSet<Digest>>,
}

/// What is remembered, in bytes at most (`relay.seen`), and without a viewer for
/// this long. What was asked for longest ago goes first.
pub(super) fn remembered<K, V>(
    most: u64,
    idle: Duration,
    metrics: Metrics,
    weight: fn(&K, &V) -> usize,
) -> Cache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder()
        .max_capacity(most)
        .weigher(move |key, value| u32::try_from(weight(key, value)).unwrap_or(u32::MAX))
        .eviction_policy(EvictionPolicy::lru())
        .eviction_listener(move |_, _, cause| {
            if cause == RemovalCause::Size {
                metrics.limit("relay.seen");
            }
        })
        .time_to_idle(idle)
        .build()
}

impl Seen {
    /// What is remembered after the next text. What it does not list leaves the
    /// window one text later: a player may be a moment behind.
    pub(super) fn next(self, written: &Rewritten, segments: Vec<Digest>, window: &Window) -> Self {
        let mut new = Self {
            target: written.target,
            can_block: written.can_block,
            can_skip: written.can_skip,
            wraps: written.wraps.clone(),
            ..Self::default()
        };
        if written.is_update {
            (new.listed, new.before) = (self.listed, self.before);
        } else if !written.ended && window.is_open() {
            let listed: HashSet<Digest> = segments.into_iter().collect();
            if listed == *self.listed {
                (new.listed, new.before) = (self.listed, self.before);
            } else {
                let stays =
                    |digest: &&Digest| listed.contains(*digest) || self.listed.contains(*digest);
                window.forget(self.before.iter().filter(|digest| !stays(digest)));
                (new.listed, new.before) = (Arc::new(listed), self.listed);
            }
        }
        new
    }

    /// About what it and its name hold in memory, in bytes.
    pub(super) fn weight(&self, name: &Name) -> usize {
        let name = match name {
            Name::Entry(stream, _) => stream.len(),
            Name::Rendition(stream, key, variables, _) => {
                stream.len() + key.len() + variables.bytes()
            }
            Name::Resource(address, variables, _) => {
                address.stream.len() + address.url.len() + variables.bytes()
            }
        };
        // A set has up to as many places again as entries.
        let sets = self.listed.len() + self.before.len();
        512 + name + 2 * size_of::<Digest>() * sets
    }
}

#[cfg(test)]
mod tests {
    use super::super::Directives;
    use super::super::links::Kind;
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_in_bytes() {
        let metrics = Metrics::new();
        let hour = Duration::from_secs(3600);
        let cache = remembered(64 << 10, hour, metrics.clone(), |name, seen: &Seen| {
            seen.weight(name)
        });
        let digest = |n: usize| Digest::of(Kind::Segment, "site.stream", &n.to_string());
        let listed: Arc<HashSet<_>> = Arc::new((0..400).map(digest).collect());
        for n in 0..20 {
            let seen = Seen {
                listed: listed.clone(),
                ..Seen::default()
            };
            cache.insert(Name::Entry(n.to_string(), Directives::default()), seen);
            cache.run_pending_tasks();
        }
        // Each has 16 bytes for each segment, at least.
        assert!(cache.entry_count() * 400 * 16 <= 64 << 10);
        assert!(cache.entry_count() > 1, "{}", cache.entry_count());
        assert_eq!(metrics.limit_hits("relay.seen"), 20 - cache.entry_count());
        let newest = Name::Entry("19".to_owned(), Directives::default());
        assert!(cache.contains_key(&newest));
        let long = "x".repeat(64 << 10);
        cache.insert(Name::Entry(long, Directives::default()), Seen::default());
        cache.run_pending_tasks();
        assert!(cache.weighted_size() <= 64 << 10);
    }
}
