//! What happens to a plugin.

use super::{Approved, Version};

/// How a call ended, as far as versions care.
#[derive(Clone, Debug)]
pub(in crate::plugins) enum Outcome {
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
pub(in crate::plugins) enum Input<G> {
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
    /// There is a good copy, and it does not serve.
    NotRestored {
        code: &'static str,
        message: String,
    },
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
        code: &'static str,
        message: String,
    },
    /// What operators decided before could be read at last.
    Decided {
        disabled: bool,
        approved: Approved,
    },
    Act(Act),
}

/// What an operator wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Load the file again, changed, quarantined or not.
    Reload,
    /// Back to the version that served before.
    Rollback,
    /// Let the held version have what it asks for, if it is the one that the
    /// operator saw.
    Approve {
        /// Its file's.
        digest: String,
    },
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
    /// Another version came.
    #[error("another version waits for approval by now")]
    Changed,
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
            Self::Changed => "changed",
            Self::NotDisabled => "not_disabled",
            Self::AlreadyDisabled => "already_disabled",
        }
    }
}
