//! How sources are asked: conditionally, not before they want it, and each by itself.

use super::*;

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again_and_counts_as_fetched() {
    let world = World::at("2026-06-01T00:00:00Z");
    let asked = Mutex::new(Vec::new());
    let get = |ask: Ask| {
        let known = ask.validators.etag.clone();
        asked
            .lock()
            .expect("not poisoned")
            .push(ask.validators.clone());
        let is_known = known.as_deref() == Some("\"one\"");
        ready(Ok(Fetched {
            status: if is_openf1(&ask) {
                404
            } else if is_known {
                304
            } else {
                200
            },
            body: if is_known {
                Bytes::new()
            } else {
                two_races().into()
            },
            validators: Validators {
                etag: Some("\"one\"".to_owned()),
                last_modified: Some("Mon, 01 Jun 2026 00:00:00 GMT".to_owned()),
            },
            retry_after: None,
        }))
    };
    world.schedule.poll(get).await;
    let first = world.schedule.document();
    world.clock.set("2026-06-02T00:00:00Z");
    let polled = world.schedule.poll(get).await;
    assert_eq!((polled.changed, error(&polled)), (false, None));
    let second = world.schedule.document();
    assert_eq!(second.events, first.events);
    assert_eq!(second.fetched_at, Some(ts("2026-06-02T00:00:00Z")));
    let asked = asked.lock().expect("not poisoned");
    let calendar: Vec<_> = asked.iter().step_by(2).collect();
    assert_eq!(*calendar[0], Validators::default());
    assert_eq!(calendar[1].etag.as_deref(), Some("\"one\""));
    assert!(calendar[1].last_modified.is_some());
}

/// A server may say of what was broken that it is the same.
#[tokio::test]
async fn what_was_no_season_is_asked_for_whole_again() {
    let world = World::at("2026-06-01T00:00:00Z");
    for n in 0..2 {
        let get = |ask: Ask| {
            assert_eq!(ask.validators, Validators::default(), "{n}");
            ready(Ok(Fetched {
                status: 200,
                body: b"{}".to_vec().into(),
                validators: Validators {
                    etag: Some("\"one\"".to_owned()),
                    last_modified: None,
                },
                retry_after: None,
            }))
        };
        assert_eq!(
            error(&world.schedule.poll(get).await),
            Some(AnswerError::Shape.into())
        );
    }
}

#[tokio::test]
async fn each_source_is_asked_when_it_wants_to_be() {
    let world = World::at("2026-06-01T00:00:00Z");
    let count = Mutex::new((0, 0));
    let get = |status: u16, wait: u64| {
        let count = &count;
        move |ask: Ask| {
            let mut count = count.lock().expect("not poisoned");
            if is_openf1(&ask) {
                count.1 += 1;
            } else {
                count.0 += 1;
            }
            let (status, body) = match is_openf1(&ask) {
                true => (status, Bytes::new()),
                false => (200, two_races().into()),
            };
            ready(Ok(Fetched {
                status,
                body,
                retry_after: Some(Duration::from_secs(wait)),
                ..Fetched::default()
            }))
        }
    };
    let asked = || *count.lock().expect("not poisoned");
    world.schedule.poll_due(get(429, 9 * HOUR)).await;
    assert_eq!(asked(), (1, 1));
    // The one that is well goes on by itself.
    world.clock.set("2026-06-01T07:00:00Z");
    assert_eq!(world.schedule.next_poll_in(), Duration::ZERO);
    world.schedule.poll_due(get(429, 9 * HOUR)).await;
    assert_eq!(asked(), (2, 1));
    world.clock.set("2026-06-01T08:59:59Z");
    world.schedule.poll_due(get(429, 9 * HOUR)).await;
    assert_eq!(asked(), (2, 1));
    world.clock.set("2026-06-01T09:00:00Z");
    world.schedule.poll_due(get(503, 0)).await;
    assert_eq!(asked(), (2, 2));
    // In trouble it is asked again soon, and for a wait of years not for long.
    world.clock.set("2026-06-01T09:03:00Z");
    world.schedule.poll_due(get(503, u64::MAX)).await;
    assert_eq!(asked(), (2, 3));
    world.clock.set("2026-06-02T09:03:00Z");
    world.schedule.poll_due(get(401, 0)).await;
    assert_eq!(asked(), (3, 4));
    world.clock.set("2026-06-02T11:00:00Z");
    world.schedule.poll_due(get(401, 0)).await;
    assert_eq!(asked(), (3, 4), "401 is no reason to come back soon");
}

#[tokio::test]
async fn requests_are_apart_whomever_they_go_to() {
    let dir = tempfile::tempdir().expect("a directory");
    let clock = Clock::at("2026-12-01T00:00:00Z");
    let pause = Duration::from_millis(50);
    let schedule = open_with(&dir, &clock, |config| config.between_requests = pause);
    let asked = Mutex::new(Vec::new());
    let get = |ask: Ask| {
        asked
            .lock()
            .expect("not poisoned")
            .push(std::time::Instant::now());
        match is_openf1(&ask) {
            true => answer(200, b"[]".to_vec()),
            false => answer(200, two_races()),
        }
    };
    schedule.poll(get).await;
    let asked = asked.lock().expect("not poisoned");
    // The calendar's two seasons, of which the second is another one; the timetable's
    // first.
    assert_eq!(asked.len(), 4);
    for pair in asked.windows(2) {
        assert!(pair[1] - pair[0] >= pause);
    }
}

/// Who asked for quiet has it from the next process, too.
#[tokio::test]
async fn a_restart_is_no_reason_to_ask_before_time() {
    let world = World::at("2026-06-01T00:00:00Z");
    let get = |ask: Ask| {
        ready(Ok(Fetched {
            status: if is_openf1(&ask) { 429 } else { 200 },
            body: if is_openf1(&ask) {
                Bytes::new()
            } else {
                two_races().into()
            },
            retry_after: Some(Duration::from_secs(2 * HOUR)),
            ..Fetched::default()
        }))
    };
    world.schedule.poll(get).await;
    let world = world.restarted();
    world.clock.set("2026-06-01T01:00:00Z");
    assert_eq!(world.schedule.0.wait(Source::Jolpica), Duration::ZERO);
    assert_eq!(
        world.schedule.0.wait(Source::OpenF1),
        Duration::from_secs(HOUR)
    );
    world.clock.set("2026-06-01T02:00:00Z");
    assert_eq!(world.schedule.0.wait(Source::OpenF1), Duration::ZERO);
    // Who does not say how long has it for an interval.
    let world = world.restarted();
    let get_bare = |ask: Ask| answer(if is_openf1(&ask) { 401 } else { 404 }, Vec::new());
    world.schedule.poll(get_bare).await;
    let world = world.restarted();
    let wait = world.schedule.0.wait(Source::OpenF1);
    assert_eq!(wait, Duration::from_secs(6 * HOUR));
    // Nor is a clock that was set back a little while it was waited.
    world.clock.set("2026-06-01T02:00:00Z");
    world.schedule.poll(get).await;
    world.clock.set("2026-06-01T01:59:58Z");
    let wait = world.schedule.0.wait(Source::OpenF1);
    assert_eq!(wait, Duration::from_secs(2 * HOUR + 2));
    // A clock that was years ahead keeps nobody waiting for years.
    world.clock.set("2024-06-01T00:00:00Z");
    assert_eq!(world.schedule.0.wait(Source::OpenF1), Duration::ZERO);
}
