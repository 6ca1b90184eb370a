//! Answers in the shapes that Jolpica and Ergast give, and in the shapes that a
//! broken one, or someone else, gives.

use serde_json::{Value, json};

use super::super::answer::MAX_BODY;
use super::*;

fn parse(body: &[u8], year: i16) -> Result<Report, AnswerError> {
    super::parse(body, year, Timestamp::UNIX_EPOCH)
}

/// A race on Sunday 19 July of `year`'s calendar, as the API lists one.
fn race(year: &str) -> Value {
    json!({
        "season": year,
        "round": "10",
        "url": "https://example.test/race",
        "raceName": "Test Grand Prix",
        "Circuit": {
            "circuitId": "spa",
            "url": "https://example.test/circuit",
            "circuitName": "Test Circuit",
            "Location": { "lat": "50.4", "long": "5.9", "locality": "Stavelot", "country": "Belgium" },
        },
        "date": format!("{year}-07-19"),
        "time": "13:00:00Z",
    })
}

fn with(mut race: Value, entries: &[(&str, Value)]) -> Value {
    for (key, value) in entries {
        race[*key] = value.clone();
    }
    race
}

fn at(date: &str, time: &str) -> Value {
    json!({ "date": date, "time": time })
}

fn answer(year: &str, races: &[Value]) -> Vec<u8> {
    let document = json!({ "MRData": {
        "xmlns": "", "series": "f1", "limit": "100", "offset": "0",
        "total": races.len().to_string(),
        "RaceTable": { "season": year, "Races": races },
    }});
    document.to_string().into_bytes()
}

/// The one event of an answer with this race, as `kind at` lines in time order.
fn sessions(year: i16, race: &Value) -> (Vec<String>, Report) {
    let report =
        parse(&answer(&year.to_string(), std::slice::from_ref(race)), year).expect("a season");
    let mut lines: Vec<_> = report.events[0].sessions.clone();
    lines.sort_by_key(|said| (said.time.date(), said.time.start(), said.kind));
    let text = |time: &Time| match time {
        Time::At(start) => start.to_string(),
        Time::On(date) => date.to_string(),
        Time::Doubtful(date) => format!("{date}?"),
    };
    (
        lines
            .iter()
            .map(|said| format!("{} {}", said.kind.slug(), text(&said.time)))
            .collect(),
        report,
    )
}

#[test]
fn an_ordinary_weekend() {
    let race = with(
        race("2026"),
        &[
            // Field order is not time order.
            ("Qualifying", at("2026-07-18", "14:00:00Z")),
            ("FirstPractice", at("2026-07-17", "11:30:00Z")),
            ("ThirdPractice", at("2026-07-18", "10:30:00Z")),
            ("SecondPractice", at("2026-07-17", "15:00:00Z")),
        ],
    );
    let (lines, report) = sessions(2026, &race);
    assert_eq!(
        lines,
        [
            "practice1 2026-07-17T11:30:00Z",
            "practice2 2026-07-17T15:00:00Z",
            "practice3 2026-07-18T10:30:00Z",
            "qualifying 2026-07-18T14:00:00Z",
            "race 2026-07-19T13:00:00Z",
        ]
    );
    assert!(report.complete);
    assert_eq!(report.problems, []);
    let event = &report.events[0];
    assert_eq!(
        (event.name.as_str(), event.round),
        ("Test Grand Prix", Some(10))
    );
    assert_eq!(
        event.circuit,
        Circuit {
            id: "spa".to_owned(),
            name: "Test Circuit".to_owned(),
            locality: "Stavelot".to_owned(),
            country: "Belgium".to_owned(),
        }
    );
}

/// Each format of a sprint weekend since there are any, by the names of its time.
#[test]
fn sprint_weekends_of_every_format() {
    let check = |year: i16, entries: &[(&str, &str)], expect: &[&str]| {
        let entries: Vec<_> = entries
            .iter()
            .map(|(name, day)| {
                (
                    *name,
                    at(
                        &format!("{year}-07-{}", &day[..2]),
                        &format!("{}:00:00Z", &day[3..]),
                    ),
                )
            })
            .collect();
        let (lines, _) = sessions(year, &with(race(&year.to_string()), &entries));
        let kinds: Vec<_> = lines
            .iter()
            .map(|line| line.split(' ').next().unwrap_or_default())
            .collect();
        assert_eq!(kinds, expect, "{year}");
    };
    let today = [
        "practice1",
        "sprint_qualifying",
        "sprint",
        "qualifying",
        "race",
    ];
    check(
        2024,
        &[
            ("FirstPractice", "17 10"),
            ("SprintQualifying", "17 14"),
            ("Sprint", "18 10"),
            ("Qualifying", "18 14"),
        ],
        &today,
    );
    let of_2023 = [
        "practice1",
        "qualifying",
        "sprint_qualifying",
        "sprint",
        "race",
    ];
    check(
        2023,
        &[
            ("FirstPractice", "17 10"),
            ("Qualifying", "17 14"),
            ("SprintShootout", "18 10"),
            ("Sprint", "18 14"),
        ],
        &of_2023,
    );
    // Ergast's name for the same session.
    check(
        2023,
        &[
            ("FirstPractice", "17 10"),
            ("Qualifying", "17 14"),
            ("SecondPractice", "18 10"),
            ("Sprint", "18 14"),
        ],
        &of_2023,
    );
    let first_ones = ["practice1", "qualifying", "practice2", "sprint", "race"];
    check(
        2022,
        &[
            ("FirstPractice", "17 10"),
            ("Qualifying", "17 14"),
            ("SecondPractice", "18 10"),
            ("Sprint", "18 14"),
        ],
        &first_ones,
    );
}

#[test]
fn a_day_without_a_time_is_only_a_day() {
    let mut dated = with(
        race("2020"),
        &[
            ("FirstPractice", json!({ "date": "2020-07-17" })),
            (
                "SecondPractice",
                json!({ "date": "2020-07-17", "time": null }),
            ),
            ("ThirdPractice", at("2020-07-18", "10:30:00")),
            ("Qualifying", at("2020-07-18", "25:00:00Z")),
        ],
    );
    dated.as_object_mut().expect("an object").remove("time");
    let (lines, _) = sessions(2020, &dated);
    assert_eq!(
        lines,
        [
            "practice1 2020-07-17",
            "practice2 2020-07-17",
            "practice3 2020-07-18",
            "qualifying 2020-07-18",
            "race 2020-07-19",
        ]
    );
}

#[test]
fn a_session_on_the_wrong_day_is_doubted() {
    let race = with(
        race("2026"),
        &[
            ("FirstPractice", at("2026-07-10", "11:30:00Z")),
            ("Qualifying", at("2026-07-18", "14:00:00Z")),
        ],
    );
    let (lines, report) = sessions(2026, &race);
    assert!(
        lines.contains(&"practice1 2026-07-19?".to_owned()),
        "{lines:?}"
    );
    assert!(
        lines.contains(&"qualifying 2026-07-18T14:00:00Z".to_owned()),
        "{lines:?}"
    );
    assert_eq!(report.problems.len(), 1);
    assert!(report.complete);
}

/// One entry that is wrong costs itself, not the season, and leaves the answer
/// incomplete: what is not in it may still exist.
#[test]
fn one_bad_race_is_left_out() {
    let good = race("2026");
    let check = |bad: Value| {
        let report = parse(&answer("2026", &[bad.clone(), good.clone()]), 2026).expect("a season");
        assert_eq!(report.events.len(), 1, "{bad}");
        assert!(!report.complete, "{bad}");
        assert_eq!(report.problems.len(), 1, "{bad}");
    };
    check(json!(null));
    check(json!([1, 2]));
    check(json!({}));
    check(with(good.clone(), &[("date", json!("soon"))]));
    check(with(
        good.clone(),
        &[("date", json!("2026-07-19T13:00:00Z"))],
    ));
    check(with(good.clone(), &[("date", json!("2025-07-19"))]));
    check(with(good.clone(), &[("date", json!("2026-13-45"))]));
    check(with(good.clone(), &[("season", json!("2025"))]));
    check(with(good.clone(), &[("raceName", json!(" \n\t"))]));
    check(with(good.clone(), &[("Circuit", json!("spa"))]));
    check(with(
        good.clone(),
        &[("Circuit", json!({ "circuitId": "../../etc" }))],
    ));
    check(with(
        good.clone(),
        &[("Circuit", json!({ "circuitId": "" }))],
    ));
    check(with(
        good.clone(),
        &[("Circuit", json!({ "circuitId": "x".repeat(41) }))],
    ));
}

#[test]
fn small_defects_are_repaired() {
    let odd = with(
        race("2026"),
        &[
            ("round", json!("tenth")),
            (
                "raceName",
                json!(format!("  Gr\u{7}an\u{202e}d\r\nPrix {}", "x".repeat(500))),
            ),
            ("Qualifying", json!("Saturday")),
            ("Sprint", json!({ "time": "10:00:00Z" })),
        ],
    );
    let (lines, report) = sessions(2026, &odd);
    let expect = [
        "sprint 2026-07-19?",
        "qualifying 2026-07-19?",
        "race 2026-07-19T13:00:00Z",
    ];
    assert_eq!(lines, expect, "listed, and to be confirmed");
    assert_eq!(report.events[0].round, Some(1));
    assert!(report.events[0].name.starts_with("GrandPrix xxx"));
    assert_eq!(
        report.events[0].name.chars().count(),
        crate::schedule::check::MAX_TEXT
    );
    assert_eq!(report.problems.len(), 3);
    let twice = parse(&answer("2026", &[race("2026"), race("2026")]), 2026).expect("a season");
    assert_eq!(twice.events.len(), 1);
}

#[test]
fn what_is_no_season_is_refused() {
    let check = |body: &[u8], expect: AnswerError| {
        assert_eq!(
            parse(body, 2026),
            Err(expect),
            "{}",
            String::from_utf8_lossy(&body[..body.len().min(80)])
        );
    };
    let whole = answer("2026", &[race("2026")]);
    check(b"", AnswerError::NotJson);
    check(
        b"<!doctype html><title>Just a moment</title>",
        AnswerError::NotJson,
    );
    check(&whole[..whole.len() / 2], AnswerError::NotJson);
    check(b"\xff\xfe\x00", AnswerError::NotJson);
    check("[".repeat(100_000).as_bytes(), AnswerError::NotJson);
    check(&vec![b' '; MAX_BODY + 1], AnswerError::TooLarge);
    check(b"[]", AnswerError::Shape);
    check(b"null", AnswerError::Shape);
    check(
        br#"{"detail":"Request was throttled."}"#,
        AnswerError::Shape,
    );
    check(
        br#"{"MRData":{"total":"1","RaceTable":{"season":"2026","Races":{}}}}"#,
        AnswerError::Shape,
    );
    check(
        br#"{"MRData":{"total":"many","RaceTable":{"season":"2026","Races":[]}}}"#,
        AnswerError::Shape,
    );
    check(
        br#"{"MRData":{"total":"99999999999999","RaceTable":{"season":"2026","Races":[]}}}"#,
        AnswerError::Shape,
    );
    check(
        br#"{"MRData":{"total":"-1","RaceTable":{"season":"2026","Races":[]}}}"#,
        AnswerError::Shape,
    );
    check(
        &answer("2025", &[race("2025")]),
        AnswerError::WrongSeason {
            asked: 2026,
            got: 2025,
        },
    );
    check(&answer("2026", &[]), AnswerError::Empty);
    check(&answer("2026", &[json!({})]), AnswerError::Empty);
    check(
        &answer("2026", &vec![race("2026"); MAX_EVENTS + 1]),
        AnswerError::TooMany,
    );
    let page = String::from_utf8(whole.clone())
        .expect("text")
        .replace("\"total\":\"1\"", "\"total\":\"24\"");
    check(
        page.as_bytes(),
        AnswerError::Incomplete {
            listed: 1,
            total: 24,
        },
    );
    let numbers = String::from_utf8(whole)
        .expect("text")
        .replace("\"total\":\"1\"", "\"total\":1");
    assert!(
        parse(format!("\u{feff}{numbers}").as_bytes(), 2026).is_ok(),
        "numbers and a BOM are harmless"
    );
}

/// Recorded answers, where someone has put some: real shapes, real seasons.
/// They are not part of the project, so nothing relies on this having run.
#[test]
fn recorded_answers_where_present() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let files = std::fs::read_dir(&dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let mut seen = 0;
    for path in files {
        let text = std::fs::read(&path).unwrap_or_default();
        let Ok(tree) = serde_json::from_slice::<Value>(&text) else {
            continue;
        };
        let table = &tree["MRData"]["RaceTable"];
        let (Some(year), Some(races)) = (number(&table["season"]), table["Races"].as_array())
        else {
            continue;
        };
        if path.to_string_lossy().contains("next") {
            continue;
        }
        let report =
            parse(&text, year).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(report.events.len(), races.len(), "{}", path.display());
        assert_eq!(report.problems, [], "{}", path.display());
        assert!(
            report.events.iter().all(|event| event.sessions.len() == 5),
            "{}",
            path.display()
        );
        assert!(
            report
                .events
                .iter()
                .all(|event| crate::schedule::circuits::time_zone(&event.circuit.id).is_some()),
            "{}",
            path.display()
        );
        seen += 1;
    }
    if seen == 0 {
        #[expect(clippy::print_stderr, reason = "a skipped check must be seen")]
        let () = eprintln!(
            "no recorded answers in {}: nothing was checked",
            dir.display()
        );
    }
}
