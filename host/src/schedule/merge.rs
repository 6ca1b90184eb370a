//! From what is known and what the sources say to what is known next. Pure.
//!
//! Nothing that was known goes away because one answer lacks it: it stays, marked. A
//! time that can't be true does not replace one that could. Ids, and how often
//! something became another, go from one season to the next: whoever subscribed has
//! them.

mod absence;
mod verdict;

use jiff::Timestamp;
use serde::Serialize;

use self::verdict::Verdict;
use super::check::MAX_EVENTS;
use super::matching::{self, Group};
use super::model::{Event, Kind, Season, Session, Status, event_id, utc_date};
use super::overrides::{Entry, Overrides};
use super::report::{Report, Said, Source};

/// What is to be made of a season.
pub(super) struct Sources<'r> {
    /// The reports of one year; without one, that source says nothing.
    pub(super) jolpica: Option<&'r Report>,
    pub(super) openf1: Option<&'r Report>,
    pub(super) overrides: &'r Overrides,
    /// Whether a difference is something that changed. What a source says for the
    /// first time is none: it was so all along.
    pub(super) is_news: bool,
}

/// What is known next, and what the operator should see of how that was decided.
pub(super) struct Merged {
    pub(super) season: Season,
    pub(super) disagreements: Vec<Disagreement>,
    /// Meetings whose circuit nobody knows.
    pub(super) unmatched: Vec<String>,
    pub(super) changes: Vec<Change>,
}

/// Where the sources say different things.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disagreement {
    /// `2026-miami-race`.
    pub session: String,
    /// What it is about.
    pub about: About,
    /// When it starts as the calendar has it.
    pub jolpica: Option<Timestamp>,
    /// When it starts as the timetable has it.
    pub openf1: Option<Timestamp>,
    /// What is shown.
    pub used: Option<Timestamp>,
}

/// What sources can disagree about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// When it starts.
    Start,
    /// Whether it takes place.
    Listed,
}

/// One thing that became another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Change {
    /// When that was seen.
    pub at: Timestamp,
    /// `2026-miami-race`.
    pub session: String,
    /// When it started and its status, before.
    pub before: (Option<Timestamp>, Status),
    /// The same, since.
    pub after: (Option<Timestamp>, Status),
}

/// What is known of the season of `year` after `sources`, at `now`.
///
/// A `known` that nobody fetched is the bundled season: it lends ids, and every
/// difference to it is no news.
pub(super) fn merge(
    year: i16,
    known: Option<&Season>,
    sources: &Sources<'_>,
    now: Timestamp,
) -> Merged {
    let mut left: Vec<Event> = known.map(|known| known.events.clone()).unwrap_or_default();
    let mut taken: Vec<String> = left.iter().map(|event| event.id.clone()).collect();
    let is_fetched = known.is_some_and(|known| known.fetched_at.is_some());
    let (groups, unmatched) = matching::groups(sources.jolpica, sources.openf1);
    let mut merged = Merged {
        season: Season {
            year,
            fetched_at: sources
                .fetched_at()
                .or(known.and_then(|known| known.fetched_at)),
            events: Vec::with_capacity(groups.len()),
        },
        disagreements: Vec::new(),
        unmatched,
        changes: Vec::new(),
    };
    for (group, before) in matching::pair(groups, &mut left) {
        let id = before
            .as_ref()
            .map_or_else(|| free_id(year, &group, &taken), |event| event.id.clone());
        taken.push(id.clone());
        let desk = Desk {
            sources,
            group,
            before,
            is_fetched,
            now,
        };
        desk.decide(id, &mut merged);
    }
    if is_fetched || sources.jolpica.is_none() {
        for event in left {
            let desk = Desk {
                sources,
                group: Group::of_known(&event),
                before: Some(event.clone()),
                is_fetched,
                now,
            };
            desk.decide(event.id, &mut merged);
        }
    }
    let season = &mut merged.season;
    // What is listed now comes first, so the bound takes what is long gone.
    season.events.truncate(MAX_EVENTS);
    season.sort();
    merged
}

fn free_id(year: i16, group: &Group<'_>, taken: &[String]) -> String {
    (1..)
        .map(|nth| event_id(year, &group.circuit.id, group.is_testing, nth))
        .find(|id| !taken.contains(id))
        .expect("numbers do not run out")
}

/// One event, while it is decided.
struct Desk<'r, 's> {
    sources: &'s Sources<'r>,
    group: Group<'r>,
    before: Option<Event>,
    /// What was known is somebody's word, not the bundle's.
    is_fetched: bool,
    now: Timestamp,
}

impl Sources<'_> {
    fn fetched_at(&self) -> Option<Timestamp> {
        let reports = [self.jolpica, self.openf1];
        let times = reports
            .into_iter()
            .flatten()
            .map(|report| report.fetched_at);
        times.max()
    }

    fn of(&self, source: Source) -> Option<&Report> {
        match source {
            Source::Jolpica => self.jolpica,
            Source::OpenF1 => self.openf1,
        }
    }
}

impl Desk<'_, '_> {
    fn decide(&self, id: String, merged: &mut Merged) {
        let before = self.before.as_ref();
        let mut event = Event {
            id,
            name: self.group.name.clone(),
            round: self.group.round.or(before.and_then(|event| event.round)),
            circuit: self.group.circuit.clone(),
            sessions: Vec::new(),
        };
        let is_renamed = before
            .is_some_and(|before| before.name != event.name || before.circuit != event.circuit);
        let verdicts: Vec<_> = self
            .kinds()
            .into_iter()
            .map(|kind| (kind, self.verdict(kind)))
            .collect();
        let race = verdicts.iter().find(|(kind, _)| *kind == Kind::Race);
        let race = race.and_then(|(_, (race, _))| race.start);
        for (kind, (mut verdict, differs)) in verdicts {
            // What is put together of two sources must be possible, too: nothing is on
            // after the race.
            let is_late = race.is_some_and(|race| verdict.start.is_some_and(|start| start >= race));
            if kind != Kind::Race && is_late && verdict.status == Status::Scheduled {
                verdict.status = Status::Unconfirmed;
            }
            let known = before
                .and_then(|before| before.sessions.iter().find(|session| session.kind == kind));
            let (jolpica, openf1) = self.said(kind);
            let by_sources = Session {
                in_calendar: jolpica.is_some() || known.is_some_and(|known| known.in_calendar),
                in_timetable: openf1.is_some() || known.is_some_and(|known| known.in_timetable),
                ..self.next(kind, known.map(Session::by_sources), verdict, is_renamed)
            };
            let session_id = format!("{}-{}", event.id, kind.slug());
            let said = self.sources.overrides.of(&event.id, &session_id);
            let next = self.shown(by_sources, said, known, is_renamed);
            if let Some(about) = differs {
                merged.disagreements.push(Disagreement {
                    session: session_id.clone(),
                    about,
                    jolpica: jolpica.and_then(|said| said.time.start()),
                    // What it calls off it has no time for.
                    openf1: openf1
                        .filter(|said| said.off.is_none())
                        .and_then(|said| said.time.start()),
                    used: next.start,
                });
            }
            if let Some(known) = known.filter(|_| self.is_news())
                && (known.start, known.status) != (next.start, next.status)
            {
                merged.changes.push(Change {
                    at: self.now,
                    session: session_id,
                    before: (known.start, known.status),
                    after: (next.start, next.status),
                });
            }
            event.sessions.push(next);
        }
        if !event.sessions.is_empty() {
            merged.season.events.push(event);
        }
    }

    /// What is shown: as the sources have it, or as the operator does.
    fn shown(
        &self,
        by_sources: Session,
        said: Entry,
        known: Option<&Session>,
        is_renamed: bool,
    ) -> Session {
        let mut next = match said.start {
            None => by_sources.clone(),
            Some(start) => {
                let verdict = Verdict {
                    start: Some(start),
                    end: None,
                    date: utc_date(start),
                    status: Status::Scheduled,
                    missing_since: None,
                };
                self.next(by_sources.kind, known, verdict, is_renamed)
            }
        };
        let fits = |end: &Timestamp| {
            let length = next.start.map(|start| end.duration_since(start));
            length.is_some_and(|length| length.is_positive() && length.as_hours() < 24)
        };
        next.end = said.end.filter(fits).or(next.end);
        if let Some(status) = said.status {
            next.status = match status {
                Status::Scheduled if next.previous_start.is_some() => Status::Changed,
                status => status,
            };
            // Whoever misses it, the operator does not.
            next.missing_since = None;
        }
        if said != Entry::default() {
            (next.in_calendar, next.in_timetable) =
                (by_sources.in_calendar, by_sources.in_timetable);
            next.by_sources = Some(Box::new(by_sources));
        }
        let Some(known) = known else {
            return next;
        };
        let by_sources_alone = next.by_sources.is_none().then_some(next.changed_at);
        // Subscribers count what they were shown.
        let mut next = self.counted(next, known, is_renamed);
        next.changed_at = by_sources_alone.unwrap_or(next.changed_at);
        next
    }

    /// Every kind that anybody names or that is known.
    fn kinds(&self) -> Vec<Kind> {
        let group = &self.group;
        let listed = [group.jolpica, group.openf1].into_iter().flatten();
        let listed = listed.flat_map(|listed| listed.sessions.iter().map(|said| said.kind));
        let known = self.before.iter().filter(|_| self.keeps_known());
        let known = known.flat_map(|event| event.sessions.iter().map(|session| session.kind));
        let mut kinds: Vec<Kind> = listed.chain(known).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    }

    fn said(&self, kind: Kind) -> (Option<&Said>, Option<&Said>) {
        (
            self.group.jolpica.and_then(|listed| listed.said(kind)),
            self.group.openf1.and_then(|listed| listed.said(kind)),
        )
    }

    /// What was bundled gives way to the first calendar that is fetched.
    fn keeps_known(&self) -> bool {
        self.is_fetched || self.sources.jolpica.is_none()
    }

    fn is_news(&self) -> bool {
        self.is_fetched && self.sources.is_news
    }

    fn known(&self, kind: Kind) -> Option<&Session> {
        let before = self.before.as_ref()?;
        let mut sessions = before.sessions.iter().map(Session::by_sources);
        sessions.find(|session| session.kind == kind)
    }

    /// The session as it is from now on.
    fn next(
        &self,
        kind: Kind,
        known: Option<&Session>,
        verdict: Verdict,
        is_renamed: bool,
    ) -> Session {
        let Verdict {
            start,
            end,
            date,
            status,
            missing_since,
        } = verdict;
        let mut next = Session {
            start,
            end,
            date,
            status,
            missing_since,
            updated_at: self.now,
            ..Session::new(kind, start, date)
        };
        if let Some(known) = known {
            // A first time is no move, and the bundle's is no time of anybody's.
            let moved = known
                .start
                .filter(|known| self.is_news() && start != Some(*known));
            next.previous_start = moved.or(known.previous_start);
        }
        if next.status == Status::Scheduled && next.previous_start.is_some() {
            next.status = Status::Changed;
        }
        match known {
            Some(known) => self.counted(next, known, is_renamed),
            None => next,
        }
    }

    /// `next`, with what subscribers see of `known` becoming it.
    fn counted(&self, mut next: Session, known: &Session, is_renamed: bool) -> Session {
        next.changed_at = known.changed_at;
        next.updated_at = known.updated_at;
        next.sequence = known.sequence;
        let shown =
            |session: &Session| (session.start, session.end(), session.date, session.status);
        if shown(known) != shown(&next) {
            next.sequence = known.sequence.saturating_add(1);
            next.updated_at = self.now;
        } else if is_renamed {
            next.updated_at = self.now;
        }
        let is_other = known.start.is_some() && known.start != next.start
            || known.status.is_on() != next.status.is_on();
        if is_other && self.is_news() {
            next.changed_at = Some(self.now);
        }
        next
    }
}
