//! Streams of every kind: that each hangs together, that a real decoder plays
//! it without a gap, and that low latency waits as it should. Needs ffmpeg.

#![allow(clippy::unwrap_used, reason = "a test ends where an answer is missing")]
#![allow(clippy::disallowed_methods, reason = "the test's own clock")]

mod client;

use std::{
    collections::{BTreeSet, VecDeque},
    process::{Command, Output},
    time::{Duration, Instant},
};

use client::Visitor;
use f1_streams_testbed::{Faults, Options, Testbed};
use futures::future::join_all;
use serde_json::Value;
use url::Url;

const KINDS: [&str; 11] = [
    "ts",
    "fmp4",
    "aes",
    "demuxed",
    "ranges",
    "fmp4-ranges",
    "ll",
    "ll-slow",
    "variables?token=open",
    "interstitials",
    "steering",
];

async fn start() -> (Testbed, Visitor) {
    let testbed = Testbed::start(Options::default()).await.unwrap();
    let visitor = Visitor::new(&testbed);
    (testbed, visitor)
}

fn master(testbed: &Testbed, kind: &str) -> String {
    let (kind, query) = kind.split_once('?').unwrap_or((kind, ""));
    format!("{}/{kind}/master.m3u8?{query}", testbed.info().cdn)
}

/// Every reference of a playlist, in lines and in attributes.
fn references(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if !line.starts_with('#') {
            found.push(line.to_owned());
        } else if line.starts_with("#EXT-X-PRELOAD-HINT") {
            // Held until it is there.
        } else {
            let attributes = line
                .split("URI=\"")
                .skip(1)
                .chain(line.split("X-ASSET-LIST=\"").skip(1));
            found.extend(attributes.map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    found
}

/// With the variables of our own playlists put in.
fn filled(text: &str, base: &str) -> String {
    text.replace("{$tail}", "ts?token={$token}")
        .replace("{$base}", base)
        .replace("{$name}", "segment")
        .replace("{$token}", "open")
}

#[tokio::test]
async fn everything_that_a_kind_names_is_there() {
    let (testbed, visitor) = start().await;
    for kind in KINDS {
        let first = master(&testbed, kind);
        let base = first.split("master.m3u8").next().unwrap().to_owned();
        let mut open = VecDeque::from([Url::parse(&first).unwrap()]);
        let mut seen = BTreeSet::new();
        let mut types = BTreeSet::new();
        while let Some(url) = open.pop_front() {
            if !seen.insert(url.clone()) {
                continue;
            }
            let answer = visitor.get(url.as_str()).await;
            assert_eq!(answer.status(), 200, "{url}");
            let media_type = answer
                .headers()
                .get("content-type")
                .map_or(String::new(), |value| value.to_str().unwrap().to_owned());
            let bytes = answer.bytes().await.unwrap();
            assert!(!bytes.is_empty(), "{url}");
            let text = filled(&String::from_utf8_lossy(&bytes), &base);
            let found = match media_type.as_str() {
                "application/vnd.apple.mpegurl" => references(&text),
                "application/json" => {
                    let json: Value = serde_json::from_str(&text).unwrap();
                    let assets = json["ASSETS"].as_array().into_iter().flatten();
                    let mut found: Vec<String> = assets
                        .map(|asset| asset["URI"].as_str().unwrap().to_owned())
                        .collect();
                    found.extend(json["RELOAD-URI"].as_str().map(str::to_owned));
                    found
                }
                _ => Vec::new(),
            };
            types.insert(media_type);
            open.extend(found.iter().map(|uri| url.join(uri).unwrap()));
        }
        assert!(seen.len() >= 6, "{kind}: {seen:#?}");
        let media = types.contains("video/mp2t") || types.contains("video/mp4");
        assert!(media, "{kind}: {types:?}");
        assert_eq!(types.contains("text/vtt"), kind == "demuxed");
    }
}

#[tokio::test]
async fn a_guarded_kind_wants_the_players_headers_everywhere() {
    let (testbed, visitor) = start().await;
    let first = format!("{}/guarded/aes/master.m3u8", testbed.info().cdn);
    let (media, text) = visitor.media_playlist(&first, 0).await;
    let base = Url::parse(&media).unwrap();
    for uri in references(&text).iter().chain([&first]) {
        let url = base.join(uri).unwrap().to_string();
        assert!(url.contains("/guarded/"), "{url}");
        assert_eq!(visitor.get(&url).await.status(), 403, "{url}");
        assert_eq!(
            visitor.media(&url).send().await.unwrap().status(),
            200,
            "{url}"
        );
    }
}

async fn ffmpeg(testbed: &Testbed, arguments: &[&str]) -> Output {
    let port = Url::parse(&testbed.info().cdn).unwrap().port().unwrap();
    let mut command = Command::new("ffmpeg");
    // The names are not in the system's resolver: ask the CDN as a proxy is
    // asked, which leaves the URLs as they are.
    command.env("http_proxy", format!("http://127.0.0.2:{port}"));
    command.env_remove("no_proxy");
    command.args(["-nostdin", "-v", "error"]).args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap();
    output.expect("ffmpeg runs (on Debian: apt-get install ffmpeg)")
}

/// Each of the two tracks without a gap, and nothing to complain of.
async fn plays(testbed: &Testbed, kind: &str, sound: &str) {
    let url = master(testbed, kind);
    let output = ffmpeg(
        testbed,
        &[
            "-t", "8", "-i", &url, "-map", "0:v:0", "-map", sound, "-f", "framecrc", "-",
        ],
    )
    .await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{kind}: {said}");
    let text = String::from_utf8(output.stdout).unwrap();
    for (stream, least) in [(0, 110), (1, 240)] {
        let frames: Vec<Vec<i64>> = text
            .lines()
            .filter(|line| line.starts_with(&format!("{stream},")))
            .map(|line| {
                line.split(',')
                    .take(4)
                    .map(|field| field.trim().parse().unwrap())
                    .collect()
            })
            .collect();
        assert!(
            frames.len() >= least,
            "{kind}: {} frames of stream {stream}",
            frames.len()
        );
        for pair in frames.windows(2) {
            assert_eq!(
                pair[0][2] + pair[0][3],
                pair[1][2],
                "{kind}: a gap in stream {stream}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_plays_them_without_a_gap() {
    let (testbed, _) = start().await;
    // ffmpeg knows neither variables nor steering.
    let kinds = KINDS
        .iter()
        .filter(|kind| !kind.contains('?') && **kind != "steering");
    let mut all: Vec<_> = kinds.map(|kind| plays(&testbed, kind, "0:a:0")).collect();
    all.push(plays(&testbed, "demuxed", "0:a:1"));
    join_all(all).await;
}

fn edge(text: &str) -> (u64, usize) {
    let first: u64 = text
        .split_once("#EXT-X-MEDIA-SEQUENCE:")
        .unwrap()
        .1
        .lines()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let skipped: u64 = text
        .split_once("SKIPPED-SEGMENTS=")
        .map_or(0, |(_, rest)| rest.lines().next().unwrap().parse().unwrap());
    let newest = first + skipped + text.matches("#EXTINF").count() as u64 - 1;
    (
        newest,
        text.matches(&format!("part-{}.", newest + 1)).count() - 1,
    )
}

#[tokio::test]
async fn a_playlist_that_is_to_come_is_held_until_it_is_there() {
    let (testbed, visitor) = start().await;
    let url = format!("{}/ll/360p/index.m3u8", testbed.info().cdn);
    // From before the edge is known: it moves on while its answer is on its way.
    let asked = Instant::now();
    let text = visitor.text(&url).await;
    assert!(text.contains("CAN-BLOCK-RELOAD=YES"), "{text}");
    let (newest, _) = edge(&text);
    let segment = newest + 2;
    let text = visitor
        .text(&format!(
            "{url}?_HLS_msn={segment}&_HLS_part=1&_HLS_skip=YES"
        ))
        .await;
    // Two parts of half a second at least, and what is left of the segment before.
    assert!(
        asked.elapsed() >= Duration::from_millis(900),
        "{:?}",
        asked.elapsed()
    );
    assert!(
        text.contains(&format!("part-{segment}.1.m4s\"\n")),
        "{text}"
    );
    assert!(
        !text.contains(&format!("part-{segment}.2.m4s\"\n#EXT-X-PART")),
        "{text}"
    );
    assert!(text.contains("#EXT-X-SKIP:SKIPPED-SEGMENTS="), "{text}");
    assert!(
        text.contains("#EXT-X-RENDITION-REPORT:URI=\"../180p/index.m3u8\""),
        "{text}"
    );

    // The hinted part comes when it is over, and is a part of its segment.
    let hint = text
        .split_once("TYPE=PART,URI=\"")
        .unwrap()
        .1
        .split('"')
        .next()
        .unwrap();
    let hinted = Url::parse(&url).unwrap().join(hint).unwrap();
    let part = visitor.get(hinted.as_str()).await;
    assert_eq!(part.status(), 200);
    let part = part.bytes().await.unwrap();
    let whole = format!("{url}?_HLS_msn={segment}");
    assert!(
        visitor
            .text(&whole)
            .await
            .contains(&format!("\nsegment-{segment}.m4s\n"))
    );
    let whole = visitor
        .get(&url.replace("index.m3u8", &format!("segment-{segment}.m4s")))
        .await;
    let whole = whole.bytes().await.unwrap();
    assert!(whole.windows(part.len()).any(|window| window == part));

    for wrong in [
        "_HLS_part=1".to_owned(),
        "_HLS_msn=x".to_owned(),
        "_HLS_skip=1".to_owned(),
        format!("_HLS_msn={}", segment + 9),
    ] {
        let answer = visitor.get(&format!("{url}?{wrong}")).await;
        assert_eq!(answer.status(), 400, "{wrong}");
    }
    let old = visitor
        .get(&format!("{url}?_HLS_msn={}", newest - 90))
        .await;
    assert_eq!(old.status(), 200, "what is long there is answered at once");
    let far = url.replace("index.m3u8", &format!("part-{}.0.m4s", segment + 9));
    assert_eq!(visitor.get(&far).await.status(), 404);
}

#[tokio::test]
async fn an_encoder_that_stops_ends_the_wait() {
    let (testbed, visitor) = start().await;
    let url = format!("{}/ll/180p/index.m3u8", testbed.info().cdn);
    let (newest, _) = edge(&visitor.text(&url).await);
    testbed.set_faults(Faults {
        playlist_frozen: true,
        ..Faults::default()
    });
    let asked = Instant::now();
    let answer = visitor.get(&format!("{url}?_HLS_msn={}", newest + 2)).await;
    assert_eq!(answer.status(), 503);
    assert!(
        (5..8).contains(&asked.elapsed().as_secs()),
        "{:?}",
        asked.elapsed()
    );
}

#[tokio::test]
async fn variables_cannot_be_left_out() {
    let (testbed, visitor) = start().await;
    let with = master(&testbed, "variables?token=a");
    assert_eq!(visitor.get(&with).await.status(), 200);
    assert_eq!(
        visitor.get(with.split('?').next().unwrap()).await.status(),
        403
    );
    let segment = format!("{}/variables/360p/index.m3u8", testbed.info().cdn);
    assert_eq!(visitor.get(&segment).await.status(), 403);
}
