//! The OpenF1 shape: plain arrays, no pages, filters by any attribute with
//! `=`, `>=`, `<=`, `>` and `<`. A round without times is not listed yet.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::season::{Kind, Round, Season, Session};

/// Keys of our own; the real ones mean real sessions.
const FIRST_MEETING: usize = 90_000;

pub(super) fn sessions(season: &Season) -> Vec<Value> {
    let mut rows = Vec::new();
    for round in &season.rounds {
        for (place, session) in round.sessions.iter().enumerate() {
            let Some((start, end)) = span(session) else {
                continue;
            };
            let (kind, name) = names(session.kind);
            let mut row = place_of(season, round);
            merge(
                &mut row,
                json!({
                    "session_key": (FIRST_MEETING + round.number) * 10 + place,
                    "session_type": kind,
                    "session_name": name,
                    "date_start": instant(start),
                    "date_end": instant(end),
                }),
            );
            rows.push(row);
        }
    }
    rows
}

pub(super) fn meetings(season: &Season) -> Vec<Value> {
    let spans = |round: &Round| {
        let start = round.sessions.first().and_then(span)?.0;
        let end = round.sessions.last().and_then(span)?.1;
        Some((start, end))
    };
    season
        .rounds
        .iter()
        .filter_map(|round| {
            let (start, end) = spans(round)?;
            let mut row = place_of(season, round);
            let official = format!("SIMULATED {} {}", round.circuit.race_name, season.year);
            merge(
                &mut row,
                json!({
                    "meeting_name": round.circuit.race_name,
                    "meeting_official_name": official.to_uppercase(),
                    "country_flag": "",
                    "circuit_type": "",
                    "circuit_info_url": "",
                    "circuit_image": "",
                    "date_start": instant(start),
                    "date_end": instant(end),
                }),
            );
            Some(row)
        })
        .collect()
}

/// The rows that pass every filter of a query. `latest` as a key is the newest
/// one that has begun.
pub(super) fn select(rows: &[Value], query: Option<&str>, now: Timestamp) -> Value {
    let filters: Vec<Filter> = query
        .unwrap_or_default()
        .split('&')
        .filter_map(|part| Filter::parse(part, rows, now))
        .collect();
    rows.iter()
        .filter(|row| filters.iter().all(|filter| filter.admits(row)))
        .cloned()
        .collect()
}

struct Filter {
    attribute: String,
    admitted: &'static [Ordering],
    value: String,
}

impl Filter {
    fn parse(part: &str, rows: &[Value], now: Timestamp) -> Option<Self> {
        use Ordering::{Equal, Greater, Less};
        // Decoded as one: the comparison stands where a query has its `=`.
        let part = url::form_urlencoded::parse(part.replace('=', "%3D").as_bytes())
            .next()?
            .0
            .into_owned();
        let operators: [(&str, &[Ordering]); 5] = [
            (">=", &[Greater, Equal]),
            ("<=", &[Less, Equal]),
            (">", &[Greater]),
            ("<", &[Less]),
            ("=", &[Equal]),
        ];
        let (attribute, admitted, value) =
            operators.into_iter().find_map(|(operator, admitted)| {
                let (attribute, value) = part.split_once(operator)?;
                Some((attribute, admitted, value))
            })?;
        let value = match value {
            "latest" => latest(rows, attribute, now)?,
            value => value.to_owned(),
        };
        Some(Self {
            attribute: attribute.to_owned(),
            admitted,
            value,
        })
    }

    fn admits(&self, row: &Value) -> bool {
        let ordering = match &row[&self.attribute] {
            Value::Number(number) => number
                .as_f64()
                .zip(self.value.parse().ok())
                .and_then(|(a, b)| a.partial_cmp(&b)),
            // Dates in one format sort as text does, also when cut short.
            Value::String(text) => Some(text.as_str().cmp(&self.value)),
            Value::Bool(flag) => Some(flag.to_string().as_str().cmp(&self.value)),
            _ => None,
        };
        ordering.is_some_and(|ordering| self.admitted.contains(&ordering))
    }
}

fn latest(rows: &[Value], attribute: &str, now: Timestamp) -> Option<String> {
    let now = instant(now);
    rows.iter()
        .filter(|row| {
            row["date_start"]
                .as_str()
                .is_some_and(|start| start <= now.as_str())
        })
        .max_by_key(|row| row["date_start"].as_str())
        .map(|row| row[attribute].to_string())
}

fn place_of(season: &Season, round: &Round) -> Value {
    let circuit = round.circuit;
    let sign = if circuit.utc_offset < 0 { "-" } else { "" };
    json!({
        "meeting_key": FIRST_MEETING + round.number,
        "circuit_key": circuit.key,
        "circuit_short_name": circuit.short_name,
        "country_key": circuit.country_key,
        "country_code": circuit.country_code,
        "country_name": circuit.country_name,
        "location": circuit.location,
        "gmt_offset": format!("{sign}{:02}:00:00", circuit.utc_offset.abs()),
        "year": season.year,
        "is_cancelled": false,
    })
}

fn merge(row: &mut Value, more: Value) {
    if let (Value::Object(row), Value::Object(more)) = (row, more) {
        row.extend(more);
    }
}

/// Type and name: a sprint is of type Race, its qualifying of type Qualifying.
fn names(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Practice1 => ("Practice", "Practice 1"),
        Kind::Practice2 => ("Practice", "Practice 2"),
        Kind::Practice3 => ("Practice", "Practice 3"),
        Kind::SprintQualifying => ("Qualifying", "Sprint Qualifying"),
        Kind::Sprint => ("Race", "Sprint"),
        Kind::Qualifying => ("Qualifying", "Qualifying"),
        Kind::Race => ("Race", "Race"),
    }
}

fn span(session: &Session) -> Option<(Timestamp, Timestamp)> {
    let start = session.start?;
    let end = start
        .checked_add(SignedDuration::from_mins(session.kind.minutes()))
        .ok()?;
    Some((start, end))
}

fn instant(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}
