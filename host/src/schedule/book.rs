//! Everything that is known at one moment. A poll makes a new book from the old
//! one; readers see the one or the other, never half.

use jiff::Timestamp;

use super::document::SourceView;
use super::model::Season;
use super::report::Report;
use super::source::SourceError;
use super::store::{LoadError, MAX_SEASONS};
use super::{bundled, merge, pace};

/// What is known, and how the last poll went.
#[derive(Clone, Debug)]
pub(super) struct Book {
    /// By year, no year twice.
    pub(super) seasons: Vec<Season>,
    source_error: Option<SourceError>,
    pub(super) store_error: Option<String>,
    /// When the last poll of this process ended.
    pub(super) polled_at: Option<Timestamp>,
    pub(super) last: pace::Last,
    pub(super) jitter: f64,
}

// === impl Book ===

impl Book {
    /// What was stored, and the bundled season where its year was not.
    pub(super) fn open(stored: Result<Vec<Season>, LoadError>) -> Self {
        let (mut seasons, store_error) = match stored {
            Ok(seasons) => (seasons, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let bundled = bundled::season();
        if seasons.iter().all(|season| season.year != bundled.year) {
            seasons.push(bundled);
            seasons.sort_by_key(|season| season.year);
        }
        Self {
            seasons,
            source_error: None,
            store_error,
            polled_at: None,
            last: pace::Last::Good,
            jitter: 1.0,
        }
    }

    /// Merges a source's report into what is known of its season.
    pub(super) fn take_in(
        &mut self,
        report: Result<Report, SourceError>,
        now: Timestamp,
    ) -> Result<(), SourceError> {
        let report = report?;
        // Last year's goes when its successor's successor comes, and not before:
        // with nothing newer an old season is better than none.
        self.seasons.retain(|season| season.year + 1 >= report.year);
        let known = self
            .seasons
            .iter()
            .position(|season| season.year == report.year);
        let known = known
            .map(|at| self.seasons.remove(at))
            .filter(|season| season.fetched_at.is_some());
        self.seasons.push(merge::merge(known.as_ref(), report, now));
        self.seasons.sort_by_key(|season| season.year);
        while self.seasons.len() > MAX_SEASONS {
            self.seasons.remove(0);
        }
        Ok(())
    }

    /// Notes how a poll ended.
    pub(super) fn close(&mut self, error: Option<SourceError>, now: Timestamp) {
        self.last = match (&error, self.last) {
            (None, _) => pace::Last::Good,
            (Some(error), _) if error.wants_quiet() => pace::Last::ToldOff,
            (Some(_), pace::Last::Failed(times)) => pace::Last::Failed(times.saturating_add(1)),
            (Some(_), _) => pace::Last::Failed(1),
        };
        self.source_error = error;
        self.polled_at = Some(now);
        self.jitter = pace::jitter();
    }

    /// Would a viewer see another schedule, or another trouble with it? That it
    /// was fetched again is no news.
    pub(super) fn shows_other_than(&self, before: &Self) -> bool {
        let events = |book: &Self| {
            let seasons = book.seasons.iter();
            seasons
                .map(|season| season.events.clone())
                .collect::<Vec<_>>()
        };
        events(self) != events(before) || self.source_error != before.source_error
    }

    /// How each source is doing; the store only where it has trouble.
    pub(super) fn sources(&self) -> Vec<SourceView> {
        let source = SourceView {
            name: "jolpica".to_owned(),
            fetched_at: self
                .seasons
                .iter()
                .filter_map(|season| season.fetched_at)
                .max(),
            error: self.source_error.as_ref().map(ToString::to_string),
        };
        let store = self.store_error.clone().map(|error| SourceView {
            name: "store".to_owned(),
            fetched_at: None,
            error: Some(error),
        });
        std::iter::once(source).chain(store).collect()
    }
}
