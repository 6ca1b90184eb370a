//! What is good is kept, and what is not changes nothing, also on disk.

use super::*;

#[tokio::test]
async fn an_answer_replaces_the_bundle_whole_and_survives_a_restart() {
    let world = World::at("2026-06-01T00:00:00Z");
    let polled = world.poll(200, two_races()).await;
    assert_eq!((polled.changed, error(&polled)), (true, None));
    let expect = [
        "2026-spa-race 2026-07-19T13:00:00Z Scheduled",
        "2026-monza-race 2026-09-06T13:00:00Z Scheduled",
    ];
    assert_eq!(world.lines(), expect);
    let polled_at = Some(ts("2026-06-01T00:00:00Z"));
    assert_eq!(
        (
            world.schedule.document().fetched_at,
            world.schedule.document().stale
        ),
        (polled_at, false)
    );

    world.clock.set("2026-06-02T00:00:00Z");
    let world = world.restarted();
    assert_eq!(world.lines(), expect);
    let document = world.schedule.document();
    assert_eq!(
        (document.fetched_at, document.stale),
        (polled_at, true),
        "a day is older than two polls"
    );
    assert_eq!(document.sources[0].fetched_at, polled_at);

    world.poll(200, two_races()).await;
    assert_eq!(world.lines(), expect);
    assert!(!world.schedule.document().stale);
    let world = world.restarted();
    assert_eq!(
        world.schedule.document().fetched_at,
        Some(ts("2026-06-02T00:00:00Z"))
    );
}

#[tokio::test]
async fn whatever_comes_the_last_good_season_stays() {
    let world = World::at("2026-06-01T00:00:00Z");
    world.poll(200, two_races()).await;
    let good = world.lines();
    let whole = two_races();
    let answers: Vec<(u16, Vec<u8>, SourceError)> = vec![
        (
            200,
            b"<html>down for maintenance</html>".to_vec(),
            AnswerError::NotJson.into(),
        ),
        (
            200,
            whole[..whole.len() / 2].to_vec(),
            AnswerError::NotJson.into(),
        ),
        (200, vec![b' '; 2 << 20], AnswerError::TooLarge.into()),
        (200, b"{}".to_vec(), AnswerError::Shape.into()),
        (200, season(&[]), AnswerError::Empty.into()),
        (
            200,
            season(&[race("spa", "2025-07-19")]),
            AnswerError::WrongSeason {
                asked: 2026,
                got: 2025,
            }
            .into(),
        ),
        (
            200,
            season(&vec![race("spa", "2026-07-19"); 41]),
            AnswerError::TooMany.into(),
        ),
        (
            401,
            b"{\"detail\":\"Session in progress\"}".to_vec(),
            SourceError::Refused(401),
        ),
        (404, Vec::new(), SourceError::NotFound),
        (429, whole.clone(), SourceError::RateLimited(None)),
        (503, whole.clone(), SourceError::Unavailable(503, None)),
        (302, whole.clone(), SourceError::Status(302)),
        (304, whole, SourceError::Status(304)),
    ];
    world.clock.set("2026-06-01T01:00:00Z");
    for (status, body, expect) in answers {
        let polled = world.poll(status, body).await;
        assert_eq!(error(&polled), Some(expect.clone()));
        assert_eq!(world.lines(), good, "{expect}");
        let document = world.schedule.document();
        assert_eq!(
            document.fetched_at,
            Some(ts("2026-06-01T00:00:00Z")),
            "{expect}"
        );
        assert_eq!(document.sources[0].error, Some(expect.to_string()));
    }
    let polled = world
        .schedule
        .poll(|_| {
            let why = "connect to schedule.test refused".to_owned();
            ready(Err(FetchFailure::Unreachable(why)))
        })
        .await;
    assert_eq!(error(&polled), Some(SourceError::Unreachable));
    let error = world.schedule.document().sources[0]
        .error
        .clone()
        .expect("shown");
    assert!(
        !error.contains("schedule.test"),
        "viewers see no upstream: {error}"
    );
    world.poll(200, two_races()).await;
    assert_eq!(world.schedule.document().sources[0].error, None);
}

/// What is not in an answer that has unreadable entries may be one of those.
#[tokio::test]
async fn an_incomplete_answer_makes_nothing_vanish() {
    let world = World::at("2026-06-01T00:00:00Z");
    world.poll(200, two_races()).await;
    let good = world.lines();
    let polled = world
        .poll(
            200,
            season(&[
                race("spa", "2026-07-19T13:00:00Z"),
                json!({ "raceName": 7 }),
            ]),
        )
        .await;
    assert_eq!((polled.changed, error(&polled)), (false, None));
    assert_eq!(world.lines(), good);
}

/// What is kept must pass its own checks when it is read back: an answer that
/// is odd and accepted must not cost the stored season.
#[tokio::test]
async fn whatever_is_accepted_is_readable_after_a_restart() {
    let odd = |key: &str, value: Value| {
        let mut race = race("spa", "2026-07-19T13:00:00Z");
        race["FirstPractice"] = json!({ "date": "2026-07-17", "time": "11:30:00Z" });
        race[key] = value;
        race
    };
    for (name, race) in [
        (
            "a name of steering characters",
            odd("raceName", json!("\u{200b} a\u{202e}\n\u{feff} ")),
        ),
        (
            "a long name",
            odd(
                "raceName",
                json!(format!("{} {}", "x".repeat(119), "y".repeat(99))),
            ),
        ),
        (
            "an offset that turns the day",
            odd("time", json!("00:30:00+14:00")),
        ),
        (
            "a new year's race",
            race("spa", "2026-01-01T00:30:00+14:00"),
        ),
        (
            "a new year's eve race",
            race("spa", "2026-12-31T23:30:00-12:00"),
        ),
        (
            "a practice far away",
            odd(
                "FirstPractice",
                json!({ "date": "2031-01-01", "time": "11:30:00Z" }),
            ),
        ),
        ("a fraction", odd("time", json!("13:00:00.123456Z"))),
    ] {
        let world = World::at("2026-06-01T00:00:00Z");
        let polled = world.poll(200, season(&[race])).await;
        assert_eq!(error(&polled), None, "{name}");
        let kept = world.schedule.document().events;
        assert_eq!(kept.len(), 1, "{name}");
        assert_eq!(world.restarted().schedule.document().events, kept, "{name}");
    }
}

#[tokio::test]
async fn a_damaged_store_is_visible_and_mended_by_the_next_poll() {
    let world = World::at("2026-06-01T00:00:00Z");
    world.poll(200, two_races()).await;
    let file = world.dir.path().join("schedule.json");
    let text = std::fs::read(&file).expect("stored");
    std::fs::write(&file, &text[..text.len() / 2]).expect("cut");
    let world = world.restarted();
    let document = world.schedule.document();
    assert_eq!(
        (document.events.len(), document.stale),
        (23, true),
        "the bundled season"
    );
    assert_eq!(document.sources[2].name, "store");
    assert!(document.sources[2].error.is_some());
    world.poll(200, two_races()).await;
    assert_eq!(world.schedule.document().sources.len(), 2);
    assert_eq!(world.restarted().lines().len(), 2);
}

/// What was not fetched is not stored: the next version bundles a better one.
#[tokio::test]
async fn the_bundled_season_is_not_stored() {
    let world = World::at("2027-06-01T00:00:00Z");
    world
        .poll(200, season(&[race("spa", "2027-07-18T13:00:00Z")]))
        .await;
    let text = std::fs::read_to_string(world.dir.path().join("schedule.json")).expect("stored");
    assert!(
        text.contains("2027-spa") && !text.contains("2026-"),
        "{text}"
    );
}

#[tokio::test]
async fn a_disk_that_cannot_be_written_costs_nothing_but_the_restart() {
    let world = World::at("2026-06-01T00:00:00Z");
    std::fs::remove_dir_all(world.dir.path()).expect("gone");
    assert_eq!(error(&world.poll(200, two_races()).await), None);
    let document = world.schedule.document();
    assert_eq!(document.events.len(), 2);
    assert_eq!(
        document.sources[2].error.as_deref(),
        Some("could not be written: entity not found")
    );
}
