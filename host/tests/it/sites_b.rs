//! A site behind a log-in whose addresses expire, found and played by the plugin
//! that ships.

use std::time::Duration;

use f1_streams_testbed::site_b::{PASSWORD, USER};
use f1_streams_testbed::{Options, Role, Testbed};
use serde_json::Value;

use crate::house::{House, plugin_wasm, uri_lines};

/// Of an address: far longer than a run and its health checks take.
const LIFE: Duration = Duration::from_secs(10);

async fn start(password: &str, signed_for: Duration) -> House {
    let options = Options {
        signed_for,
        ..Options::default()
    };
    let testbed = Testbed::start(options).await.unwrap();
    let site = format!(
        r#"
            plugin = "site-b"
            base_url = "{base}"
            interval = "1s"
            allow_addresses = ["127.0.0.2/32"]
            [settings]
            login_path = "/login"
            streams_path = "/api/streams?page=1"
            [settings.media_headers]
            Referer = "{base}/"
            Origin = "{base}"
            [secrets]
            user = "{USER}"
            password = "{password}"
        "#,
        base = testbed.info().site_b,
    );
    let house = House::with_testbed(testbed, "").await;
    house.write_site_file("site-b", &site);
    house.drop_plugin("site-b", &std::fs::read(plugin_wasm("site-b")).unwrap());
    house
}

async fn streams(house: &House) -> Vec<Value> {
    let list = house.json("/api/streams").await;
    list["streams"].as_array().unwrap().clone()
}

/// How often the site was asked for a path.
fn asked(house: &House, method: &str, path: &str) -> usize {
    let log = house.testbed.log();
    let requests = log.iter().filter(|request| request.role == Role::SiteB);
    requests
        .filter(|request| request.method == method && request.path.starts_with(path))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_behind_a_log_in_is_found_and_plays() {
    let house = start(PASSWORD, Duration::from_secs(600)).await;
    let stream = house.stream().await;
    let ids: Vec<_> = streams(&house)
        .await
        .iter()
        .map(|one| one["id"].clone())
        .collect();
    for id in ["site-b.world", "site-b.onboard", "site-b.monde"] {
        assert!(ids.iter().any(|found| found == id), "{id}: {ids:?}");
    }
    assert_eq!(ids.len(), 3, "what is not on is not listed: {ids:?}");
    let master = house.text(stream["play_url"].as_str().unwrap()).await;
    let media = house.text(&uri_lines(&master)[0]).await;
    let segment = house.get(uri_lines(&media).last().unwrap()).await;
    assert_eq!(segment.status(), 200);
    assert!(segment.bytes().await.unwrap().len() > 10_000);
    assert!(!master.contains("cdn.test") && !media.contains("cdn.test"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_used_until_it_ends_and_then_made_anew() {
    let house = start(PASSWORD, Duration::from_secs(600)).await;
    house.stream().await;
    house
        .wait("more runs", async |house| {
            (asked(house, "GET", "/api/streams?page=2") >= 3).then_some(())
        })
        .await;
    assert_eq!(
        asked(&house, "POST", "/login"),
        1,
        "the session was in the jar"
    );
    house.testbed.end_sessions();
    house
        .wait("another log-in", async |house| {
            (asked(house, "POST", "/login") == 2).then_some(())
        })
        .await;
    let pages = asked(&house, "GET", "/api/streams?page=2");
    house
        .wait("runs after it", async |house| {
            (asked(house, "GET", "/api/streams?page=2") > pages).then_some(())
        })
        .await;
    assert_eq!(streams(&house).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_notices_nothing_of_addresses_that_expire() {
    let house = start(PASSWORD, LIFE).await;
    let stream = house.stream().await;
    let master = house.text(stream["play_url"].as_str().unwrap()).await;
    let variant = uri_lines(&master)[0].clone();
    // Two lives of an address; the player's own URL stays.
    let began = std::time::Instant::now();
    while began.elapsed() < LIFE * 2 {
        let media = house.text(&variant).await;
        let segment = house.get(uri_lines(&media).last().unwrap()).await;
        assert_eq!(segment.status(), 200, "after {:?}", began.elapsed());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_a_refusal_that_says_so_and_shows_nothing() {
    let house = start("secret-guess", Duration::from_secs(600)).await;
    let message = house
        .wait("a refusal", async |house| {
            let status = house.plugin_status("site-b").await.to_string();
            status.contains("log-in required").then_some(status)
        })
        .await;
    assert!(!message.contains("secret-guess"), "{message}");
    assert!(streams(&house).await.is_empty());
}
