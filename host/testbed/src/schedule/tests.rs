//! The season and the two shapes, around fixed moments.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{jolpica, openf1, season::Season};

const START: &str = "2026-11-22T09:07:31Z";

fn start() -> Timestamp {
    START.parse().unwrap()
}

fn races(year: i16, page: &str) -> Value {
    let page = axum::extract::Query::try_from_uri(&format!("/x?{page}").parse().unwrap()).unwrap();
    let season = Season::around(start()).unwrap();
    jolpica::races(&season, year, &page, "http://schedule.test:1/ergast/f1/")
}

fn every_scalar_is_a_string(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        Value::Array(items) => items.iter().all(every_scalar_is_a_string),
        Value::Object(fields) => fields.values().all(every_scalar_is_a_string),
        _ => false,
    }
}

fn instant(when: &Value) -> Option<Timestamp> {
    let text = format!("{}T{}", when["date"].as_str()?, when["time"].as_str()?);
    Some(text.parse().unwrap())
}

#[test]
fn the_envelope_is_jolpicas() {
    let answer = races(2026, "");
    let data = &answer["MRData"];
    assert!(every_scalar_is_a_string(&answer));
    assert_eq!(
        (&data["limit"], &data["offset"], &data["total"]),
        (&"30".into(), &"0".into(), &"10".into())
    );
    assert_eq!(data["RaceTable"]["season"], "2026");
    let race = &data["RaceTable"]["Races"][8];
    assert_eq!(race["round"], "9");
    assert_eq!(race["Circuit"]["circuitId"], "vegas");
    assert_eq!(race["Circuit"]["Location"]["locality"], "Las Vegas");
    // Four weeks after the start, 20:00 in Nevada: the day after, in UTC.
    assert_eq!(
        (&race["date"], &race["time"]),
        (&"2026-12-21".into(), &"04:00:00Z".into())
    );
}

#[test]
fn pages_are_honoured() {
    let rounds = |page: &str| -> Vec<String> {
        let data = races(2026, page);
        assert_eq!(data["MRData"]["total"], "10");
        let races = data["MRData"]["RaceTable"]["Races"]
            .as_array()
            .unwrap()
            .clone();
        races
            .iter()
            .map(|race| race["round"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(rounds("limit=2&offset=3"), ["4", "5"]);
    assert_eq!(rounds("offset=9"), ["10"]);
    assert!(rounds("offset=10").is_empty());
    assert_eq!(rounds("limit=100").len(), 10);
    assert_eq!(races(2026, "limit=1000")["MRData"]["limit"], "100");
}

#[test]
fn another_year_is_empty() {
    let data = races(2025, "");
    assert_eq!(data["MRData"]["total"], "0");
    assert_eq!(
        data["MRData"]["RaceTable"]["Races"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
}

#[test]
fn one_race_is_on_and_the_rest_lies_around_it() {
    // Also where the season runs over the end of a year.
    for start in [START, "2026-01-01T00:03:00Z", "2027-12-31T23:59:59Z"] {
        let start: Timestamp = start.parse().unwrap();
        let season = Season::around(start).unwrap();
        let mut live = Vec::new();
        for round in &season.rounds {
            let race = round.sessions.last().unwrap();
            assert!(
                round
                    .sessions
                    .windows(2)
                    .all(|pair| pair[0].start <= pair[1].start)
            );
            for session in &round.sessions {
                let days = session.date.until(race.date).unwrap().get_days();
                assert!(
                    (0..=4).contains(&days),
                    "the sanity rule of those who merge"
                );
                let Some(begins) = session.start else {
                    continue;
                };
                let ends = begins + SignedDuration::from_mins(session.kind.minutes());
                if (begins..ends).contains(&start) {
                    live.push((round.number, session.kind));
                    assert!(
                        ends > start + SignedDuration::from_mins(90),
                        "over too soon for a demo"
                    );
                }
                assert_eq!(
                    ends < start,
                    round.number < 5 || (round.number == 5 && ends < start)
                );
            }
        }
        assert_eq!(live, [(5, super::season::Kind::Race)], "at {start}");
    }
}

#[test]
fn one_weekend_has_a_sprint_and_one_has_no_times() {
    let data = races(2026, "");
    let races = data["MRData"]["RaceTable"]["Races"].as_array().unwrap();
    for (index, race) in races.iter().enumerate() {
        let sprint = index == 5;
        assert_eq!(race.get("Sprint").is_some(), sprint, "round {}", index + 1);
        assert_eq!(race.get("SprintQualifying").is_some(), sprint);
        assert_eq!(race.get("ThirdPractice").is_some(), !sprint);
        let timed = index != 9;
        for when in [race, &race["FirstPractice"], &race["Qualifying"]] {
            assert!(when["date"].is_string());
            assert_eq!(instant(when).is_some(), timed, "round {}", index + 1);
        }
    }
}

#[test]
fn both_apis_tell_the_same_times() {
    let season = Season::around(start()).unwrap();
    let rows = openf1::sessions(&season);
    let data = races(2026, "");
    let races = data["MRData"]["RaceTable"]["Races"].as_array().unwrap();
    let race_rows: Vec<&Value> = rows
        .iter()
        .filter(|row| row["session_name"] == "Race")
        .collect();
    assert_eq!(race_rows.len(), 9, "the round without times is not listed");
    for (row, race) in race_rows.iter().zip(races) {
        let start: Timestamp = row["date_start"].as_str().unwrap().parse().unwrap();
        assert_eq!(Some(start), instant(race));
        assert_eq!(row["session_type"], "Race");
        assert_eq!(row["year"], 2026);
        assert_eq!(row["is_cancelled"], false);
    }
    assert_eq!(race_rows[7]["gmt_offset"], "-03:00:00");
    assert_eq!(race_rows[0]["gmt_offset"], "11:00:00");
    let sprint = rows
        .iter()
        .find(|row| row["session_name"] == "Sprint")
        .unwrap();
    assert_eq!(sprint["session_type"], "Race");
}

#[test]
fn filters() {
    let season = Season::around(start()).unwrap();
    let sessions = openf1::sessions(&season);
    let meetings = openf1::meetings(&season);
    let count = |query: &str| {
        openf1::select(&sessions, Some(query), start())
            .as_array()
            .unwrap()
            .len()
    };
    let cases = [
        ("", 45),
        ("year=2026", 45),
        ("year=2025", 0),
        ("session_name=Sprint%20Qualifying", 1),
        ("session_name=Sprint+Qualifying", 1),
        ("session_type=Race", 10),
        ("year>=2026&session_name=Race", 9),
        ("year%3E2026", 0),
        ("date_start<=2026-11-22&session_name=Race", 4),
        ("date_start%3C%3D2026-11-22&session_name=Race", 4),
        ("is_cancelled=true", 0),
        ("no_such_attribute=1", 0),
        ("session_key=latest", 1),
        ("meeting_key=latest", 5),
    ];
    for (query, expected) in cases {
        assert_eq!(count(query), expected, "{query}");
    }
    let latest = openf1::select(&sessions, Some("session_key=latest"), start());
    assert_eq!(
        (&latest[0]["location"], &latest[0]["session_name"]),
        (&"Silverstone".into(), &"Race".into())
    );
    assert_eq!(
        openf1::select(&meetings, Some("year=2026"), start())
            .as_array()
            .unwrap()
            .len(),
        9
    );
    assert_eq!(
        openf1::select(&meetings, None, start())[0]["meeting_name"],
        "Australian Grand Prix"
    );
}
