//! Reads OpenF1's answers for one season: its meetings, and their sessions.
//!
//! Rows are read one by one, so that one that is wrong is left out without the
//! others. A country here may be a sponsor's, so places come from the calendar where
//! that has the event.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::{AnswerError, read_json};
use super::check::{MAX_EVENTS, YEARS, clean, is_in_season};
use super::circuits;
use super::model::{Circuit, Kind, utc_date};
use super::report::{Listed, Off, Problem, Report, Said, Source, Time};

/// Rows of a season: five sessions of each event, and some.
const MAX_ROWS: usize = MAX_EVENTS * 10;

/// Reads `meetings` and `sessions` as the answers for season `year`.
pub(super) fn parse(
    meetings: &[u8],
    sessions: &[u8],
    year: i16,
    fetched_at: Timestamp,
) -> Result<Report, AnswerError> {
    let mut report = Report {
        source: Source::OpenF1,
        year,
        fetched_at,
        events: Vec::new(),
        complete: true,
        problems: Vec::new(),
    };
    let mut of_meeting: BTreeMap<u64, Vec<Row>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for row in rows::<Row>(sessions, year, "session", &mut report)? {
        // The same row twice is one.
        if seen.insert(row.session_key) {
            of_meeting.entry(row.meeting_key).or_default().push(row);
        }
    }
    let mut seen = BTreeSet::new();
    for meeting in rows::<Meeting>(meetings, year, "meeting", &mut report)? {
        if !seen.insert(meeting.meeting_key) {
            continue;
        }
        let rows = of_meeting.remove(&meeting.meeting_key).unwrap_or_default();
        if let Some((event, is_whole)) = read_event(&meeting, rows, &mut report.problems) {
            report.events.push(event);
            report.complete &= is_whole;
        } else {
            report.complete = false;
            report.note(clean(&meeting.meeting_name), "has no usable session");
        }
    }
    if !of_meeting.is_empty() {
        report.complete = false;
        report.note("sessions".to_owned(), "are of no meeting");
    }
    report.checked()
}

/// The rows of this year.
fn rows<R: DeserializeOwned + OfYear>(
    body: &[u8],
    year: i16,
    what: &'static str,
    report: &mut Report,
) -> Result<Vec<R>, AnswerError> {
    let Value::Array(tree) = read_json(body)? else {
        return Err(AnswerError::Shape);
    };
    if tree.len() > MAX_ROWS {
        return Err(AnswerError::TooMany);
    }
    let mut rows = Vec::with_capacity(tree.len());
    let mut other = None;
    for (n, row) in tree.into_iter().enumerate() {
        match serde_json::from_value::<R>(row) {
            Ok(row) if row.year() == year => rows.push(row),
            Ok(row) => other = Some(row.year()),
            Err(_) => {
                report.complete = false;
                let place = format!("{what} {}", n + 1);
                report.note(place, "does not have the expected shape");
            }
        }
    }
    match other {
        Some(got) if rows.is_empty() => Err(AnswerError::WrongSeason { asked: year, got }),
        _ if !YEARS.contains(&year) => Err(AnswerError::Shape),
        _ => Ok(rows),
    }
}

/// And whether all of its sessions could be read; `None`: not one.
fn read_event(
    meeting: &Meeting,
    rows: Vec<Row>,
    problems: &mut Vec<Problem>,
) -> Option<(Listed, bool)> {
    let name = clean(&meeting.meeting_name);
    let off = meeting.off();
    let mut note = |what| {
        let event = name.clone();
        problems.push(Problem { event, what });
    };
    let mut sessions: Vec<Said> = Vec::new();
    let count = rows.len();
    for row in rows {
        let Some(kind) = kind(&row.session_name) else {
            note("has a session of an unknown name");
            continue;
        };
        let start = row.date_start.parse::<Timestamp>().ok();
        let start = start.filter(|start| is_in_season(utc_date(*start), meeting.year));
        let Some(start) = start else {
            note("has a session without a time in its season");
            continue;
        };
        let end = row.date_end.as_deref().and_then(|end| end.parse().ok());
        let is_sane = |end: &Timestamp| *end > start && end.duration_since(start).as_hours() < 24;
        let off = off.or(row.is_cancelled.unwrap_or(false).then_some(Off::Cancelled));
        sessions.push(Said {
            kind,
            time: Time::At(start),
            end: end.filter(is_sane),
            off,
        });
    }
    let is_whole = sessions.len() == count;
    sessions.sort_by_key(|said| said.time.start());
    name_the_sprint(&mut sessions);
    let mut seen = BTreeSet::new();
    sessions.retain(|said| {
        let is_first = seen.insert(said.kind);
        if !is_first {
            note("has two sessions of one kind");
        }
        is_first
    });
    let race = sessions.iter().find(|said| said.kind == Kind::Race);
    let first = sessions.first()?;
    let day = utc_date(race.unwrap_or(first).time.start()?);
    let id = meeting.circuit_key.and_then(circuits::by_key);
    let mut event = Listed {
        name: if name.is_empty() {
            clean(&meeting.location)
        } else {
            name
        },
        round: None,
        circuit: Circuit {
            id: id.unwrap_or_default().to_owned(),
            name: clean(&meeting.circuit_short_name),
            locality: clean(&meeting.location),
            country: clean(&meeting.country_name),
        },
        day,
        sessions,
    };
    if event.said(Kind::Race).is_some() {
        for _ in event.doubt() {
            problems.push(Problem {
                event: event.name.clone(),
                what: "has a session at a time that can't be",
            });
        }
    }
    Some((event, is_whole))
}

/// Rows of 2023 call the sprint "Sprint Qualifying", beside a shootout.
fn name_the_sprint(sessions: &mut [Said]) {
    if sessions.iter().any(|said| said.kind == Kind::Sprint) {
        return;
    }
    let is_qualifying = |said: &&mut Said| said.kind == Kind::SprintQualifying;
    if let Some(second) = sessions.iter_mut().filter(is_qualifying).nth(1) {
        second.kind = Kind::Sprint;
    }
}

/// By name alone: the types of sprints changed over the years.
fn kind(name: &str) -> Option<Kind> {
    Some(match name {
        "Practice 1" => Kind::Practice1,
        "Practice 2" => Kind::Practice2,
        "Practice 3" => Kind::Practice3,
        "Sprint Qualifying" | "Sprint Shootout" => Kind::SprintQualifying,
        "Sprint" => Kind::Sprint,
        "Qualifying" => Kind::Qualifying,
        "Race" => Kind::Race,
        "Day 1" => Kind::Day1,
        "Day 2" => Kind::Day2,
        "Day 3" => Kind::Day3,
        _ => return None,
    })
}

// === the answers' shape ===

#[derive(Deserialize)]
struct Meeting {
    meeting_key: u64,
    year: i16,
    meeting_name: String,
    #[serde(default)]
    meeting_official_name: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    country_name: String,
    circuit_key: Option<u32>,
    #[serde(default)]
    circuit_short_name: String,
    /// There since 2026, and set by hand.
    is_cancelled: Option<bool>,
}

#[derive(Deserialize)]
struct Row {
    session_key: u64,
    meeting_key: u64,
    year: i16,
    session_name: String,
    date_start: String,
    date_end: Option<String>,
    is_cancelled: Option<bool>,
}

trait OfYear {
    fn year(&self) -> i16;
}

impl OfYear for Meeting {
    fn year(&self) -> i16 {
        self.year
    }
}

impl OfYear for Row {
    fn year(&self) -> i16 {
        self.year
    }
}

// === impl Meeting ===

impl Meeting {
    /// Before there was a field, only the official name said so.
    fn off(&self) -> Option<Off> {
        let name = self.meeting_official_name.trim().to_uppercase();
        let begins = |word: &str| name.starts_with(word);
        if begins("POSTPONED") {
            return Some(Off::Postponed);
        }
        let is_off = ["CALLED OFF", "CANCELLED", "CANCELED"]
            .into_iter()
            .any(begins);
        (is_off || self.is_cancelled.unwrap_or(false)).then_some(Off::Cancelled)
    }
}

// === impl Report ===

impl Report {
    fn note(&mut self, event: String, what: &'static str) {
        self.problems.push(Problem { event, what });
    }
}

#[cfg(test)]
mod tests;
