//! What players use of HLS beyond playlists and segments, through the proxy:
//! reloads that are held, reports, hints, variables, and the JSON of breaks and
//! of steering. The testbed's streams of every kind are its upstream.

use std::time::{Duration, Instant};

use f1_streams_testbed::Role;
use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::Value;

use crate::clients::{entry, house_of};
use crate::house::{House, uri_lines};

/// The multivariant playlist of a kind, and the path of its first rendition.
async fn rendition(house: &House, kind: &str) -> (String, String) {
    let master = house
        .text(entry(house, kind).strip_prefix(&house.base).unwrap())
        .await;
    let first = uri_lines(&master)[0].clone();
    (master, first)
}

/// The values of an attribute, wherever it stands.
fn attributes(text: &str, tag: &str, name: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.starts_with(tag));
    let values = lines.filter_map(|line| {
        let (_, rest) = line.split_once(&format!("{name}=\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    });
    values.collect()
}

fn newest(playlist: &str) -> u64 {
    let number = |tag: &str| -> u64 {
        let rest = playlist.split_once(tag).map(|(_, rest)| rest);
        rest.map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap())
    };
    let listed = playlist.matches("#EXTINF:").count() as u64;
    number("#EXT-X-MEDIA-SEQUENCE:") + number("SKIPPED-SEGMENTS=") + listed - 1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_is_held_past_every_timeout_and_asked_for_once() {
    let house = house_of(&["ll-slow"]).await;
    let (_, path) = rendition(&house, "ll-slow").await;
    let playlist = house.text(&path).await;
    assert!(playlist.contains("CAN-BLOCK-RELOAD=YES"), "{playlist}");
    let wanted = newest(&playlist) + 2;
    house.testbed.clear_log();
    let began = Instant::now();
    let reload = format!("{path}&_HLS_msn={wanted}&_HLS_skip=YES");
    let viewers = (0..5).map(|_| house.get(&reload));
    for answer in join_all(viewers).await {
        assert_eq!(answer.status(), StatusCode::OK);
        let text = answer.text().await.unwrap();
        assert_eq!(newest(&text), wanted, "{text}");
        assert!(text.contains("#EXT-X-SKIP:"), "{text}");
        assert!(!text.contains(".test"), "{text}");
    }
    let took = began.elapsed();
    assert!(took > Duration::from_secs(9), "held for {took:?}");
    let fetches = house.testbed.fetches();
    let asked: Vec<_> = fetches
        .iter()
        .filter(|(path, _)| path.contains("_HLS_msn"))
        .collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(*asked[0].1, 1, "{asked:?}");
    assert!(
        asked[0]
            .0
            .ends_with(&format!("?_HLS_msn={wanted}&_HLS_skip=YES")),
        "{asked:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edge_of_low_latency_is_handed_out_whole() {
    let house = house_of(&["ll"]).await;
    let (master, path) = rendition(&house, "ll").await;
    let playlist = house.text(&path).await;
    // A report names the other rendition as the multivariant playlist does:
    // players compare the two.
    let reports = attributes(&playlist, "#EXT-X-RENDITION-REPORT", "URI");
    let [report] = &reports[..] else {
        panic!("one report, of the other quality: {playlist}");
    };
    assert_eq!(*report, uri_lines(&master)[1]);
    // A hint is held until the part is there.
    let hints = attributes(&playlist, "#EXT-X-PRELOAD-HINT", "URI");
    let part = house.get(&hints[0]).await;
    assert_eq!(part.status(), StatusCode::OK);
    assert_eq!(part.headers()["content-type"], "video/mp4");
    assert_eq!(part.bytes().await.unwrap()[4..8], *b"moof");
    // What makes no sense is the origin's to refuse.
    let answer = house
        .get(&format!("{path}&_HLS_msn={}", newest(&playlist) + 50))
        .await;
    assert!(answer.status().is_client_error() || answer.status() == StatusCode::BAD_GATEWAY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_update_names_what_the_whole_playlist_named() {
    let house = house_of(&["ll"]).await;
    let (_, path) = rendition(&house, "ll").await;
    let whole = house.text(&path).await;
    let update = house.text(&format!("{path}&_HLS_skip=YES")).await;
    assert!(whole.contains("#EXT-X-MAP:"), "{whole}");
    assert!(update.contains("#EXT-X-SKIP:"), "{update}");
    assert!(!update.contains("#EXT-X-MAP:"), "{update}");
    let (whole, update) = (uri_lines(&whole), uri_lines(&update));
    let new = update.iter().filter(|link| !whole.contains(link)).count();
    // A segment may have come since.
    assert!(update.len() > 3 && new <= 1, "{update:?}\nof {whole:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_reach_every_address() {
    let house = house_of(&["variables?token=open"]).await;
    let (_, path) = rendition(&house, "variables").await;
    let playlist = house.text(&path).await;
    for segment in uri_lines(&playlist) {
        let answer = house.get(&segment).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "video/mp2t");
    }
    let asked = house
        .testbed
        .log()
        .into_iter()
        .filter(|one| one.role == Role::Cdn);
    for one in asked {
        assert!(one.path.ends_with("token=open"), "{}", one.path);
    }
}

/// A JSON document of ours, and that nothing in it names the upstream.
async fn document(house: &House, path: &str) -> Value {
    assert!(path.starts_with("/relay/"), "{path}");
    let answer = house.get(path).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "application/json");
    let text = answer.text().await.unwrap();
    assert!(!text.contains(".test"), "{text}");
    serde_json::from_str(&text).unwrap()
}

async fn plays(house: &House, playlist: &str) {
    let segments = uri_lines(&house.text(playlist).await);
    let segment = house.get(&segments[0]).await;
    assert_eq!(segment.status(), StatusCode::OK);
    assert_eq!(segment.headers()["content-type"], "video/mp2t");
}

#[tokio::test(flavor = "multi_thread")]
async fn breaks_play_from_a_playlist_and_from_a_list() {
    let house = house_of(&["interstitials"]).await;
    let (_, path) = rendition(&house, "interstitials").await;
    let playlist = house.text(&path).await;
    let single = attributes(&playlist, "#EXT-X-DATERANGE", "X-ASSET-URI");
    assert!(single[0].starts_with("/proxy/playlist.m3u8?url="));
    plays(&house, &single[0]).await;
    let list = attributes(&playlist, "#EXT-X-DATERANGE", "X-ASSET-LIST");
    let list = document(&house, &list[0]).await;
    let assets = list["ASSETS"].as_array().unwrap();
    assert_eq!(assets.len(), 2, "{list}");
    for asset in assets {
        assert_eq!(asset["DURATION"], 3.0);
        plays(&house, asset["URI"].as_str().unwrap()).await;
    }
    assert_eq!(list["X-NOTE"], "what nobody knows stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn steering_leads_to_every_pathway() {
    let house = house_of(&["steering"]).await;
    let (master, _) = rendition(&house, "steering").await;
    let server = attributes(&master, "#EXT-X-CONTENT-STEERING", "SERVER-URI");
    // As hls.js asks.
    let manifest = document(
        &house,
        &format!("{}&_HLS_pathway=one&_HLS_throughput=5000000", server[0]),
    )
    .await;
    assert_eq!(
        (&manifest["VERSION"], &manifest["TTL"]),
        (&1.into(), &10.into())
    );
    assert_eq!(
        manifest["PATHWAY-PRIORITY"].as_array().unwrap().len(),
        4,
        "{manifest}"
    );
    let asked = house.testbed.fetches();
    assert!(
        asked.keys().any(|path| path
            .contains("steering.json?session=1&_HLS_pathway=one&_HLS_throughput=5000000")),
        "{asked:?}"
    );
    let again = document(&house, manifest["RELOAD-URI"].as_str().unwrap()).await;
    let clones = again["PATHWAY-CLONES"].as_array().unwrap();
    assert_eq!(clones.len(), 2, "{again}");
    for clone in clones {
        let replacement = &clone["URI-REPLACEMENT"];
        // A player cannot put another host into our links.
        assert!(
            replacement["HOST"].is_null() && replacement["PARAMS"].is_null(),
            "{clone}"
        );
        let uris = replacement["PER-VARIANT-URIS"].as_object().unwrap();
        assert_eq!(uris.keys().collect::<Vec<_>>(), ["180p", "360p"]);
        house.testbed.clear_log();
        plays(&house, uris["180p"].as_str().unwrap()).await;
        let log = house.testbed.log();
        let there = log.iter().filter(|one| one.role == Role::Cdn);
        let host = "cdn-two.test";
        assert!(
            there
                .clone()
                .any(|one| one.host.as_deref().unwrap().starts_with(host)),
            "{log:?}"
        );
    }
}
