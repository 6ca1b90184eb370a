//! The schedule: what is on when. Polls its source, keeps the last good answer
//! in memory and on disk, and says where each session stands now.
//!
//! It knows nothing of streams and opens no socket: whoever calls
//! [`Schedule::poll`] brings the fetch. It reads no clock but the one it was
//! given. Nothing it is asked waits for the network or the disk, and no answer
//! of a source, however broken, takes away what was known.

mod book;
mod bundled;
mod check;
mod circuits;
mod document;
mod jolpica;
mod merge;
mod model;
mod pace;
mod report;
mod source;
mod state;
mod store;

pub use check::Flaw;
pub use document::{CircuitView, CurrentSession, Document, EventView, SessionView, SourceView};
pub use jolpica::AnswerError;
pub use model::{Kind, Status};
pub use source::{Fetched, SourceError};
pub use state::State;
pub use store::LoadError;

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use book::Book;
use jiff::Timestamp;
use model::Season;
use store::Store;
use url::Url;

/// Between two requests of one poll: sources ask for no more than a few a
/// second.
const BETWEEN_REQUESTS: Duration = Duration::from_secs(1);
/// Longest wait for the disk. A write that hangs (NFS) is left behind alone,
/// and none is begun beside it.
const SAVE_WAIT: Duration = Duration::from_secs(10);

/// Where the schedule comes from and how often it is asked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Base address of a Jolpica (or Ergast) API, up to and with `/f1/`.
    pub jolpica_url: Url,
    /// Between polls.
    pub interval: Duration,
    /// Between polls within two days of a session.
    pub interval_near: Duration,
}

/// How a poll went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Polled {
    /// Something that [`Schedule::document`] shows is different now.
    pub changed: bool,
    /// What failed, if something did.
    pub error: Option<SourceError>,
}

/// The schedule's handle.
#[derive(Clone)]
pub struct Schedule(Arc<Inner>);

struct Inner {
    config: Config,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    store: Store,
    book: ArcSwap<Book>,
    /// Held while a poll runs: a second one has nothing to add.
    polling: tokio::sync::Mutex<()>,
    /// Held while a write runs, also one that nobody waits for any more.
    saving: Arc<tokio::sync::Mutex<()>>,
}

// === impl Schedule ===

impl Schedule {
    /// What was stored under `data_dir`, else the bundled season. Never waits
    /// for the network. Reads one file, so it blocks as long as the disk does.
    pub fn open(
        config: Config,
        data_dir: &Path,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        let store = Store::new(data_dir);
        let book = Book::open(store.load());
        Self(Arc::new(Inner {
            config,
            clock: Box::new(clock),
            store,
            book: ArcSwap::from_pointee(book),
            polling: tokio::sync::Mutex::default(),
            saving: Arc::default(),
        }))
    }

    /// The season that has the current or next session, as the API shows it.
    pub fn document(&self) -> Document {
        let now = self.0.now();
        let book = self.0.book.load();
        let shown = document::season_at(&book.seasons, now);
        let fetched_at = shown.and_then(|season| season.fetched_at);
        let events = shown
            .map(|season| season.events.as_slice())
            .unwrap_or_default();
        Document {
            season: shown.map_or_else(|| source::seasons(now).0, |season| season.year),
            server_time: Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now),
            fetched_at,
            stale: fetched_at.is_none_or(|at| self.0.is_old(at, now)),
            sources: book.sources(),
            events: events
                .iter()
                .map(|event| EventView::new(event, now))
                .collect(),
        }
    }

    /// The session that is on, else the next one with a time.
    pub fn current(&self) -> Option<CurrentSession> {
        document::current(&self.0.book.load().seasons, self.0.now())
    }

    /// Asks the source once, through `get`, for this year's season and from
    /// November to February for the next one's too; keeps and stores what is
    /// good, and what was known where it is not.
    ///
    /// While another poll runs this one returns at once.
    pub async fn poll<F, Fut>(&self, get: F) -> Polled
    where
        F: Fn(Url) -> Fut + Send + Sync,
        Fut: Future<Output = Result<Fetched, String>> + Send,
    {
        let inner = &*self.0;
        let Ok(_single) = inner.polling.try_lock() else {
            return Polled::default();
        };
        let (this_year, next_year) = source::seasons(inner.now());
        let before = inner.book.load_full();
        let mut book = Book::clone(&before);
        let first = source::ask(get(inner.address(this_year)), this_year).await;
        let mut error = book.take_in(first, inner.now()).err();
        // Where the first request failed a second would only be a nuisance.
        if let (None, Some(next_year)) = (&error, next_year) {
            // Shown at once: the second answer may be long in coming.
            inner.book.store(Arc::new(book.clone()));
            tokio::time::sleep(BETWEEN_REQUESTS).await;
            let second = source::ask(get(inner.address(next_year)), next_year).await;
            error = book
                .take_in(second, inner.now())
                .err()
                .filter(|error| !error.is_absence());
        }
        inner.finish(&before, book, error).await
    }

    /// How long to wait before the next poll; zero before the first.
    pub fn next_poll_in(&self) -> Duration {
        let inner = &*self.0;
        let book = inner.book.load();
        let Some(polled_at) = book.polled_at else {
            return Duration::ZERO;
        };
        let now = inner.now();
        let near = document::is_near(&book.seasons, now, pace::NEAR);
        let interval = if near {
            inner.config.interval_near
        } else {
            inner.config.interval
        };
        let wait = pace::wait(book.last, interval).mul_f64(book.jitter);
        // A clock that was set back makes the past look like the future.
        let passed = Duration::try_from(now.duration_since(polled_at)).unwrap_or_default();
        wait.saturating_sub(passed)
    }
}

impl std::fmt::Debug for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Schedule")
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    fn address(&self, year: i16) -> Url {
        source::address(&self.config.jolpica_url, year)
    }

    fn is_old(&self, at: Timestamp, now: Timestamp) -> bool {
        now.duration_since(at).unsigned_abs() > self.config.interval.saturating_mul(2)
    }

    /// Publishes what a poll made of the book before it, then stores it.
    async fn finish(&self, before: &Book, mut book: Book, error: Option<SourceError>) -> Polled {
        if let Some(error) = &error {
            tracing::warn!(%error, "the schedule's source gave no season");
        }
        book.close(error.clone(), self.now());
        let changed = book.shows_other_than(before);
        let has_news = book.seasons != before.seasons;
        self.book.store(Arc::new(book.clone()));
        if has_news {
            book.store_error = self.save(&book.seasons).await.err();
            self.book.store(Arc::new(book));
        }
        Polled { changed, error }
    }

    async fn save(&self, seasons: &[Season]) -> Result<(), String> {
        let Ok(guard) = Arc::clone(&self.saving).try_lock_owned() else {
            return Err("an earlier write has not ended".to_owned());
        };
        let store = self.store.clone();
        let fetched: Vec<Season> = seasons
            .iter()
            .filter(|season| season.fetched_at.is_some())
            .cloned()
            .collect();
        let write = tokio::task::spawn_blocking(move || {
            let saved = store.save(&fetched);
            drop(guard);
            saved
        });
        let result = match tokio::time::timeout(SAVE_WAIT, write).await {
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(error))) => format!("could not be written: {}", error.kind()),
            Ok(Err(_)) => "the write broke off".to_owned(),
            Err(_) => "the write takes too long".to_owned(),
        };
        tracing::warn!(error = %result, "the schedule was not stored");
        Err(result)
    }
}

#[cfg(test)]
mod tests;
