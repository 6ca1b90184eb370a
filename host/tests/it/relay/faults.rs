//! Origins that break off: what is not whole never looks whole.

use std::time::{Duration, Instant};

use f1_streams::config::Config;
use f1_streams::proxy::Kind;
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{ask, body, header, refusal, segment};
use crate::house::House;
use crate::origin::{Origin, Step, head, ok, packets, sealed, whole};

const STALL: Duration = Duration::from_secs(30);

async fn impatient() -> House {
    House::edited(|config: &mut Config| {
        config.net.read_timeout = Duration::from_millis(500);
        config.net.first_byte_timeout = Duration::from_secs(1);
    })
    .await
}

/// The first half of a segment, and then what the path says.
async fn breaking() -> Origin {
    Origin::new(|ask| {
        let half = Step::Send(packets(500));
        let promised = Step::Send(head("200 OK", &[("Content-Length", "188000")]));
        let chunked = Step::Send(head("200 OK", &[("Transfer-Encoding", "chunked")]));
        match ask.path() {
            "/cut.ts" => vec![promised, half],
            "/reset.ts" => vec![promised, half, Step::Reset],
            "/stall.ts" => vec![promised, half, Step::Wait(STALL)],
            _ => vec![chunked, Step::Send(b"16F30\r\n".to_vec()), half],
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_ends_as_an_error_and_is_not_kept() {
    let house = impatient().await;
    let origin = breaking().await;
    for (n, path) in ["/cut.ts", "/reset.ts", "/stall.ts", "/chunk.ts"]
        .iter()
        .enumerate()
    {
        let link = sealed(&house, Kind::Segment, &origin.url(path));
        let began = Instant::now();
        for times in 1..=2 {
            let mut viewer = ask(&house, &link, &[]).await;
            assert_eq!(viewer.status(), StatusCode::OK, "{path}");
            viewer.chunk().await.unwrap().unwrap();
            assert!(viewer.bytes().await.is_err(), "{path} ended cleanly");
            // No second try after the first byte, and nothing is kept.
            assert_eq!(origin.asked(), 2 * n + times, "{path}");
        }
        assert!(began.elapsed() < STALL / 2, "{path}");
    }
    assert!(house.metrics.limit_hits("net.read_timeout") >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_that_drips_is_cut_before_and_after_the_first_byte() {
    let house = House::edited(|config: &mut Config| {
        config.relay.min_rate_window = Duration::from_secs(1);
    })
    .await;
    let origin = Origin::new(|ask| {
        let begun = if ask.path() == "/late.ts" { 18_800 } else { 0 };
        let mut steps = vec![
            Step::Send(head("200 OK", &[("Content-Length", "188000")])),
            Step::Send(packets(1000)[..begun].to_vec()),
        ];
        let drops = packets(1000).into_iter().take(300);
        steps.extend(drops.flat_map(|byte| {
            let pause = Step::Wait(Duration::from_millis(100));
            [Step::Send(vec![byte]), pause]
        }));
        steps
    })
    .await;
    let began = Instant::now();
    let early = refusal(ask(&house, &segment(&house, &origin), &[]).await).await;
    assert_eq!(
        early,
        (StatusCode::GATEWAY_TIMEOUT, "upstream_timeout".into())
    );
    let late = sealed(&house, Kind::Segment, &origin.url("/late.ts"));
    assert!(ask(&house, &late, &[]).await.bytes().await.is_err());
    assert_eq!(house.metrics.limit_hits("relay.min_rate"), 2);
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_who_reads_a_body_hears_of_its_end() {
    let house = impatient().await;
    let origin = breaking().await;
    let link = sealed(&house, Kind::Segment, &origin.url("/stall.ts"));
    let (first, second) = (ask(&house, &link, &[]).await, ask(&house, &link, &[]).await);
    let (first, second) = tokio::join!(first.bytes(), second.bytes());
    assert!(first.is_err() && second.is_err());
    assert_eq!(origin.asked(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_fails_is_tried_once_more() {
    let house = House::empty("").await;
    let origin = Origin::new(|ask| match ask.path() {
        "/never.ts" => vec![Step::Reset],
        _ if ask.number == 0 => vec![],
        _ => ok(&packets(10)),
    })
    .await;
    assert!(body(ask(&house, &segment(&house, &origin), &[]).await).await == packets(10));
    assert_eq!(origin.asked(), 2);
    let never = sealed(&house, Kind::Segment, &origin.url("/never.ts"));
    let failed = refusal(ask(&house, &never, &[]).await).await;
    assert_eq!(failed, (StatusCode::BAD_GATEWAY, "upstream_broken".into()));
    assert_eq!(origin.asked(), 4, "twice, and no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_keep_their_meaning_and_arrive_at_once() {
    let house = House::empty("").await;
    let origin = Origin::new(|ask| {
        let status = format!("{} Sorry", &ask.path()[1..4]);
        whole(&status, &[("Retry-After", "7")], b"<html>")
    })
    .await;
    for (sent, got) in [
        (401, 401),
        (403, 403),
        (404, 404),
        (410, 410),
        (429, 429),
        (451, 451),
        (500, 500),
        (503, 503),
        (418, 502),
    ] {
        for kind in [Kind::Segment, Kind::Playlist, Kind::Key] {
            let link = sealed(&house, kind, &origin.url(&format!("/{sent}.ts")));
            let began = Instant::now();
            let answer = ask(&house, &link, &[]).await;
            assert!(began.elapsed() < Duration::from_secs(1), "{sent}");
            let again = matches!(sent, 429 | 503).then_some("7");
            assert_eq!(header(&answer, "retry-after"), again, "{sent}");
            assert_eq!(header(&answer, "cache-control"), Some("no-store"));
            let (status, code) = refusal(answer).await;
            assert_eq!(
                (status.as_u16(), code.as_str()),
                (got, "upstream_status"),
                "{kind:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_without_a_body_is_no_segment() {
    let house = House::empty("").await;
    let origin = Origin::new(|_| vec![Step::Send(head("204 No Content", &[]))]).await;
    let refused = refusal(ask(&house, &segment(&house, &origin), &[]).await).await;
    assert_eq!(refused, (StatusCode::BAD_GATEWAY, "upstream_status".into()));
}

/// What a viewer who speaks HTTP/1.0 gets, until the connection ends.
async fn as_in_1996(house: &House, link: &str) -> String {
    let address = house.base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {link} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).to_lowercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_may_keep_what_may_have_broken_off_unnoticed() {
    let house = House::empty("").await;
    let origin = Origin::new(|ask| match ask.path() {
        "/length.ts" => ok(&packets(3)),
        "/chunked.ts" => {
            let chunked = head("200 OK", &[("Transfer-Encoding", "chunked")]);
            let body = [b"234\r\n", &packets(3)[..], b"\r\n0\r\n\r\n"].concat();
            vec![Step::Send(chunked), Step::Send(body)]
        }
        _ => vec![Step::Send(head("200 OK", &[])), Step::Send(packets(3))],
    })
    .await;
    let link = |path: &str| sealed(&house, Kind::Segment, &origin.url(path));
    let (known, unknown) = ("cache-control: public", "cache-control: no-store");
    assert!(
        as_in_1996(&house, &link("/length.ts"))
            .await
            .contains(known)
    );
    assert!(
        as_in_1996(&house, &link("/chunked.ts"))
            .await
            .contains(unknown)
    );
    // One whose end is the connection's is kept by nobody, us included.
    let asked = origin.asked();
    for times in 1..=2 {
        let ends = ask(&house, &link("/ends.ts"), &[]).await;
        assert_eq!(header(&ends, "cache-control"), Some("no-store"));
        assert!(body(ends).await == packets(3));
        assert_eq!(origin.asked(), asked + times);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_beside_a_transfer_coding_makes_nothing_whole() {
    let house = House::empty("").await;
    let origin = Origin::new(|_| {
        let fields = [
            ("Transfer-Encoding", "identity"),
            ("Content-Length", "188000"),
        ];
        vec![
            Step::Send(head("200 OK", &fields)),
            Step::Send(packets(500)),
        ]
    })
    .await;
    let link = segment(&house, &origin);
    for times in 1..=2 {
        let _ = ask(&house, &link, &[]).await.bytes().await;
        assert_eq!(origin.asked(), times, "half a segment is not kept");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_says_when_to_come_back_is_not_asked_before() {
    let house = House::empty("").await;
    let origin = Origin::new(|ask| {
        let status = match ask.path() {
            "/busy.ts" => "503 Service Unavailable",
            "/limit.ts" => "509 Bandwidth Limit Exceeded",
            _ => "429 Too Many Requests",
        };
        whole(status, &[("Retry-After", "7")], b"later")
    })
    .await;
    let mut asked = 0;
    for (kind, path, status) in [
        (Kind::Segment, "/busy.ts", 503),
        (Kind::Segment, "/limit.ts", 503),
        (Kind::Segment, "/many.ts", 429),
        (Kind::Playlist, "/many.m3u8", 429),
        (Kind::Key, "/many.key", 429),
    ] {
        asked += 1;
        for _ in 0..3 {
            let answer = ask(&house, &sealed(&house, kind, &origin.url(path)), &[]).await;
            assert_eq!(answer.status(), status, "{path}");
            let wait: u64 = header(&answer, "retry-after").unwrap().parse().unwrap();
            assert!((5..=7).contains(&wait), "{path}: {wait}");
            tokio::time::sleep(Duration::from_millis(600)).await;
        }
        assert_eq!(origin.asked(), asked, "{path}");
    }
}
