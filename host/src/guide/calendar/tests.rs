use super::*;
use crate::guide::sample::{event, session};

fn base() -> Base {
    Base::new(
        &"https://tv.example/f1".parse().expect("a URL"),
        Some("abc"),
    )
}

fn lines(text: &str) -> Vec<String> {
    assert!(text.ends_with("\r\n") && !text.replace("\r\n", "").contains(['\r', '\n']));
    assert!(text.split("\r\n").all(|line| line.len() <= 75));
    let unfolded = text.replace("\r\n ", "");
    unfolded
        .split_terminator("\r\n")
        .map(str::to_owned)
        .collect()
}

#[test]
fn one_event_is_written_as_promised() {
    let mut race = session(Kind::Race, Some("2026-11-22T04:00:00Z"));
    race.sequence = 3;
    let vegas = event("Las Vegas; São, \"Grand\" Prix", vec![race]);
    let choice = Choice::parse("alarm=15").expect("a choice");
    assert_eq!(
        lines(&calendar(&[vegas], &choice, &base())),
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//f1-streams//schedule//EN",
            "CALSCALE:GREGORIAN",
            "METHOD:PUBLISH",
            "NAME:Formula 1",
            "X-WR-CALNAME:Formula 1",
            "X-WR-TIMEZONE:UTC",
            "REFRESH-INTERVAL;VALUE=DURATION:PT6H",
            "X-PUBLISHED-TTL:PT6H",
            "COLOR:red",
            "BEGIN:VEVENT",
            "UID:2026-vegas-race@f1-streams",
            "DTSTAMP:20260301T120000Z",
            "LAST-MODIFIED:20260301T120000Z",
            "SEQUENCE:3",
            "DTSTART:20261122T040000Z",
            "DTEND:20261122T060000Z",
            "SUMMARY:F1 Race: Las Vegas\\; São\\, \"Grand\" Prix",
            "STATUS:CONFIRMED",
            "DESCRIPTION:Watch: https://tv.example/f1/watch",
            "LOCATION:Strip Circuit\\, Las Vegas\\, USA",
            "GEO:36.1147;-115.1730",
            "CATEGORIES:Formula 1",
            "URL:https://tv.example/f1/watch",
            "TRANSP:TRANSPARENT",
            "ORGANIZER;CN=f1-streams:mailto:noreply@f1-streams.invalid",
            "BEGIN:VALARM",
            "ACTION:DISPLAY",
            "TRIGGER:-PT15M",
            "DESCRIPTION:F1 Race: Las Vegas\\; São\\, \"Grand\" Prix",
            "END:VALARM",
            "END:VEVENT",
            "END:VCALENDAR",
        ]
    );
}

#[test]
fn what_is_off_stays_and_what_has_no_time_is_all_day() {
    let choice = Choice::parse("alarm=30").expect("a choice");
    for (status, start, expect) in [
        (Status::Scheduled, true, "STATUS:CONFIRMED"),
        (Status::Changed, true, "STATUS:CONFIRMED"),
        (Status::Unconfirmed, true, "STATUS:TENTATIVE"),
        (Status::Unconfirmed, false, "STATUS:TENTATIVE"),
        (Status::Cancelled, true, "STATUS:CANCELLED"),
        (Status::Postponed, true, "STATUS:CANCELLED"),
    ] {
        let start = start.then_some("2026-11-22T04:00:00Z");
        let mut race = session(Kind::Race, start);
        race.status = status;
        let lines = lines(&calendar(&[event("Vegas", vec![race])], &choice, &base()));
        let has = |line: &str| lines.iter().any(|has| has == line);
        assert!(has(expect), "{status:?}: {lines:?}");
        assert_eq!(has("DTSTART;VALUE=DATE:20261122"), start.is_none());
        let is_on = status.is_on();
        assert_eq!(has("BEGIN:VALARM"), is_on && start.is_some(), "{status:?}");
        let title = lines.iter().find(|line| line.starts_with("SUMMARY:"));
        let title = title.expect("a title");
        assert_eq!(title.starts_with("SUMMARY:F1 Race: "), is_on, "{title}");
    }
}

#[test]
fn every_kind_can_be_chosen() {
    let kinds = [
        Kind::Practice1,
        Kind::Practice2,
        Kind::Practice3,
        Kind::SprintQualifying,
        Kind::Sprint,
        Kind::Qualifying,
        Kind::Race,
        Kind::Day1,
        Kind::Day2,
        Kind::Day3,
    ];
    let all = kinds.map(|kind| session(kind, Some("2026-11-22T04:00:00Z")));
    let all = [event("Vegas", all.to_vec())];
    let chosen = |query: &str| {
        let choice = Choice::parse(query).expect(query);
        calendar(&all, &choice, &base())
            .matches("BEGIN:VEVENT")
            .count()
    };
    assert_eq!(chosen(""), 10);
    let each = ["race", "quali", "sprint", "sq", "fp", "test"];
    let counts = each.map(|word| chosen(&format!("sessions={word}")));
    assert_eq!(counts, [1, 1, 1, 1, 3, 3]);
    assert_eq!(chosen("sessions=race%2Cfp&x=y"), 4);
    for (query, wrong) in [
        ("sessions=Race", BadChoice::Sessions),
        ("sessions=", BadChoice::Sessions),
        ("alarm=5", BadChoice::Alarm),
        ("alarm=15m", BadChoice::Alarm),
    ] {
        assert_eq!(Choice::parse(query), Err(wrong), "{query}");
    }
}
