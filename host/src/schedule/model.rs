//! What a season is made of: the words every source is translated into, and the
//! form the store keeps. `check` has the limits both must respect.
//!
//! Identity is season + circuit (+ a number where a circuit has two events in
//! one season) + kind of session. `round` is shown and never used as a key:
//! upstream renumbers when an event goes or comes.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

/// The kinds of session of a race weekend.
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
}

/// What is known about a session's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The source names a time and nothing speaks against it.
    Scheduled,
    /// Called off. No source that is read now says so.
    Cancelled,
    /// As scheduled, but the time is not the one first seen.
    Moved,
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
    pub(super) round: u16,
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

/// One practice, qualifying, sprint or race.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) kind: Kind,
    /// `None`: the time is to be confirmed, and `date` is all that is known.
    pub(super) start: Option<Timestamp>,
    /// `None` where the source gives none; [`Session::end`] fills in the kind's
    /// usual length.
    pub(super) end: Option<Timestamp>,
    /// In UTC.
    pub(super) date: Date,
    /// The time it had before the one it has.
    pub(super) moved_from: Option<Timestamp>,
    /// When a poll last brought another time.
    pub(super) changed_at: Option<Timestamp>,
    /// The last poll did not bear out the time that is kept here.
    pub(super) doubtful: bool,
    /// Since when the source has not listed it any more.
    pub(super) missing_since: Option<Timestamp>,
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
        }
    }
}

// === impl Season ===

impl Season {
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
        race.or(self.sessions.last()).map(|s| s.date)
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
        Self {
            kind,
            start,
            end: None,
            date,
            moved_from: None,
            changed_at: None,
            doubtful: false,
            missing_since: None,
        }
    }

    pub(super) fn status(&self) -> Status {
        if self.start.is_none() || self.doubtful || self.missing_since.is_some() {
            Status::Unconfirmed
        } else if self.moved_from.is_some() {
            Status::Moved
        } else {
            Status::Scheduled
        }
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

/// `2026-sepang`; `2020-red_bull_ring-2` for the second event there that year.
pub(super) fn event_id(year: i16, circuit: &str, nth: usize) -> String {
    match nth {
        0 | 1 => format!("{year}-{circuit}"),
        _ => format!("{year}-{circuit}-{nth}"),
    }
}

/// The day on which `at` falls in UTC.
pub(super) fn utc_date(at: Timestamp) -> Date {
    at.to_zoned(jiff::tz::TimeZone::UTC).date()
}
