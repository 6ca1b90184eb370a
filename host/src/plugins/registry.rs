//! The current generation of every plugin, and what is known of the others.
//!
//! Holds one [`Slot`] per key and lets nothing change it but a step of
//! [`super::lifecycle`]; keeps each plugin's story and wakes whoever waits for
//! a change. Calls in flight finish on the generation they began.

mod status;
mod story;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

pub use status::{Brake, HeldStatus, PluginState, PluginStatus};
pub use story::Event;

use self::story::Stories;
use super::copies::{Notes, Staged};
use super::decisions::Record;
use super::lifecycle::{
    Approved, Context, Effect, Impossible, Input, Kind, PluginError, Slot, Version,
};
use super::load::Generation;
use crate::clock::Clock;
use crate::config;

/// All plugins; cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    slots: Mutex<BTreeMap<String, Slot<Loaded>>>,
    stories: Mutex<Stories>,
    changes: watch::Sender<u64>,
    notices: broadcast::Sender<Notice>,
    /// The highest number of any: a plugin that went and came again must not
    /// be taken for what it was.
    generations: AtomicU64,
    config: config::Plugins,
    clock: Clock,
}

/// A generation, and its file's content until it is kept as a copy.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    pub(super) generation: Arc<Generation>,
    unkept: Arc<Mutex<Option<Arc<Staged>>>>,
}

/// A line was added to a plugin's story.
#[derive(Clone, Debug)]
pub struct Notice {
    /// The plugin's.
    pub key: String,
    /// What it tells.
    pub kind: Kind,
    /// For people.
    pub message: String,
    /// The file it is about.
    pub digest: Option<String>,
    /// The plugin's own version of it.
    pub version: Option<String>,
}

/// Readers that are further behind look at everything again.
const NOTICES: usize = 64;

impl Loaded {
    pub(super) fn new(generation: Generation, unkept: Option<Staged>) -> Self {
        Self {
            generation: Arc::new(generation),
            unkept: Arc::new(Mutex::new(unkept.map(Arc::new))),
        }
    }

    /// `None`: it is kept, or need not be.
    pub(super) fn unkept(&self) -> Option<Arc<Staged>> {
        let unkept = self.unkept.lock().unwrap_or_else(PoisonError::into_inner);
        unkept.clone()
    }

    pub(super) fn is_kept(&self) {
        let mut unkept = self.unkept.lock().unwrap_or_else(PoisonError::into_inner);
        *unkept = None;
    }
}

impl Registry {
    /// No plugin yet.
    pub fn new(config: &config::Plugins, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            slots: Mutex::default(),
            stories: Mutex::default(),
            changes: watch::Sender::new(0),
            notices: broadcast::Sender::new(NOTICES),
            generations: AtomicU64::new(0),
            config: config.clone(),
            clock,
        }))
    }

    /// The generation that new calls use, with its number.
    pub fn current(&self, key: &str) -> Option<(Arc<Generation>, u64)> {
        let slots = self.slots();
        let live = slots.get(key)?.serving()?;
        Some((live.version.handle.generation.clone(), live.number))
    }

    /// Whether generation `number` may be called now: not while its breaker
    /// is open, which lasts until the time returned.
    pub fn admit(&self, key: &str, number: u64) -> Result<(), Instant> {
        let mut slots = self.slots();
        let live = slots.get_mut(key).and_then(|slot| slot.current.as_mut());
        match live.filter(|live| live.number == number) {
            Some(live) => live.breaker.admit(Instant::now()),
            None => Ok(()),
        }
    }

    /// Whether generation `number` is the current one and has proven itself.
    pub fn is_proven(&self, key: &str, number: u64) -> bool {
        let slots = self.slots();
        let live = slots.get(key).and_then(Slot::serving);
        live.is_some_and(|live| live.number == number && live.settled)
    }

    /// Keys of the plugins that can be called.
    pub fn keys(&self) -> Vec<String> {
        let slots = self.slots();
        let serving = slots.iter().filter(|(_, slot)| slot.serving().is_some());
        serving.map(|(key, _)| key.clone()).collect()
    }

    /// Wakes whenever another generation serves: not for every error.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// What is told of plugins from now on.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.0.notices.subscribe()
    }

    /// Newest first; `None`: nothing was ever heard of it.
    pub fn story(&self, key: &str) -> Option<Vec<Event>> {
        let told = self.stories().of(key);
        told.or_else(|| self.slots().contains_key(key).then(Vec::new))
    }

    /// Generation `number`, if it has proven itself and is no copy yet.
    pub(super) fn unkept(&self, key: &str, number: u64) -> Option<Version<Loaded>> {
        let slots = self.slots();
        let live = slots.get(key)?.current.as_ref()?;
        let proven = live.number == number && live.settled;
        let version = &live.version;
        (proven && version.handle.unkept().is_some()).then(|| version.clone())
    }

    /// The number of what serves, or would if it were not disabled.
    pub(super) fn number(&self, key: &str) -> Option<u64> {
        let slots = self.slots();
        let live = slots.get(key)?.current.as_ref();
        live.map(|live| live.number)
    }

    pub(super) fn knows(&self, key: &str) -> bool {
        self.slots().contains_key(key)
    }

    /// Begins a slot with what outlived the last start. `Err`: why the record
    /// cannot be read now.
    pub(super) fn adopt(&self, key: &str, record: Result<Record, String>, notes: Notes) {
        let unread = record.as_ref().err().map(|why| PluginError {
            code: "decisions",
            message: format!("operators' decisions cannot be read: {why}"),
            at: self.0.clock.now(),
            digest: None,
        });
        let record = record.ok();
        let disabled = record.as_ref().map(|record| record.disabled);
        let slot = Slot {
            // What is known here, until it is known for all.
            disabled: disabled.unwrap_or(notes.disabled),
            unread,
            generations: self.0.generations.load(Ordering::Relaxed),
            approved: record.map_or(Approved::Unknown, Record::approved),
            previous: notes.previous,
            quarantined: notes.quarantined,
            ..Slot::default()
        };
        self.slots().entry(key.to_owned()).or_insert(slot);
    }

    /// One step of a plugin. What memory can do is done; the rest is returned.
    pub(super) fn step(
        &self,
        key: &str,
        input: Input<Loaded>,
        by_name: bool,
    ) -> Result<Vec<Effect<Loaded>>, Impossible> {
        let inner = &self.0;
        let context = Context {
            now: inner.clock.now(),
            at: Instant::now(),
            grants: inner.config.grants,
            breaker: &inner.config.breaker,
            by_name,
        };
        let gone = matches!(input, Input::Gone);
        let mut slots = self.slots();
        let slot = slots.get_mut(key).ok_or(Impossible::NoSuchPlugin)?;
        let effects = slot.step(input, &context)?;
        if context.grants == config::Grants::Explicit {
            let probed = effects.iter().filter_map(|effect| match effect {
                Effect::Probe(version) => Some(version),
                _ => None,
            });
            let current = slot.current.as_ref().map(|live| &live.version);
            for version in probed.chain(current) {
                limit(version, &slot.approved);
            }
        }
        let numbers = &inner.generations;
        numbers.fetch_max(slot.generations, Ordering::Relaxed);
        if gone {
            slots.remove(key);
        }
        drop(slots);
        let mut left = Vec::new();
        for effect in effects {
            match effect {
                Effect::Tell(told) => {
                    let notice = Notice {
                        key: key.to_owned(),
                        kind: told.kind,
                        message: told.message.clone(),
                        digest: told.digest.clone(),
                        version: told.version.clone(),
                    };
                    self.stories().tell(key, told, context.now);
                    // Without readers nobody has to know.
                    let _ = inner.notices.send(notice);
                }
                Effect::Changed => inner.changes.send_modify(|n| *n += 1),
                other => left.push(other),
            }
        }
        Ok(left)
    }

    /// What is to be remembered of operators' decisions, and whether one here
    /// disabled or enabled it; `None`: what is on disk cannot be read and must
    /// not be written over.
    pub(super) fn record(&self, key: &str) -> Option<(Record, bool)> {
        let slots = self.slots();
        let slot = slots.get(key).filter(|slot| slot.unread.is_none())?;
        let approved = match &slot.approved {
            Approved::Unknown => return None,
            Approved::Never => None,
            Approved::This(grant) => Some(grant.clone()),
        };
        let record = Record {
            disabled: slot.disabled,
            approved,
        };
        Some((record, slot.by_hand))
    }

    /// The decision is on disk: another replica's may be newer from now on.
    pub(super) fn recorded(&self, key: &str, disabled: bool) {
        let mut slots = self.slots();
        let slot = slots.get_mut(key).filter(|slot| slot.disabled == disabled);
        if let Some(slot) = slot {
            slot.by_hand = false;
        }
    }

    pub(super) fn notes(&self, key: &str) -> Option<Notes> {
        let slots = self.slots();
        let slot = slots.get(key)?;
        Some(Notes {
            disabled: slot.disabled,
            previous: slot.previous.clone(),
            quarantined: slot.quarantined.clone(),
        })
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<String, Slot<Loaded>>> {
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stories(&self) -> MutexGuard<'_, Stories> {
        let stories = self.0.stories.lock();
        stories.unwrap_or_else(PoisonError::into_inner)
    }

    /// A wait of this process's clock as a time of day.
    fn time_of(&self, at: Instant) -> Option<Timestamp> {
        let left = at.saturating_duration_since(Instant::now());
        self.0.clock.now().checked_add(left).ok()
    }
}

/// Under explicit grants a host counts by name only where it was approved.
fn limit(version: &Version<Loaded>, approved: &Approved) {
    let names = match approved {
        // Served before, and nobody can be asked now.
        Approved::Unknown => return,
        Approved::Never => Vec::new(),
        Approved::This(grant) => grant.hosts.iter().filter_map(|h| h.parse().ok()).collect(),
    };
    version.handle.generation.asked.limit(names);
}
