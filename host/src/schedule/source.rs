//! Asks a source for its seasons: which, under what addresses, and what its status
//! codes mean. The fetch itself is the caller's, so that every request goes through
//! the one door that opens sockets.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use url::Url;

use super::answer::{self, AnswerError};
use super::jolpica;
use super::model::utc_date;
use super::report::Source;

/// Belt over the fetcher's own timeouts: a poll that hangs would be the last.
const FETCH_WAIT: Duration = Duration::from_secs(120);

/// What is to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Where.
    pub url: Url,
    /// What is known of it: `If-None-Match` and `If-Modified-Since` (RFC 9110,
    /// section 13.1).
    pub validators: Validators,
}

/// What a server said by which a later answer is told from this one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

/// What a fetch brought.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    /// The HTTP status.
    pub status: u16,
    /// The body, whole.
    pub body: Bytes,
    /// Of this answer.
    pub validators: Validators,
    /// How long it asks to be left alone (`Retry-After`).
    pub retry_after: Option<Duration>,
}

/// Why a fetch brought nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchFailure {
    /// For the log.
    #[error("{0}")]
    Unreachable(String),
    /// Longer than `schedule.max_body`.
    #[error("the answer is too large")]
    TooLarge,
}

/// Why a source gave no season. The texts are shown to viewers and name
/// neither an address nor anything the source wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// No answer: refused by the guard, no route, a timeout. Why is in the log.
    #[error("could not be reached")]
    Unreachable,
    /// 429: asked too often; how long to stay away, where it says so.
    #[error("asks for fewer requests")]
    RateLimited(Option<Duration>),
    /// 401 or 403, which some sources answer to everyone while a session is on.
    #[error("does not answer us now (status {0})")]
    Refused(u16),
    /// 404: it has no such season.
    #[error("has no such season")]
    NotFound,
    /// 5xx.
    #[error("is in trouble (status {0})")]
    Unavailable(u16, Option<Duration>),
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
        matches!(self, Self::RateLimited(_) | Self::Refused(_))
    }

    /// How long it wants to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited(wait) | Self::Unavailable(_, wait) => *wait,
            _ => None,
        }
    }

    /// What the absence of a season looks like.
    pub(super) fn is_absence(&self) -> bool {
        matches!(self, Self::NotFound | Self::Answer(AnswerError::Empty))
    }

    fn of_status(status: u16, retry_after: Option<Duration>) -> Option<Self> {
        match status {
            200 => None,
            401 | 403 => Some(Self::Refused(status)),
            404 => Some(Self::NotFound),
            429 => Some(Self::RateLimited(retry_after)),
            500..=599 => Some(Self::Unavailable(status, retry_after)),
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

/// What makes up one season, under any base with or without a slash at its end:
/// `…/ergast/f1/2026.json?limit=100`, or `…/v1/meetings?year=2026` and
/// `…/v1/sessions?year=2026`.
pub(super) fn addresses(source: Source, base: &Url, year: i16) -> Vec<Url> {
    let at = |name: &str, query: (&str, String)| {
        let mut url = base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(name);
        }
        url.query_pairs_mut().append_pair(query.0, &query.1);
        url
    };
    match source {
        Source::Jolpica => {
            let page = jolpica::PAGE.to_string();
            vec![at(&format!("{year}.json"), ("limit", page))]
        }
        Source::OpenF1 => ["meetings", "sessions"]
            .map(|name| at(name, ("year", year.to_string())))
            .into(),
    }
}

/// Waits for one answer; 200 and 304 are what is hoped for.
pub(super) async fn fetch<Fut>(fetch: Fut) -> Result<Fetched, SourceError>
where
    Fut: Future<Output = Result<Fetched, FetchFailure>> + Send,
{
    let fetched = match tokio::time::timeout(FETCH_WAIT, fetch).await {
        Ok(Ok(fetched)) => fetched,
        Ok(Err(FetchFailure::TooLarge)) => return Err(AnswerError::TooLarge.into()),
        Ok(Err(FetchFailure::Unreachable(why))) => {
            tracing::info!(%why, "a source of the schedule could not be reached");
            return Err(SourceError::Unreachable);
        }
        Err(_) => {
            tracing::info!(wait = ?FETCH_WAIT, "a source of the schedule did not answer in time");
            return Err(SourceError::Unreachable);
        }
    };
    if fetched.body.len() > answer::MAX_BODY {
        return Err(AnswerError::TooLarge.into());
    }
    match SourceError::of_status(fetched.status, fetched.retry_after) {
        Some(SourceError::Status(304)) | None => Ok(fetched),
        Some(error) => Err(error),
    }
}
