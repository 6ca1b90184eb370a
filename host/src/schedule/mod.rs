//! The schedule: what is on when. Polls its sources, keeps the last good answer of
//! each in memory and on disk, and says where each session stands now.
//!
//! It knows nothing of streams and opens no socket: whoever calls
//! [`Schedule::poll`] brings the fetch. It reads no clock but the one it was
//! given. Nothing it is asked waits for the network or the disk, and no answer
//! of a source, however broken, takes away what was known.
//!
//! A season is always made anew of what each source last said, the operator's
//! overrides, and what was known ([`merge`]).

mod answer;
mod book;
mod bundled;
mod check;
mod circuits;
mod document;
mod feed;
mod jolpica;
mod matching;
mod merge;
mod model;
mod openf1;
mod overrides;
mod pace;
mod report;
mod source;
mod state;
mod store;

pub use answer::AnswerError;
pub use check::Flaw;
pub use document::{
    CircuitView, CurrentSession, Document, EventView, OperatorView, SessionView, SourceView,
};
pub use merge::{About, Change, Disagreement};
pub use model::{Kind, Status};
pub use report::Source;
pub use source::{Ask, FetchFailure, Fetched, SourceError, Validators};
pub use state::State;
pub use store::LoadError;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use book::Book;
use bytes::Bytes;
use jiff::Timestamp;
use model::Season;
use overrides::Overrides;
use report::Report;
use store::{Kept, Store};
use url::Url;

/// In the order in which they are asked: names and places are the first one's.
const SOURCES: [Source; 2] = [Source::Jolpica, Source::OpenF1];
/// Two sources, two seasons, up to two addresses each.
const MAX_ANSWERS: usize = 12;
/// Longest wait for the disk. A write that hangs (NFS) is left behind alone,
/// and none is begun beside it.
const SAVE_WAIT: Duration = Duration::from_secs(10);

/// Where the schedule comes from and how often it is asked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Base address of a Jolpica (or Ergast) API, up to and with `/f1/`.
    pub jolpica_url: Url,
    /// Base address of an OpenF1 API, up to and with `/v1/`.
    pub openf1_url: Url,
    /// Between polls.
    pub interval: Duration,
    /// Between polls within two days of a session.
    pub interval_near: Duration,
    /// Between two requests of one poll, whomever they go to: sources ask for no more
    /// than a few a second.
    pub between_requests: Duration,
    /// How long the operator's file has to stay as it is before it counts: editors take
    /// a file away, or empty it, before they write it anew.
    pub settle: Duration,
}

/// How a poll went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Polled {
    /// Something that [`Schedule::document`] shows is different now.
    pub changed: bool,
    /// What failed, by whom.
    pub errors: Vec<(Source, SourceError)>,
}

/// The schedule's handle.
#[derive(Clone)]
pub struct Schedule(Arc<Inner>);

struct Inner {
    config: Config,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    store: Store,
    data_dir: PathBuf,
    book: ArcSwap<Book>,
    /// Held while a poll runs: a second one has nothing to add. What was answered is
    /// kept in it, for where the server says that it is the same.
    polling: tokio::sync::Mutex<Answers>,
    /// Held while a write runs, also one that nobody waits for any more.
    saving: Arc<tokio::sync::Mutex<()>>,
    /// The same of reading what others write: a mount that hangs takes one thread. In it
    /// the hash of what was last read of the store.
    reading: Arc<tokio::sync::Mutex<u64>>,
}

/// What others have written.
struct Others {
    overrides: Overrides,
    /// Where it is another than was read before, and its hash.
    stored: Option<(Kept, u64)>,
    seen: tokio::sync::OwnedMutexGuard<u64>,
}

/// The last good answer of each address.
type Answers = BTreeMap<Url, (Validators, Bytes)>;

// === impl Schedule ===

impl Schedule {
    /// What was stored under `data_dir`, else the bundled season. Never waits
    /// for the network. Reads two files, so it blocks as long as the disk does.
    pub fn open(
        config: Config,
        data_dir: &Path,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        let store = Store::new(data_dir);
        let book = Book::open(store.load(), Overrides::read(data_dir), clock());
        Self(Arc::new(Inner {
            config,
            clock: Box::new(clock),
            store,
            data_dir: data_dir.to_owned(),
            book: ArcSwap::from_pointee(book),
            polling: tokio::sync::Mutex::default(),
            saving: Arc::default(),
            reading: Arc::default(),
        }))
    }

    /// The season that has the current or next session, as the API shows it.
    pub fn document(&self) -> Document {
        let now = self.0.now();
        let book = self.0.book.load();
        let shown = document::season_at(&book.seasons, now);
        let fetched_at = shown.and_then(|season| season.fetched_at);
        let is_silent = |season: &Season| {
            let mut answered = book.answered(season.year);
            answered.any(|at| self.0.is_old(at, now))
        };
        let events = shown
            .map(|season| season.events.as_slice())
            .unwrap_or_default();
        Document {
            season: shown.map_or_else(|| source::seasons(now).0, |season| season.year),
            server_time: Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now),
            fetched_at,
            stale: fetched_at.is_none() || shown.is_some_and(is_silent),
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

    /// Every event that is known, of all seasons, in the order of their first sessions.
    pub fn events(&self) -> Vec<EventView> {
        let now = self.0.now();
        let book = self.0.book.load();
        let events = book.seasons.iter().flat_map(|season| &season.events);
        events.map(|event| EventView::new(event, now)).collect()
    }

    /// What an operator sees of how it is made.
    pub fn operator_view(&self) -> OperatorView {
        self.0.book.load().operator_view()
    }

    /// Reads again what others write: the operator his overrides, and another instance
    /// on the same data directory what it has heard. Whether anything of that is news.
    /// Waits for the poll that may run, and blocks a thread of its own as long as the
    /// disk does.
    pub async fn follow(&self) -> bool {
        let inner = &*self.0;
        let Some(mut read) = inner.read_others().await else {
            return false;
        };
        if read.overrides.is_after(&inner.book.load().overrides) {
            let overrides = read.overrides;
            drop(read.seen);
            tokio::time::sleep(inner.config.settle).await;
            match inner.read_others().await {
                Some(again) if again.overrides == overrides => read = again,
                _ => return false,
            }
        }
        let _single = inner.polling.lock().await;
        let before = inner.book.load_full();
        let mut book = Book::clone(&before);
        let (theirs, hash) = read.stored.unzip();
        let stored = theirs.clone().unwrap_or_else(|| before.kept());
        let is_said = book.follow(read.overrides, theirs, inner.now());
        if let Some(hash) = hash {
            *read.seen = hash;
        }
        if is_said {
            match &*book.wrong_overrides() {
                [] => tracing::info!("the schedule's overrides are others now"),
                wrong => tracing::warn!(?wrong, "not all of the schedule's overrides can be used"),
            }
        }
        let is_news = is_said || book.kept() != before.kept();
        if book.kept() != stored {
            inner.publish(book).await;
        } else {
            inner.book.store(Arc::new(book));
        }
        is_news
    }

    /// Asks every source once, through `get`, for this year's season and from
    /// November to February for the next one's too; keeps and stores what is
    /// good, and what was known where it is not.
    ///
    /// While another poll runs this one returns at once.
    pub async fn poll<F, Fut>(&self, get: F) -> Polled
    where
        F: Fn(Ask) -> Fut + Send + Sync,
        Fut: Future<Output = Result<Fetched, FetchFailure>> + Send,
    {
        self.0.poll(get, |_| true).await
    }

    /// As [`Schedule::poll`], of those sources that it is time to ask.
    pub async fn poll_due<F, Fut>(&self, get: F) -> Polled
    where
        F: Fn(Ask) -> Fut + Send + Sync,
        Fut: Future<Output = Result<Fetched, FetchFailure>> + Send,
    {
        self.0
            .poll(get, |source| self.0.wait(source).is_zero())
            .await
    }

    /// How long to wait before the next source is due; zero before the first poll.
    pub fn next_poll_in(&self) -> Duration {
        let waits = SOURCES.map(|source| self.0.wait(source));
        waits.into_iter().min().unwrap_or_default()
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

    fn base(&self, source: Source) -> &Url {
        match source {
            Source::Jolpica => &self.config.jolpica_url,
            Source::OpenF1 => &self.config.openf1_url,
        }
    }

    fn wait(&self, source: Source) -> Duration {
        let (book, now) = (self.book.load(), self.now());
        book.feed(source).wait(self.interval(&book, now), now)
    }

    fn interval(&self, book: &Book, now: Timestamp) -> Duration {
        match document::is_near(&book.seasons, now, pace::NEAR) {
            true => self.config.interval_near,
            false => self.config.interval,
        }
    }

    async fn poll<F, Fut>(&self, get: F, is_due: impl Fn(Source) -> bool) -> Polled
    where
        F: Fn(Ask) -> Fut + Send + Sync,
        Fut: Future<Output = Result<Fetched, FetchFailure>> + Send,
    {
        let Ok(mut answers) = self.polling.try_lock() else {
            return Polled::default();
        };
        let mut caller = Caller {
            get,
            answers: &mut answers,
            pause: Duration::ZERO,
            between: self.config.between_requests,
        };
        let (this_year, next_year) = source::seasons(self.now());
        let before = self.book.load_full();
        let mut polled = Polled::default();
        for source in SOURCES.into_iter().filter(|source| is_due(*source)) {
            let mut error = None;
            for year in [Some(this_year), next_year].into_iter().flatten() {
                let addresses = source::addresses(source, self.base(source), year);
                match caller.season(source, addresses, year, || self.now()).await {
                    Ok(report) => {
                        let mut book = Book::clone(&self.book.load());
                        book.take_in(report, self.now());
                        // Shown at once: the next answer may be long in coming.
                        self.book.store(Arc::new(book));
                    }
                    // Next year's is there when it is there.
                    Err(gone) if year != this_year && gone.is_absence() => {}
                    Err(failed) => {
                        error = Some(failed);
                        // Where one request failed a second would only be a nuisance.
                        break;
                    }
                }
            }
            if let Some(error) = &error {
                let source = source.name();
                // One of them answers nobody while a session is on.
                if error.wants_quiet() {
                    tracing::info!(source, %error, "a source of the schedule gave no season");
                } else {
                    tracing::warn!(source, %error, "a source of the schedule gave no season");
                }
            }
            let mut book = Book::clone(&self.book.load());
            let interval = self.interval(&book, self.now());
            book.feed_mut(source)
                .close(error.clone(), interval, self.now());
            self.book.store(Arc::new(book));
            polled.errors.extend(error.map(|error| (source, error)));
        }
        let book = self.book.load_full();
        polled.changed = book.shows_other_than(&before);
        if book.kept() != before.kept() {
            self.publish(Book::clone(&book)).await;
        }
        polled
    }

    /// `None` where an earlier read has not ended, or this one does not.
    async fn read_others(&self) -> Option<Others> {
        let seen = Arc::clone(&self.reading).try_lock_owned().ok()?;
        let (store, dir) = (self.store.clone(), self.data_dir.clone());
        let read = tokio::task::spawn_blocking(move || Others {
            overrides: Overrides::read(&dir),
            stored: store.read_other(*seen),
            seen,
        });
        tokio::time::timeout(SAVE_WAIT, read).await.ok()?.ok()
    }

    fn is_old(&self, at: Timestamp, now: Timestamp) -> bool {
        now.duration_since(at).unsigned_abs() > self.config.interval.saturating_mul(2)
    }

    /// Shows `book`, then stores it.
    async fn publish(&self, mut book: Book) {
        self.book.store(Arc::new(book.clone()));
        book.store_error = self.save(book.kept()).await.err();
        self.book.store(Arc::new(book));
    }

    async fn save(&self, kept: Kept) -> Result<(), String> {
        let Ok(guard) = Arc::clone(&self.saving).try_lock_owned() else {
            return Err("an earlier write has not ended".to_owned());
        };
        let store = self.store.clone();
        let write = tokio::task::spawn_blocking(move || {
            let saved = store.save(&kept);
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

/// Asks, one request after the other.
struct Caller<'a, F> {
    get: F,
    answers: &'a mut Answers,
    /// Before the next request.
    pause: Duration,
    between: Duration,
}

impl<F, Fut> Caller<'_, F>
where
    F: Fn(Ask) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Fetched, FetchFailure>> + Send,
{
    async fn season(
        &mut self,
        source: Source,
        addresses: Vec<Url>,
        year: i16,
        now: impl Fn() -> Timestamp,
    ) -> Result<Report, SourceError> {
        let mut answers = Vec::with_capacity(addresses.len());
        for url in addresses {
            answers.push(self.answer(url).await?);
        }
        let report = match (source, &*answers) {
            (Source::OpenF1, [(_, _, meetings), (_, _, sessions)]) => {
                openf1::parse(meetings, sessions, year, now())
            }
            (_, answers) => {
                let body = answers.first().map(|(.., body)| &**body);
                jolpica::parse(body.unwrap_or_default(), year, now())
            }
        }?;
        for problem in &report.problems {
            let (source, event) = (source.name(), &problem.event);
            tracing::info!(
                source,
                year,
                event,
                "the schedule's source has one that {}",
                problem.what
            );
        }
        // Kept once it is good: a server may say of a bad one that it is the same.
        for (url, validators, body) in answers {
            if self.answers.len() >= MAX_ANSWERS && !self.answers.contains_key(&url) {
                // Last year's are not asked for any more.
                self.answers.clear();
            }
            self.answers.insert(url, (validators, body));
        }
        Ok(report)
    }

    async fn answer(&mut self, url: Url) -> Result<(Url, Validators, Bytes), SourceError> {
        tokio::time::sleep(std::mem::replace(&mut self.pause, self.between)).await;
        let known = self.answers.get(&url).cloned();
        let ask = Ask {
            url: url.clone(),
            validators: known
                .as_ref()
                .map(|(said, _)| said.clone())
                .unwrap_or_default(),
        };
        let fetched = source::fetch((self.get)(ask)).await?;
        if fetched.status == 304 {
            // Who was not asked whether it changed cannot say that it has not.
            let known = known.filter(|(said, _)| *said != Validators::default());
            let (validators, body) = known.ok_or(SourceError::Status(304))?;
            return Ok((url, validators, body));
        }
        Ok((url, fetched.validators, fetched.body))
    }
}

#[cfg(test)]
mod tests;
