//! What a season is made of: the words every source is translated into, and the
//! form the store keeps. `check` has the limits both must respect.
//!
//! Identity is season + circuit (+ a number where a circuit has two events in
//! one season) + kind of session. `round` is shown and never used as a key:
//! upstream renumbers when an event goes or comes.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

/// The kinds of session of a race weekend, and of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the variants are the words themselves")]
pub enum Kind {
    Practice1,
    Practice2,
    Practice3,
    SprintQualifying,
    Sprint,
    Qualifying,
    Race,
    Day1,
    Day2,
    Day3,
}

/// What is known about a session's time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A source names a time and nothing speaks against it.
    #[default]
    Scheduled,
    /// As scheduled, but the time is not the one first seen.
    Changed,
    /// Called off.
    Cancelled,
    /// Called off for now, without another time.
    Postponed,
    /// No time is known, or the one known is in doubt.
    Unconfirmed,
}

/// A calendar year's events, in the order of their first sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Season {
    pub(super) year: i16,
    /// `None`: the bundled season, which nobody fetched.
    pub(super) fetched_at: Option<Timestamp>,
    pub(super) events: Vec<Event>,
}

/// A race weekend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) name: String,
    /// `None`: the calendar never listed it, as it does no test.
    pub(super) round: Option<u16>,
    pub(super) circuit: Circuit,
    /// In the order of their times, at most one of a kind.
    pub(super) sessions: Vec<Session>,
}

/// Where an event takes place, as the source names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Circuit {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) locality: String,
    pub(super) country: String,
}

/// One practice, qualifying, sprint, race or day of a test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) kind: Kind,
    /// `None`: the time is to be confirmed, and `date` is all that is known.
    pub(super) start: Option<Timestamp>,
    /// `None` where no source gives one; [`Session::end`] fills in the kind's
    /// usual length.
    pub(super) end: Option<Timestamp>,
    /// In UTC.
    pub(super) date: Date,
    #[serde(default)]
    pub(super) status: Status,
    /// The time it had before the one it has.
    #[serde(default, alias = "moved_from")]
    pub(super) previous_start: Option<Timestamp>,
    /// When its time last became another, or it was called off or on again.
    pub(super) changed_at: Option<Timestamp>,
    /// When anything of it that subscribers see last became another.
    #[serde(default)]
    pub(super) updated_at: Timestamp,
    /// How often start, end or status became another (RFC 5545, section 3.8.7.4).
    #[serde(default)]
    pub(super) sequence: u32,
    /// Whether the calendar ever listed it: only then is its silence a word.
    #[serde(default = "always")]
    pub(super) in_calendar: bool,
    /// The same of the timetable.
    #[serde(default)]
    pub(super) in_timetable: bool,
    /// Since when a source says that it is not on.
    pub(super) missing_since: Option<Timestamp>,
    /// While the operator's word is shown, what the sources make of it: that is what
    /// their next answers are held against, and what counts when he takes it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) by_sources: Option<Box<Session>>,
}

// === impl Kind ===

impl Kind {
    /// The word used in ids and in the API.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Practice1 => "practice1",
            Self::Practice2 => "practice2",
            Self::Practice3 => "practice3",
            Self::SprintQualifying => "sprint_qualifying",
            Self::Sprint => "sprint",
            Self::Qualifying => "qualifying",
            Self::Race => "race",
            Self::Day1 => "day1",
            Self::Day2 => "day2",
            Self::Day3 => "day3",
        }
    }

    /// The words people use.
    pub fn title(self) -> &'static str {
        match self {
            Self::Practice1 => "Practice 1",
            Self::Practice2 => "Practice 2",
            Self::Practice3 => "Practice 3",
            Self::SprintQualifying => "Sprint Qualifying",
            Self::Sprint => "Sprint",
            Self::Qualifying => "Qualifying",
            Self::Race => "Race",
            Self::Day1 => "Testing, Day 1",
            Self::Day2 => "Testing, Day 2",
            Self::Day3 => "Testing, Day 3",
        }
    }

    /// Whether it is part of a test, not of a race weekend.
    pub(super) fn is_testing(self) -> bool {
        matches!(self, Self::Day1 | Self::Day2 | Self::Day3)
    }
}

// === impl Status ===

impl Status {
    /// Whether it takes place, as far as is known.
    pub fn is_on(self) -> bool {
        !matches!(self, Self::Cancelled | Self::Postponed)
    }
}

// === impl Season ===

impl Season {
    /// What subscribers were shown of `shown` has gone before this: nothing counts
    /// backwards.
    pub(super) fn count_on(&mut self, shown: &Self) {
        for event in &mut self.events {
            let shown = shown.events.iter().find(|shown| shown.id == event.id);
            let shown = shown.iter().flat_map(|shown| &shown.sessions);
            for before in shown {
                let session = event
                    .sessions
                    .iter_mut()
                    .find(|session| session.kind == before.kind);
                if let Some(session) = session {
                    session.sequence = session.sequence.max(before.sequence);
                    session.updated_at = session.updated_at.max(before.updated_at);
                }
            }
        }
    }

    /// Puts sessions and events in the order of their times. Upstream's field
    /// order is not time order, and its rounds are no order to rely on.
    pub(super) fn sort(&mut self) {
        for event in &mut self.events {
            event.sessions.sort_by_key(Session::order);
        }
        self.events
            .sort_by(|a, b| a.order().cmp(&b.order()).then_with(|| a.id.cmp(&b.id)));
    }
}

// === impl Event ===

impl Event {
    /// The race's day, or the last session's where there is no race.
    pub(super) fn day(&self) -> Option<Date> {
        let race = self.sessions.iter().find(|s| s.kind == Kind::Race);
        race.or(self.sessions.last()).map(|s| s.by_sources().date)
    }

    /// Of testing alone, which is never the race weekend at the same circuit.
    pub(super) fn is_testing(&self) -> bool {
        let mut kinds = self.sessions.iter().map(|session| session.kind);
        kinds.next().is_some_and(Kind::is_testing) && kinds.all(Kind::is_testing)
    }

    pub(super) fn session_id(&self, session: &Session) -> String {
        format!("{}-{}", self.id, session.kind.slug())
    }

    fn order(&self) -> Option<(Date, Option<Timestamp>, Kind)> {
        self.sessions.iter().map(Session::order).min()
    }
}

// === impl Session ===

impl Session {
    pub(super) fn new(kind: Kind, start: Option<Timestamp>, date: Date) -> Self {
        let status = match start {
            Some(_) => Status::Scheduled,
            None => Status::Unconfirmed,
        };
        Self {
            kind,
            start,
            end: None,
            date,
            status,
            previous_start: None,
            changed_at: None,
            updated_at: Timestamp::UNIX_EPOCH,
            sequence: 0,
            in_calendar: false,
            in_timetable: false,
            missing_since: None,
            by_sources: None,
        }
    }

    /// As the sources have it.
    pub(super) fn by_sources(&self) -> &Self {
        self.by_sources.as_deref().unwrap_or(self)
    }

    /// When it ends: as announced, else after the kind's usual length.
    pub(super) fn end(&self) -> Option<Timestamp> {
        self.end.or_else(|| {
            let length = super::state::usual_length(self.kind);
            self.start?.checked_add(length).ok()
        })
    }

    fn order(&self) -> (Date, Option<Timestamp>, Kind) {
        (self.date, self.start, self.kind)
    }
}

/// `2026-sepang`; `2020-red_bull_ring-2` for the second event there that year;
/// `2026-bahrain-testing` for a test.
pub(super) fn event_id(year: i16, circuit: &str, is_testing: bool, nth: usize) -> String {
    let testing = if is_testing { "-testing" } else { "" };
    match nth {
        0 | 1 => format!("{year}-{circuit}{testing}"),
        _ => format!("{year}-{circuit}{testing}-{nth}"),
    }
}

/// What an older program stored, it had from the calendar.
fn always() -> bool {
    true
}

/// The day on which `at` falls in UTC.
pub(super) fn utc_date(at: Timestamp) -> Date {
    at.to_zoned(jiff::tz::TimeZone::UTC).date()
}
