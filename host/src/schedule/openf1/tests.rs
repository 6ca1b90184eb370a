use serde_json::json;

use super::*;

fn meeting(key: u64) -> Value {
    json!({
        "meeting_key": key, "meeting_name": "Singapore Grand Prix",
        "meeting_official_name": "FORMULA 1 SINGAPORE GRAND PRIX 2026",
        "location": "Marina Bay", "country_key": 157, "country_code": "SGP",
        "country_name": "Singapore", "circuit_key": 61, "circuit_short_name": "Singapore",
        "gmt_offset": "08:00:00", "date_start": "2026-10-09T09:30:00+00:00",
        "date_end": "2026-10-11T14:00:00+00:00", "year": 2026, "is_cancelled": false,
    })
}

fn row(key: u64, kind: &str, name: &str, start: &str, end: &str) -> Value {
    json!({
        "session_key": key, "session_type": kind, "session_name": name,
        "date_start": start, "date_end": end, "meeting_key": 1, "circuit_key": 61,
        "year": 2026, "is_cancelled": false,
    })
}

fn read(meetings: &[Value], rows: &[Value]) -> Result<Report, AnswerError> {
    let text = |rows: &[Value]| json!(rows).to_string().into_bytes();
    parse(&text(meetings), &text(rows), 2026, Timestamp::UNIX_EPOCH)
}

fn lines(report: &Report) -> Vec<String> {
    let sessions = report.events.iter().flat_map(|event| &event.sessions);
    let line = |said: &Said| {
        let at = said
            .time
            .start()
            .map_or("?".to_owned(), |start| start.to_string());
        let end = said.end.map_or("?".to_owned(), |end| end.to_string());
        format!("{} {at} {end}", said.kind.slug())
    };
    sessions.map(line).collect()
}

#[test]
fn a_sprint_weekend_by_its_names() {
    let rows = [
        row(
            5,
            "Race",
            "Race",
            "2026-10-11T12:00:00+00:00",
            "2026-10-11T14:00:00+00:00",
        ),
        row(
            4,
            "Qualifying",
            "Qualifying",
            "2026-10-10T13:00:00+00:00",
            "2026-10-10T14:00:00+00:00",
        ),
        row(
            3,
            "Race",
            "Sprint",
            "2026-10-10T09:00:00+00:00",
            "2026-10-10T10:00:00+00:00",
        ),
        row(
            2,
            "Qualifying",
            "Sprint Qualifying",
            "2026-10-09T12:30:00.000+00:00",
            "2026-10-09T13:14:00+00:00",
        ),
        row(
            1,
            "Practice",
            "Practice 1",
            "2026-10-09T16:30:00+08:00",
            "2026-10-09T09:30:00+00:00",
        ),
        row(
            1,
            "Practice",
            "Practice 1",
            "2026-10-09T16:30:00+08:00",
            "2026-10-09T09:30:00+00:00",
        ),
    ];
    let report = read(&[meeting(1), meeting(1)], &rows).expect("a season");
    assert_eq!(
        lines(&report),
        [
            "practice1 2026-10-09T08:30:00Z 2026-10-09T09:30:00Z",
            "sprint_qualifying 2026-10-09T12:30:00Z 2026-10-09T13:14:00Z",
            "sprint 2026-10-10T09:00:00Z 2026-10-10T10:00:00Z",
            "qualifying 2026-10-10T13:00:00Z 2026-10-10T14:00:00Z",
            "race 2026-10-11T12:00:00Z 2026-10-11T14:00:00Z",
        ]
    );
    assert!(
        report.complete && report.problems.is_empty(),
        "{:?}",
        report.problems
    );
    let event = &report.events[0];
    assert_eq!((&*event.circuit.id, event.round), ("marina_bay", None));
    assert_eq!(event.day, jiff::civil::date(2026, 10, 11));
}

/// A row of 2023 that calls the sprint "Sprint Qualifying", and the shootout's own name.
#[test]
fn a_sprint_of_2023() {
    let rows = [
        row(
            1,
            "Sprint Shootout",
            "Sprint Shootout",
            "2026-10-10T09:00:00+00:00",
            "2026-10-10T09:44:00+00:00",
        ),
        row(
            2,
            "Sprint Qualifying",
            "Sprint Qualifying",
            "2026-10-10T13:30:00+00:00",
            "2026-10-10T14:00:00+00:00",
        ),
        row(
            3,
            "Race",
            "Race",
            "2026-10-11T12:00:00+00:00",
            "2026-10-11T14:00:00+00:00",
        ),
    ];
    let report = read(&[meeting(1)], &rows).expect("a season");
    let kinds: Vec<Kind> = report.events[0]
        .sessions
        .iter()
        .map(|said| said.kind)
        .collect();
    assert_eq!(kinds, [Kind::SprintQualifying, Kind::Sprint, Kind::Race]);
}

#[test]
fn what_is_wrong_is_left_out_alone() {
    let good = row(
        9,
        "Race",
        "Race",
        "2026-10-11T12:00:00+00:00",
        "2026-10-11T14:00:00+00:00",
    );
    let with = |key: &str, value: Value| {
        let mut row = row(
            1,
            "Practice",
            "Practice 1",
            "2026-10-09T08:30:00+00:00",
            "2026-10-09T09:30:00+00:00",
        );
        row[key] = value;
        row
    };
    for (odd, is_complete, is_kept) in [
        (json!(7), false, false),
        (with("date_start", json!("soon")), false, false),
        (
            with("date_start", json!("2031-10-09T08:30:00+00:00")),
            false,
            false,
        ),
        (with("session_name", json!("Warm-up")), false, false),
        (with("meeting_key", json!(2)), false, false),
        (with("year", json!(2025)), true, false),
        (
            with("date_end", json!("2026-10-09T08:30:00+00:00")),
            true,
            true,
        ),
        (with("date_end", json!(null)), true, true),
        (with("is_cancelled", json!(null)), true, true),
    ] {
        let report = read(&[meeting(1)], &[odd.clone(), good.clone()]).expect("a season");
        assert_eq!(report.complete, is_complete, "{odd}");
        assert_eq!(
            report.events[0].sessions.len(),
            1 + usize::from(is_kept),
            "{odd}"
        );
        assert!(
            report.events[0].sessions[0].end.is_none() || !is_kept || odd["is_cancelled"].is_null()
        );
    }
    // One that no race can have is doubted, not dropped.
    let early = with("date_start", json!("2026-10-01T08:30:00+00:00"));
    let report = read(&[meeting(1)], &[early, good.clone()]).expect("a season");
    let doubted = report.events[0].said(Kind::Practice1).expect("kept");
    assert!(matches!(doubted.time, Time::Doubtful(_)) && doubted.end.is_none());
}

#[test]
fn what_is_no_season_is_refused() {
    let rows = [row(
        1,
        "Race",
        "Race",
        "2026-10-11T12:00:00+00:00",
        "2026-10-11T14:00:00+00:00",
    )];
    assert_eq!(read(&[], &[]), Err(AnswerError::Empty));
    assert_eq!(read(&[], &rows), Err(AnswerError::Empty));
    let many = vec![rows[0].clone(); MAX_ROWS + 1];
    assert_eq!(read(&[meeting(1)], &many), Err(AnswerError::TooMany));
    let mut other = meeting(1);
    other["year"] = json!(2025);
    let wrong = AnswerError::WrongSeason {
        asked: 2026,
        got: 2025,
    };
    assert_eq!(read(&[other], &rows), Err(wrong));
    for body in [&b"{\"detail\":\"Session in progress\"}"[..], b"7", b"null"] {
        let read = parse(body, b"[]", 2026, Timestamp::UNIX_EPOCH);
        assert_eq!(read, Err(AnswerError::Shape));
    }
    let read = parse(b"[]", b"<html>", 2026, Timestamp::UNIX_EPOCH);
    assert_eq!(read, Err(AnswerError::NotJson));
}
