//! What a step wants done.

use super::Version;

/// What is to be done, in this order.
#[derive(Clone, Debug)]
pub(in crate::plugins) enum Effect<G> {
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
        code: &'static str,
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
pub(in crate::plugins) struct Told {
    pub(in crate::plugins) kind: Kind,
    pub(in crate::plugins) message: String,
    pub(in crate::plugins) digest: Option<String>,
    pub(in crate::plugins) version: Option<String>,
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
