//! Reads an answer of Jolpica (the successor of Ergast) for one season.
//!
//! Everything is capped, an answer that is not whole is refused with a typed error,
//! and one race that is wrong is left out without the others.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::answer::{AnswerError, read_date, read_json};
use super::check::{MAX_EVENTS, YEARS, clean, is_circuit_id};
use super::model::{Circuit, Kind};
use super::report::{Listed, Problem, Report, Said, Source, Time};

/// The largest page Jolpica gives; its default of 30 would cut a longer season.
pub(super) const PAGE: usize = 100;

/// Reads `body` as the answer for season `year`.
pub(super) fn parse(body: &[u8], year: i16, fetched_at: Timestamp) -> Result<Report, AnswerError> {
    let tree = read_json(body)?;
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
    let mut report = Report {
        source: Source::Jolpica,
        year,
        fetched_at,
        events: Vec::with_capacity(listed),
        complete: true,
        problems: Vec::new(),
    };
    read_races(data.table.races, &mut report);
    report.checked()
}

fn read_races(races: Vec<Value>, report: &mut Report) {
    let year = report.year;
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
        if sessions.iter().any(|said: &Said| said.kind == kind) {
            note("has two sessions of one kind");
            continue;
        }
        sessions.push(Said {
            kind,
            time,
            end: None,
            off: None,
        });
    }
    let circuit = Circuit {
        id: race.circuit.id,
        name: clean(&race.circuit.name),
        locality: clean(&race.circuit.location.locality),
        country: clean(&race.circuit.location.country),
    };
    let mut event = Listed {
        name,
        round: Some(round),
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
        // year a sprint weekend did have a second practice, and since then none:
        // in 2024 Jolpica listed one beside the shootout's own entry.
        let has_own_entry = self.sprint_qualifying.is_some() || self.sprint_shootout.is_some();
        let has_no_second = year >= 2023 && self.sprint.is_some();
        let second = if has_no_second && !has_own_entry {
            Kind::SprintQualifying
        } else {
            Kind::Practice2
        };
        if has_no_second && has_own_entry {
            self.practice2 = None;
        }
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
