//! Everything that is known at one moment. A poll makes a new book from the old
//! one; readers see the one or the other, never half.

use jiff::Timestamp;

use super::SOURCES;
use super::bundled;
use super::document::{OperatorView, SourceView};
use super::feed::Feed;
use super::merge::{self, Change, Disagreement, Sources};
use super::model::Season;
use super::overrides::Overrides;
use super::report::{Report, Source};
use super::store::{HISTORY, Kept, LoadError, MAX_SEASONS};

/// What is known, and how the last polls went.
#[derive(Clone, Debug)]
pub(super) struct Book {
    /// By year, no year twice.
    pub(super) seasons: Vec<Season>,
    /// The last good one of each source and year: while a source is silent, its last
    /// word counts.
    reports: Vec<Report>,
    history: Vec<Change>,
    pub(super) overrides: Overrides,
    disagreements: Vec<(i16, Disagreement)>,
    unmatched: Vec<(i16, String)>,
    jolpica: Feed,
    openf1: Feed,
    pub(super) store_error: Option<String>,
}

// === impl Book ===

impl Book {
    /// What was stored, and the bundled season where its year was not.
    pub(super) fn open(
        (kept, error): (Kept, Option<LoadError>),
        overrides: Overrides,
        now: Timestamp,
    ) -> Self {
        let feed = |source| Feed::new(kept.quiet_until.get(&source).copied());
        let mut book = Self {
            seasons: with_bundled(kept.seasons),
            reports: kept.reports,
            history: kept.history,
            overrides,
            disagreements: Vec::new(),
            unmatched: Vec::new(),
            jolpica: feed(Source::Jolpica),
            openf1: feed(Source::OpenF1),
            store_error: error.map(|error| error.to_string()),
        };
        book.remake_all(now);
        book
    }

    pub(super) fn feed(&self, source: Source) -> &Feed {
        match source {
            Source::Jolpica => &self.jolpica,
            Source::OpenF1 => &self.openf1,
        }
    }

    pub(super) fn feed_mut(&mut self, source: Source) -> &mut Feed {
        match source {
            Source::Jolpica => &mut self.jolpica,
            Source::OpenF1 => &mut self.openf1,
        }
    }

    /// What a source said takes the place of what it said before.
    pub(super) fn take_in(&mut self, report: Report, now: Timestamp) {
        let year = report.year;
        // Last year's goes when its successor's successor comes, and not before:
        // with nothing newer an old season is better than none.
        self.seasons.retain(|season| season.year + 1 >= year);
        let is_same = |known: &Report| (known.source, known.year) == (report.source, year);
        let is_news = self.reports.iter().any(is_same);
        self.reports
            .retain(|known| known.year + 1 >= year && !is_same(known));
        self.reports.push(report);
        self.remake(year, is_news, now);
        while self.seasons.len() > MAX_SEASONS {
            let gone = self.seasons.remove(0).year;
            self.reports.retain(|report| report.year != gone);
        }
    }

    /// Takes over what another instance on the same data directory has heard since;
    /// whether that is anything.
    pub(super) fn follow(&mut self, theirs: Kept, now: Timestamp) -> bool {
        let newest = |reports: &[Report], source| {
            let reports = reports.iter().filter(|report| report.source == source);
            reports.map(|report| report.fetched_at).max()
        };
        let heard = SOURCES.map(|source| {
            let at = newest(&theirs.reports, source);
            at.filter(|_| at > newest(&self.reports, source))
        });
        if heard == [None, None] {
            return false;
        }
        let ours = std::mem::replace(&mut self.reports, theirs.reports);
        for report in ours {
            let is_same =
                |other: &&mut Report| (other.source, other.year) == (report.source, report.year);
            match self.reports.iter_mut().find(is_same) {
                Some(other) if other.fetched_at < report.fetched_at => *other = report,
                Some(_) => {}
                None => self.reports.push(report),
            }
        }
        self.seasons = with_bundled(theirs.seasons);
        self.history = theirs.history;
        self.remake_all(now);
        for (source, at) in SOURCES.into_iter().zip(heard) {
            if let Some(at) = at {
                self.feed_mut(source).heard(at.min(now));
            }
        }
        true
    }

    /// Whether the operator's file is another one now.
    pub(super) fn take_overrides(&mut self, overrides: Overrides, now: Timestamp) -> bool {
        let overrides = overrides.after(&self.overrides);
        let is_news = self.overrides != overrides;
        if is_news {
            self.overrides = overrides;
            self.remake_all(now);
        }
        is_news
    }

    fn remake_all(&mut self, now: Timestamp) {
        let years: Vec<i16> = self.seasons.iter().map(|season| season.year).collect();
        for year in years {
            self.remake(year, true, now);
        }
    }

    fn remake(&mut self, year: i16, is_news: bool, now: Timestamp) {
        let at = self.seasons.iter().position(|season| season.year == year);
        let known = at.map(|at| self.seasons.remove(at));
        let said = |source| {
            let mut reports = self.reports.iter();
            reports.find(|report| (report.source, report.year) == (source, year))
        };
        let sources = Sources {
            jolpica: said(Source::Jolpica),
            openf1: said(Source::OpenF1),
            overrides: &self.overrides,
            is_news,
        };
        let merged = merge::merge(year, known.as_ref(), &sources, now);
        self.seasons.push(merged.season);
        self.seasons.sort_by_key(|season| season.year);
        self.disagreements.retain(|(of, _)| *of != year);
        let found = merged.disagreements.into_iter();
        self.disagreements.extend(found.map(|found| (year, found)));
        self.unmatched.retain(|(of, _)| *of != year);
        let unmatched = merged.unmatched.into_iter();
        self.unmatched.extend(unmatched.map(|name| (year, name)));
        self.history.extend(merged.changes);
        let too_many = self.history.len().saturating_sub(HISTORY);
        self.history.drain(..too_many);
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
        let errors = |book: &Self| [book.jolpica.error.clone(), book.openf1.error.clone()];
        events(self) != events(before) || errors(self) != errors(before)
    }

    /// What the next start needs. The next version bundles a better season.
    pub(super) fn kept(&self) -> Kept {
        let fetched = self.seasons.iter();
        let fetched = fetched.filter(|season| season.fetched_at.is_some());
        Kept {
            seasons: fetched.cloned().collect(),
            reports: self.reports.clone(),
            history: self.history.clone(),
            quiet_until: SOURCES
                .into_iter()
                .filter_map(|source| Some((source, self.feed(source).quiet_until?)))
                .collect(),
        }
    }

    /// How each source is doing; store and overrides only where they have trouble.
    pub(super) fn sources(&self) -> Vec<SourceView> {
        let source = |source: Source| {
            let reports = self.reports.iter().filter(|report| report.source == source);
            SourceView {
                name: source.name().to_owned(),
                fetched_at: reports.map(|report| report.fetched_at).max(),
                error: self.feed(source).error.as_ref().map(ToString::to_string),
            }
        };
        let trouble = |name: &str, error: Option<String>| {
            error.map(|error| SourceView {
                name: name.to_owned(),
                fetched_at: None,
                error: Some(error),
            })
        };
        let wrong = self.wrong_overrides();
        let wrong = (!wrong.is_empty()).then(|| wrong.join("; "));
        SOURCES
            .map(source)
            .into_iter()
            .chain(trouble("store", self.store_error.clone()))
            .chain(trouble("overrides", wrong))
            .collect()
    }

    pub(super) fn operator_view(&self) -> OperatorView {
        let disagreements = self.disagreements.iter();
        let unmatched = self.unmatched.iter();
        OperatorView {
            sources: self.sources(),
            disagreements: disagreements.map(|(_, found)| found.clone()).collect(),
            unmatched: unmatched.map(|(_, name)| name.clone()).collect(),
            changes: self.history.clone(),
        }
    }

    /// What of the operator's file has no effect, and why.
    fn wrong_overrides(&self) -> Vec<String> {
        let has = |id: &String| {
            let mut events = self.seasons.iter().flat_map(|season| &season.events);
            events.any(|event| {
                let mut sessions = event.sessions.iter();
                event.id == *id || sessions.any(|session| event.session_id(session) == *id)
            })
        };
        let unknown = self.overrides.ids().filter(|id| !has(id));
        let unknown = unknown.map(|id| format!("{id:?}: is no event or session"));
        self.overrides
            .problems
            .iter()
            .cloned()
            .chain(unknown)
            .collect()
    }
}

/// The seasons, and the bundled one where its year is not among them; nor where it is
/// long over: what subscribers hold of it is newer.
fn with_bundled(mut seasons: Vec<Season>) -> Vec<Season> {
    let bundled = bundled::season();
    let is_known = |season: &Season| season.year == bundled.year || season.year > bundled.year + 1;
    if !seasons.iter().any(is_known) {
        seasons.push(bundled);
        seasons.sort_by_key(|season| season.year);
    }
    seasons
}
