//! What every source's answer is read with.
//!
//! A body is hostile until proven otherwise. Nothing of it gets into an error's text,
//! because those are shown to viewers.

use jiff::civil::Date;
use serde_json::Value;

use super::check::YEARS;
use super::report::Report;

/// A season is about 26 kB at Jolpica and 60 at OpenF1. A tree of small values takes
/// some twenty times its text in memory, so this also bounds what one answer costs.
pub(super) const MAX_BODY: usize = 1024 * 1024;

/// Why an answer is no season.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Longer than any season.
    #[error("the answer is too large")]
    TooLarge,
    /// HTML, half a body, nothing.
    #[error("the answer is not JSON")]
    NotJson,
    /// JSON, but not a season's.
    #[error("the answer does not have the expected shape")]
    Shape,
    /// Another season than asked for.
    #[error("the answer is for season {got}, not {asked}")]
    WrongSeason {
        /// The season asked for.
        asked: i16,
        /// The season answered.
        got: i16,
    },
    /// It says there are more or fewer races than it lists.
    #[error("the answer lists {listed} of {total} races")]
    Incomplete {
        /// Races in the answer.
        listed: usize,
        /// Races there are by its own account.
        total: usize,
    },
    /// More races than a season can have.
    #[error("the answer lists too many races")]
    TooMany,
    /// A season without a race, or without one that can be read.
    #[error("the answer has no usable race")]
    Empty,
}

/// The tree of `body`, if it is JSON of a size that a season has.
pub(super) fn read_json(body: &[u8]) -> Result<Value, AnswerError> {
    if body.len() > MAX_BODY {
        return Err(AnswerError::TooLarge);
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    serde_json::from_slice(body).map_err(|_| AnswerError::NotJson)
}

/// Exactly `YYYY-MM-DD`.
pub(super) fn read_date(text: &str) -> Option<Date> {
    let date = (text.len() == 10).then(|| text.parse::<Date>().ok())??;
    YEARS.contains(&date.year()).then_some(date)
}

impl Report {
    /// A season without an event is none.
    pub(super) fn checked(self) -> Result<Self, AnswerError> {
        if self.events.is_empty() {
            return Err(AnswerError::Empty);
        }
        Ok(self)
    }
}
