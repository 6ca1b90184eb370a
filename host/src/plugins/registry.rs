//! The current generation of every plugin, and what is known of the others.
//!
//! A new generation is on probation until one of its extractions brought a
//! usable answer. If it fails by its own fault before that, the generation it
//! replaced comes back and its digest is quarantined until an operator reloads
//! or the file changes. Calls in flight finish on the generation they began.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use super::call::CallError;
use super::load::{Generation, Info, LoadError};
use crate::clock::Clock;

/// All plugins; cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    slots: Mutex<BTreeMap<String, Slot>>,
    changes: watch::Sender<u64>,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Slot {
    current: Option<Live>,
    /// Serves again if `current` fails its probation.
    previous: Option<Live>,
    quarantined: Option<String>,
    error: Option<PluginError>,
    generations: u64,
    calls: u64,
    faults: u64,
}

#[derive(Clone, Debug)]
struct Live {
    generation: Arc<Generation>,
    number: u64,
    since: Timestamp,
    settled: bool,
    /// Kept until settled, for the last-good copy.
    bytes: Option<Arc<[u8]>>,
}

/// Whether a plugin's current generation has proven itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginState {
    /// Proven by a usable answer.
    Live,
    /// New, and not yet proven.
    Probation,
    /// No version of it works.
    Refused,
    /// A site names it and there is no such file.
    Missing,
}

/// The last thing that went wrong with a plugin.
#[derive(Clone, Debug, serde::Serialize)]
pub struct PluginError {
    /// Stable code.
    pub code: &'static str,
    /// For the operator.
    pub message: String,
    /// When.
    pub at: Timestamp,
    /// The version it concerns, where that is not the current one.
    pub digest: Option<String>,
}

/// One plugin, for the admin.
#[derive(Clone, Debug, serde::Serialize)]
pub struct PluginStatus {
    /// Identity.
    pub key: String,
    /// See [`PluginState`].
    pub state: PluginState,
    /// Counts up with every swap.
    pub generation: Option<u64>,
    /// When the current generation came in.
    pub since: Option<Timestamp>,
    /// The current generation.
    #[serde(skip)]
    pub info: Option<Info>,
    /// The last error, kept until a newer version is proven.
    pub error: Option<PluginError>,
    /// Calls since the start of the host.
    pub calls: u64,
    /// Calls that ended by the plugin's own fault.
    pub faults: u64,
}

/// What the registry made of a call's outcome.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Nothing,
    /// Just proven: these bytes are the last good version.
    Settled(Arc<[u8]>),
}

impl Registry {
    /// No plugin yet.
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(Inner {
            slots: Mutex::default(),
            changes: watch::Sender::new(0),
            clock,
        }))
    }

    /// The generation that new calls use, with its number.
    pub fn current(&self, key: &str) -> Option<(Arc<Generation>, u64)> {
        let slots = self.slots();
        let live = slots.get(key)?.current.as_ref()?;
        Some((live.generation.clone(), live.number))
    }

    /// Whether generation `number` is the current one and has proven itself.
    pub fn is_proven(&self, key: &str, number: u64) -> bool {
        let slots = self.slots();
        let live = slots.get(key).and_then(|slot| slot.current.as_ref());
        live.is_some_and(|live| live.number == number && live.settled)
    }

    /// Keys of the plugins that can be called.
    pub fn keys(&self) -> Vec<String> {
        self.slots()
            .iter()
            .filter(|(_, slot)| slot.current.is_some())
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// Wakes whenever another generation serves: not for every error.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// Every plugin's state.
    pub fn status(&self) -> Vec<PluginStatus> {
        let status = |(key, slot): (&String, &Slot)| PluginStatus {
            key: key.clone(),
            state: match &slot.current {
                None => PluginState::Refused,
                Some(live) if live.settled => PluginState::Live,
                Some(_) => PluginState::Probation,
            },
            generation: slot.current.as_ref().map(|live| live.number),
            since: slot.current.as_ref().map(|live| live.since),
            info: slot
                .current
                .as_ref()
                .map(|live| live.generation.info.clone()),
            error: slot.error.clone(),
            calls: slot.calls,
            faults: slot.faults,
        };
        self.slots().iter().map(status).collect()
    }

    /// Makes `generation` the current one. `settled`: it was proven before.
    pub(super) fn swap(&self, generation: Generation, bytes: Arc<[u8]>, settled: bool) -> u64 {
        let now = self.0.clock.now();
        let mut slots = self.slots();
        let slot = slots.entry(generation.info.key.clone()).or_default();
        slot.generations += 1;
        let number = slot.generations;
        tracing::info!(
            plugin = generation.info.key,
            version = generation.info.version,
            digest = generation.info.digest,
            generation = number,
            hosts = ?generation.info.hosts,
            "plugin live"
        );
        let live = Live {
            generation: Arc::new(generation),
            number,
            since: now,
            settled,
            bytes: (!settled).then_some(bytes),
        };
        let old = slot.current.replace(live);
        // An unproven predecessor is nothing to come back to.
        if let Some(old) = old.filter(|old| old.settled) {
            slot.previous = Some(old);
        }
        slot.error = None;
        slot.quarantined = None;
        drop(slots);
        self.changed();
        number
    }

    /// A version was refused; what serves, serves on.
    pub(super) fn refused(&self, key: &str, digest: Option<String>, error: &LoadError) {
        let error = PluginError {
            code: error.code(),
            message: error.to_string(),
            at: self.0.clock.now(),
            digest,
        };
        tracing::error!(
            plugin = key,
            code = error.code,
            error = error.message,
            "plugin refused"
        );
        self.slots().entry(key.to_owned()).or_default().error = Some(error);
    }

    /// The file is gone: new calls find no plugin.
    pub(super) fn remove(&self, key: &str) {
        if self.slots().remove(key).is_some() {
            tracing::info!(plugin = key, "plugin removed");
            self.changed();
        }
    }

    /// Whether loading `digest` would change anything.
    pub(super) fn wants(&self, key: &str, digest: &str) -> bool {
        let mut slots = self.slots();
        let Some(slot) = slots.get_mut(key) else {
            return true;
        };
        if slot.quarantined.as_deref() == Some(digest) {
            return false;
        }
        let same = slot
            .current
            .as_ref()
            .is_some_and(|live| live.generation.info.digest == digest);
        if same {
            // The good version is back in place: an error about another one is over.
            slot.error
                .take_if(|error| error.digest.as_deref().is_none_or(|other| other != digest));
        }
        !same
    }

    /// A call of generation `number` ended. `Ok` carries how many usable streams it brought: only a usable answer
    /// proves a generation.
    pub(super) fn report(
        &self,
        key: &str,
        number: u64,
        outcome: Result<usize, &CallError>,
    ) -> Verdict {
        let mut slots = self.slots();
        let Some(slot) = slots.get_mut(key) else {
            return Verdict::Nothing;
        };
        slot.calls += 1;
        let now = self.0.clock.now();
        let mut rolled_back = false;
        let verdict = match outcome {
            Ok(0) => Verdict::Nothing,
            Ok(_) => match &mut slot.current {
                Some(live) if live.number == number => {
                    live.settled = true;
                    slot.previous = None;
                    slot.error.take_if(|error| error.digest.is_none());
                    live.bytes.take().map_or(Verdict::Nothing, Verdict::Settled)
                }
                _ => Verdict::Nothing,
            },
            Err(CallError::Guest(_)) => Verdict::Nothing,
            Err(CallError::Run(error)) => {
                slot.faults += 1;
                let mut message = error.to_string();
                let mut digest = None;
                let failing = slot
                    .current
                    .as_ref()
                    .filter(|live| live.number == number && !live.settled);
                if let Some(failing) = failing
                    && let Some(mut previous) = slot.previous.take()
                {
                    let failed = failing.generation.info.digest.clone();
                    slot.generations += 1;
                    previous.number = slot.generations;
                    previous.since = now;
                    tracing::error!(plugin = key, digest = failed, %error, "rolled back");
                    message = format!("rolled back to the last good version: {message}");
                    slot.quarantined = Some(failed.clone());
                    digest = Some(failed);
                    slot.current = Some(previous);
                    rolled_back = true;
                }
                slot.error = Some(PluginError {
                    code: error.code(),
                    message,
                    at: now,
                    digest,
                });
                Verdict::Nothing
            }
        };
        drop(slots);
        if rolled_back {
            self.changed();
        }
        verdict
    }

    fn changed(&self) {
        self.0.changes.send_modify(|n| *n += 1);
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Slot>> {
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
