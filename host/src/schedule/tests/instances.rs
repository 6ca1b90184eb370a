//! Several instances on one data directory: what one has heard the others need not ask
//! for, and subscribers see the same whomever they ask.

use super::two_sources::{Meeting, timetable};
use super::*;

/// How often the calendar was asked; the other source answers nobody.
async fn poll(schedule: &Schedule, races: &[Value]) -> usize {
    let asked = Mutex::new(0);
    let get = |ask: Ask| {
        *asked.lock().expect("not poisoned") += usize::from(!is_openf1(&ask));
        match is_openf1(&ask) {
            true => answer(401, Vec::new()),
            false => answer(200, season(races)),
        }
    };
    schedule.poll_due(get).await;
    *asked.lock().expect("not poisoned")
}

#[tokio::test]
async fn what_one_has_heard_all_know() {
    let world = World::at("2026-06-01T00:00:00Z");
    let (one, other) = (&world.schedule, open(&world.dir, &world.clock));
    let at = |start: &str| [race("spa", start), race("monza", "2026-09-06T13:00:00Z")];
    assert_eq!(poll(one, &at("2026-07-19T13:00:00Z")).await, 1);
    assert!(other.follow().await);
    assert!(!other.follow().await && !one.follow().await, "that is all");
    assert_eq!(other.document().events, one.document().events);
    assert_eq!(poll(&other, &[]).await, 0);

    // Each hears of something that the other has not.
    world.clock.set("2026-06-01T07:00:00Z");
    assert_eq!(poll(&other, &at("2026-07-19T14:00:00Z")).await, 1);
    assert!(one.follow().await);
    world.clock.set("2026-06-01T14:00:00Z");
    assert_eq!(poll(one, &at("2026-07-19T15:00:00Z")).await, 1);
    assert!(other.follow().await);
    for schedule in [one, &other, &open(&world.dir, &world.clock)] {
        let events = schedule.document().events;
        assert_eq!(events, one.document().events);
        let spa = &events[0].sessions[0];
        assert_eq!((spa.sequence, spa.status), (2, Status::Changed));
        assert_eq!(schedule.operator_view().changes.len(), 2);
    }
    assert_eq!(poll(one, &[]).await + poll(&other, &[]).await, 0);
}

/// An older copy that was put back, or what cannot be read, takes nothing away.
#[tokio::test]
async fn what_is_older_or_broken_is_not_followed() {
    let world = World::at("2026-06-01T00:00:00Z");
    let file = world.dir.path().join("schedule.json");
    let races = |start: &str| [race("spa", start), race("monza", "2026-09-06T13:00:00Z")];
    poll(&world.schedule, &races("2026-07-19T13:00:00Z")).await;
    let older = std::fs::read(&file).expect("stored");
    world.clock.set("2026-06-01T07:00:00Z");
    poll(&world.schedule, &races("2026-07-19T14:00:00Z")).await;
    let shown = world.schedule.document().events;
    for text in [&older[..], b"{", b"", &older[..older.len() / 2]] {
        std::fs::write(&file, text).expect("written");
        assert!(!world.schedule.follow().await);
        assert_eq!(world.schedule.document().events, shown);
    }
    std::fs::remove_file(&file).expect("removed");
    assert!(!world.schedule.follow().await);
    assert_eq!(world.schedule.document().events, shown);
}

/// Both write at the same time, each what the other has not heard.
#[tokio::test]
async fn what_was_written_over_is_written_again() {
    let world = World::at("2026-06-01T00:00:00Z");
    let (one, other) = (&world.schedule, open(&world.dir, &world.clock));
    let races = [race("spa", "2026-07-19T13:00:00Z")];
    let spa = |start| [Meeting::race(1, 7, start)];
    let meetings = spa("2026-07-19T12:00:00Z");
    world.poll_both(Some(&races), Some(&meetings)).await;
    assert!(other.follow().await);
    world.clock.set("2026-06-01T07:00:00Z");
    let meetings = spa("2026-07-19T11:00:00Z");
    world.poll_both(None, Some(&meetings)).await;
    assert_eq!(poll(&other, &races).await, 1);

    assert!(one.follow().await && other.follow().await);
    for schedule in [one, &other, &open(&world.dir, &world.clock)] {
        let events = schedule.document().events;
        assert_eq!(
            events[0].sessions[0].start,
            Some(ts("2026-07-19T11:00:00Z"))
        );
        assert_eq!(events, one.document().events);
    }
}

/// What the operator says is no change of what another instance has heard, in whichever
/// order the two come.
#[tokio::test]
async fn an_operator_s_word_is_counted_once() {
    let world = World::at("2026-06-01T00:00:00Z");
    let (one, other) = (&world.schedule, open(&world.dir, &world.clock));
    let races = [race("spa", "2026-07-19T13:00:00Z")];
    poll(one, &races).await;
    assert!(other.follow().await);
    let moved = "[sessions.\"2026-spa-race\"]\nstart = 2026-07-19T12:00:00Z";
    for (text, now, counted) in [
        (moved, "2026-06-01T07:00:00Z", 1),
        ("", "2026-06-01T14:00:00Z", 2),
    ] {
        assert!(world.says(text).await);
        world.clock.set(now);
        assert_eq!(poll(one, &races).await, 1);
        assert!(other.follow().await);
        for schedule in [one, &other] {
            schedule.follow().await;
            assert_eq!(schedule.document().events[0].sessions[0].sequence, counted);
            assert_eq!(schedule.operator_view().changes.len(), counted as usize);
        }
        assert_eq!(other.document().events, one.document().events);
    }

    // One that has seen none of it writes over it.
    let late = open(&world.dir, &world.clock);
    let said = world.session("2026-spa-race");
    assert!(world.says(moved).await && world.says("").await);
    world.clock.set("2026-06-01T21:00:00Z");
    assert_eq!(poll(&late, &races).await, 1);
    one.follow().await;
    let counted = world.session("2026-spa-race").sequence;
    assert_eq!(counted, said.sequence + 2, "never backwards");
    assert!(late.follow().await);
    assert_eq!(late.document().events, one.document().events);
}

/// Of two that start together each hears what the other does not.
#[tokio::test]
async fn nothing_that_only_one_has_heard_is_lost_or_taken_for_a_change() {
    let world = World::at("2026-11-10T00:00:00Z");
    let other = open(&world.dir, &world.clock);
    let races = |start: &str| season(&[race("spa", start)]);
    let (this, next) = ("2026-12-05T13:00:00Z", Mutex::new("2027-12-04T13:00:00Z"));
    let meetings = timetable(&[Meeting::race(1, 7, "2026-12-05T12:00:00Z")]);
    let is_next = |ask: &Ask| ask.url.as_str().contains("2027");
    let get = |ask: Ask| match (is_openf1(&ask), is_next(&ask)) {
        (true, true) => answer(404, Vec::new()),
        (true, _) => {
            let is_sessions = ask.url.path().ends_with("/sessions");
            answer(200, meetings[usize::from(is_sessions)].clone())
        }
        (_, true) => answer(200, races(*next.lock().expect("not poisoned"))),
        _ => answer(200, races(this)),
    };
    world.schedule.poll(get).await;
    *next.lock().expect("not poisoned") = "2027-12-05T13:00:00Z";
    world.schedule.poll(get).await;
    world.clock.set("2026-11-10T00:01:00Z");
    let get = |ask: Ask| match (is_openf1(&ask), is_next(&ask)) {
        (false, false) => answer(200, races(this)),
        _ => answer(429, Vec::new()),
    };
    other.poll(get).await;
    assert!(world.schedule.follow().await && other.follow().await);
    for schedule in [&world.schedule, &other, &open(&world.dir, &world.clock)] {
        let events = schedule.events();
        assert_eq!(events, world.schedule.events());
        let ids: Vec<_> = events.iter().map(|event| event.id.as_str()).collect();
        assert_eq!(ids, ["2026-spa", "2027-spa"]);
        let spa = &events[0].sessions[0];
        assert_eq!(
            (spa.start, spa.status, spa.previous_start),
            (Some(ts("2026-12-05T12:00:00Z")), Status::Scheduled, None)
        );
        assert_eq!(events[1].sessions[0].sequence, 1, "the one that was seen");
    }
}

#[tokio::test]
async fn who_asked_one_for_quiet_has_it_from_all() {
    let world = World::at("2026-06-01T00:00:00Z");
    let other = open(&world.dir, &world.clock);
    let get = |ask: Ask| {
        let mut fetched = Fetched {
            status: 200,
            body: two_races().into(),
            ..Fetched::default()
        };
        if is_openf1(&ask) {
            (fetched.status, fetched.body) = (429, Bytes::new());
            fetched.retry_after = Some(Duration::from_secs(2 * HOUR));
        }
        ready(Ok(fetched))
    };
    world.schedule.poll(get).await;
    assert!(other.follow().await);
    world.clock.set("2026-06-01T01:00:00Z");
    for schedule in [&world.schedule, &other, &open(&world.dir, &world.clock)] {
        let wait = schedule.0.wait(Source::OpenF1);
        assert!(wait >= Duration::from_secs(HOUR), "{wait:?}");
    }
    // Until one of them hears something: there is nothing to add for the others.
    let file = world.dir.path().join("schedule.json");
    let meetings = [Meeting::race(1, 7, "2026-07-19T12:00:00Z")];
    world.poll_both(None, Some(&meetings)).await;
    let stored = std::fs::read(&file).expect("stored");
    assert!(other.follow().await);
    assert!(std::fs::read(&file).expect("stored") == stored);
}
