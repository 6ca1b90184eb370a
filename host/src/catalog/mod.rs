//! All current streams with their health: the only thing the API reads.
//!
//! One writer per site, through [`Catalog::publish`]; readers take a snapshot
//! that never changes under them. A stream that its site no longer lists stays
//! resolvable for a while, so that players who have it run on. Bounded by the
//! number of sites, `plugins.limits.streams` each, and [`MAX_RETIRED`].

mod entry;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;

pub use entry::{Entry, Health, State};

use crate::clock::Clock;
use crate::net::Egress;

/// Streams kept after their site stopped listing them.
const MAX_RETIRED: usize = 256;

/// The catalog; cheap to clone.
#[derive(Clone, Debug)]
pub struct Catalog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    snapshot: ArcSwap<Snapshot>,
    /// Serialises writers.
    writer: Mutex<()>,
    clock: Clock,
    /// How long a retired stream stays resolvable.
    keep: Duration,
}

/// All streams at one moment.
#[derive(Debug)]
pub struct Snapshot {
    /// When it was written.
    pub generated_at: Timestamp,
    /// Best first.
    pub streams: Vec<Arc<Entry>>,
    by_id: HashMap<String, Arc<Entry>>,
    retired: HashMap<String, (Timestamp, Arc<Entry>)>,
}

impl Snapshot {
    /// One listed stream.
    pub fn get(&self, id: &str) -> Option<&Arc<Entry>> {
        self.by_id.get(id)
    }

    /// The listed streams of `site`.
    pub fn of_site(&self, site: &str) -> Vec<Arc<Entry>> {
        self.streams
            .iter()
            .filter(|entry| entry.site == site)
            .cloned()
            .collect()
    }
}

fn by_id(streams: &[Arc<Entry>]) -> HashMap<String, Arc<Entry>> {
    let by_id = |entry: &Arc<Entry>| (entry.id.clone(), entry.clone());
    streams.iter().map(by_id).collect()
}

impl Catalog {
    /// Empty; `keep` is how long links to a stream outlive its listing.
    pub fn new(clock: Clock, keep: Duration) -> Self {
        let snapshot = Snapshot {
            generated_at: clock.now(),
            streams: Vec::new(),
            by_id: HashMap::new(),
            retired: HashMap::new(),
        };
        Self(Arc::new(Inner {
            snapshot: ArcSwap::from_pointee(snapshot),
            writer: Mutex::default(),
            clock,
            keep,
        }))
    }

    /// What is there now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.snapshot.load_full()
    }

    /// A stream that may be played: listed, or retired not too long ago.
    pub fn resolve(&self, id: &str) -> Option<Arc<Entry>> {
        let snapshot = self.0.snapshot.load();
        snapshot
            .by_id
            .get(id)
            .or_else(|| snapshot.retired.get(id).map(|(_, entry)| entry))
            .cloned()
    }

    /// Replaces everything of `site` in one write.
    pub fn publish(&self, site: &str, entries: Vec<Entry>) {
        if entries.is_empty() && self.snapshot().of_site(site).is_empty() {
            return;
        }
        self.rewrite(|streams| {
            streams.retain(|entry| entry.site != site);
            streams.extend(entries.into_iter().map(Arc::new));
        });
    }

    /// Replaces the health of some streams in one write. A stream that was
    /// replaced since it was read keeps what it has.
    pub fn set_health(&self, checked: Vec<(Arc<Entry>, Health)>) {
        self.rewrite(|streams| {
            for (old, health) in checked {
                if let Some(slot) = streams.iter_mut().find(|entry| Arc::ptr_eq(entry, &old)) {
                    *slot = Arc::new(Entry {
                        health,
                        ..Entry::clone(&old)
                    });
                }
            }
        });
    }

    /// What the operator allows counts at once, also for streams that were found, or
    /// retired, before: each goes out by its site's way as it is now. One whose site
    /// is gone keeps its own.
    pub fn govern(&self, way: impl Fn(&str) -> Option<Egress>) {
        let _writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.0.snapshot.load_full();
        let governed = |entry: &Arc<Entry>| match way(&entry.site) {
            Some(egress) if egress.policy() != entry.egress.policy() => Arc::new(Entry {
                egress,
                ..Entry::clone(entry)
            }),
            _ => entry.clone(),
        };
        let streams: Vec<_> = before.streams.iter().map(governed).collect();
        let retired = before.retired.iter();
        self.0.snapshot.store(Arc::new(Snapshot {
            generated_at: before.generated_at,
            by_id: by_id(&streams),
            streams,
            retired: retired
                .map(|(id, (at, entry))| (id.clone(), (*at, governed(entry))))
                .collect(),
        }));
    }

    fn rewrite(&self, change: impl FnOnce(&mut Vec<Arc<Entry>>)) {
        let _writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.0.clock.now();
        let before = self.0.snapshot.load_full();
        let mut streams = before.streams.clone();
        change(&mut streams);
        streams.sort_by_key(|entry| entry.order());
        let by_id = by_id(&streams);
        let mut retired = before.retired.clone();
        for entry in &before.streams {
            if !by_id.contains_key(&entry.id) {
                retired.insert(entry.id.clone(), (now, entry.clone()));
            }
        }
        retired.retain(|id, (at, _)| {
            !by_id.contains_key(id) && now.duration_since(*at).unsigned_abs() < self.0.keep
        });
        while retired.len() > MAX_RETIRED {
            let oldest = retired
                .iter()
                .min_by_key(|(_, (at, _))| *at)
                .map(|(id, _)| id.clone());
            let Some(oldest) = oldest else { break };
            retired.remove(&oldest);
        }
        self.0.snapshot.store(Arc::new(Snapshot {
            generated_at: now,
            streams,
            by_id,
            retired,
        }));
    }
}
