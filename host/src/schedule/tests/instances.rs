//! Several instances on one data directory: what one has heard the others need not ask
//! for, and subscribers see the same whomever they ask.

use super::two_sources::Meeting;
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
