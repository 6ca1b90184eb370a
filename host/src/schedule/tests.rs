//! The handle from outside: what it serves before, during and after polls that
//! go well and badly, and across restarts.

mod answers;
mod changes;
mod drift;
mod instances;
mod overrides;
mod politeness;
mod seasons;
mod two_sources;

use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::sync::Mutex;

use serde_json::{Value, json};

use super::*;

const HOUR: u64 = 3600;

/// A clock that stands still until it is set.
#[derive(Clone)]
struct Clock(Arc<Mutex<Timestamp>>);

impl Clock {
    fn at(time: &str) -> Self {
        Self(Arc::new(Mutex::new(ts(time))))
    }

    fn set(&self, time: &str) {
        *self.0.lock().expect("not poisoned") = ts(time);
    }

    fn read(&self) -> Timestamp {
        *self.0.lock().expect("not poisoned")
    }
}

fn ts(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

struct World {
    dir: tempfile::TempDir,
    clock: Clock,
    schedule: Schedule,
}

impl World {
    fn at(time: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let clock = Clock::at(time);
        let schedule = open(&dir, &clock);
        Self {
            dir,
            clock,
            schedule,
        }
    }

    fn restarted(self) -> Self {
        let schedule = open(&self.dir, &self.clock);
        Self { schedule, ..self }
    }

    async fn poll(&self, status: u16, body: Vec<u8>) -> Polled {
        let get = |ask: Ask| match is_openf1(&ask) {
            true => answer(401, Vec::new()),
            false => answer(status, body.clone()),
        };
        self.schedule.poll(get).await
    }

    /// `id start status` of every session, in the order served.
    fn lines(&self) -> Vec<String> {
        let events = self.schedule.document().events;
        let line = |s: &SessionView| {
            let start = s
                .start
                .map_or_else(|| s.date.to_string(), |start| start.to_string());
            format!("{} {start} {:?}", s.id, s.status)
        };
        events
            .iter()
            .flat_map(|event| &event.sessions)
            .map(line)
            .collect()
    }

    fn session(&self, id: &str) -> SessionView {
        let events = self.schedule.document().events;
        let mut sessions = events.into_iter().flat_map(|event| event.sessions);
        sessions
            .find(|session| session.id == id)
            .unwrap_or_else(|| panic!("{id} is not served"))
    }
}

fn is_openf1(ask: &Ask) -> bool {
    ask.url.path().starts_with("/v1/")
}

/// What the calendar's source did wrong.
fn error(polled: &Polled) -> Option<SourceError> {
    let mut errors = polled.errors.iter();
    let found = errors.find(|(source, _)| *source == Source::Jolpica);
    found.map(|(_, error)| error.clone())
}

fn open(dir: &tempfile::TempDir, clock: &Clock) -> Schedule {
    open_with(dir, clock, |_| {})
}

fn open_with(dir: &tempfile::TempDir, clock: &Clock, change: impl FnOnce(&mut Config)) -> Schedule {
    let mut config = Config {
        jolpica_url: "http://schedule.test/ergast/f1/"
            .parse()
            .expect("an address"),
        openf1_url: "http://schedule.test/v1/".parse().expect("an address"),
        interval: Duration::from_secs(6 * HOUR),
        interval_near: Duration::from_secs(HOUR),
        between_requests: Duration::ZERO,
        settle: Duration::from_millis(20),
    };
    change(&mut config);
    let clock = clock.clone();
    Schedule::open(config, dir.path(), move || clock.read())
}

fn answer(status: u16, body: Vec<u8>) -> Ready<Result<Fetched, FetchFailure>> {
    ready(Ok(Fetched {
        status,
        body: body.into(),
        ..Fetched::default()
    }))
}

/// A race alone: `(circuit, start)`.
fn race(circuit: &str, start: &str) -> Value {
    let (date, time) = start.split_once('T').unwrap_or((start, ""));
    let mut race = json!({
        "season": &date[..4], "round": "1", "raceName": format!("{circuit} Grand Prix"),
        "Circuit": { "circuitId": circuit, "circuitName": circuit, "Location": { "locality": "L", "country": "C" } },
        "date": date,
    });
    if !time.is_empty() {
        race["time"] = json!(time);
    }
    race
}

fn season(races: &[Value]) -> Vec<u8> {
    let year = races
        .first()
        .map_or(json!("2026"), |race| race["season"].clone());
    json!({ "MRData": { "total": races.len().to_string(), "RaceTable": { "season": year, "Races": races } } })
        .to_string()
        .into_bytes()
}

fn two_races() -> Vec<u8> {
    season(&[
        race("spa", "2026-07-19T13:00:00Z"),
        race("monza", "2026-09-06T13:00:00Z"),
    ])
}

#[test]
fn a_first_start_serves_the_bundled_season() {
    let world = World::at("2026-11-22T04:30:00Z");
    let document = world.schedule.document();
    assert_eq!((document.season, document.events.len()), (2026, 23));
    assert_eq!(document.server_time, ts("2026-11-22T04:30:00Z"));
    assert_eq!((document.fetched_at, document.stale), (None, true));
    assert_eq!(document.sources.len(), 2);
    assert_eq!(
        (
            document.sources[0].fetched_at,
            document.sources[0].error.as_deref()
        ),
        (None, None)
    );
    let current = world.schedule.current().expect("a race is on");
    assert_eq!(current.id, "2026-vegas-race");
    assert_eq!(current.event, "Las Vegas Grand Prix");
    assert_eq!(
        (current.state, current.end),
        (State::Live, ts("2026-11-22T06:00:00Z"))
    );
    let vegas = document
        .events
        .iter()
        .find(|event| event.id == "2026-vegas")
        .expect("served");
    assert_eq!(
        vegas.circuit.timezone.as_deref(),
        Some("America/Los_Angeles")
    );
    assert_eq!(world.schedule.next_poll_in(), Duration::ZERO);
}

/// The names and forms that the page reads.
#[test]
fn the_document_has_the_promised_shape() {
    let world = World::at("2026-11-22T04:30:00.123456789Z");
    let document = serde_json::to_value(world.schedule.document()).expect("JSON");
    let keys = |value: &Value| {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        keys(&document),
        "events fetched_at season server_time sources stale"
    );
    assert_eq!(document["server_time"], "2026-11-22T04:30:00.123Z");
    assert_eq!(keys(&document["sources"][0]), "error fetched_at name");
    let event = &document["events"][1];
    assert_eq!(keys(event), "circuit id name round sessions");
    assert_eq!(
        keys(&event["circuit"]),
        "country id locality name position timezone"
    );
    assert_eq!(
        event["sessions"][1],
        json!({
            "id": "2026-shanghai-sprint_qualifying", "kind": "sprint_qualifying", "name": "Sprint Qualifying",
            "start": "2026-03-13T07:30:00Z", "end": "2026-03-13T08:15:00Z", "date": "2026-03-13",
            "state": "finished", "status": "scheduled", "changed_at": null,
            "previous_start": null, "updated_at": "2026-10-01T00:00:00Z", "sequence": 0,
        })
    );
}

#[test]
fn stale_begins_after_two_intervals() {
    let world = World::at("2026-06-01T00:00:00Z");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(world.poll(200, two_races()));
    world.clock.set("2026-06-01T12:00:00Z");
    assert!(!world.schedule.document().stale);
    world.clock.set("2026-06-01T12:00:01Z");
    assert!(world.schedule.document().stale);
}

#[tokio::test]
async fn winter_asks_for_two_seasons_and_shows_the_one_with_more_to_come() {
    let world = World::at("2026-11-20T00:00:00Z");
    let answers = BTreeMap::from([
        (
            "/ergast/f1/2026.json".to_owned(),
            season(&[race("yas_marina", "2026-12-06T13:00:00Z")]),
        ),
        (
            "/ergast/f1/2027.json".to_owned(),
            season(&[race("albert_park", "2027-03-14T04:00:00Z")]),
        ),
    ]);
    let asked = Mutex::new(Vec::new());
    let get = |ask: Ask| {
        let url = ask.url.clone();
        if is_openf1(&ask) {
            return answer(404, Vec::new());
        }
        asked.lock().expect("not poisoned").push(url.to_string());
        let is_second =
            url.path().contains("2027") && world.clock.read() < ts("2027-01-01T00:00:00Z");
        assert!(
            !is_second || world.lines().len() == 1,
            "the first answer is served while the second is asked for"
        );
        answers
            .get(url.path())
            .map_or_else(|| answer(404, Vec::new()), |body| answer(200, body.clone()))
    };
    assert_eq!(error(&world.schedule.poll(get).await), None);
    assert_eq!(
        *asked.lock().expect("not poisoned"),
        [
            "http://schedule.test/ergast/f1/2026.json?limit=100",
            "http://schedule.test/ergast/f1/2027.json?limit=100",
        ]
    );
    assert_eq!(world.schedule.document().season, 2026);
    world.clock.set("2026-12-06T15:59:59Z");
    assert_eq!(
        world.schedule.current().expect("overtime").id,
        "2026-yas_marina-race"
    );
    assert_eq!(world.schedule.document().season, 2026);
    world.clock.set("2026-12-06T16:00:00Z");
    assert_eq!(
        world.schedule.current().expect("next year").id,
        "2027-albert_park-race"
    );
    assert_eq!(world.schedule.document().season, 2027);

    // January: this year's season is known, the one after it does not exist.
    world.clock.set("2027-01-05T00:00:00Z");
    let polled = world.schedule.poll(get).await;
    assert_eq!((polled.changed, error(&polled)), (false, None));
    let paths = asked.lock().expect("not poisoned").split_off(2);
    assert!(
        paths[0].contains("/2027.json") && paths[1].contains("/2028.json") && paths.len() == 2,
        "{paths:?}"
    );
    assert_eq!(world.restarted().schedule.document().season, 2027);
}

#[tokio::test]
async fn in_summer_one_season_is_asked_for_once() {
    let world = World::at("2026-07-01T00:00:00Z");
    let asked = Mutex::new(0);
    world
        .schedule
        .poll(|ask| {
            *asked.lock().expect("not poisoned") += u32::from(!is_openf1(&ask));
            answer(200, two_races())
        })
        .await;
    assert_eq!(*asked.lock().expect("not poisoned"), 1);
}

#[tokio::test]
async fn the_pace_follows_the_sessions_and_the_failures() {
    let world = World::at("2026-07-17T12:59:00Z");
    let within = |low: u64, high: u64| {
        let wait = world.schedule.next_poll_in().as_secs();
        assert!(
            (low..=high).contains(&wait),
            "{wait} s at {}",
            world.clock.read()
        );
    };
    world.poll(200, two_races()).await;
    within(5 * HOUR, 7 * HOUR);
    world.clock.set("2026-07-17T14:59:00Z");
    world.poll(200, two_races()).await;
    within(HOUR * 9 / 10, HOUR * 11 / 10);
    assert_eq!(
        world.schedule.next_poll_in(),
        world.schedule.next_poll_in(),
        "asking does not throw the dice"
    );
    world.clock.set("2026-07-17T15:29:00Z");
    within(HOUR * 4 / 10, HOUR * 6 / 10);
    world.clock.set("2026-07-17T17:00:00Z");
    within(0, 0);
    world.poll(503, Vec::new()).await;
    within(108, 132);
    world.poll(503, Vec::new()).await;
    within(216, 264);
    world.poll(429, Vec::new()).await;
    within(HOUR * 9 / 10, HOUR * 11 / 10);
    world.poll(200, two_races()).await;
    within(HOUR * 9 / 10, HOUR * 11 / 10);
    // The clock is set back by a day: no wait of a day.
    world.clock.set("2026-07-16T17:00:00Z");
    within(0, 0);
    // After the race, until the next weekend.
    world.clock.set("2026-07-19T16:00:00Z");
    world.poll(200, two_races()).await;
    within(5 * HOUR, 7 * HOUR);
}

#[tokio::test]
async fn a_poll_beside_a_poll_asks_nothing() {
    let world = World::at("2026-06-01T00:00:00Z");
    let (send, receive) = tokio::sync::oneshot::channel::<()>();
    let receive = Arc::new(tokio::sync::Mutex::new(Some(receive)));
    let slow = world.schedule.poll(|_| {
        let receive = Arc::clone(&receive);
        async move {
            let waits = receive.lock().await.take();
            if let Some(waits) = waits {
                let _ = waits.await;
            }
            Ok(Fetched {
                status: 200,
                body: two_races().into(),
                ..Fetched::default()
            })
        }
    });
    let beside = async {
        tokio::task::yield_now().await;
        let polled = world
            .schedule
            .poll(|_| -> Ready<Result<Fetched, FetchFailure>> { panic!("asked twice") })
            .await;
        assert_eq!(polled, Polled::default());
        assert_eq!(
            world.schedule.document().events.len(),
            23,
            "served from what is known meanwhile"
        );
        send.send(()).expect("still waiting");
    };
    let both = async { tokio::join!(slow, beside) };
    let both = tokio::time::timeout(Duration::from_secs(5), both).await;
    let (polled, ()) = both.expect("neither waits for the other");
    assert!(polled.changed);
    assert_eq!(world.lines().len(), 2);
}

/// As the host does it: the handle moves into a task, the fetch is a closure.
#[tokio::test]
async fn a_poll_runs_in_a_task_of_its_own() {
    let world = World::at("2026-06-01T00:00:00Z");
    let schedule = world.schedule.clone();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let body: Arc<[u8]> = two_races().into();
        let get = move |_ask: Ask| {
            let body = Arc::clone(&body);
            async move {
                tokio::task::yield_now().await;
                Ok(Fetched {
                    status: 200,
                    body: body.to_vec().into(),
                    ..Fetched::default()
                })
            }
        };
        schedule.poll(get).await
    });
    let polled = tasks.join_next().await.expect("one task");
    assert!(polled.expect("no panic").changed);
}

#[test]
fn addresses_under_any_base() {
    for (source, base, expect) in [
        (
            Source::Jolpica,
            "https://api.test/ergast/f1",
            &["/ergast/f1/2026.json?limit=100"][..],
        ),
        (
            Source::Jolpica,
            "https://api.test",
            &["/2026.json?limit=100"],
        ),
        (
            Source::OpenF1,
            "https://api.test/v1",
            &["/v1/meetings?year=2026", "/v1/sessions?year=2026"],
        ),
    ] {
        for base in [base.to_owned(), format!("{base}/")] {
            let base = base.parse().expect("an address");
            let found = source::addresses(source, &base, 2026);
            let found = found.iter().map(|url| url.as_str().to_owned());
            let expect = expect.iter().map(|path| format!("https://api.test{path}"));
            assert!(found.eq(expect), "{base}");
        }
    }
}
