//! Reads an answer of Jolpica (the successor of Ergast) for one season.
//!
//! The body is hostile until proven otherwise: everything is capped, an answer
//! that is not whole is refused with a typed error, and one race that is wrong
//! is left out without the others. Nothing of the body gets into an error's
//! text, because those are shown to viewers.

use jiff::{Timestamp, civil::Date};
use serde::Deserialize;
use serde_json::Value;

use super::check::{MAX_EVENTS, YEARS, clean, is_circuit_id};
use super::model::{Circuit, Kind};
use super::report::{Listed, Problem, Report, Time};

/// A season is about 26 kB. A tree of small values takes some twenty times its
/// text in memory, so this also bounds what one answer costs.
pub(super) const MAX_BODY: usize = 1024 * 1024;

/// The largest page Jolpica gives; its default of 30 would cut a longer season.
pub(super) const PAGE: usize = 100;

/// Why an answer is no season.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Longer than any season.
    #[error("the answer is too large")]
    TooLarge,
    /// HTML, half a body, nothing.
    #[error("the answer is not JSON")]
    NotJson,
    /// JSON, but not a season's.
    #[error("the answer does not have the expected shape")]
    Shape,
    /// Another season than asked for.
    #[error("the answer is for season {got}, not {asked}")]
    WrongSeason {
        /// The season asked for.
        asked: i16,
        /// The season answered.
        got: i16,
    },
    /// It says there are more or fewer races than it lists.
    #[error("the answer lists {listed} of {total} races")]
    Incomplete {
        /// Races in the answer.
        listed: usize,
        /// Races there are by its own account.
        total: usize,
    },
    /// More races than a season can have.
    #[error("the answer lists too many races")]
    TooMany,
    /// A season without a race, or without one that can be read.
    #[error("the answer has no usable race")]
    Empty,
}

/// Reads `body` as the answer for season `year`.
pub(super) fn parse(body: &[u8], year: i16) -> Result<Report, AnswerError> {
    if body.len() > MAX_BODY {
        return Err(AnswerError::TooLarge);
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let tree: Value = serde_json::from_slice(body).map_err(|_| AnswerError::NotJson)?;
    let Envelope { data } = serde_json::from_value(tree).map_err(|_| AnswerError::Shape)?;
    let got = number(&data.table.season).ok_or(AnswerError::Shape)?;
    if got != year || !YEARS.contains(&year) {
        return Err(AnswerError::WrongSeason { asked: year, got });
    }
    let listed = data.table.races.len();
    let total: usize = number(&data.total).ok_or(AnswerError::Shape)?;
    if listed > MAX_EVENTS || total > MAX_EVENTS {
        return Err(AnswerError::TooMany);
    }
    if listed != total {
        return Err(AnswerError::Incomplete { listed, total });
    }
    read_races(data.table.races, year)
}

fn read_races(races: Vec<Value>, year: i16) -> Result<Report, AnswerError> {
    let mut report = Report {
        year,
        events: Vec::with_capacity(races.len()),
        complete: true,
        problems: Vec::new(),
    };
    for (index, race) in races.into_iter().enumerate() {
        let place = format!("race {}", index + 1);
        match read_race(race, year, index, &mut report.problems) {
            Ok(event)
                if report
                    .events
                    .iter()
                    .any(|e| e.day == event.day && e.circuit.id == event.circuit.id) =>
            {
                report.problems.push(Problem {
                    event: place,
                    what: "is listed twice",
                });
            }
            Ok(event) => report.events.push(event),
            Err(what) => {
                report.complete = false;
                report.problems.push(Problem { event: place, what });
            }
        }
    }
    if report.events.is_empty() {
        Err(AnswerError::Empty)
    } else {
        Ok(report)
    }
}

fn read_race(
    race: Value,
    year: i16,
    index: usize,
    problems: &mut Vec<Problem>,
) -> Result<Listed, &'static str> {
    let mut race: Race =
        serde_json::from_value(race).map_err(|_| "does not have the expected shape")?;
    if number(&race.season) != Some(year) {
        return Err("is of another season");
    }
    if !is_circuit_id(&race.circuit.id) {
        return Err("has a malformed circuit id");
    }
    let name = clean(&race.name);
    if name.is_empty() {
        return Err("has no name");
    }
    let day = read_date(&race.date)
        .filter(|day| day.year() == year)
        .ok_or("has no usable date")?;
    let mut note = |what| {
        problems.push(Problem {
            event: name.clone(),
            what,
        });
    };

    let round = number(&race.round).filter(|round| (1..=99).contains(round));
    let round = round.unwrap_or_else(|| {
        note("has no usable round");
        u16::try_from(index + 1).unwrap_or(u16::MAX)
    });
    let mut sessions = Vec::new();
    for (kind, when) in race.take_sessions(year) {
        // It is listed, and when it is can't be read.
        let time = when.and_then(|when| read_time(&when)).unwrap_or_else(|| {
            note("has a session without a date");
            Time::Doubtful(day)
        });
        if sessions.iter().any(|(seen, _)| *seen == kind) {
            note("has two sessions of one kind");
            continue;
        }
        sessions.push((kind, time));
    }
    let circuit = Circuit {
        id: race.circuit.id,
        name: clean(&race.circuit.name),
        locality: clean(&race.circuit.location.locality),
        country: clean(&race.circuit.location.country),
    };
    let mut event = Listed {
        name,
        round,
        circuit,
        day,
        sessions,
    };
    for _ in event.doubt() {
        problems.push(Problem {
            event: event.name.clone(),
            what: "has a session at a time that can't be",
        });
    }
    Ok(event)
}

/// A time without a zone, or one that is no time, is not guessed at: the day is
/// then what is known.
fn read_time(when: &When) -> Option<Time> {
    let date = read_date(&when.date)?;
    let start = when.time.as_deref().filter(|time| time.len() <= 20);
    let start = start.and_then(|time| format!("{date}T{time}").parse::<Timestamp>().ok());
    Some(start.map_or(Time::On(date), Time::At))
}

/// Exactly `YYYY-MM-DD`.
fn read_date(text: &str) -> Option<Date> {
    let date = (text.len() == 10).then(|| text.parse::<Date>().ok())??;
    YEARS.contains(&date.year()).then_some(date)
}

/// All of Jolpica's scalars are strings; a number is taken where one comes.
fn number<N: TryFrom<u64>>(value: &Value) -> Option<N> {
    let plain = match value {
        Value::String(text) if text.len() <= 9 => text.parse().ok()?,
        other => other.as_u64()?,
    };
    N::try_from(plain).ok()
}

// === the answer's shape ===

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "MRData")]
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    total: Value,
    #[serde(rename = "RaceTable")]
    table: Table,
}

#[derive(Deserialize)]
struct Table {
    season: Value,
    /// Read one by one, so that one that is wrong does not take the others.
    #[serde(rename = "Races")]
    races: Vec<Value>,
}

#[derive(Deserialize)]
struct Race {
    season: Value,
    #[serde(default)]
    round: Value,
    #[serde(rename = "raceName")]
    name: String,
    #[serde(rename = "Circuit")]
    circuit: RaceCircuit,
    date: String,
    time: Option<String>,
    #[serde(rename = "FirstPractice")]
    practice1: Option<Value>,
    #[serde(rename = "SecondPractice")]
    practice2: Option<Value>,
    #[serde(rename = "ThirdPractice")]
    practice3: Option<Value>,
    #[serde(rename = "SprintQualifying")]
    sprint_qualifying: Option<Value>,
    /// The name that the same session had in 2023.
    #[serde(rename = "SprintShootout")]
    sprint_shootout: Option<Value>,
    #[serde(rename = "Sprint")]
    sprint: Option<Value>,
    #[serde(rename = "Qualifying")]
    qualifying: Option<Value>,
}

#[derive(Deserialize)]
struct RaceCircuit {
    #[serde(rename = "circuitId")]
    id: String,
    #[serde(rename = "circuitName", default)]
    name: String,
    #[serde(rename = "Location", default)]
    location: Location,
}

#[derive(Default, Deserialize)]
struct Location {
    #[serde(default)]
    locality: String,
    #[serde(default)]
    country: String,
}

#[derive(Deserialize)]
struct When {
    date: String,
    time: Option<String>,
}

// === impl Race ===

impl Race {
    /// Every session there is an entry for; `None` for one that can't be read.
    fn take_sessions(&mut self, year: i16) -> Vec<(Kind, Option<When>)> {
        // Ergast called the shootout of 2023 the second practice. Before that
        // year a sprint weekend did have a second practice, and since then none.
        let has_own_entry = self.sprint_qualifying.is_some() || self.sprint_shootout.is_some();
        let second = if year >= 2023 && self.sprint.is_some() && !has_own_entry {
            Kind::SprintQualifying
        } else {
            Kind::Practice2
        };
        let race = When {
            date: self.date.clone(),
            time: self.time.take(),
        };
        let entries = [
            (Kind::Practice1, self.practice1.take()),
            (second, self.practice2.take()),
            (Kind::Practice3, self.practice3.take()),
            (Kind::SprintQualifying, self.sprint_qualifying.take()),
            (Kind::SprintQualifying, self.sprint_shootout.take()),
            (Kind::Sprint, self.sprint.take()),
            (Kind::Qualifying, self.qualifying.take()),
        ];
        let read = |(kind, entry): (Kind, Option<Value>)| {
            Some((kind, serde_json::from_value(entry?).ok()))
        };
        entries
            .into_iter()
            .filter_map(read)
            .chain([(Kind::Race, Some(race))])
            .collect()
    }
}

#[cfg(test)]
mod tests;
