//! A slot as operators see it.

use jiff::Timestamp;

use super::{Loaded, Registry};
use crate::plugins::lifecycle::{Kept, Live, PluginError, Quarantined, Slot};
use crate::plugins::load::Info;

/// What a plugin is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginState {
    /// Proven by a usable answer.
    Live,
    /// New, and not yet proven.
    Probation,
    /// No version serves, and one waits for approval.
    Held,
    /// By an operator.
    Disabled,
    /// No version of it works.
    Refused,
    /// A site names it and there is no such file.
    Missing,
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
    /// `None`: closed.
    pub breaker: Option<Brake>,
    /// Where a rollback leads.
    pub previous: Option<Kept>,
    /// What waits for approval.
    pub held: Option<HeldStatus>,
    /// What does not serve again by itself.
    pub quarantined: Option<Quarantined>,
}

/// An open breaker.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Brake {
    /// When it is tried again.
    pub open_until: Option<Timestamp>,
    /// In a row.
    pub faults: usize,
}

/// A version that waits for approval.
#[derive(Clone, Debug, serde::Serialize)]
pub struct HeldStatus {
    /// The plugin's own version.
    pub version: String,
    /// Its file's.
    pub digest: String,
    /// When it came.
    pub since: Timestamp,
    /// Hosts that were never approved.
    pub hosts: Vec<String>,
    /// Secrets that were never approved.
    pub secrets: Vec<String>,
}

impl Registry {
    /// Every plugin's state.
    pub fn status(&self) -> Vec<PluginStatus> {
        let slots = self.slots();
        let status = |(key, slot): (&String, &Slot<Loaded>)| self.status_of(key, slot);
        slots.iter().map(status).collect()
    }

    fn status_of(&self, key: &str, slot: &Slot<Loaded>) -> PluginStatus {
        let live = slot.current.as_ref();
        PluginStatus {
            state: state(slot),
            generation: live.map(|live| live.number),
            since: live.map(|live| live.since),
            info: live.map(|live| live.version.handle.generation.info.clone()),
            error: slot.error.clone().or_else(|| slot.unread.clone()),
            calls: slot.calls,
            faults: slot.faults,
            breaker: live.and_then(|live| self.brake(live)),
            previous: slot.way_back(),
            held: slot.held.as_ref().map(|held| HeldStatus {
                version: held.version.version.clone(),
                digest: held.version.digest.clone(),
                since: held.since,
                hosts: held.wants.hosts.iter().cloned().collect(),
                secrets: held.wants.secrets.iter().cloned().collect(),
            }),
            quarantined: slot.quarantined.clone(),
            ..PluginStatus::missing(key)
        }
    }

    fn brake(&self, live: &Live<Loaded>) -> Option<Brake> {
        Some(Brake {
            open_until: self.time_of(live.breaker.open_until()?),
            faults: live.breaker.faults,
        })
    }
}

impl PluginStatus {
    /// Of a plugin that a site names and nobody dropped.
    pub fn missing(key: &str) -> Self {
        Self {
            key: key.to_owned(),
            state: PluginState::Missing,
            generation: None,
            since: None,
            info: None,
            error: None,
            calls: 0,
            faults: 0,
            breaker: None,
            previous: None,
            held: None,
            quarantined: None,
        }
    }
}

fn state(slot: &Slot<Loaded>) -> PluginState {
    match &slot.current {
        _ if slot.disabled => PluginState::Disabled,
        Some(live) if live.settled => PluginState::Live,
        Some(_) => PluginState::Probation,
        None if slot.held.is_some() => PluginState::Held,
        None => PluginState::Refused,
    }
}
