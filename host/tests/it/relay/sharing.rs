//! One fetch for all who ask.

use std::time::{Duration, Instant};

use f1_streams::config::Config;
use f1_streams::proxy::Kind;
use futures::future::join_all;
use reqwest::Response;

use super::{ask, body, header, segment};
use crate::house::{House, uri_lines};
use crate::origin::{Gate, Origin, Step, head, honest, ok, packets, playlist, sealed};

/// An origin whose body stops in the middle until the gate opens.
async fn halting(whole: &[u8], gate: &Gate, begun: usize) -> Origin {
    let (whole, gate) = (whole.to_vec(), gate.clone());
    Origin::new(move |_| {
        let length = whole.len().to_string();
        vec![
            Step::Send(head("200 OK", &[("Content-Length", &length)])),
            Step::Send(whole[..begun].to_vec()),
            Step::Gate(gate.clone()),
            Step::Send(whole[begun..].to_vec()),
        ]
    })
    .await
}

/// So many bytes of a body.
async fn until(viewer: &mut Response, length: usize) -> Vec<u8> {
    let mut got = Vec::new();
    while got.len() < length {
        got.extend(viewer.chunk().await.unwrap().unwrap());
    }
    got
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_viewer_joins_on_the_way_from_the_first_byte() {
    let house = House::empty("").await;
    let (whole, gate) = (packets(1000), Gate::new());
    let origin = halting(&whole, &gate, 18_800).await;
    let link = segment(&house, &origin);
    let mut first = ask(&house, &link, &[]).await;
    let mut got = first.chunk().await.unwrap().unwrap().to_vec();
    let mut second = ask(&house, &link, &[]).await;
    let mut also = second.chunk().await.unwrap().unwrap().to_vec();
    gate.open();
    got.extend(body(first).await);
    also.extend(body(second).await);
    assert!(got == whole && also == whole, "every byte, for both");
    assert_eq!(origin.asked(), 1);
    assert_eq!(house.metrics.served_from("joined"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_leaves_takes_nothing_from_the_others() {
    let house = House::empty("").await;
    // The first is who began the fetch, the last who asked the origin for more.
    for leaves in ["the first", "the last"] {
        let (whole, gate) = (packets(1000), Gate::new());
        let origin = halting(&whole, &gate, 18_800).await;
        let link = segment(&house, &origin);
        let mut first = ask(&house, &link, &[]).await;
        let mut got = until(&mut first, 18_800).await;
        let mut last = ask(&house, &link, &[]).await;
        until(&mut last, 18_800).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let (left, mut stays) = match leaves {
            "the first" => (first, last),
            _ => (last, first),
        };
        drop(left);
        tokio::time::sleep(Duration::from_millis(200)).await;
        gate.open();
        let rest = tokio::time::timeout(Duration::from_secs(5), async {
            until(&mut stays, whole.len() - 18_800).await
        });
        got.extend(rest.await.unwrap());
        assert!(got == whole, "{leaves} left");
        assert_eq!(origin.asked(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_viewers_are_one_fetch_and_later_ones_none() {
    let house = House::empty("").await;
    let (whole, gate) = (packets(1000), Gate::new());
    let origin = halting(&whole, &gate, 0).await;
    let link = segment(&house, &origin);
    let viewers = join_all((0..64).map(|_| async { body(ask(&house, &link, &[]).await).await }));
    let opened = async {
        while house.metrics.served_from("joined") < 63 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        gate.open();
    };
    let (bodies, ()) = futures::future::join(viewers, opened).await;
    assert!(bodies.iter().all(|body| *body == whole));
    assert_eq!(origin.asked(), 1);
    let later = ask(&house, &link, &[]).await;
    assert_eq!(header(&later, "content-length"), Some("188000"));
    assert!(body(later).await == whole);
    assert_eq!(
        (origin.asked(), house.metrics.served_from("window")),
        (1, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_window_later_viewers_fetch_anew() {
    let house = House::empty("[relay]\nwindow = \"0\"").await;
    let whole = packets(100);
    let origin = Origin::new(move |_| ok(&packets(100))).await;
    let link = segment(&house, &origin);
    for times in 1..=2 {
        assert!(body(ask(&house, &link, &[]).await).await == whole);
        assert_eq!(origin.asked(), times);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_that_left_their_playlist_leave_the_window() {
    let house = House::empty("").await;
    let began = Instant::now();
    let origin = Origin::new(move |ask| {
        if ask.path() != "/live.m3u8" {
            return ok(&packets(10));
        }
        let number = ask.number;
        playlist(&format!(
            "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:{number}\n\
             #EXTINF:1,\n{number}.ts\n#EXTINF:1,\n{}.ts\n",
            number + 1
        ))
    })
    .await;
    let link = sealed(&house, Kind::Playlist, &origin.url("/live.m3u8"));
    let listed = async || {
        let text = house.text(&link).await;
        // Half a target duration later there is a new one.
        tokio::time::sleep(Duration::from_millis(600)).await;
        uri_lines(&text)
    };
    let segments = async || {
        let asks = origin.asks();
        asks.iter()
            .filter(|ask| ask.path().ends_with(".ts"))
            .count()
    };
    let first = listed().await[0].clone();
    for (times, left) in [(1, "it is listed"), (1, "a player may be behind")] {
        body(ask(&house, &first, &[]).await).await;
        assert_eq!(segments().await, times, "{left}");
        listed().await;
    }
    listed().await;
    body(ask(&house, &first, &[]).await).await;
    assert_eq!(segments().await, 2, "after {:?}", began.elapsed());
}

/// 1 MiB on its way, and no window.
async fn narrow() -> House {
    House::edited(|config: &mut Config| {
        config.relay.in_flight = bytesize_of("1MiB");
        config.relay.window = bytesize_of("0");
    })
    .await
}

fn bytesize_of<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_stays_gets_every_byte() {
    let house = House::edited(|config: &mut Config| {
        config.relay.in_flight = bytesize_of("1MiB");
        config.relay.window = bytesize_of("0");
        config.net.per_origin = 256;
    })
    .await;
    let whole = packets(20_000);
    let sent = whole.clone();
    let origin = Origin::new(move |ask| {
        let mut steps = honest(ask, &[("ETag", "\"one\"")], &sent);
        let Step::Send(all) = steps.pop().unwrap() else {
            unreachable!("a body is sent")
        };
        steps.extend(paced(&all));
        steps
    })
    .await;
    for round in 0..4 {
        let link = sealed(&house, Kind::Segment, &origin.url(&format!("/{round}.ts")));
        let viewer = async |n: usize| {
            tokio::time::sleep(Duration::from_millis(n as u64 * 2)).await;
            let mut viewer = ask(&house, &link, &[]).await;
            let mut got = Vec::new();
            while let Some(piece) = viewer.chunk().await.unwrap() {
                got.extend(piece);
                if n.is_multiple_of(3) && got.len() > n * 50_000 {
                    return;
                }
                // Some rest now and then, each at places of its own.
                if got.len() % 17 < n % 5 {
                    tokio::time::sleep(Duration::from_millis((n % 7) as u64)).await;
                }
            }
            assert!(got == whole, "{n} of round {round}");
        };
        let all = join_all((0..48).map(viewer));
        let ended = tokio::time::timeout(Duration::from_secs(60), all).await;
        assert!(ended.is_ok(), "somebody waits for ever");
    }
    assert!(origin.asked() < 4 * 48, "most share");
}

/// No faster than whoever reads it can follow.
fn paced(bytes: &[u8]) -> Vec<Step> {
    let pieces = bytes.chunks(188_000);
    let pause = Step::Wait(Duration::from_millis(3));
    pieces
        .flat_map(|piece| [Step::Send(piece.to_vec()), pause.clone()])
        .collect()
}

/// A slow viewer and a fast one of the same 24 MiB; whether the slow one got all.
async fn beside(house: &House, origin: &Origin, gate: &Gate, whole: &[u8]) -> bool {
    let link = segment(house, origin);
    let mut slow = ask(house, &link, &[]).await;
    let mut got = slow.chunk().await.unwrap().unwrap().to_vec();
    let mut fast = ask(house, &link, &[]).await;
    let mut all = fast.chunk().await.unwrap().unwrap().to_vec();
    gate.open();
    all.extend(body(fast).await);
    assert!(all == whole, "the fast one waits for nobody");
    assert!(house.metrics.limit_hits("relay.in_flight") > 0);
    let broken = loop {
        match slow.chunk().await {
            Ok(Some(piece)) => got.extend(piece),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(whole.starts_with(&got), "no byte twice, none left out");
    house
        .wait("no byte on its way", async |house| {
            let text = house.metrics.encode();
            text.lines()
                .any(|line| line.ends_with("in_flight_bytes 0"))
                .then_some(())
        })
        .await;
    assert!(broken || got == whole);
    !broken
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_falls_behind_goes_on_with_a_fetch_of_its_own() {
    let house = narrow().await;
    let (whole, gate) = (packets(130_000), Gate::new());
    let (sent, held) = (whole.clone(), gate.clone());
    let origin = Origin::new(move |ask| {
        let mut steps = honest(ask, &[("ETag", "\"one\"")], &sent);
        if ask.number == 0 {
            let Step::Send(rest) = steps.pop().unwrap() else {
                unreachable!("a body is sent")
            };
            steps.push(Step::Send(rest[..188_000].to_vec()));
            steps.push(Step::Gate(held.clone()));
            steps.extend(paced(&rest[188_000..]));
        }
        steps
    })
    .await;
    assert!(beside(&house, &origin, &gate, &whole).await);
    let asks = origin.asks();
    assert_eq!(asks.len(), 2, "one together, one for the rest");
    assert!(asks[1].range(whole.len()).unwrap().0 > 188_000);
    assert_eq!(asks[1].header("if-range"), Some("\"one\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_falls_behind_is_cut_where_there_are_no_ranges() {
    let house = narrow().await;
    let (whole, gate) = (packets(130_000), Gate::new());
    let (sent, held) = (whole.clone(), gate.clone());
    let origin = Origin::new(move |_| {
        let length = sent.len().to_string();
        let mut steps = vec![
            Step::Send(head("200 OK", &[("Content-Length", &length)])),
            Step::Send(sent[..188_000].to_vec()),
            Step::Gate(held.clone()),
        ];
        steps.extend(paced(&sent[188_000..]));
        steps
    })
    .await;
    assert!(!beside(&house, &origin, &gate, &whole).await);
    assert_eq!(
        origin.asked(),
        2,
        "asked once more, and refused as it was all"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_stands_still_holds_nothing_in_memory() {
    let house = House::edited(|config: &mut Config| {
        config.relay.in_flight = bytesize_of("64MiB");
        config.relay.window = bytesize_of("32MiB");
    })
    .await;
    let whole = packets(130_000);
    let sent = whole.clone();
    let origin = Origin::new(move |ask| honest(ask, &[("ETag", "\"one\"")], &sent)).await;
    let link = segment(&house, &origin);
    let mut stands = ask(&house, &link, &[]).await;
    let mut got = stands.chunk().await.unwrap().unwrap().to_vec();
    assert!(body(ask(&house, &link, &[]).await).await == whole);
    let metrics = house.metrics.encode();
    assert!(metrics.contains("in_flight_bytes 0"), "{metrics}");
    // From the window, as long as it is there.
    let mut also = ask(&house, &link, &[]).await;
    let mut more = also.chunk().await.unwrap().unwrap().to_vec();
    let other = sealed(&house, Kind::Segment, &origin.url("/b.ts"));
    assert!(body(ask(&house, &other, &[]).await).await == whole);
    got.extend(body(stands).await);
    more.extend(body(also).await);
    assert!(got == whole && more == whole, "every byte, once");
    let rest = origin
        .asks()
        .into_iter()
        .filter_map(|ask| ask.range(whole.len()));
    assert_eq!(
        rest.filter(|(first, _)| *first > 0).count(),
        2,
        "each its own rest"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_nobody_reads_make_room_for_others() {
    let house = House::edited(|config: &mut Config| {
        config.relay.in_flight = bytesize_of("32MiB");
        config.relay.window = bytesize_of("0");
    })
    .await;
    let whole = packets(130_000);
    let sent = whole.clone();
    let origin = Origin::new(move |ask| honest(ask, &[], &sent)).await;
    let held = || {
        let metrics = house.metrics.encode();
        let line = metrics
            .lines()
            .find(|line| line.starts_with("f1_streams_in_flight_bytes"));
        line.unwrap()
            .rsplit_once(' ')
            .unwrap()
            .1
            .parse::<u64>()
            .unwrap()
    };
    let mut stand = Vec::new();
    for name in ["/a.ts", "/b.ts", "/c.ts", "/d.ts"] {
        let link = sealed(&house, Kind::Segment, &origin.url(name));
        let mut stands = ask(&house, &link, &[]).await;
        stands.chunk().await.unwrap();
        stand.push(stands);
        assert!(body(ask(&house, &link, &[]).await).await == whole);
        assert!(held() < 40 << 20, "{name}: {}", held());
    }
}
