//! An origin's places: what takes long keeps nobody from what is short.

use std::time::{Duration, Instant};

use f1_streams::config::Config;
use f1_streams::proxy::Kind;
use futures::future::{Either, join, select};
use reqwest::StatusCode;

use super::{ask, header, refusal};
use crate::house::House;
use crate::origin::{Gate, Origin, Step, head, ok, packets, playlist, sealed};

const LIVE: &str = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n\
    #EXT-X-PART-INF:PART-TARGET=0.5\n\
    #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5\n\
    #EXT-X-MEDIA-SEQUENCE:10\n#EXTINF:2,\n10.ts\n";

/// Two places of each class.
async fn narrow() -> House {
    House::edited(|config: &mut Config| {
        config.net.per_origin = 2;
        config.net.held_per_origin = 2;
        config.net.connect_timeout = Duration::from_secs(1);
    })
    .await
}

/// Reloads that are held, and parts of `/long.ts`, end when the gate opens.
async fn patient(gate: &Gate) -> Origin {
    let gate = gate.clone();
    Origin::new(move |ask| match ask.path() {
        "/live.m3u8" if ask.target.contains("_HLS_msn") => {
            let held = [Step::Gate(gate.clone())];
            held.into_iter().chain(playlist(LIVE)).collect()
        }
        "/live.m3u8" => playlist(LIVE),
        "/long.ts" => {
            let (whole, (first, last)) = (packets(1000), ask.range(188_000).unwrap());
            let (length, range) = (
                (last - first + 1).to_string(),
                format!("bytes {first}-{last}/188000"),
            );
            let fields = [("Content-Length", &*length), ("Content-Range", &*range)];
            vec![
                Step::Send(head("206 Partial Content", &fields)),
                Step::Send(whole[first..first + 18_800].to_vec()),
                Step::Gate(gate.clone()),
                Step::Send(whole[first + 18_800..=last].to_vec()),
            ]
        }
        "/key.bin" => ok(&[7; 16]),
        _ => ok(&packets(10)),
    })
    .await
}

async fn arrives(house: &House, path: &str) {
    let answer = ask(house, path, &[]).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
}

/// As [`arrives`], and at once.
async fn is_there(house: &House, path: &str) {
    let began = Instant::now();
    arrives(house, path).await;
    assert!(began.elapsed() < Duration::from_secs(1), "{path}");
}

/// No place became free in time.
async fn is_refused(house: &House, path: &str) {
    let answer = ask(house, path, &[]).await;
    assert_eq!(header(&answer, "retry-after"), Some("1"));
    let busy = (StatusCode::SERVICE_UNAVAILABLE, "upstream_busy".to_owned());
    assert_eq!(refusal(answer).await, busy, "{path}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_of_segments_keep_nobody_from_playlists() {
    let (house, gate) = (narrow().await, Gate::new());
    let origin = patient(&gate).await;
    let link = |kind, path: &str| sealed(&house, kind, &origin.url(path));
    let long = link(Kind::Segment, "/long.ts");
    let mut readers = Vec::new();
    for first in 1..=2 {
        let range = format!("bytes={first}-");
        let reader = ask(&house, &long, &[("range", &range)]).await;
        assert_eq!(reader.status(), StatusCode::PARTIAL_CONTENT);
        readers.push(reader);
    }
    let live = link(Kind::Playlist, "/live.m3u8");
    is_there(&house, &live).await;
    is_there(&house, &link(Kind::Key, "/key.bin")).await;
    is_refused(&house, &link(Kind::Segment, "/a.ts")).await;
    assert_eq!(house.metrics.limit_hits("net.per_origin"), 1);
    let reload = format!("{live}&_HLS_msn=11&_HLS_part=0");
    let held = arrives(&house, &reload);
    let opened = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        gate.open();
    };
    join(held, opened).await;
    drop(readers);
    is_there(&house, &link(Kind::Segment, "/a.ts")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_may_be_held_for_longer_than_a_fetch_takes() {
    let house = House::edited(|config: &mut Config| {
        config.net.connect_timeout = Duration::from_millis(500);
        config.net.first_byte_timeout = Duration::from_millis(500);
        config.net.total_timeout = Duration::from_secs(1);
        config.relay.hold = Duration::from_secs(3);
    })
    .await;
    let gate = Gate::new();
    let origin = patient(&gate).await;
    let live = sealed(&house, Kind::Playlist, &origin.url("/live.m3u8"));
    is_there(&house, &live).await;
    let late = refusal(ask(&house, &format!("{live}&_HLS_msn=11&_HLS_part=0"), &[]).await).await;
    let timeout = (StatusCode::GATEWAY_TIMEOUT, "upstream_timeout".to_owned());
    assert_eq!(late, timeout);
    let hits = |limit| house.metrics.limit_hits(limit);
    assert_eq!(hits("relay.hold"), 1);
    assert_eq!(
        hits("net.first_byte_timeout") + hits("net.total_timeout"),
        0
    );
    let opened = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        gate.open();
    };
    let reload = format!("{live}&_HLS_msn=11&_HLS_part=1");
    join(arrives(&house, &reload), opened).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reloads_that_are_held_keep_nobody_from_anything_else() {
    let (house, gate) = (narrow().await, Gate::new());
    let origin = patient(&gate).await;
    let link = |kind, path: &str| sealed(&house, kind, &origin.url(path));
    let live = link(Kind::Playlist, "/live.m3u8");
    is_there(&house, &live).await;
    let held = |part: usize| format!("{live}&_HLS_msn=11&_HLS_part={part}");
    let (one, two) = (held(0), held(1));
    let reloads = join(arrives(&house, &one), arrives(&house, &two));
    let others = async {
        while origin.asked() < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        is_there(&house, &link(Kind::Playlist, "/live.m3u8?other")).await;
        is_there(&house, &link(Kind::Segment, "/a.ts")).await;
        is_refused(&house, &held(2)).await;
        assert_eq!(house.metrics.limit_hits("net.held_per_origin"), 1);
        assert_eq!(house.metrics.limit_hits("net.per_origin"), 0);
        gate.open();
    };
    join(reloads, others).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_origin_brings_a_second_is_slowed_and_never_cut() {
    let house = House::edited(|config: &mut Config| {
        config.net.bytes_per_origin = bytesize::ByteSize::kib(100);
        // The time that we let it wait counts against it nowhere.
        config.net.read_timeout = Duration::from_millis(300);
        config.relay.min_rate = bytesize::ByteSize::mib(1);
        config.relay.min_rate_window = Duration::from_secs(1);
    })
    .await;
    let origin = Origin::new(|_| ok(&packets(1100))).await;
    let segment = |n: usize| sealed(&house, Kind::Segment, &origin.url(&format!("/{n}.ts")));
    let began = Instant::now();
    let links = [segment(1), segment(2)];
    let both = join(ask(&house, &links[0], &[]), ask(&house, &links[1], &[])).await;
    let both = join(both.0.bytes(), both.1.bytes()).await;
    let whole = packets(1100);
    assert!(both.0.unwrap() == whole && both.1.unwrap() == whole);
    // 404 KiB: one second's worth at once, two seconds' after it, and the last piece
    // of each, which nobody waits for.
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert!(house.metrics.limit_hits("net.bytes_per_origin") >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stalls_is_cut_while_others_use_its_origin_s_bytes() {
    let house = House::edited(|config: &mut Config| {
        config.net.bytes_per_origin = bytesize::ByteSize::kib(100);
        config.net.read_timeout = Duration::from_millis(300);
        config.relay.min_rate_window = Duration::from_secs(60);
    })
    .await;
    let never = Gate::new();
    let origin = Origin::new(move |ask| match ask.path() {
        "/stalls.ts" => vec![
            Step::Send(head("200 OK", &[("Content-Length", "188000")])),
            Step::Send(packets(100)),
            Step::Gate(never.clone()),
        ],
        _ => ok(&packets(3000)),
    })
    .await;
    let link = |path: &str| sealed(&house, Kind::Segment, &origin.url(path));
    let flows = ask(&house, &link("/flows.ts"), &[]).await.bytes();
    let stalls = ask(&house, &link("/stalls.ts"), &[]).await.bytes();
    let (flows, stalls) = (Box::pin(flows), Box::pin(stalls));
    match select(stalls, flows).await {
        Either::Left((cut, flows)) => {
            assert!(cut.is_err());
            assert!(flows.await.unwrap() == packets(3000));
        }
        Either::Right(_) => panic!("five seconds' worth came, and the other still waits"),
    }
}
