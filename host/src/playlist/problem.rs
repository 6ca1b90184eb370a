//! What is odd about a playlist, counted; and what bounds reading one.

/// Bounds of one playlist. Its size in bytes is bounded by who fetched it.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Lines read; what follows them is cut off.
    pub lines: usize,
    /// Bytes of one line, variables filled in. A longer one is dropped, and a
    /// URI on it made unusable.
    pub line: u64,
    /// Bytes written, and bytes of all URLs named; what follows is cut off. A long
    /// base URL makes every link long, whatever the playlist's own size. Filling
    /// in variables may make half of it, then they count as undefined.
    pub output: u64,
    /// Bytes of variables, names and values, that go down to the playlists below:
    /// they travel in every link to one.
    pub variables: u64,
}

/// Something that a playlist should not contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Problem {
    /// A line above `Limits::line`.
    LongLine,
    /// Cut off at `Limits::lines`.
    Truncated,
    /// Cut off at `Limits::output`.
    Overflow,
    /// A tag with more URIs than any means: dropped.
    ManyUris,
    /// A quoted value without its second quote.
    OpenQuote,
    /// An `EXT-X-DEFINE` that defines nothing.
    BadDefine,
    /// A reference to a variable that has no value, or one too long.
    UndefinedVariable,
    /// A variable that does not go down to other playlists: `Limits::variables`.
    HeavyVariables,
    /// A URI that can't be resolved to a URL.
    Unresolvable,
    /// A URI with a host, but of another scheme than http and https.
    ForeignScheme,
    /// A playlist or JSON within the URI (`data:`), where it can't be rewritten.
    Inline,
    /// A pathway that players would make from another, and that can't be made from
    /// links: see [`super::steering()`].
    LostClone,
    /// A URI that the linker makes no link for.
    Refused,
    /// A URL or the upstream's name in a place that is no URI: taken out.
    Scrubbed,
}

/// How often each [`Problem`] was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems([u32; Problem::ALL.len()]);

// === impl Problem ===

impl Problem {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::LongLine,
        Self::Truncated,
        Self::Overflow,
        Self::ManyUris,
        Self::OpenQuote,
        Self::BadDefine,
        Self::UndefinedVariable,
        Self::HeavyVariables,
        Self::Unresolvable,
        Self::ForeignScheme,
        Self::Inline,
        Self::LostClone,
        Self::Refused,
        Self::Scrubbed,
    ];

    /// A name for metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::LongLine => "long_line",
            Self::Truncated => "truncated",
            Self::Overflow => "overflow",
            Self::ManyUris => "many_uris",
            Self::OpenQuote => "open_quote",
            Self::BadDefine => "bad_define",
            Self::UndefinedVariable => "undefined_variable",
            Self::HeavyVariables => "heavy_variables",
            Self::Unresolvable => "unresolvable",
            Self::ForeignScheme => "foreign_scheme",
            Self::Inline => "inline",
            Self::LostClone => "lost_clone",
            Self::Refused => "refused",
            Self::Scrubbed => "scrubbed",
        }
    }
}

// === impl Problems ===

impl Problems {
    pub(super) fn add(&mut self, problem: Problem) {
        let count = &mut self.0[problem as usize];
        *count = count.saturating_add(1);
    }

    /// How often one was seen.
    pub fn count(&self, problem: Problem) -> u32 {
        self.0[problem as usize]
    }

    /// Whether none was seen.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|count| *count == 0)
    }

    /// Those that were seen.
    pub fn iter(&self) -> impl Iterator<Item = (Problem, u32)> + '_ {
        let all = Problem::ALL.into_iter().zip(self.0);
        all.filter(|(_, count)| *count > 0)
    }
}
