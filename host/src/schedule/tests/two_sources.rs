//! What becomes of a session that two sources name.

use super::*;

/// As OpenF1 lists it.
pub(super) struct Meeting {
    pub(super) key: u64,
    pub(super) circuit_key: u32,
    pub(super) name: &'static str,
    pub(super) official: &'static str,
    pub(super) location: &'static str,
    pub(super) is_cancelled: bool,
    /// Name, start, and length in minutes.
    pub(super) sessions: Vec<(&'static str, String, i64)>,
}

impl Meeting {
    pub(super) fn race(key: u64, circuit_key: u32, start: &str) -> Self {
        Self {
            key,
            circuit_key,
            name: "Test Grand Prix",
            official: "",
            location: "Somewhere",
            is_cancelled: false,
            sessions: vec![("Race", start.to_owned(), 120)],
        }
    }
}

/// Answers of `/v1/meetings` and `/v1/sessions`.
pub(super) fn timetable(meetings: &[Meeting]) -> [Vec<u8>; 2] {
    let offset = |at: Timestamp| format!("{}+00:00", at.strftime("%Y-%m-%dT%H:%M:%S"));
    let rows = meetings.iter().flat_map(|meeting| {
        meeting
            .sessions
            .iter()
            .zip(1..)
            .map(|((name, start, minutes), n)| {
                let start = ts(start);
                let end = start + jiff::SignedDuration::from_mins(*minutes);
                json!({
                    "session_key": meeting.key * 10 + n, "session_type": "Race",
                    "session_name": name, "date_start": offset(start), "date_end": offset(end),
                    "meeting_key": meeting.key, "circuit_key": meeting.circuit_key,
                    "circuit_short_name": meeting.location, "country_name": "Elsewhere",
                    "location": meeting.location, "gmt_offset": "-04:00:00",
                    "year": start.strftime("%Y").to_string().parse::<i16>().expect("a year"),
                    "is_cancelled": meeting.is_cancelled,
                })
            })
    });
    let rows: Vec<Value> = rows.collect();
    let year = rows.first().map_or(json!(2026), |row| row["year"].clone());
    let meetings = meetings.iter().map(|meeting| {
        json!({
            "meeting_key": meeting.key, "meeting_name": meeting.name,
            "meeting_official_name": meeting.official, "location": meeting.location,
            "country_name": "Elsewhere", "circuit_key": meeting.circuit_key,
            "circuit_short_name": meeting.location, "year": year,
            "is_cancelled": meeting.is_cancelled,
        })
    });
    [json!(meetings.collect::<Vec<_>>()), json!(rows)].map(|rows| rows.to_string().into_bytes())
}

impl World {
    /// Both sources answer; where one is `None` it says 401.
    pub(super) async fn poll_both(&self, races: Option<&[Value]>, meetings: Option<&[Meeting]>) {
        let calendar = races.map(season);
        let timetable = meetings.map(timetable);
        let get = |ask: Ask| {
            let path = ask.url.path();
            let body = match (&calendar, &timetable) {
                (_, Some([meetings, _])) if path.ends_with("/meetings") => Some(meetings),
                (_, Some([_, sessions])) if path.ends_with("/sessions") => Some(sessions),
                (Some(calendar), _) if path.ends_with(".json") => Some(calendar),
                _ => None,
            };
            body.map_or_else(|| answer(401, Vec::new()), |body| answer(200, body.clone()))
        };
        self.schedule.poll(get).await;
    }

    fn disagreements(&self) -> Vec<(String, Option<Timestamp>)> {
        let found = self.schedule.operator_view().disagreements.into_iter();
        found.map(|found| (found.session, found.used)).collect()
    }
}

#[tokio::test]
async fn the_timetable_knows_better_when_it_is_up_to_a_day() {
    let world = World::at("2026-04-01T00:00:00Z");
    // Miami on race day; Las Vegas by the track's date and the time in UTC; and one
    // that cannot be the same.
    let races = [
        race("miami", "2026-05-03T20:00:00Z"),
        race("vegas", "2026-11-21T04:00:00Z"),
        race("spa", "2026-07-19T13:00:00Z"),
    ];
    let meetings = [
        Meeting::race(1, 151, "2026-05-03T17:00:00Z"),
        Meeting::race(2, 152, "2026-11-22T04:00:00Z"),
        Meeting::race(3, 7, "2026-07-20T13:00:01Z"),
    ];
    world.poll_both(Some(&races), Some(&meetings)).await;
    assert_eq!(
        world.lines(),
        [
            "2026-miami-race 2026-05-03T17:00:00Z Scheduled",
            "2026-spa-race 2026-07-19T13:00:00Z Unconfirmed",
            "2026-vegas-race 2026-11-22T04:00:00Z Scheduled",
        ]
    );
    let used = |at: &str| Some(ts(at));
    assert_eq!(
        world.disagreements(),
        [
            ("2026-miami-race".to_owned(), used("2026-05-03T17:00:00Z")),
            ("2026-vegas-race".to_owned(), used("2026-11-22T04:00:00Z")),
            ("2026-spa-race".to_owned(), used("2026-07-19T13:00:00Z")),
        ]
    );
    let view = world.schedule.operator_view();
    assert_eq!(view.disagreements[0].jolpica, used("2026-05-03T20:00:00Z"));
    assert_eq!(view.disagreements[0].openf1, used("2026-05-03T17:00:00Z"));
}

/// OpenF1 answers nobody while a session is on, for hours.
#[tokio::test]
async fn what_a_source_said_counts_while_it_is_silent_and_after_a_restart() {
    let world = World::at("2026-04-01T00:00:00Z");
    let races = [race("miami", "2026-05-03T20:00:00Z")];
    let mut miami = Meeting::race(1, 151, "2026-05-03T17:00:00Z");
    miami.sessions[0].2 = 150;
    world.poll_both(Some(&races), Some(&[miami])).await;
    let before = world.session("2026-miami-race");
    assert_eq!(before.end, Some(ts("2026-05-03T19:30:00Z")));

    for (now, stale) in [
        ("2026-04-01T12:00:00Z", false),
        ("2026-04-01T12:00:01Z", true),
        ("2026-05-03T16:00:00Z", true),
    ] {
        world.clock.set(now);
        world.poll_both(Some(&races), None).await;
        assert_eq!(world.schedule.document().stale, stale, "{now}");
    }
    let silent = world.session("2026-miami-race");
    assert_eq!((silent.start, silent.end), (before.start, before.end));
    let world = world.restarted();
    world.poll_both(Some(&races), None).await;
    let restarted = world.session("2026-miami-race");
    assert_eq!((restarted.start, restarted.end), (before.start, before.end));
    assert_eq!(
        (restarted.sequence, restarted.updated_at),
        (before.sequence, before.updated_at)
    );
    let sources = world.schedule.document().sources;
    assert_eq!(
        sources[1].error.as_deref(),
        Some("does not answer us now (status 401)")
    );
    assert_eq!(sources[1].fetched_at, Some(ts("2026-04-01T00:00:00Z")));
}

#[tokio::test]
async fn who_has_no_next_season_yet_is_not_silent() {
    let world = World::at("2026-12-31T20:00:00Z");
    let meetings = [Meeting::race(1, 151, "2026-05-03T17:00:00Z")];
    let races = [race("miami", "2026-05-03T17:00:00Z")];
    world.poll_both(Some(&races), Some(&meetings)).await;
    world.clock.set("2027-01-10T00:00:00Z");
    let races = [race("miami", "2027-05-02T20:00:00Z")];
    world.poll_both(Some(&races), None).await;
    let document = world.schedule.document();
    assert_eq!((document.season, document.stale), (2027, false));
}

#[tokio::test]
async fn what_both_take_away_is_cancelled_and_what_one_does_is_after_six_hours() {
    let world = World::at("2026-03-01T00:00:00Z");
    let all = [
        race("bahrain", "2026-04-12T15:00:00Z"),
        race("jeddah", "2026-04-19T17:00:00Z"),
        race("miami", "2026-05-03T20:00:00Z"),
    ];
    let meetings = |off: &[u64]| {
        [
            (1, 63, "2026-04-12T15:00:00Z"),
            (2, 149, "2026-04-19T17:00:00Z"),
            (3, 151, "2026-05-03T20:00:00Z"),
        ]
        .map(|(key, circuit, start)| Meeting {
            is_cancelled: off.contains(&key),
            ..Meeting::race(key, circuit, start)
        })
    };
    let statuses = |world: &World| {
        ["bahrain", "jeddah", "miami"].map(|at| world.session(&format!("2026-{at}-race")).status)
    };
    use Status::{Cancelled, Scheduled, Unconfirmed};
    world.poll_both(Some(&all), Some(&meetings(&[]))).await;
    assert_eq!(statuses(&world), [Scheduled; 3]);

    // One source alone, by silence and by its word.
    world.clock.set("2026-03-16T00:00:00Z");
    world
        .poll_both(Some(&all[1..]), Some(&meetings(&[2])))
        .await;
    assert_eq!(statuses(&world), [Unconfirmed, Unconfirmed, Scheduled]);
    let differ = world.schedule.operator_view().disagreements;
    let said = |n: usize| (differ[n].jolpica.is_some(), differ[n].openf1.is_some());
    assert_eq!(
        (differ.len(), said(0), said(1)),
        (2, (true, false), (false, true))
    );
    assert_eq!(
        world.schedule.current().expect("Miami").id,
        "2026-miami-race"
    );
    world.clock.set("2026-03-16T05:59:59Z");
    world
        .poll_both(Some(&all[1..]), Some(&meetings(&[2])))
        .await;
    assert_eq!(statuses(&world), [Unconfirmed, Unconfirmed, Scheduled]);
    // An answer is what counts, and not the time that passes without one.
    world.clock.set("2026-03-16T07:00:00Z");
    let world = world.restarted();
    world.poll_both(None, None).await;
    assert_eq!(statuses(&world), [Unconfirmed, Unconfirmed, Scheduled]);
    world.clock.set("2026-03-16T08:00:00Z");
    world
        .poll_both(Some(&all[1..]), Some(&meetings(&[2])))
        .await;
    assert_eq!(statuses(&world), [Cancelled, Cancelled, Scheduled]);
    let bahrain = world.session("2026-bahrain-race");
    assert_eq!(
        (bahrain.sequence, bahrain.start),
        (2, Some(ts("2026-04-12T15:00:00Z")))
    );
    assert_eq!(bahrain.changed_at, Some(ts("2026-03-16T08:00:00Z")));

    // Both agree: at once, and nothing is left to be looked at.
    world
        .poll_both(Some(&all[..0]), Some(&meetings(&[1, 2, 3])))
        .await;
    let expect = [Cancelled, Cancelled, Unconfirmed];
    assert_eq!(statuses(&world), expect, "an empty answer is none");
    world
        .poll_both(Some(&all[..1]), Some(&meetings(&[2, 3])))
        .await;
    assert_eq!(
        statuses(&world),
        [Scheduled, Cancelled, Cancelled],
        "one is back"
    );
    assert_eq!(world.disagreements(), []);
    assert_eq!(world.session("2026-bahrain-race").sequence, 3);
}

#[tokio::test]
async fn absence_stops_nothing_that_has_begun_and_a_word_does() {
    let world = World::at("2026-07-18T12:00:00Z");
    let weekend = || Meeting {
        sessions: vec![
            ("Practice 1", "2026-07-17T11:30:00Z".into(), 60),
            ("Race", "2026-07-19T13:00:00Z".into(), 120),
        ],
        ..Meeting::race(1, 7, "")
    };
    let calendar = [
        race("spa", "2026-07-19T13:00:00Z"),
        race("monza", "2026-09-06T13:00:00Z"),
    ];
    world.poll_both(Some(&calendar), Some(&[weekend()])).await;
    let monza = || Meeting::race(2, 39, "2026-09-06T13:00:00Z");
    let statuses =
        |world: &World| ["2026-spa-practice1", "2026-spa-race"].map(|id| world.session(id).status);
    // What has begun is no sign that the rest of its weekend will.
    world
        .poll_both(Some(&calendar[1..]), Some(&[monza()]))
        .await;
    assert_eq!(statuses(&world), [Status::Scheduled, Status::Cancelled]);
    world
        .poll_both(Some(&calendar), Some(&[weekend(), monza()]))
        .await;
    assert_eq!(statuses(&world), [Status::Scheduled; 2]);
    world.clock.set("2026-07-19T13:00:00Z");
    world
        .poll_both(Some(&calendar[1..]), Some(&[monza()]))
        .await;
    assert_eq!(statuses(&world), [Status::Scheduled; 2]);
    let off = Meeting {
        is_cancelled: true,
        ..weekend()
    };
    world.poll_both(Some(&calendar[1..]), Some(&[off])).await;
    assert_eq!(statuses(&world), [Status::Cancelled; 2]);
}

#[tokio::test]
async fn tests_have_ids_of_their_own_and_only_the_timetable_has_them() {
    let world = World::at("2026-02-01T00:00:00Z");
    let test = |key: u64, days: [&str; 2]| Meeting {
        name: "Pre-Season Testing",
        location: "Sakhir",
        sessions: vec![
            ("Day 1", format!("{}T07:00:00Z", days[0]), 540),
            ("Day 2", format!("{}T07:00:00Z", days[1]), 540),
        ],
        ..Meeting::race(key, 63, "")
    };
    let meetings = || {
        vec![
            test(1, ["2026-02-11", "2026-02-12"]),
            test(2, ["2026-02-18", "2026-02-19"]),
            Meeting::race(3, 63, "2026-04-12T15:00:00Z"),
        ]
    };
    let calendar = [race("bahrain", "2026-04-12T15:00:00Z")];
    world.poll_both(Some(&calendar), Some(&meetings())).await;
    assert_eq!(
        world.lines(),
        [
            "2026-bahrain-testing-day1 2026-02-11T07:00:00Z Scheduled",
            "2026-bahrain-testing-day2 2026-02-12T07:00:00Z Scheduled",
            "2026-bahrain-testing-2-day1 2026-02-18T07:00:00Z Scheduled",
            "2026-bahrain-testing-2-day2 2026-02-19T07:00:00Z Scheduled",
            "2026-bahrain-race 2026-04-12T15:00:00Z Scheduled",
        ]
    );
    let document = world.schedule.document();
    assert_eq!(
        (document.events[0].round, document.events[2].round),
        (None, Some(1))
    );
    assert_eq!(document.events[0].circuit.name, "Sakhir");
    let kept = document.events;
    assert_eq!(world.restarted().schedule.document().events, kept);
}

#[tokio::test]
async fn a_circuit_in_no_table_is_found_by_its_name_or_told() {
    let world = World::at("2026-02-01T00:00:00Z");
    let named = |key: u64, location: &'static str, start: &str| Meeting {
        location,
        ..Meeting::race(key, 9000, start)
    };
    let mut somewhere = race("new_place", "2026-07-19T13:00:00Z");
    somewhere["Circuit"]["Location"]["locality"] = json!("São Tomé");
    let meetings = [
        named(1, "Sao Tome", "2026-07-19T14:00:00Z"),
        named(2, "Nowhere", "2026-08-19T14:00:00Z"),
    ];
    world.poll_both(Some(&[somewhere]), Some(&meetings)).await;
    assert_eq!(
        world.lines(),
        ["2026-new_place-race 2026-07-19T14:00:00Z Scheduled"]
    );
    let unmatched = world.schedule.operator_view().unmatched;
    assert_eq!(unmatched, ["Test Grand Prix, 2026-08-19"]);
}

#[tokio::test]
async fn a_name_says_that_it_is_off() {
    let world = World::at("2023-05-01T00:00:00Z");
    for (official, status) in [
        ("CALLED OFF: FORMULA 1 GRAND PRIX 2023", Status::Cancelled),
        ("Postponed - Formula 1 Grand Prix 2023", Status::Postponed),
        ("FORMULA 1 GRAND PRIX 2023", Status::Scheduled),
    ] {
        let imola = Meeting {
            official,
            ..Meeting::race(1, 6, "2023-05-21T13:00:00Z")
        };
        let monaco = [
            race("monaco", "2023-05-28T13:00:00Z"),
            race("imola", "2023-05-21T13:00:00Z"),
        ];
        let calendar = if status.is_on() {
            &monaco[..]
        } else {
            &monaco[..1]
        };
        world.poll_both(Some(calendar), Some(&[imola])).await;
        assert_eq!(
            world.session("2023-imola-race").status,
            status,
            "{official}"
        );
    }
}

#[tokio::test]
async fn the_timetable_alone_corrects_what_is_bundled() {
    let world = World::at("2026-06-01T00:00:00Z");
    let meetings = [Meeting::race(1, 7, "2026-07-19T12:00:00Z")];
    world.poll_both(None, Some(&meetings)).await;
    let document = world.schedule.document();
    assert_eq!(document.events.len(), 23, "nothing goes without a calendar");
    assert!(!document.stale);
    let spa = world.session("2026-spa-race");
    assert_eq!(
        (spa.start, spa.status),
        (Some(ts("2026-07-19T12:00:00Z")), Status::Scheduled)
    );
    assert_eq!(spa.changed_at, None, "the bundle is nobody's word");
}

#[tokio::test]
async fn the_calendar_takes_away_only_what_it_had() {
    let world = World::at("2026-04-01T00:00:00Z");
    let races = [race("miami", "2026-05-03T17:00:00Z")];
    let weekend = || Meeting {
        sessions: vec![
            ("Practice 1", "2026-05-01T16:00:00Z".into(), 60),
            ("Race", "2026-05-03T17:00:00Z".into(), 120),
        ],
        ..Meeting::race(1, 151, "")
    };
    for now in [
        "2026-04-01T00:00:00Z",
        "2026-04-01T07:00:00Z",
        "2026-04-01T14:00:00Z",
    ] {
        world.clock.set(now);
        world.poll_both(Some(&races), Some(&[weekend()])).await;
        let practice = world.session("2026-miami-practice1");
        assert_eq!(
            (practice.status, practice.sequence),
            (Status::Scheduled, 0),
            "{now}"
        );
    }
}

#[tokio::test]
async fn half_an_answer_takes_no_time_back() {
    let world = World::at("2026-04-01T00:00:00Z");
    let races = [race("miami", "2026-05-03T20:00:00Z")];
    let weekend = |name| Meeting {
        sessions: vec![
            ("Practice 1", "2026-05-01T16:00:00Z".into(), 60),
            (name, "2026-05-03T17:00:00Z".into(), 120),
        ],
        ..Meeting::race(1, 151, "")
    };
    world
        .poll_both(Some(&races), Some(&[weekend("Race")]))
        .await;
    let before = world.session("2026-miami-race");
    world
        .poll_both(Some(&races), Some(&[weekend("Rase")]))
        .await;
    assert_eq!(world.session("2026-miami-race"), before);
}

#[tokio::test]
async fn one_source_s_word_is_not_two() {
    let world = World::at("2026-06-01T00:00:00Z");
    let off = || Meeting {
        is_cancelled: true,
        ..Meeting::race(1, 7, "2026-07-19T13:00:00Z")
    };
    world.poll_both(None, Some(&[off()])).await;
    assert_eq!(world.session("2026-spa-race").status, Status::Unconfirmed);
    world.clock.set("2026-06-01T06:00:00Z");
    world.poll_both(None, Some(&[off()])).await;
    assert_eq!(world.session("2026-spa-race").status, Status::Cancelled);
}
