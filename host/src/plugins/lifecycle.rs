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
mod grant;
mod step;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use tokio::time::Instant;

pub(super) use breaker::Breaker;
pub(super) use grant::{Approved, Grant};

use crate::config;

/// One plugin's versions.
#[derive(Clone, Debug)]
pub(super) struct Slot<G> {
    /// An operator's decision; new calls find no plugin.
    pub(super) disabled: bool,
    pub(super) approved: Approved,
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

/// How a call ended, as far as versions care.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// Streams that can be listed: proves a version.
    Usable,
    /// An answer of another kind: proves nothing, and nothing is wrong.
    Answer,
    /// The page has changed: maybe only for this version.
    LayoutChanged(String),
    /// The version's own fault.
    Fault { code: &'static str, message: String },
}

/// What happened.
#[derive(Clone, Debug)]
pub(super) enum Input<G> {
    /// The directory has this content. `forced`: an operator wants it loaded.
    Seen {
        digest: String,
        forced: bool,
    },
    /// The directory has something that is not even read.
    Unusable {
        code: &'static str,
        message: String,
    },
    /// The file is gone.
    Gone,
    /// `proven`: the very bytes that proved themselves before.
    Loaded {
        version: Version<G>,
        proven: bool,
    },
    Refused {
        digest: String,
        code: &'static str,
        message: String,
    },
    /// The trial call: `against` is why the version must not serve.
    Probed {
        digest: String,
        against: Option<(&'static str, String)>,
    },
    /// The last good copy was loaded, for want of anything that serves.
    Restored(Version<G>),
    /// The copy of the version before was loaded, or could not be.
    Returned(Option<Version<G>>),
    /// A call of generation `number` ended.
    Reported {
        number: u64,
        outcome: Outcome,
    },
    /// Whether the predecessor of generation `number` did better, and why.
    Compared {
        number: u64,
        better: bool,
        message: String,
    },
    Act(Act),
}

/// What an operator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Load the file again, changed, quarantined or not.
    Reload,
    /// Back to the version that served before.
    Rollback,
    /// Let the held version have what it asks for.
    Approve,
    /// No more calls.
    Disable,
    /// Calls again.
    Enable,
}

/// Why that is not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    /// No such key.
    #[error("there is no such plugin")]
    NoSuchPlugin,
    /// One version, or none.
    #[error("there is no earlier version that worked")]
    NothingToRollBack,
    /// Nothing waits for approval.
    #[error("nothing waits for approval")]
    NothingHeld,
    /// It serves.
    #[error("it is not disabled")]
    NotDisabled,
    /// It does not.
    #[error("it is disabled already")]
    AlreadyDisabled,
}

impl Impossible {
    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoSuchPlugin => "no_such_plugin",
            Self::NothingToRollBack => "nothing_to_roll_back",
            Self::NothingHeld => "nothing_held",
            Self::NotDisabled => "not_disabled",
            Self::AlreadyDisabled => "already_disabled",
        }
    }
}

/// What is to be done, in this order.
#[derive(Clone, Debug)]
pub(super) enum Effect<G> {
    /// Load the bytes that were seen.
    Load { digest: String },
    /// Try this version on its sites.
    Probe(Version<G>),
    /// Another version serves, or none: who waits for that wakes.
    Changed,
    /// Let the predecessor do what generation `number` failed at.
    Compare {
        number: u64,
        old: Version<G>,
        message: String,
    },
    /// The copy of the last good version is this one's now; what it was
    /// becomes the copy of the version before.
    Keep(Version<G>),
    /// The copy of the version before is the last good one again.
    KeepPrevious,
    /// Load the copy of the version before.
    LoadPrevious,
    /// Load the last good copy, unless it is this digest's.
    Restore { except: Option<String> },
    /// No copy stays.
    Forget,
    /// Operators' decisions changed: disabled, approved.
    RememberDecisions,
    /// What goes with the copies changed: previous, quarantined.
    RememberNotes,
    /// Let the directory hand over this file again.
    LookAgain { forced: bool },
    /// Something that operators want to read.
    Tell(Told),
}

/// One line of a plugin's story.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) kind: Kind,
    pub(super) message: String,
    pub(super) digest: Option<String>,
    pub(super) version: Option<String>,
}

/// What a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A new file.
    Seen,
    /// It serves.
    Live,
    /// It has proven itself.
    Settled,
    /// The version before serves again.
    RolledBack,
    /// It does not serve.
    Refused,
    /// Its digest does not serve again by itself.
    Quarantined,
    /// It waits for approval.
    Held,
    /// It was approved.
    Approved,
    /// No more calls.
    Disabled,
    /// Calls again.
    Enabled,
    /// Its file is gone.
    Removed,
    /// It failed too often in a row.
    BreakerOpen,
    /// It answers again.
    BreakerClosed,
    /// It may reach more than the version before.
    Widened,
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
