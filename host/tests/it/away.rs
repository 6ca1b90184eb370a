//! Upstreams that go away and come back: asked seldom meanwhile, and found again
//! by themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use f1_streams::config::Config;
use f1_streams::proxy::Kind;
use reqwest::StatusCode;
use serde_json::Value;

use crate::house::{House, plugin_wasm};
use crate::origin::{Origin, Step, code, ok, packets, playlist, sealed};

const VOD: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\na.ts\n#EXT-X-ENDLIST\n";

/// An origin that breaks every connection before it answers, while it is away.
async fn origin(away: &Arc<AtomicBool>) -> Origin {
    let away = away.clone();
    Origin::new(move |ask| match ask.path() {
        _ if away.load(SeqCst) => vec![Step::Reset],
        "/reset.ts" => vec![Step::Reset],
        "/live.m3u8" => playlist(VOD),
        _ => ok(&packets(2)),
    })
    .await
}

/// A site that lists one stream of `origin`, under a policy of its own.
async fn list(house: &House, origin: &Origin) {
    let url = origin.url("/live.m3u8");
    let site = format!(
        "plugin = \"direct\"\nallow_addresses = [\"127.0.0.9\"]\n\
         [[settings.streams]]\nid = \"one\"\nurl = \"{url}\"\n"
    );
    house.write_site_file("away", &site);
    house.drop_plugin("direct", &std::fs::read(plugin_wasm("direct")).unwrap());
}

async fn state(house: &House) -> Option<(String, String)> {
    let list = house.json("/api/streams").await;
    let stream = list["streams"].get(0)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let reason = text(&stream["health"]["reason"]);
    Some((text(&stream["state"]), reason))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_is_gone_is_asked_seldom_and_found_again() {
    let house = House::edited(|config: &mut Config| {
        config.net.breaker.wait = Duration::from_millis(200);
        config.net.breaker.wait_max = Duration::from_millis(400);
        config.health.interval = Duration::from_millis(300);
    })
    .await;
    let away = Arc::new(AtomicBool::new(false));
    let origin = origin(&away).await;
    list(&house, &origin).await;
    let up = async |house: &House| (state(house).await?.0 == "up").then_some(());
    house.wait("the stream", up).await;
    let segment = |n: usize| sealed(&house, Kind::Segment, &origin.url(&format!("/{n}.ts")));
    assert_eq!(house.get(&segment(0)).await.status(), StatusCode::OK);

    away.store(true, SeqCst);
    let (began, mut closed) = (Instant::now(), 0);
    for n in 1..=200 {
        let answer = house.get(&segment(n)).await;
        if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
            closed += 1;
            assert_eq!(answer.headers()["retry-after"], "1");
            let body = answer.text().await.unwrap();
            assert!(body.contains("\"upstream_down\""), "{body}");
            assert!(!body.contains("127."), "{body}");
        } else {
            assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // A wait is at least four fifths of what the configuration says.
    let most = 5 + usize::try_from(began.elapsed().as_millis() / 160).unwrap() + 1;
    let asks = origin.asks().into_iter();
    let theirs = |path: &str| path == "/live.m3u8" || path == "/a.ts";
    let asked = asks.filter(|ask| !theirs(ask.path())).count() - 1;
    assert!((6..=most).contains(&asked), "asked {asked} times");
    assert!(closed >= 100, "{closed}");
    assert!(house.metrics.limit_hits("net.breaker.failures") >= 1);

    // The list keeps it, and says so also while it is not asked.
    let words = "left alone";
    let down = async |house: &House| {
        let (state, reason) = state(house).await.expect("it stays in the list");
        (state == "down" && reason.contains(words)).then_some(())
    };
    house.wait("word that it is down", down).await;

    away.store(false, SeqCst);
    let returned = async |house: &House| {
        let (status, _) = code(house, &segment(1000)).await;
        (status == StatusCode::OK).then_some(())
    };
    house.wait("its return", returned).await;
    house.wait("the stream's return", up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_site_cannot_reach_is_not_closed_to_another() {
    let house = House::empty("").await;
    let origin = origin(&Arc::default()).await;
    list(&house, &origin).await;
    let stream = house.stream().await;
    let broken = sealed(&house, Kind::Segment, &origin.url("/reset.ts"));
    let closed = async |house: &House| {
        let (_, code) = code(house, &broken).await;
        (code == "upstream_down").then_some(())
    };
    house.wait("the breaker", closed).await;
    // By hand nothing of this origin is to be had now.
    let fine = sealed(&house, Kind::Segment, &origin.url("/fine.ts"));
    assert_eq!(code(&house, &fine).await.1, "upstream_down");
    let entry = house.text(stream["play_url"].as_str().unwrap()).await;
    let segment = crate::house::uri_lines(&entry)[0].clone();
    assert_eq!(house.get(&segment).await.status(), StatusCode::OK);
}
