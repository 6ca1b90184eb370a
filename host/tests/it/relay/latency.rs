//! What players ask of a playlist's server: reloads that are held, parts,
//! interstitials, steering.

use std::time::{Duration, Instant};

use f1_streams::config::Config;
use f1_streams::proxy::Kind;
use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::Value;

use super::{ask, refusal};
use crate::house::{House, plugin_wasm, uri_lines};
use crate::origin::{Ask, Origin, Step, ok, packets, playlist, sealed, whole};

const MULTIVARIANT: &str = "#EXTM3U\n\
    #EXT-X-STREAM-INF:BANDWIDTH=1000000,RESOLUTION=640x360\nlow.m3u8?a=1\n\
    #EXT-X-STREAM-INF:BANDWIDTH=3000000,RESOLUTION=1280x720\nhigh.m3u8?a=1\n";

fn live(number: usize) -> String {
    format!(
        "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n#EXT-X-PART-INF:PART-TARGET=0.5\n\
         #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5\n\
         #EXT-X-MEDIA-SEQUENCE:{number}\n#EXTINF:2,\n{number}.ts\n\
         #EXT-X-PART:DURATION=0.5,URI=\"{number}.0.ts\"\n\
         #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{number}.1.ts\"\n\
         #EXT-X-RENDITION-REPORT:URI=\"low.m3u8\",LAST-MSN={number},LAST-PART=0\n"
    )
}

/// A low-latency stream; what is to be held is, for that long.
async fn low_latency(held: Duration) -> Origin {
    Origin::new(move |ask| match ask.path() {
        "/master.m3u8" => playlist(MULTIVARIANT),
        path if path.ends_with(".m3u8") => {
            let mut steps = playlist(&live(10));
            if ask.target.contains("_HLS_msn") {
                steps.insert(0, Step::Wait(held));
            }
            steps
        }
        _ => ok(&packets(10)),
    })
    .await
}

/// Times here are a fifth of what they are by default.
async fn hurried() -> House {
    House::edited(|config: &mut Config| {
        config.net.first_byte_timeout = Duration::from_millis(1600);
        config.net.read_timeout = Duration::from_secs(2);
        config.relay.playlist_timeout = Duration::from_secs(3);
    })
    .await
}

/// The stream of that URL, found by the plugin that ships.
async fn stream_of(house: &House, url: &str) -> Value {
    let site = format!("plugin = \"direct\"\n[[settings.streams]]\nurl = \"{url}\"\n");
    house.write_site_file("direct", &site);
    house.drop_plugin("direct", &std::fs::read(plugin_wasm("direct")).unwrap());
    let listed = async |house: &House| {
        let list = house.json("/api/streams").await;
        list["streams"].get(0).cloned()
    };
    house.wait("a stream", listed).await
}

fn held(asks: &[Ask]) -> Vec<String> {
    let held = asks.iter().filter(|ask| ask.target.contains("_HLS_msn"));
    held.map(|ask| ask.target.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_is_held_arrives() {
    let house = hurried().await;
    let origin = low_latency(Duration::from_secs(4)).await;
    let link = sealed(&house, Kind::Playlist, &origin.url("/live.m3u8"));
    house.text(&link).await;
    let began = Instant::now();
    let text = house.text(&format!("{link}&_HLS_msn=11&_HLS_part=0")).await;
    assert!(began.elapsed() >= Duration::from_secs(4));
    assert!(text.contains("CAN-BLOCK-RELOAD=YES"), "{text}");
    assert!(uri_lines(&text)[0].starts_with("/relay/"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_directives_are_one_request_and_others_another() {
    let house = House::empty("").await;
    let origin = low_latency(Duration::from_secs(1)).await;
    let link = sealed(
        &house,
        Kind::Playlist,
        &origin.url("/live.m3u8?sig=a%2Fb+c&_HLS_msn=1"),
    );
    let same = join_all((0..8).map(|n| {
        let directives = match n % 2 {
            0 => "_HLS_msn=0&_HLS_part=1",
            _ => "_HLS_part=1&_HLS_msn=0",
        };
        let path = format!("{link}&{directives}");
        let house = &house;
        async move { house.text(&path).await }
    }));
    let other = format!("{link}&_HLS_msn=0&_HLS_part=2");
    futures::future::join(same, house.text(&other)).await;
    let mut held = held(&origin.asks());
    held.sort();
    assert_eq!(
        held,
        [
            "/live.m3u8?sig=a%2Fb+c&_HLS_msn=0&_HLS_part=1",
            "/live.m3u8?sig=a%2Fb+c&_HLS_msn=0&_HLS_part=2"
        ]
    );
    for wrong in ["_HLS_msn=1&_HLS_msn=2", "_HLS_other=1", "x=1"] {
        let refused = refusal(ask(&house, &format!("{link}&{wrong}"), &[]).await).await;
        assert_eq!(refused.0, StatusCode::FORBIDDEN, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_entry_of_a_media_playlist_takes_directives() {
    let house = House::empty("").await;
    let origin = low_latency(Duration::from_millis(100)).await;
    let stream = stream_of(&house, &origin.url("/live.m3u8?a=1")).await;
    let entry = stream["play_url"].as_str().unwrap();
    let text = house
        .text(&format!("{entry}?_HLS_msn=11&_HLS_part=3"))
        .await;
    assert!(text.contains("CAN-BLOCK-RELOAD=YES"), "{text}");
    house.text(&format!("{entry}?from=page&_HLS_msn=12")).await;
    assert_eq!(
        held(&origin.asks()),
        [
            "/live.m3u8?a=1&_HLS_msn=11&_HLS_part=3",
            "/live.m3u8?a=1&_HLS_msn=12"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_names_the_rendition_as_its_playlist_was_handed_out() {
    let house = House::empty("").await;
    let origin = low_latency(Duration::from_millis(100)).await;
    let stream = stream_of(&house, &origin.url("/master.m3u8")).await;
    let links = uri_lines(&house.text(stream["play_url"].as_str().unwrap()).await);
    let [low, high] = [&links[0], &links[1]];
    let text = house.text(&format!("{high}&_HLS_msn=11&_HLS_part=0")).await;
    let report = text
        .lines()
        .find(|line| line.starts_with("#EXT-X-RENDITION-REPORT"))
        .unwrap();
    assert!(
        report.contains(&format!("URI=\"{low}\"")),
        "{report}\n{low}"
    );
    assert_eq!(
        held(&origin.asks()),
        ["/high.m3u8?a=1&_HLS_msn=11&_HLS_part=0"]
    );
    for tag in ["#EXT-X-PART:", "#EXT-X-PRELOAD-HINT:"] {
        let line = text.lines().find(|line| line.starts_with(tag)).unwrap();
        assert!(line.contains("URI=\"/relay/segment.ts?url="), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_behind_a_redirect_names_the_rendition() {
    let house = House::empty("").await;
    let origin = Origin::new(|ask| match ask.path() {
        "/master.m3u8" => playlist(MULTIVARIANT),
        "/high.m3u8" => whole("302 Found", &[("Location", "/edge/7/high.m3u8")], b""),
        _ => playlist(&live(10)),
    })
    .await;
    let stream = stream_of(&house, &origin.url("/master.m3u8")).await;
    let links = uri_lines(&house.text(stream["play_url"].as_str().unwrap()).await);
    let text = house.text(&links[1]).await;
    let report = format!("#EXT-X-RENDITION-REPORT:URI=\"{}\"", links[0]);
    assert!(text.contains(&report), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_target_duration_ends_nothing() {
    let house = House::empty("").await;
    let origin = Origin::new(|_| {
        playlist("#EXTM3U\n#EXT-X-TARGETDURATION:18000000000000000000\n#EXTINF:2,\na.ts\n")
    })
    .await;
    let link = sealed(&house, Kind::Playlist, &origin.url("/live.m3u8"));
    house.text(&link).await;
    house.text(&format!("{link}&_HLS_msn=11")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asset_lists_and_steering_manifests_name_links_alone() {
    let house = House::empty("").await;
    let origin = Origin::new(|ask| match ask.path() {
        "/assets" => ok(br#"{"ASSETS":[{"URI":"ad/one.m3u8","DURATION":15.0}]}"#),
        "/steer" => {
            ok(br#"{"VERSION":1,"TTL":300,"RELOAD-URI":"steer?s=1","PATHWAY-PRIORITY":["A"]}"#)
        }
        "/page" => ok(b"<html>"),
        _ => playlist("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\na.ts\n#EXT-X-ENDLIST\n"),
    })
    .await;
    let link = |kind, path: &str| sealed(&house, kind, &origin.url(path));
    let assets = link(Kind::AssetList, "/assets?x=1");
    let list = house
        .json(&format!(
            "{assets}&_HLS_start_offset=2.5&_HLS_primary_id=abc"
        ))
        .await;
    let asset = list["ASSETS"][0]["URI"].as_str().unwrap();
    assert!(asset.starts_with("/proxy/playlist.m3u8?url="), "{asset}");
    assert_eq!(list["ASSETS"][0]["DURATION"], 15.0);
    assert!(
        house
            .text(&format!("{asset}&_HLS_primary_id=abc"))
            .await
            .contains("/relay/")
    );
    let steer = link(Kind::Steering, "/steer?s=1");
    let manifest = house
        .json(&format!("{steer}&_HLS_pathway=A&_HLS_throughput=5000"))
        .await;
    assert_eq!(
        manifest["RELOAD-URI"].as_str(),
        Some(&*steer),
        "it is the same resource"
    );
    assert_eq!(manifest["PATHWAY-PRIORITY"][0], "A");
    let asked: Vec<String> = origin.asks().into_iter().map(|ask| ask.target).collect();
    assert_eq!(
        asked,
        [
            "/assets?x=1&_HLS_primary_id=abc&_HLS_start_offset=2.5",
            "/ad/one.m3u8?_HLS_primary_id=abc",
            "/steer?s=1&_HLS_pathway=A&_HLS_throughput=5000",
        ]
    );
    let page = refusal(ask(&house, &link(Kind::Steering, "/page"), &[]).await).await;
    assert_eq!(page, (StatusCode::BAD_GATEWAY, "upstream_not_json".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn protected_media_is_refused_however_it_is_reached() {
    let house = House::empty("").await;
    let origin = Origin::new(|ask| match ask.path() {
        "/none.m3u8" => whole("404 Not Found", &[], b""),
        _ => playlist(
            "#EXTM3U\n#EXT-X-TARGETDURATION:2\n\
             #EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://a\",KEYFORMAT=\"com.apple.streamingkeydelivery\"\n\
             #EXTINF:2,\na.ts\n",
        ),
    })
    .await;
    for kind in [
        Kind::Playlist,
        Kind::Segment,
        Kind::SealedSegment,
        Kind::Data,
    ] {
        let link = sealed(&house, kind, &origin.url("/live.m3u8"));
        let refused = refusal(ask(&house, &link, &[]).await).await;
        assert_eq!(
            refused,
            (StatusCode::FORBIDDEN, "protected".into()),
            "{kind:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_does_not_promise_is_not_asked_of_it() {
    let house = House::empty("").await;
    let origin = Origin::new(|ask| match ask.path() {
        "/plain.m3u8" => playlist(
            "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:10\n#EXTINF:6,\n10.ts\n",
        ),
        _ => playlist(
            "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES\n\
             #EXT-X-MEDIA-SEQUENCE:10\n#EXTINF:6,\n10.ts\n",
        ),
    })
    .await;
    for (path, queries) in [("/plain.m3u8", 1), ("/blocks.m3u8", 4)] {
        let link = sealed(&house, Kind::Playlist, &origin.url(path));
        let before = origin.asked();
        house.text(&link).await;
        for more in ["_HLS_msn=11", "_HLS_msn=12", "_HLS_msn=13", "_HLS_skip=YES"] {
            house.text(&format!("{link}&{more}")).await;
        }
        assert_eq!(origin.asked() - before, queries, "{path}");
    }
}
