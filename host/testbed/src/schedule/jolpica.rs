//! The Jolpica shape: an envelope, every scalar a string, sessions as named
//! fields, pages of 30 unless more are asked for.

use jiff::{Timestamp, civil};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::season::{Kind, Round, Season, Session};

/// The real service's default and most.
const LIMIT: usize = 30;
const LIMIT_MAX: usize = 100;

#[derive(Debug, Deserialize)]
pub(super) struct Page {
    limit: Option<usize>,
    offset: Option<usize>,
}

/// A year's races; another year than the season's has none.
pub(super) fn races(season: &Season, year: i16, page: &Page, base: &str) -> Value {
    let rounds: &[Round] = if year == season.year {
        &season.rounds
    } else {
        &[]
    };
    let limit = page.limit.unwrap_or(LIMIT).min(LIMIT_MAX);
    let offset = page.offset.unwrap_or(0);
    let races: Vec<Value> = rounds
        .iter()
        .skip(offset)
        .take(limit)
        .map(|round| race(season.year, round))
        .collect();
    json!({ "MRData": {
        "xmlns": "",
        "series": "f1",
        "url": format!("{base}{year}/races/"),
        "limit": limit.to_string(),
        "offset": offset.to_string(),
        "total": rounds.len().to_string(),
        "RaceTable": { "season": year.to_string(), "Races": races },
    }})
}

fn race(year: i16, round: &Round) -> Value {
    let circuit = round.circuit;
    let mut race = Map::new();
    race.insert("season".into(), year.to_string().into());
    race.insert("round".into(), round.number.to_string().into());
    race.insert("raceName".into(), circuit.race_name.into());
    race.insert(
        "Circuit".into(),
        json!({
            "circuitId": circuit.id,
            "url": format!("http://schedule.test/circuits/{}", circuit.id),
            "circuitName": circuit.name,
            "Location": {
                "lat": circuit.lat,
                "long": circuit.long,
                "locality": circuit.locality,
                "country": circuit.country,
            },
        }),
    );
    for session in &round.sessions {
        let when = when(session);
        match field(session.kind) {
            Some(name) => {
                race.insert(name.into(), when.into());
            }
            None => race.extend(when),
        }
    }
    race.into()
}

/// The field of a session; the race's own date and time stand in the race.
fn field(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Practice1 => "FirstPractice",
        Kind::Practice2 => "SecondPractice",
        Kind::Practice3 => "ThirdPractice",
        Kind::SprintQualifying => "SprintQualifying",
        Kind::Sprint => "Sprint",
        Kind::Qualifying => "Qualifying",
        Kind::Race => return None,
    })
}

fn when(session: &Session) -> Map<String, Value> {
    let mut when = Map::new();
    when.insert("date".into(), date(session.date).into());
    if let Some(start) = session.start {
        when.insert("time".into(), time(start).into());
    }
    when
}

fn date(date: civil::Date) -> String {
    date.strftime("%Y-%m-%d").to_string()
}

fn time(time: Timestamp) -> String {
    time.strftime("%H:%M:%SZ").to_string()
}
