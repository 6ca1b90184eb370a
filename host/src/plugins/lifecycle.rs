//! What becomes of a plugin's versions: one pure step function per key.
//!
//! A [`Slot`] is all that is known of one plugin; [`Slot::step`] takes what
//! happened and answers with what is to be done. It does no I/O, asks no clock
//! and holds versions only as opaque handles `G`, so that its rules are tested
//! by the thousand (`tests`). Who does what it says: [`super::loader`].
//!
//! The rules: what worked serves until its file is gone or an operator
//! disables it; a new version is on probation until it brought a usable
//! answer, and goes back where its predecessor does better; a digest that was
//! taken back does not serve again before it is loaded on purpose or the file
//! changed; under explicit grants nothing serves that was not approved;
//! generations only grow.

mod act;
mod breaker;
mod effect;
mod grant;
mod input;
mod serve;
mod step;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use tokio::time::Instant;

pub(super) use breaker::Breaker;
pub use effect::Kind;
pub(super) use effect::{Effect, Told};
pub(super) use grant::{Approved, Grant};
pub use input::{Act, Impossible};
pub(super) use input::{Input, Outcome};

use crate::config;

/// One plugin's versions.
#[derive(Clone, Debug)]
pub(super) struct Slot<G> {
    /// An operator's decision; new calls find no plugin.
    pub(super) disabled: bool,
    pub(super) approved: Approved,
    /// Why what operators decided before the start could not be read yet.
    pub(super) unread: Option<PluginError>,
    /// `disabled` is what an operator said since the start.
    pub(super) by_hand: bool,
    /// The number of the latest generation.
    pub(super) generations: u64,
    pub(super) current: Option<Live<G>>,
    /// The proven version that serves again if `current` fails its probation.
    pub(super) fallback: Option<Version<G>>,
    /// The proven version before the last one, as a copy on disk.
    pub(super) previous: Option<Kept>,
    pub(super) trial: Option<Trial<G>>,
    pub(super) held: Option<Held<G>>,
    pub(super) quarantined: Option<Quarantined>,
    pub(super) error: Option<PluginError>,
    pub(super) calls: u64,
    pub(super) faults: u64,
}

/// One loaded file.
#[derive(Clone, Debug)]
pub(super) struct Version<G> {
    pub(super) digest: String,
    /// The plugin's own.
    pub(super) version: String,
    pub(super) asked: Grant,
    pub(super) handle: G,
}

/// The version that serves.
#[derive(Clone, Debug)]
pub(super) struct Live<G> {
    pub(super) version: Version<G>,
    pub(super) number: u64,
    pub(super) since: Timestamp,
    /// Proven by a usable answer.
    pub(super) settled: bool,
    pub(super) breaker: Breaker,
}

/// A version that can be gone back to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Kept {
    /// Its file's digest.
    pub digest: String,
    /// The plugin's own version.
    pub version: String,
}

/// A file on its way to serving.
#[derive(Clone, Debug)]
pub(super) enum Trial<G> {
    Loading { digest: String },
    Probing(Version<G>),
}

/// A version that waits for an operator.
#[derive(Clone, Debug)]
pub(super) struct Held<G> {
    pub(super) version: Version<G>,
    /// What it asks for and was never approved.
    pub(super) wants: Grant,
    pub(super) since: Timestamp,
}

/// A digest that does not serve again by itself.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Quarantined {
    /// Its file's digest.
    pub digest: String,
    /// Why it was taken back.
    pub reason: String,
    /// When.
    pub since: Timestamp,
}

/// The last thing that went wrong with a plugin.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PluginError {
    /// Stable code.
    pub code: &'static str,
    /// For the operator; with the guest's backtrace where there is one.
    pub message: String,
    /// When.
    pub at: Timestamp,
    /// The version it concerns, where that is not the current one.
    pub digest: Option<String>,
}

/// What a step may look at besides its slot and its input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) now: Timestamp,
    pub(super) at: Instant,
    pub(super) grants: config::Grants,
    pub(super) breaker: &'a config::Breaker,
    /// Some site of this plugin has no grants of its own: hosts count by name.
    pub(super) by_name: bool,
}

impl<G> Default for Slot<G> {
    fn default() -> Self {
        Self {
            disabled: false,
            approved: Approved::Never,
            unread: None,
            by_hand: false,
            generations: 0,
            current: None,
            fallback: None,
            previous: None,
            trial: None,
            held: None,
            quarantined: None,
            error: None,
            calls: 0,
            faults: 0,
        }
    }
}

impl<G: Clone> Slot<G> {
    /// What new calls run on.
    pub(super) fn serving(&self) -> Option<&Live<G>> {
        self.current.as_ref().filter(|_| !self.disabled)
    }

    /// Where a rollback leads.
    pub(super) fn way_back(&self) -> Option<Kept> {
        let fallback = self.fallback.as_ref().map(Version::kept);
        fallback.or_else(|| self.previous.clone())
    }
}

impl<G> Version<G> {
    pub(super) fn kept(&self) -> Kept {
        Kept {
            digest: self.digest.clone(),
            version: self.version.clone(),
        }
    }
}
