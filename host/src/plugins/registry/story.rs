//! What happened to each plugin, for its operators: in memory, bounded.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use crate::plugins::lifecycle::{Kind, Told};
use crate::plugins::text::one_line;

/// One line of a plugin's story.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: Kind,
    /// For people.
    pub message: String,
    /// The file it is about.
    pub digest: Option<String>,
    /// The plugin's own version of it.
    pub version: Option<String>,
}

/// By key.
#[derive(Debug, Default)]
pub(super) struct Stories(BTreeMap<String, VecDeque<Event>>);

/// Lines of one plugin. Older ones are in the log.
const LINES: usize = 100;
/// Plugins, those that went included.
const PLUGINS: usize = 1024;

impl Stories {
    pub(super) fn of(&self, key: &str) -> Option<Vec<Event>> {
        Some(self.0.get(key)?.iter().rev().cloned().collect())
    }

    pub(super) fn tell(&mut self, key: &str, told: Told, at: Timestamp) {
        log(key, &told);
        if !self.0.contains_key(key) && self.0.len() >= PLUGINS {
            let age = |events: &VecDeque<Event>| events.back().map(|event| event.at);
            let oldest = self.0.iter().min_by_key(|(_, events)| age(events));
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.0.remove(&oldest);
            }
        }
        let events = self.0.entry(key.to_owned()).or_default();
        if events.len() >= LINES {
            events.pop_front();
        }
        events.push_back(Event {
            at,
            kind: told.kind,
            message: told.message,
            digest: told.digest,
            version: told.version,
        });
    }
}

fn log(plugin: &str, told: &Told) {
    // A guest's frames are lines of their own.
    let (kind, message) = (told.kind, one_line(&told.message));
    let (digest, version) = (told.digest.as_deref(), told.version.as_deref());
    match kind {
        Kind::Refused | Kind::RolledBack | Kind::BreakerOpen => {
            tracing::error!(plugin, ?kind, digest, version, "plugin: {message}");
        }
        Kind::Held | Kind::Widened | Kind::Quarantined => {
            tracing::warn!(plugin, ?kind, digest, version, "plugin: {message}");
        }
        _ => tracing::info!(plugin, ?kind, digest, version, "plugin: {message}"),
    }
}
