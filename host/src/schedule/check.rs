//! The limits of what a season may be, wherever it comes from: sizes, ids,
//! texts, and times that arithmetic is safe with.

use std::collections::BTreeSet;

use jiff::civil::{Date, date};

use super::merge::Change;
use super::model::{Circuit, Event, Season, Session, event_id, utc_date};
use super::report::{Listed, Report};

/// The longest real season had 24 events; room for tests and re-runs.
pub(super) const MAX_EVENTS: usize = 40;
/// One per [`Kind`](super::Kind).
pub(super) const MAX_SESSIONS: usize = 10;
/// Characters in any text shown to people. The longest real name has about 60.
pub(super) const MAX_TEXT: usize = 120;
/// Characters in a circuit's id, which is part of ids and addresses.
const MAX_ID: usize = 40;
/// Years a season may claim. Also keeps every time far from the ends of what a
/// timestamp can hold.
pub(super) const YEARS: std::ops::RangeInclusive<i16> = 1950..=2100;

/// Why a season read from disk is not one.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Flaw {
    /// Not a year that a season can have.
    #[error("year {0} is out of range")]
    Year(i16),
    /// More than the model allows.
    #[error("{0} has too many entries")]
    TooMany(&'static str),
    /// Too long, or not made of the characters of an id.
    #[error("{0} is malformed")]
    Text(&'static str),
    /// Two of the same.
    #[error("two entries share the id {0}")]
    Duplicate(String),
    /// A time that no session of that season can have.
    #[error("a session of {0} is outside the season")]
    Time(String),
}

// === impl Season ===

impl Season {
    /// Checks what deserialising cannot. A season that passes may be served.
    pub(super) fn check(&self) -> Result<(), Flaw> {
        if !YEARS.contains(&self.year) {
            return Err(Flaw::Year(self.year));
        }
        if self.events.len() > MAX_EVENTS {
            return Err(Flaw::TooMany("season"));
        }
        let mut ids = BTreeSet::new();
        for event in &self.events {
            event.check(self.year)?;
            if !ids.insert(event.id.as_str()) {
                return Err(Flaw::Duplicate(event.id.clone()));
            }
        }
        Ok(())
    }
}

// === impl Report ===

impl Report {
    /// As [`Season::check`], of what a source said.
    pub(super) fn check(&self) -> Result<(), Flaw> {
        if !YEARS.contains(&self.year) {
            return Err(Flaw::Year(self.year));
        }
        if self.events.len() > MAX_EVENTS {
            return Err(Flaw::TooMany("report"));
        }
        for event in &self.events {
            let Listed {
                name,
                circuit,
                sessions,
                ..
            } = event;
            texts(name, circuit)?;
            if !circuit.id.is_empty() && !is_circuit_id(&circuit.id) {
                return Err(Flaw::Text("circuit id"));
            }
            if sessions.len() > MAX_SESSIONS {
                return Err(Flaw::TooMany("event"));
            }
            let mut kinds = BTreeSet::new();
            for said in sessions {
                if !kinds.insert(said.kind) {
                    return Err(Flaw::Duplicate(said.kind.slug().to_owned()));
                }
                let session = Session {
                    end: said.end,
                    ..Session::new(said.kind, said.time.start(), said.time.date())
                };
                if !session.is_near(self.year) {
                    return Err(Flaw::Time(name.clone()));
                }
            }
        }
        Ok(())
    }
}

// === impl Change ===

impl Change {
    pub(super) fn check(&self) -> Result<(), Flaw> {
        match is_event_id(&self.session) {
            true => Ok(()),
            false => Err(Flaw::Text("a change's session")),
        }
    }
}

// === impl Event ===

impl Event {
    fn check(&self, year: i16) -> Result<(), Flaw> {
        texts(&self.name, &self.circuit)?;
        if !is_circuit_id(&self.circuit.id) {
            return Err(Flaw::Text("circuit id"));
        }
        if !self
            .id
            .starts_with(&event_id(year, &self.circuit.id, false, 1))
            || !is_id(&self.id, MAX_ID + 20)
        {
            return Err(Flaw::Text("event id"));
        }
        if self.sessions.len() > MAX_SESSIONS {
            return Err(Flaw::TooMany("event"));
        }
        let mut kinds = BTreeSet::new();
        for session in &self.sessions {
            if session.by_sources().kind != session.kind || !kinds.insert(session.kind) {
                return Err(Flaw::Duplicate(self.session_id(session)));
            }
            if !session.is_near(year) || !session.by_sources().is_near(year) {
                return Err(Flaw::Time(self.id.clone()));
            }
        }
        Ok(())
    }
}

// === impl Session ===

impl Session {
    /// Within the year or a month around it, and no longer than a day.
    fn is_near(&self, year: i16) -> bool {
        let length_is_sane = match (self.start, self.end) {
            (Some(start), Some(end)) => start < end && end.duration_since(start).as_hours() < 24,
            (None, Some(_)) => false,
            _ => true,
        };
        is_in_season(self.date, year)
            && self.start.is_none_or(|start| utc_date(start) == self.date)
            && length_is_sane
    }
}

fn texts(name: &str, circuit: &Circuit) -> Result<(), Flaw> {
    for (text, what) in [
        (name, "event name"),
        (&circuit.name, "circuit name"),
        (&circuit.locality, "locality"),
        (&circuit.country, "country"),
    ] {
        if text != clean(text) {
            return Err(Flaw::Text(what));
        }
    }
    Ok(())
}

/// Within the year or a month around it.
pub(super) fn is_in_season(day: Date, year: i16) -> bool {
    (date(year - 1, 12, 1)..=date(year + 1, 1, 31)).contains(&day)
}

/// May this be part of an id? Upstream's ids are ASCII words.
pub(super) fn is_circuit_id(id: &str) -> bool {
    is_id(id, MAX_ID)
}

/// May this be the id of an event or a session?
pub(super) fn is_event_id(id: &str) -> bool {
    is_id(id, MAX_ID + 40)
}

fn is_id(id: &str, max: usize) -> bool {
    !id.is_empty()
        && id.len() <= max
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Text from outside as it may be shown: one line, trimmed, of bounded length,
/// and without characters that steer the terminal or turn the text around.
pub(super) fn clean(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let kept: String = text
        .trim()
        .chars()
        .filter(|c| !steers(*c))
        .take(MAX_TEXT)
        .collect();
    kept.trim().to_owned()
}
