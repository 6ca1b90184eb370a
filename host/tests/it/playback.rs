//! From a site's page to media, through links.

use std::time::{Duration, Instant};

use f1_streams_testbed::{Faults, Role};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, RANGE};

use crate::house::{House, uri_lines};

#[tokio::test(flavor = "multi_thread")]
async fn a_site_becomes_a_stream_whose_newest_segment_is_media() {
    let house = House::start().await;
    let stream = house.stream().await;
    assert_eq!(stream["id"], "site-a.main");
    assert_eq!(stream["health"]["level"], 3);
    assert_eq!(stream["playable"], true);
    let (variant, master) = house.variant().await;
    assert_eq!(uri_lines(&master).len(), 2, "both variants: {master}");
    let playlist = house.text(&variant).await;
    assert!(playlist.contains("#EXT-X-PROGRAM-DATE-TIME"));
    let segments = uri_lines(&playlist);
    assert!(segments.len() >= 4);
    for path in &segments {
        let response = house.get(path).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CONTENT_TYPE], "video/mp2t");
        let body = response.bytes().await.unwrap();
        assert!(
            body.len() > 10_000 && body.len() % 188 == 0,
            "whole packets: {}",
            body.len()
        );
        assert!(body.chunks(188).all(|packet| packet[0] == 0x47));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_viewer_gets_names_an_upstream() {
    let house = House::start().await;
    let (variant, master) = house.variant().await;
    let media = house.text(&variant).await;
    let streams = house.text("/api/streams").await;
    let segment = house.get(&uri_lines(&media)[0]).await;
    let headers = format!("{:?}", segment.headers());
    for text in [&master, &media, &streams, &headers] {
        for secret in [
            ".test",
            "127.0.0.2",
            "Referer",
            "referer",
            "session=",
            "set-cookie",
        ] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        for port in &house.testbed.info().ports {
            assert!(!text.contains(&format!(":{port}")), "{port} in {text}");
        }
    }
    assert!(
        uri_lines(&master)
            .iter()
            .all(|uri| uri.starts_with("/proxy/"))
    );
    assert!(
        uri_lines(&media)
            .iter()
            .all(|uri| uri.starts_with("/relay/"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_resource_gets_the_same_link_for_every_viewer() {
    let house = House::start().await;
    let (variant, _) = house.variant().await;
    let (first, second) = (house.text(&variant).await, house.text(&variant).await);
    let (first, second) = (uri_lines(&first), uri_lines(&second));
    // The live edge may have moved by one between the two.
    let shared = first.iter().filter(|uri| second.contains(uri)).count();
    assert!(shared >= first.len() - 1, "{first:?} {second:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_byte_goes_out_with_the_origins_first_byte() {
    let house = House::start().await;
    let segments = house.segments().await;
    let slow = Faults {
        segment_duration_ms: 3000,
        ..Faults::default()
    };
    house.testbed.set_faults(slow);
    // A busy machine may be late by itself; a relay that holds back is always.
    let mut best = i64::MAX;
    for _ in 0..3 {
        house.testbed.clear_log();
        let began = Instant::now();
        let mut response = house.get(segments.last().unwrap()).await;
        response.chunk().await.unwrap().unwrap();
        let first_byte = jiff::Timestamp::now().as_microsecond();
        let mut bytes = 0;
        while let Some(chunk) = response.chunk().await.unwrap() {
            bytes += chunk.len();
        }
        assert!(
            began.elapsed() >= Duration::from_millis(2500),
            "the origin was slow"
        );
        assert!(bytes > 0, "the rest came later");
        let log = house.testbed.log();
        let sent = log
            .iter()
            .find(|r| r.role == Role::Cdn && r.path.contains(".ts"))
            .unwrap();
        best = best.min(first_byte - sent.first_byte_at.unwrap());
        if best < 100_000 {
            return;
        }
    }
    panic!("{best} µs after the origin's first byte, at best");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_reaches_the_origin_is_the_profile_and_nothing_of_the_viewer() {
    // A proxy in front says whom it stands for.
    let open = "[auth]\nviewers = \"open\"";
    let house = House::start_with(open, "/event/live").await;
    let segments = house.segments().await;
    house.testbed.clear_log();
    let request = house
        .client
        .get(format!("{}{}", house.base, segments[0]))
        .header("cookie", "viewer=secret")
        .header("authorization", "Bearer viewer")
        .header("x-forwarded-for", "192.0.2.1")
        .header("referer", "http://viewer.example/")
        .header("user-agent", "viewer");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    let seen = house
        .testbed
        .log()
        .into_iter()
        .find(|r| r.role == Role::Cdn)
        .unwrap();
    let base = &house.testbed.info().site_a;
    assert_eq!(seen.header("referer"), Some(format!("{base}/").as_str()));
    assert_eq!(seen.header("origin"), Some(base.as_str()));
    assert!(
        !format!("{:?}", seen.headers).contains("viewer"),
        "{:?}",
        seen.headers
    );
    assert_eq!(seen.header("x-forwarded-for"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_answered_with_exactly_its_bytes() {
    let house = House::start().await;
    let segments = house.segments().await;
    let url = format!("{}{}", house.base, segments[0]);
    let whole = house
        .client
        .get(&url)
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    let part = house
        .client
        .get(&url)
        .header(RANGE, "bytes=188-751")
        .send()
        .await
        .unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(
        part.headers()[CONTENT_RANGE],
        format!("bytes 188-751/{}", whole.len())
    );
    assert_eq!(part.headers()[CONTENT_TYPE], "video/mp2t");
    assert_eq!(part.bytes().await.unwrap(), whole.slice(188..752));
    let several = house
        .client
        .get(&url)
        .header(RANGE, "bytes=0-1,5-6")
        .send()
        .await
        .unwrap();
    assert_eq!(several.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    let head = house.client.head(&url).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(head.content_length().unwrap_or_default(), 0, "no body");
    assert_eq!(head.headers()["content-length"], whole.len().to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstreams_status_keeps_its_meaning() {
    let house = House::start().await;
    let segments = house.segments().await;
    let statuses = [
        (404, 404),
        (410, 410),
        (451, 451),
        (500, 500),
        (503, 503),
        (418, 502),
    ];
    for ((upstream, expect), segment) in statuses.into_iter().zip(&segments) {
        house.testbed.set_faults(Faults {
            segment_status: Some(StatusCode::from_u16(upstream).unwrap()),
            ..Faults::default()
        });
        let began = std::time::Instant::now();
        let response = house.get(segment).await;
        assert!(began.elapsed() < Duration::from_secs(1), "{upstream}");
        assert_eq!(response.status().as_u16(), expect);
        let body: serde_json::Value =
            serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(body["error"]["code"], "upstream_status");
    }
    house.testbed.set_faults(Faults::default());
    // What the upstream refuses is not asked again for a second.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(house.get(&segments[0]).await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rendition_link_outlives_the_url_behind_it() {
    let house = House::start().await;
    let (variant, _) = house.variant().await;
    let before = house.json("/api/streams").await["streams"][0]["found_at"].clone();
    // The URL that was handed out dies, as on a site whose URLs expire; the
    // next extraction brings another.
    house.testbed.revoke_streams();
    assert_eq!(
        house.get(&variant).await.status(),
        StatusCode::FORBIDDEN,
        "the old URL is dead"
    );
    assert!(house.refresh().await);
    house
        .wait("a second extraction", async |house| {
            let now = house.json("/api/streams").await;
            (now["streams"][0]["found_at"] != before).then_some(())
        })
        .await;
    assert!(!uri_lines(&house.text(&variant).await).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rendition_link_survives_a_restart() {
    let house = House::start().await;
    let (variant, _) = house.variant().await;
    let house = house.restart().await;
    house.stream().await;
    assert!(!uri_lines(&house.text(&variant).await).is_empty());
}

/// Runs one of ffmpeg's programs; what it printed, and what it complained of.
async fn ffmpeg(program: &str, args: &[&str]) -> (String, String) {
    let output = tokio::process::Command::new(program)
        .args(args)
        .kill_on_drop(true)
        .output()
        .await;
    let output =
        output.unwrap_or_else(|e| panic!("{program}: {e}; `cargo xtask test` installs it"));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    assert!(
        output.status.success(),
        "{program}: {}",
        text(output.stderr)
    );
    (text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_player_sees_both_variants_and_decodes_without_an_error() {
    let house = House::start().await;
    let url = format!(
        "{}{}",
        house.base,
        house.stream().await["play_url"].as_str().unwrap()
    );
    let entries = [
        "-v",
        "error",
        "-show_entries",
        "program=program_id:stream=width",
        "-of",
        "compact",
        &url,
    ];
    let (seen, _) = ffmpeg("ffprobe", &entries).await;
    for width in ["width=640", "width=320"] {
        assert!(seen.contains(width), "{seen}");
    }
    let (_, complaints) = ffmpeg(
        "ffmpeg",
        &[
            "-nostdin", "-v", "error", "-t", "10", "-i", &url, "-f", "null", "-",
        ],
    )
    .await;
    assert_eq!(complaints, "");
}

/// A link's version and the id of its key, but for a few bits.
fn sealer(link: &str) -> &str {
    &link.split_once("url=").unwrap().1[..6]
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_under_playing_viewers() {
    let house = House::start_with("[links]\npoll = \"100ms\"", "/event/live").await;
    let (variant, _) = house.variant().await;
    let old = house.segments().await;
    let file = house.dir.path().join("data/links.key");
    let key = std::fs::read_to_string(&file).unwrap();
    let new = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    std::fs::write(&file, format!("{new}\n{key}")).unwrap();
    house
        .wait("links under the new key", async |house| {
            let now = house.segments().await;
            (sealer(&now[6]) != sealer(&old[6])).then_some(())
        })
        .await;
    assert_eq!(house.get(&old[6]).await.status(), StatusCode::OK);
    assert_eq!(house.get(&variant).await.status(), StatusCode::OK);
    // What is no key file changes nothing.
    std::fs::write(&file, "half a k").unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(house.get(&old[6]).await.status(), StatusCode::OK);
    // The old key is taken away: its links end.
    std::fs::write(&file, format!("{new}\n")).unwrap();
    house
        .wait("the end of the old key", async |house| {
            (house.get(&old[6]).await.status() == StatusCode::FORBIDDEN).then_some(())
        })
        .await;
}
