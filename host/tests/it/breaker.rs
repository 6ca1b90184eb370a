//! P24, P25: a plugin that fails again and again, and one that recovers.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::guests::{Guest, TRAP};
use crate::hostile::logs::Lines;
use crate::house::House;

const EXTRA: &str = r#"
    [extraction]
    interval = "200ms"
    backoff_max = "200ms"
    jitter = 0.0
    [plugins.breaker]
    faults = 3
    wait = "1s"
    wait_max = "4s"
"#;

async fn kinds(house: &House, key: &str) -> Vec<String> {
    let path = format!("/api/admin/plugins/{key}/events");
    // 404 before the file was seen.
    let (_, told) = house.send(Method::GET, &path, Vec::new()).await;
    let kind = |event: &Value| event["kind"].as_str().unwrap().to_owned();
    let events = told["events"].as_array().into_iter().flatten();
    events.rev().map(kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn p24_a_plugin_that_always_traps_is_called_ever_less() {
    let lines = Lines::warnings();
    let house = House::empty(EXTRA).await;
    let trapping = |version| {
        let guest = Guest {
            key: "trapper",
            version,
            extract: TRAP,
            ..Guest::default()
        };
        guest.component()
    };
    house.drop_plugin("trapper", &trapping("1.0.0"));
    let status = house
        .wait("the breaker", async |house| {
            let status = house.plugin_status("trapper").await;
            let run = &status["sites"][0]["last_run"];
            (run["outcome"] == "breaker_open").then_some(status)
        })
        .await;
    assert_eq!(
        status["error"]["code"], "trap",
        "what happened is still said"
    );
    assert!(status["breaker"]["open_until"].is_string());
    assert!(
        kinds(&house, "trapper")
            .await
            .contains(&"breaker_open".to_owned())
    );
    // Within 3 s: tried after 1 s, then after 2 s.
    let calls = status["calls"].as_u64().unwrap();
    tokio::time::sleep(Duration::from_millis(3500)).await;
    let later = house.plugin_status("trapper").await["calls"]
        .as_u64()
        .unwrap();
    assert!((1..=3).contains(&(later - calls)), "{calls} → {later}");
    // A fault is a line, whatever its backtrace holds; so is the breaker.
    let text = lines.text();
    let of = |word: &str| text.lines().filter(|line| line.contains(word)).count();
    let status = house.plugin_status("trapper").await;
    let faults = status["faults"].as_u64().unwrap();
    assert!(faults >= 4, "{status}");
    assert_eq!(of("outcome=\"trap\"") as u64, faults, "{text}");
    // The schedule's source has something to say of its own.
    let others = text.lines().count() - of("f1_streams::schedule");
    assert_eq!(of("trapper"), others, "{text}");
    // A new version begins with a closed one.
    house.drop_plugin("trapper", &trapping("1.0.1"));
    house
        .wait("three calls in a row", async |house| {
            let status = house.plugin_status("trapper").await;
            let calls = status["calls"].as_u64().unwrap();
            (status["version"] == "1.0.1" && calls >= later + 3).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p25_a_plugin_that_behaves_again_needs_no_operator() {
    let house = House::empty(EXTRA).await;
    let healthy_at = jiff::Timestamp::now().as_millisecond() + 3_000;
    // err(not-found) from then on: an answer.
    let extract =
        format!("call $now i64.const {healthy_at} i64.lt_s if unreachable end i32.const 512");
    let guest = Guest {
        key: "late",
        extract: extract.leak(),
        ..Guest::default()
    };
    house.drop_plugin("late", &guest.component());
    house
        .wait("the breaker to open and close", async |house| {
            let kinds = kinds(house, "late").await;
            kinds
                .contains(&"breaker_closed".to_owned())
                .then_some(kinds)
        })
        .await;
    let status = house
        .wait("an answer", async |house| {
            let status = house.plugin_status("late").await;
            (status["sites"][0]["last_run"]["outcome"] == "not_found").then_some(status)
        })
        .await;
    assert!(status["breaker"].is_null());
    assert!(status["faults"].as_u64().unwrap() >= 3);
}
