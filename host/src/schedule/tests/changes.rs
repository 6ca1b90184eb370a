//! What one source changes from one answer to the next.

use super::*;

#[tokio::test]
async fn a_moved_session_says_so_until_it_is_over() {
    let world = World::at("2026-06-01T00:00:00Z");
    world.poll(200, two_races()).await;
    assert_eq!(world.session("2026-spa-race").changed_at, None);

    world.clock.set("2026-07-19T06:00:00Z");
    let moved = season(&[
        race("spa", "2026-07-19T10:00:00Z"),
        race("monza", "2026-09-06T13:00:00Z"),
    ]);
    assert!(world.poll(200, moved.clone()).await.changed);
    let spa = world.session("2026-spa-race");
    assert_eq!(
        (spa.status, spa.start),
        (Status::Changed, Some(ts("2026-07-19T10:00:00Z")))
    );
    assert_eq!(spa.changed_at, Some(ts("2026-07-19T06:00:00Z")));
    assert_eq!(world.session("2026-monza-race").status, Status::Scheduled);

    world.clock.set("2026-07-19T07:00:00Z");
    assert!(!world.poll(200, moved).await.changed);
    let world = world.restarted();
    let spa = world.session("2026-spa-race");
    assert_eq!(
        (spa.status, spa.changed_at),
        (Status::Changed, Some(ts("2026-07-19T06:00:00Z")))
    );
}

#[tokio::test]
async fn a_time_is_confirmed_lost_and_doubted() {
    let world = World::at("2026-06-01T00:00:00Z");
    let poll = |start: &str| season(&[race("spa", start)]);
    world.poll(200, poll("2026-07-19")).await;
    assert_eq!(world.lines(), ["2026-spa-race 2026-07-19 Unconfirmed"]);
    assert_eq!(world.session("2026-spa-race").state, State::Upcoming);
    assert_eq!(world.schedule.current(), None);

    world.poll(200, poll("2026-07-19T13:00:00Z")).await;
    assert_eq!(
        world.lines(),
        ["2026-spa-race 2026-07-19T13:00:00Z Scheduled"],
        "a first time is no move"
    );

    world.poll(200, poll("2026-07-19")).await;
    assert_eq!(
        world.lines(),
        ["2026-spa-race 2026-07-19T13:00:00Z Unconfirmed"],
        "the known time is kept"
    );
    assert_eq!(world.session("2026-spa-race").state, State::Upcoming);

    world.poll(200, poll("2026-07-19T13:00:00Z")).await;
    assert_eq!(
        world.lines(),
        ["2026-spa-race 2026-07-19T13:00:00Z Scheduled"],
        "doubt ends"
    );

    world.poll(200, poll("2026-07-26")).await;
    assert_eq!(
        world.lines(),
        ["2026-spa-race 2026-07-26 Unconfirmed"],
        "another day: the old time is void"
    );

    // One practice at an impossible time, beside one at a possible one.
    let weekend = |practice: &str| {
        let mut race = race("spa", "2026-07-19T13:00:00Z");
        race["FirstPractice"] = json!({ "date": practice, "time": "11:30:00Z" });
        race["Qualifying"] = json!({ "date": "2026-07-18", "time": "14:00:00Z" });
        season(&[race])
    };
    world.poll(200, weekend("2026-07-17")).await;
    world.poll(200, weekend("Friday")).await;
    assert_eq!(
        world.lines()[0],
        "2026-spa-practice1 2026-07-17T11:30:00Z Unconfirmed",
        "unreadable is not gone"
    );
    world
        .poll(200, season(&[race("spa", "2026-07-19T13:00:00Z")]))
        .await;
    assert_eq!(
        world.schedule.current().expect("the race").id,
        "2026-spa-race",
        "gone is not counted down to"
    );
    world.poll(200, weekend("2026-07-10")).await;
    assert_eq!(
        world.lines()[0],
        "2026-spa-practice1 2026-07-17T11:30:00Z Unconfirmed"
    );
    assert_eq!(
        world.lines()[1],
        "2026-spa-qualifying 2026-07-18T14:00:00Z Scheduled"
    );
}

#[tokio::test]
async fn an_event_that_vanishes_is_kept_and_comes_back() {
    let world = World::at("2026-03-01T00:00:00Z");
    let all = [
        race("shanghai", "2026-03-15T07:00:00Z"),
        race("bahrain", "2026-04-12T15:00:00Z"),
        race("miami", "2026-05-03T17:00:00Z"),
    ];
    world.poll(200, season(&all)).await;
    world.clock.set("2026-03-16T00:00:00Z");
    // Round numbers shift with it, and the one that is over goes too.
    world.poll(200, season(&all[2..])).await;
    assert_eq!(
        world.lines(),
        [
            "2026-shanghai-race 2026-03-15T07:00:00Z Scheduled",
            "2026-bahrain-race 2026-04-12T15:00:00Z Unconfirmed",
            "2026-miami-race 2026-05-03T17:00:00Z Scheduled",
        ]
    );
    assert_eq!(
        world.schedule.current().expect("Miami").id,
        "2026-miami-race"
    );

    let world = world.restarted();
    assert_eq!(
        world.session("2026-bahrain-race").status,
        Status::Unconfirmed
    );
    world.poll(200, season(&all)).await;
    assert_eq!(world.session("2026-bahrain-race").status, Status::Scheduled);
}

/// Two events at one circuit keep their ids when one of them goes or moves.
#[tokio::test]
async fn two_events_at_one_circuit_keep_their_identity() {
    let world = World::at("2026-06-01T00:00:00Z");
    let [first, second] = [
        race("red_bull_ring", "2026-07-05T13:00:00Z"),
        race("red_bull_ring", "2026-07-12T13:00:00Z"),
    ];
    world.poll(200, season(&[first, second.clone()])).await;
    assert_eq!(
        world.lines(),
        [
            "2026-red_bull_ring-race 2026-07-05T13:00:00Z Scheduled",
            "2026-red_bull_ring-2-race 2026-07-12T13:00:00Z Scheduled",
        ]
    );
    world.poll(200, season(&[second])).await;
    assert_eq!(
        world.lines(),
        [
            "2026-red_bull_ring-race 2026-07-05T13:00:00Z Unconfirmed",
            "2026-red_bull_ring-2-race 2026-07-12T13:00:00Z Scheduled",
        ]
    );
}

/// However many circuits a confused source invents, the season stays bounded,
/// and what is listed now stays in it.
#[tokio::test]
async fn vanished_events_are_bounded() {
    let world = World::at("2026-01-01T00:00:00Z");
    for round in 0..3 {
        let races: Vec<_> = (0..30)
            .map(|n| race(&format!("c{round}_{n}"), "2026-07-05T13:00:00Z"))
            .collect();
        world
            .schedule
            .poll(|ask| {
                if ask.url.path().ends_with("2026.json") {
                    answer(200, season(&races))
                } else {
                    answer(404, vec![])
                }
            })
            .await;
    }
    let lines = world.lines();
    assert_eq!(lines.len(), 40);
    assert_eq!(
        world.schedule.document().events,
        open(&world.dir, &world.clock).document().events
    );
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.starts_with("2026-c2_") && line.ends_with("Scheduled"))
            .count(),
        30
    );
}
