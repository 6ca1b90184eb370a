//! The seasons of 2021 to 2026 in the shapes of the sources, errors and all, and
//! when each session is where viewers live: by jiff here, by the browser's `Intl` in
//! `frontend/src/lib/time/seasons.test.ts`, and by Python in what both are held to.

mod year;

use std::collections::BTreeSet;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use super::*;
use year::{SEASONS, When, Year};

/// As `zones.py` writes it.
fn line(session: &SessionView, zones: &[TimeZone]) -> String {
    let Some(start) = session.start else {
        return format!("{} | {}", session.id, session.date.strftime("%a %Y-%m-%d"));
    };
    let there = |zone: &TimeZone| {
        let there = start.to_zoned(zone.clone());
        there.strftime("%a %Y-%m-%d %H:%M").to_string()
    };
    let times: Vec<String> = zones.iter().map(there).collect();
    format!("{} | {}", session.id, times.join(" | "))
}

#[tokio::test]
async fn every_session_is_right_in_every_zone() {
    for (year, _, zones) in SEASONS {
        let season = Year::of(year);
        let world = season.polled().await;
        let events = season.events(&world);
        let mut lines = zones.lines();
        let names = lines.next().expect("a heading").split(" | ").skip(1);
        let zones: Vec<TimeZone> = names.map(|name| TimeZone::get(name).expect(name)).collect();
        assert_eq!(zones.len(), 6, "UTC and five viewers");
        let expect: BTreeSet<String> = lines.map(str::to_owned).collect();
        let sessions: Vec<&SessionView> = events.iter().flat_map(|event| &event.sessions).collect();
        let found: BTreeSet<String> = sessions
            .iter()
            .map(|session| line(session, &zones))
            .collect();
        let missing: Vec<&String> = expect.difference(&found).collect();
        let more: Vec<&String> = found.difference(&expect).collect();
        assert!(
            missing.is_empty() && more.is_empty(),
            "{year}: without {missing:#?}, and with {more:#?}"
        );
        assert_eq!(sessions.len(), expect.len(), "{year}");

        for event in &events {
            let is_off = ["2023-imola", "2026-bahrain", "2026-jeddah"].contains(&&*event.id);
            for session in &event.sessions {
                let expect = match session.start {
                    _ if is_off => Status::Cancelled,
                    Some(_) => Status::Scheduled,
                    None => Status::Unconfirmed,
                };
                assert_eq!(session.status, expect, "{}", session.id);
            }
        }
        let unmatched = world.schedule.operator_view().unmatched;
        assert!(unmatched.is_empty(), "{year}: {unmatched:?}");
    }
}

/// Of every race of all seasons its event, and its day in UTC and at the track.
async fn race_days() -> Vec<(String, Date, Date)> {
    let mut days = Vec::new();
    for (year, ..) in SEASONS {
        let season = Year::of(year);
        for event in season.events(&season.polled().await) {
            let mut sessions = event.sessions.iter();
            let race = sessions.find(|session| session.kind == Kind::Race);
            if let Some(start) = race.and_then(|race| race.start) {
                let at_track = circuits::track_date(&event.circuit.id, start).expect("a zone");
                days.push((event.id, model::utc_date(start), at_track));
            }
        }
    }
    days
}

#[tokio::test]
async fn only_las_vegas_races_on_another_day_in_utc() {
    let days = race_days().await.into_iter();
    let other: Vec<_> = days.filter(|(_, utc, at_track)| utc != at_track).collect();
    for (event, utc, at_track) in &other {
        assert_eq!(at_track.tomorrow().expect("a day"), *utc, "{event}");
    }
    let events: Vec<&str> = other.iter().map(|(event, ..)| event.as_str()).collect();
    assert_eq!(
        events,
        ["2023-vegas", "2024-vegas", "2025-vegas", "2026-vegas"]
    );
}

#[tokio::test]
async fn not_every_race_is_on_a_sunday() {
    let days = race_days().await.into_iter();
    let days = days.map(|(event, _, at_track)| (event, at_track.weekday()));
    let other: Vec<_> = days
        .filter(|(_, weekday)| *weekday != Weekday::Sunday)
        .collect();
    assert!(
        other
            .iter()
            .all(|(_, weekday)| *weekday == Weekday::Saturday),
        "{other:?}"
    );
    let events: Vec<&str> = other.iter().map(|(event, _)| event.as_str()).collect();
    assert_eq!(
        events,
        [
            "2023-vegas",
            "2024-bahrain",
            "2024-jeddah",
            "2024-vegas",
            "2025-vegas",
            "2026-baku",
            "2026-vegas",
        ]
    );
}

/// Jolpica had the track's dates beside the times in UTC.
#[tokio::test]
async fn a_las_vegas_that_is_a_day_early_is_put_right_and_told() {
    let season = Year::of(2024);
    let world = season.polled().await;
    let found = world.schedule.operator_view().disagreements.into_iter();
    let found: Vec<_> = found
        .filter(|found| found.session.starts_with("2024-vegas-"))
        .collect();
    assert_eq!(found.len(), 5, "{found:?}");
    for found in found {
        let jolpica = found.jolpica.expect("a time");
        let used = found.used.expect("a time");
        assert_eq!(
            used.duration_since(jolpica).as_hours(),
            24,
            "{}",
            found.session
        );
        assert_eq!(found.openf1, Some(used), "{}", found.session);
    }
    // When one race has the time of its qualifying, the race is the wrong one.
    let season = Year::of(2025);
    let world = season.polled().await;
    for (session, start) in [
        ("2025-vegas-qualifying", "2025-11-22T04:00:00Z"),
        ("2025-vegas-race", "2025-11-23T04:00:00Z"),
    ] {
        let session = world.session(session);
        assert_eq!(
            (session.start, session.status),
            (Some(ts(start)), Status::Scheduled),
            "{}",
            session.id
        );
    }
}

#[tokio::test]
async fn clocks_change_between_the_sessions_of_one_event() {
    let viewers = [
        "America/Los_Angeles",
        "America/New_York",
        "Europe/London",
        "Asia/Kolkata",
        "Asia/Tokyo",
        "Australia/Lord_Howe",
    ];
    let mut changes = Vec::new();
    for (year, ..) in SEASONS {
        let season = Year::of(year);
        for event in season.events(&season.polled().await) {
            let starts = event.sessions.iter().filter_map(|session| session.start);
            let starts: Vec<Timestamp> = starts.collect();
            let (Some(first), Some(last)) = (starts.first(), starts.last()) else {
                continue;
            };
            let track = event.circuit.timezone.as_deref().expect("a zone");
            for name in viewers.into_iter().chain([track]) {
                let zone = TimeZone::get(name).expect(name);
                if zone.to_offset(*first) != zone.to_offset(*last) {
                    changes.push(format!("{} {name}", event.id));
                }
            }
        }
    }
    // By Python's zoneinfo. Of the tracks' own clocks two changed.
    assert_eq!(
        changes,
        [
            "2022-jeddah Europe/London",
            "2022-marina_bay Australia/Lord_Howe",
            "2022-rodriguez Europe/London",
            "2022-rodriguez America/Mexico_City",
            "2023-albert_park Australia/Lord_Howe",
            "2023-albert_park Australia/Melbourne",
            "2023-rodriguez Europe/London",
            "2023-interlagos America/Los_Angeles",
            "2023-interlagos America/New_York",
            "2024-suzuka Australia/Lord_Howe",
            "2024-rodriguez Europe/London",
            "2024-interlagos America/Los_Angeles",
            "2024-interlagos America/New_York",
            "2025-suzuka Australia/Lord_Howe",
            "2025-marina_bay Australia/Lord_Howe",
            "2025-rodriguez Europe/London",
            "2026-suzuka Europe/London",
            "2026-sepang Australia/Lord_Howe",
            "2026-americas Europe/London",
            "2026-rodriguez America/Los_Angeles",
            "2026-rodriguez America/New_York",
        ]
    );
}

#[tokio::test]
async fn two_events_at_one_circuit_are_two() {
    let season = Year::of(2021);
    let events = season.events(&season.polled().await);
    let there = events
        .iter()
        .filter(|event| event.circuit.id == "red_bull_ring");
    let there: Vec<_> = there
        .map(|event| (&*event.id, &*event.name, event.round))
        .collect();
    assert_eq!(
        there,
        [
            ("2021-red_bull_ring", "Styrian Grand Prix", Some(8)),
            ("2021-red_bull_ring-2", "Austrian Grand Prix", Some(9)),
        ]
    );
}

#[tokio::test]
async fn sprint_weekends_of_every_format() {
    use Kind::{Practice1, Practice2, Qualifying, Race, Sprint, SprintQualifying};
    let first = [Practice1, Qualifying, Practice2, Sprint, Race];
    let shootout = [Practice1, Qualifying, SprintQualifying, Sprint, Race];
    let now = [Practice1, SprintQualifying, Sprint, Qualifying, Race];
    for (year, format, expect) in [
        (2021, first, "silverstone monza interlagos"),
        (2022, first, "imola red_bull_ring interlagos"),
        (
            2023,
            shootout,
            "baku red_bull_ring spa losail americas interlagos",
        ),
        (
            2024,
            now,
            "shanghai miami red_bull_ring americas interlagos losail",
        ),
        (2025, now, "shanghai miami spa americas interlagos losail"),
        (
            2026,
            now,
            "shanghai miami villeneuve silverstone zandvoort marina_bay",
        ),
    ] {
        let season = Year::of(year);
        let mut found = Vec::new();
        for event in season.events(&season.polled().await) {
            let kinds: Vec<Kind> = event.sessions.iter().map(|session| session.kind).collect();
            if kinds.contains(&Sprint) {
                assert_eq!(kinds, format, "{}", event.id);
                found.push(event.circuit.id);
            }
        }
        assert_eq!(found.join(" "), expect, "{year}");
    }
}

#[tokio::test]
async fn a_sprint_shootout_has_many_names_and_is_one() {
    let mut season = Year::of(2023);
    let world = season.polled().await;
    let expect = season.events(&world);
    let shootout = world.session("2023-baku-sprint_qualifying");
    assert_eq!(
        (shootout.kind, &*shootout.name, shootout.start),
        (
            Kind::SprintQualifying,
            "Sprint Qualifying",
            Some(ts("2023-04-29T08:30:00Z"))
        )
    );
    for words in [
        // Ergast's, and the pairs that OpenF1 has had.
        ("SecondPractice", ["Sprint Shootout", "Sprint Qualifying"]),
        ("SprintShootout", ["Sprint Shootout", "Sprint"]),
        ("SprintQualifying", ["Sprint Qualifying", "Sprint"]),
    ] {
        season.words = words;
        assert_eq!(season.events(&season.polled().await), expect, "{words:?}");
    }
}

#[tokio::test]
async fn rounds_that_are_called_off_and_come_back_keep_their_ids() {
    let off = Year::of(2026);
    let mut back = off.clone();
    for weekend in back.weekends.iter_mut().filter(|weekend| weekend.is_off) {
        (weekend.is_in_calendar, weekend.is_off) = (true, false);
    }
    let mut planned = back.clone();
    planned
        .weekends
        .retain(|weekend| weekend.circuit != "sepang");

    let places = ["bahrain", "jeddah", "miami", "sepang", "yas_marina"];
    let rounds = |world: &World| {
        places.map(|place| {
            let id = format!("2026-{place}");
            let mut events = off.events(world).into_iter();
            events
                .find(|event| event.id == id)
                .and_then(|event| event.round)
        })
    };
    let statuses = |world: &World| {
        let mut statuses = Vec::new();
        for event in off.events(world) {
            if event.id == "2026-bahrain" || event.id == "2026-jeddah" {
                statuses.extend(event.sessions.iter().map(|session| session.status));
            }
        }
        statuses
    };
    let world = planned.polled().await;
    assert_eq!(rounds(&world), [Some(4), Some(5), Some(6), None, Some(24)]);
    assert_eq!(statuses(&world), [Status::Scheduled; 10]);
    let before = world.session("2026-bahrain-race");
    let monaco = world.session("2026-monaco-race");

    world.clock.set("2026-03-29T00:00:00Z");
    off.poll(&world).await;
    assert_eq!(
        rounds(&world),
        [Some(4), Some(5), Some(4), Some(16), Some(23)]
    );
    assert_eq!(statuses(&world), [Status::Cancelled; 10]);
    let cancelled = world.session("2026-bahrain-race");
    assert_eq!(cancelled.start, before.start);
    assert!(cancelled.sequence > before.sequence);
    assert_eq!(
        world.session("2026-monaco-race"),
        monaco,
        "another number is no news"
    );

    world.clock.set("2026-04-02T00:00:00Z");
    back.poll(&world).await;
    assert_eq!(
        rounds(&world),
        [Some(4), Some(5), Some(6), Some(18), Some(25)]
    );
    assert_eq!(statuses(&world), [Status::Scheduled; 10]);
    let again = world.session("2026-bahrain-race");
    assert_eq!(again.start, before.start);
    assert!(again.sequence > cancelled.sequence);
    assert_eq!(again.changed_at, Some(ts("2026-04-02T00:00:00Z")));
    assert_eq!(world.session("2026-monaco-race"), monaco);
}

#[tokio::test]
async fn a_race_that_moves_on_its_day_says_what_it_was() {
    let season = Year::of(2026);
    let mut planned = season.clone();
    planned.row("miami", Kind::Race).openf1 = When::At(ts("2026-05-03T20:00:00Z"));
    let world = planned.polled().await;
    let before = world.session("2026-miami-race");
    assert_eq!(before.start, Some(ts("2026-05-03T20:00:00Z")));
    assert_eq!(before.status, Status::Scheduled);

    world.clock.set("2026-05-03T14:00:00Z");
    season.poll(&world).await;
    let moved = world.session("2026-miami-race");
    assert_eq!(moved.start, Some(ts("2026-05-03T17:00:00Z")));
    assert_eq!(
        (moved.status, moved.previous_start),
        (Status::Changed, before.start)
    );
    assert_eq!(moved.sequence, before.sequence + 1);
    assert_eq!(moved.changed_at, Some(ts("2026-05-03T14:00:00Z")));
    let changes = world.schedule.operator_view().changes;
    let changes: Vec<&str> = changes.iter().map(|change| &*change.session).collect();
    assert_eq!(changes, ["2026-miami-race"]);
}

#[tokio::test]
async fn a_session_without_a_time_waits_for_one() {
    let mut season = Year::of(2021);
    let world = season.polled().await;
    let first = "2021-bahrain-practice1";
    assert_eq!(
        world.schedule.current().expect("the race").id,
        "2021-bahrain-race"
    );
    for (now, state) in [
        ("2021-03-26T14:00:00Z", State::Upcoming),
        ("2021-03-27T23:59:59Z", State::Upcoming),
        ("2021-03-28T00:00:00Z", State::Finished),
    ] {
        world.clock.set(now);
        let session = world.session(first);
        assert_eq!(
            (session.start, session.end, session.state),
            (None, None, state),
            "{now}"
        );
    }

    world.clock.set("2021-03-20T00:00:00Z");
    season.row("bahrain", Kind::Practice1).jolpica = When::At(ts("2021-03-26T11:30:00Z"));
    season.poll(&world).await;
    let session = world.session(first);
    assert_eq!(session.start, Some(ts("2021-03-26T11:30:00Z")));
    assert_eq!(session.status, Status::Scheduled, "a first time is no move");
    assert_eq!((session.changed_at, session.previous_start), (None, None));
    let second = world.session("2021-bahrain-practice2");
    assert_eq!((second.start, second.status), (None, Status::Unconfirmed));
}

/// Jolpica gave Monaco the day and the time of Miami's race, in May 2026.
#[tokio::test]
async fn one_race_s_day_on_another_race_is_doubted_and_no_second_event() {
    let season = Year::of(2026);
    let world = season.polled().await;
    let count = season.events(&world).len();
    let mut wrong = season.clone();
    wrong.row("monaco", Kind::Race).jolpica = When::At(ts("2026-05-03T17:00:00Z"));
    for now in ["2026-05-04T00:00:00Z", "2026-05-04T12:00:00Z"] {
        world.clock.set(now);
        wrong.poll(&world).await;
        let race = world.session("2026-monaco-race");
        assert_eq!(race.start, Some(ts("2026-06-07T13:00:00Z")), "{now}");
        assert!(race.status.is_on(), "{now}: {:?}", race.status);
        assert_eq!(season.events(&world).len(), count, "{now}");
    }
}
