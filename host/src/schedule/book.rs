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
        let said = Overrides::shown(&kept.seasons);
        let feed = |source| Feed::new(kept.quiet_until.get(&source).copied());
        let mut book = Self {
            seasons: with_bundled(kept.seasons),
            reports: kept.reports,
            history: kept.history,
            overrides: overrides.after(&said),
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
        self.trim();
    }

    fn trim(&mut self) {
        while self.seasons.len() > MAX_SEASONS {
            let gone = self.seasons.remove(0).year;
            self.reports.retain(|report| report.year != gone);
        }
    }

    /// Takes over what others have written: the operator, and another instance on the
    /// same data directory. Whether the operator says something else now.
    pub(super) fn follow(
        &mut self,
        overrides: Overrides,
        theirs: Option<Kept>,
        now: Timestamp,
    ) -> bool {
        let overrides = overrides.after(&self.overrides);
        let is_said = self.overrides != overrides;
        self.overrides = overrides;
        // Before anything is made anew: what they have stored may be as he says.
        let ours = theirs.and_then(|theirs| self.adopt(theirs, now));
        if is_said || ours.is_some() {
            self.remake_all(now);
        }
        for report in ours.into_iter().flatten() {
            self.take_in(report, now);
        }
        self.trim();
        is_said
    }

    /// Takes over the newest word of each source and the seasons that were made of it;
    /// what is left to take in of ours. `None` where all that is theirs was heard here
    /// before.
    fn adopt(&mut self, theirs: Kept, now: Timestamp) -> Option<Vec<Report>> {
        let (mut is_older, mut is_newer) = (false, false);
        for source in SOURCES {
            let (their, our) = (
                newest(&theirs.reports, source),
                newest(&self.reports, source),
            );
            is_older |= their < our;
            let told = theirs.quiet_until.get(&source).copied();
            let feed = self.feed_mut(source);
            if let Some(at) = their.filter(|_| their > our) {
                is_newer = true;
                feed.heard(at.min(now));
                feed.quiet_until = told;
            } else {
                feed.quiet_until = feed.quiet_until.max(told);
            }
        }
        if is_older && !is_newer {
            return None;
        }
        let seasons = std::mem::replace(&mut self.seasons, theirs.seasons);
        for season in seasons {
            let mut same = self.seasons.iter_mut();
            match same.find(|their| their.year == season.year) {
                // What came with the program nobody counts.
                Some(their) if season.fetched_at.is_some() => their.count_on(&season),
                Some(_) => {}
                None => self.seasons.push(season),
            }
        }
        self.seasons = with_bundled(std::mem::take(&mut self.seasons));
        self.history = theirs.history;
        let mut ours = std::mem::replace(&mut self.reports, theirs.reports);
        ours.retain(|report| {
            let mut theirs = self.reports.iter();
            let same =
                theirs.find(|their| (their.source, their.year) == (report.source, report.year));
            same.is_none_or(|their| their.fetched_at < report.fetched_at)
        });
        Some(ours)
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

    /// When each source that has ever said something of that season last did.
    pub(super) fn answered(&self, year: i16) -> impl Iterator<Item = Timestamp> {
        let reports = self
            .reports
            .iter()
            .filter(move |report| report.year == year);
        reports.map(|report| report.fetched_at)
    }

    /// How each source is doing; store and overrides only where they have trouble.
    pub(super) fn sources(&self) -> Vec<SourceView> {
        let source = |source: Source| SourceView {
            name: source.name().to_owned(),
            fetched_at: newest(&self.reports, source),
            error: self.feed(source).error.as_ref().map(ToString::to_string),
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
    pub(super) fn wrong_overrides(&self) -> Vec<String> {
        let all = || self.seasons.iter().flat_map(|season| &season.events);
        let is_event = |id: &str| all().any(|event| event.id == id);
        let is_session = |id: &str| {
            all().any(|event| {
                let mut sessions = event.sessions.iter();
                sessions.any(|session| event.session_id(session) == id)
            })
        };
        let (events, sessions) = self.overrides.ids();
        let events = events.into_iter().filter(|id| !is_event(id)).map(|id| {
            let what = match is_session(id) {
                true => "is a session: [sessions.…]",
                false => "is no event",
            };
            format!("{id:?}: {what}")
        });
        let sessions = sessions.into_iter().filter(|id| !is_session(id)).map(|id| {
            let what = match is_event(id) {
                true => "is an event: [events.…]",
                false => "is no session",
            };
            format!("{id:?}: {what}")
        });
        let problems = self.overrides.problems.iter().cloned();
        problems.chain(events).chain(sessions).collect()
    }
}

/// When `source` last said something.
fn newest(reports: &[Report], source: Source) -> Option<Timestamp> {
    let reports = reports.iter().filter(|report| report.source == source);
    reports.map(|report| report.fetched_at).max()
}

/// The seasons, and the bundled one where its year is not among them; nor where it is
/// long over: what subscribers hold of it is newer.
fn with_bundled(mut seasons: Vec<Season>) -> Vec<Season> {
    let bundled = bundled::season();
    let is_known = |season: &Season| season.year == bundled.year || season.year > bundled.year + 1;
    if !seasons.iter().any(is_known) {
        seasons.push(bundled);
    }
    seasons.sort_by_key(|season| season.year);
    seasons
}
