//! Asks a source for its seasons: which, under what address, and what its
//! status codes mean. The fetch itself is the caller's, so that every request
//! goes through the one door that opens sockets.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use url::Url;

use super::jolpica::{self, AnswerError};
use super::model::utc_date;
use super::report::Report;

/// Belt over the fetcher's own timeouts: a poll that hangs would be the last.
const FETCH_WAIT: Duration = Duration::from_secs(120);

/// What a fetch brought.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The HTTP status.
    pub status: u16,
    /// The body, whole.
    pub body: Bytes,
}

/// Why a source gave no season. The texts are shown to viewers and name
/// neither an address nor anything the source wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// No answer: refused by the guard, no route, a timeout. Why is in the log.
    #[error("could not be reached")]
    Unreachable,
    /// 429: asked too often.
    #[error("asks for fewer requests")]
    RateLimited,
    /// 401 or 403, which some sources answer to everyone while a session is on.
    #[error("does not answer us now (status {0})")]
    Refused(u16),
    /// 404: it has no such season.
    #[error("has no such season")]
    NotFound,
    /// 5xx.
    #[error("is in trouble (status {0})")]
    Unavailable(u16),
    /// Any other status.
    #[error("answered with status {0}")]
    Status(u16),
    /// 200, and yet no season.
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

// === impl SourceError ===

impl SourceError {
    /// Asking again soon would not be welcome.
    pub(super) fn wants_quiet(&self) -> bool {
        matches!(self, Self::RateLimited | Self::Refused(_))
    }

    /// What the absence of a season looks like.
    pub(super) fn is_absence(&self) -> bool {
        matches!(self, Self::NotFound | Self::Answer(AnswerError::Empty))
    }

    fn of_status(status: u16) -> Option<Self> {
        match status {
            200 => None,
            401 | 403 => Some(Self::Refused(status)),
            404 => Some(Self::NotFound),
            429 => Some(Self::RateLimited),
            500..=599 => Some(Self::Unavailable(status)),
            _ => Some(Self::Status(status)),
        }
    }
}

/// The seasons to ask for: always by their year, because the source's notion of
/// "current" flips with its own clock on 1 January.
pub(super) fn seasons(now: Timestamp) -> (i16, Option<i16>) {
    let today = utc_date(now);
    let next = matches!(today.month(), 11 | 12 | 1 | 2).then(|| today.year() + 1);
    (today.year(), next)
}

/// `…/ergast/f1/2026.json?limit=100`, under any base with or without a slash at
/// its end.
pub(super) fn address(base: &Url, year: i16) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push(&format!("{year}.json"));
    }
    url.query_pairs_mut()
        .append_pair("limit", &jolpica::PAGE.to_string());
    url
}

/// Fetches and reads one season.
pub(super) async fn ask<Fut>(fetch: Fut, year: i16) -> Result<Report, SourceError>
where
    Fut: Future<Output = Result<Fetched, String>> + Send,
{
    let fetched = match tokio::time::timeout(FETCH_WAIT, fetch).await {
        Ok(Ok(fetched)) => fetched,
        Ok(Err(why)) => {
            tracing::warn!(year, %why, "the schedule's source could not be reached");
            return Err(SourceError::Unreachable);
        }
        Err(_) => {
            tracing::warn!(year, wait = ?FETCH_WAIT, "the schedule's source did not answer in time");
            return Err(SourceError::Unreachable);
        }
    };
    if let Some(error) = SourceError::of_status(fetched.status) {
        return Err(error);
    }
    let report = jolpica::parse(&fetched.body, year)?;
    for problem in &report.problems {
        tracing::warn!(year, event = %problem.event, "the schedule's source lists an entry that {}", problem.what);
    }
    Ok(report)
}
