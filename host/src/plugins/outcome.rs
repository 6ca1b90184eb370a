//! How a call ended, whose fault that was, and what it used.

use std::time::Duration;

use bytesize::ByteSize;

use super::transcript::Transcript;

/// Why an extractor found nothing usable; see `extract-error` in the contract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtractError {
    /// The site works but has no such event, or it is not live yet.
    #[error("nothing is live on the site")]
    NotFound,
    /// The page has another shape than the plugin expects: it needs a fix.
    #[error("the page has changed: {0}")]
    LayoutChanged(String),
    /// The site refuses.
    #[error("the site refuses: {0}")]
    Blocked(Block),
    /// Come back later.
    #[error("the site asks to come back later")]
    RateLimited(Option<std::time::Duration>),
    /// Transport trouble.
    #[error("network: {0}")]
    Network(String),
    /// The site file is missing something or wrong.
    #[error("the site's configuration: {0}")]
    BadConfig(String),
    /// Only protected media.
    #[error("only protected media was found")]
    Protected,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// How a site refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Block {
    /// A bot check.
    #[error("bot check")]
    Challenge,
    /// 403 or the like.
    #[error("forbidden")]
    Forbidden,
    /// By region.
    #[error("not available in this region")]
    Geo,
    /// A log-in is needed.
    #[error("log-in required")]
    LoginRequired,
}

impl ExtractError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::LayoutChanged(_) => "layout_changed",
            Self::Blocked(_) => "blocked",
            Self::RateLimited(_) => "rate_limited",
            Self::Network(_) => "network",
            Self::BadConfig(_) => "bad_config",
            Self::Protected => "protected",
            Self::Other(_) => "other",
        }
    }
}

/// How a call ended without an answer: the guest's or the host's fault, never
/// the site's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// Still running at the end of `plugins.limits.wall` (or `.describe`).
    #[error("it did not end within {0:?}")]
    Deadline(Duration),
    /// It computed longer than `plugins.limits.cpu`.
    #[error("it computed for more than {0:?}")]
    Cpu(Duration),
    /// It wanted more than `plugins.limits.memory`.
    #[error("it wanted more than {0} of memory")]
    Memory(ByteSize),
    /// It wanted more of something else than it may have; carries the limit's
    /// key.
    #[error("it wanted more than {0} allows")]
    Resources(&'static str),
    /// It recursed deeper than `plugins.limits.stack`.
    #[error("it recursed deeper than plugins.limits.stack = {0} allows")]
    Stack(ByteSize),
    /// It trapped; the text has the guest's frames.
    #[error("it trapped: {0}")]
    Trap(String),
    /// `describe` called an import.
    #[error("describe called an import; it must be pure")]
    Impure,
    /// It could not be instantiated.
    #[error("it could not be instantiated: {0}")]
    Instantiate(String),
    /// It returned something unusable as a whole.
    #[error("it returned something unusable: {0}")]
    InvalidOutput(String),
    /// The host failed while running it: a mistake of ours or of the runtime
    /// that this plugin brings out.
    #[error("the host panicked while running it: {0}")]
    Panicked(String),
}

impl RunError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Deadline(_) => "deadline",
            Self::Cpu(_) => "cpu",
            Self::Memory(_) => "memory",
            Self::Resources(_) => "resources",
            Self::Stack(_) => "stack",
            Self::Trap(_) => "trap",
            Self::Impure => "impure",
            Self::Instantiate(_) => "instantiate",
            Self::InvalidOutput(_) => "invalid_output",
            Self::Panicked(_) => "panicked",
        }
    }
}

/// Why a call brought nothing usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The guest's own answer.
    #[error(transparent)]
    Guest(#[from] ExtractError),
    /// The guest failed.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl CallError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Guest(error) => error.code(),
            Self::Run(error) => error.code(),
        }
    }
}

/// A call that ended, and what it used.
#[derive(Debug)]
pub struct Ended<T> {
    /// What it brought.
    pub result: Result<T, CallError>,
    /// What it cost.
    pub used: Used,
    /// What it exchanged and said.
    pub transcript: Transcript,
}

/// What one call used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// From its start to its end, waiting included.
    pub wall: Duration,
    /// The guest's own computing, in steps of [`super::engine::TICK`].
    pub cpu: Duration,
    /// The most of all its memories together, in bytes.
    pub memory: u64,
    /// HTTP requests, redirects included.
    pub requests: u64,
    /// Decoded bytes of their answers.
    pub bytes: u64,
}
