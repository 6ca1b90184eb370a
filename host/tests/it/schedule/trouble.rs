//! Sources that are down, slow, or somebody else.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::house::House;
use crate::origin::{Ask, Gate, Origin, Step, head, whole};
use crate::program::{Program, memory};

/// What a source does; both are well without.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    Status(&'static str),
    Body(&'static [u8]),
    WrongYear,
    Never,
    Half,
    /// 200 MB as it says, and without a word.
    Huge,
    Endless,
    Packed,
}

/// With what is shown of it: one text, or one of two where sources differ. No two that
/// show the same stand side by side, so that each is waited for.
const TROUBLES: [(Trouble, &str); 15] = [
    (Trouble::Status("401 Unauthorized"), "401"),
    (Trouble::Status("429 Too Many Requests"), "fewer requests"),
    (Trouble::Status("503 Service Unavailable"), "503"),
    (Trouble::Status("404 Not Found"), "no such season"),
    (Trouble::Status("304 Not Modified"), "304"),
    (Trouble::Body(b"<html>maintenance</html>"), "not JSON"),
    (Trouble::Body(b"[]"), "shape|no usable race"),
    (Trouble::Body(b"{\"MRData\":{\"to"), "not JSON"),
    (
        Trouble::Body(b"{\"detail\":\"Session in progress\"}"),
        "shape",
    ),
    (Trouble::WrongYear, "for season 1999|no usable race"),
    (Trouble::Never, "reached"),
    (Trouble::Huge, "too large"),
    (Trouble::Half, "reached"),
    (Trouble::Endless, "too large"),
    (Trouble::Packed, "reached"),
];

fn calendar() -> Value {
    let year = year();
    json!({ "MRData": { "total": "1", "RaceTable": { "season": year.to_string(), "Races": [{
        "season": year.to_string(), "round": "1", "raceName": "Miami Grand Prix",
        "Circuit": { "circuitId": "miami", "circuitName": "Miami International Autodrome",
            "Location": { "locality": "Miami", "country": "USA" } },
        "date": format!("{year}-12-30"), "time": "20:00:00Z",
    }] } } })
}

/// Three hours before the calendar's time.
fn timetable() -> Value {
    let year = year();
    json!([{
        "meeting_key": 1, "session_key": 2, "year": year, "circuit_key": 151,
        "meeting_name": "Miami Grand Prix", "location": "Miami Gardens",
        "session_name": "Race", "date_start": format!("{year}-12-30T17:00:00+00:00"),
        "date_end": format!("{year}-12-30T19:00:00+00:00"),
    }])
}

fn year() -> i16 {
    jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .year()
}

fn answer(ask: &Ask, trouble: Option<Trouble>) -> Vec<Step> {
    let json = [("Content-Type", "application/json")];
    let is_this_year = ask.target.contains(&year().to_string());
    let good = match ask.path().starts_with("/v1/") {
        true => timetable().to_string(),
        false => calendar().to_string(),
    };
    match trouble {
        None if !is_this_year => whole(
            "404 Not Found",
            &json,
            b"{\"detail\":\"No results found.\"}",
        ),
        None => whole("200 OK", &json, good.as_bytes()),
        Some(Trouble::WrongYear) => {
            let other = good.replace(&year().to_string(), "1999");
            whole("200 OK", &json, other.as_bytes())
        }
        Some(Trouble::Status(status)) => whole(status, &json, b"{}"),
        Some(Trouble::Body(body)) => whole("200 OK", &json, body),
        Some(Trouble::Never) => vec![Step::Gate(Gate::new())],
        Some(Trouble::Half) => vec![
            Step::Send(head("200 OK", &[("Content-Length", "9000")])),
            Step::Send(b"{\"MRData\":".to_vec()),
        ],
        Some(Trouble::Huge) => vec![
            Step::Send(head("200 OK", &[("Content-Length", "200000000")])),
            Step::Send(vec![b' '; 1 << 16]),
        ],
        Some(Trouble::Endless) => vec![
            Step::Send(head("200 OK", &[("Connection", "close")])),
            Step::Repeat(vec![b' '; 1 << 16], 200 << 4),
        ],
        Some(Trouble::Packed) => whole("200 OK", &[("Content-Encoding", "gzip")], b"\x1f\x8b\x08"),
    }
}

/// What viewers see of when things are.
fn events(document: &Value) -> Value {
    let mut events = document["events"].clone();
    for event in events.as_array_mut().unwrap() {
        for session in event["sessions"].as_array_mut().unwrap() {
            session["state"] = Value::Null;
        }
    }
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_sources_do_the_page_keeps_its_schedule_and_says_so() {
    let mode: Arc<Mutex<[Option<Trouble>; 2]>> = Arc::default();
    let now = mode.clone();
    let origin = Origin::new(move |ask| {
        let [calendar, timetable] = *now.lock().unwrap();
        let trouble = match ask.path().starts_with("/v1/") {
            true => timetable,
            false => calendar,
        };
        answer(ask, trouble)
    })
    .await;
    let bases = [origin.url("/ergast/f1/"), origin.url("/v1/")].map(|base| base.parse().unwrap());
    let house = House::edited(move |config| {
        let [calendar, timetable]: [url::Url; 2] = bases.clone();
        config.schedule.jolpica_url = calendar;
        config.schedule.openf1_url = timetable;
        config.schedule.interval = Duration::from_secs(1);
        config.schedule.interval_near = Duration::from_secs(1);
        config.net.first_byte_timeout = Duration::from_millis(300);
        config.net.read_timeout = Duration::from_millis(300);
        config.net.breaker.failures = 1_000_000;
    })
    .await;
    let good = super::polled(&house).await;
    assert_eq!(
        good["events"][0]["sessions"][0]["start"],
        format!("{}-12-30T17:00:00Z", year())
    );
    // The peak begins anew. Where a kernel does not do that, only what comes above the
    // start's own is seen.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let peak = || memory(std::process::id(), "VmHWM:");
    let before = peak();
    for (n, (trouble, word)) in TROUBLES.into_iter().enumerate() {
        let one = [[Some(trouble), None], [None, Some(trouble)]];
        // What one alone can do to the other is the same whatever it does.
        let one = one.into_iter().filter(|_| n == 0);
        for both in [[Some(trouble); 2]].into_iter().chain(one) {
            *mode.lock().unwrap() = both;
            let shown = house
                .wait(&format!("{both:?}"), async |house| {
                    let shown = house.json("/api/schedule").await;
                    let says = |n: usize| {
                        let error = shown["sources"][n]["error"].as_str();
                        match both[n] {
                            Some(_) => error.is_some_and(|error| {
                                word.split('|').any(|word| error.contains(word))
                            }),
                            None => error.is_none(),
                        }
                    };
                    (says(0) && says(1)).then_some(shown)
                })
                .await;
            assert_eq!(events(&shown), events(&good), "{both:?}");
            assert!(shown["fetched_at"].is_string());
        }
    }
    assert!(house.metrics.limit_hits("schedule.max_body") >= 4);
    let grown = (peak() - before) >> 20;
    assert!(grown < 64, "{grown} MiB more");
}

/// With a stored season, a damaged one with the one before it, and with none.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_network_the_schedule_is_there_with_the_listener() {
    let stored = {
        let house = House::empty("").await;
        super::polled(&house).await;
        let file = house.dir.path().join("data/schedule.json");
        house
            .wait("both in the file", async |_| {
                let text = std::fs::read_to_string(&file).ok()?;
                text.contains("\"openf1\"").then_some(text)
            })
            .await
    };
    let season: Value = serde_json::from_str(&stored).unwrap();
    let events = season["seasons"][0]["events"].as_array().unwrap().len();
    for (files, expect) in [
        (vec![("schedule.json", stored.clone())], events),
        (
            vec![
                ("schedule.json", stored[..stored.len() / 2].to_owned()),
                ("schedule.json.previous", stored.clone()),
            ],
            events,
        ),
        (vec![], 23),
    ] {
        let data = |dir: &std::path::Path| {
            std::fs::create_dir_all(dir.join("data")).unwrap();
            for (name, text) in &files {
                std::fs::write(dir.join("data").join(name), text).unwrap();
            }
        };
        let program = Program::start("", "", data).await;
        let answer = program.get("/api/schedule").await;
        let shown: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert_eq!(
            shown["events"].as_array().unwrap().len(),
            expect,
            "{files:?}"
        );
    }
}
