//! Parts of a resource, whatever the origin makes of them.

use f1_streams::config::Config;
use f1_streams::proxy::Kind;
use reqwest::StatusCode;

use super::{ask, body, header, refusal, segment};
use crate::house::House;
use crate::origin::{Gate, Origin, Step, head, honest, ok, packets, sealed, whole};

const SIZE: usize = 18_800;

async fn honest_origin() -> Origin {
    Origin::new(|ask| {
        let fields = [
            ("ETag", "\"one\""),
            ("Last-Modified", "Sun, 01 Nov 2026 10:00:00 GMT"),
        ];
        honest(ask, &fields, &packets(100))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_origin_sends_the_part_alone() {
    let house = House::empty("").await;
    let origin = honest_origin().await;
    let link = segment(&house, &origin);
    for (range, first, last) in [
        ("bytes=188-751", 188, 751),
        ("bytes=18000-", 18_000, SIZE - 1),
        ("bytes=18000-99999", 18_000, SIZE - 1),
    ] {
        let part = ask(&house, &link, &[("Range", range)]).await;
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        let says = format!("bytes {first}-{last}/{SIZE}");
        assert_eq!(header(&part, "content-range"), Some(&*says));
        assert_eq!(header(&part, "etag"), Some("\"one\""));
        assert_eq!(header(&part, "content-type"), Some("video/mp2t"));
        assert!(body(part).await == packets(100)[first..=last], "{range}");
        let asks = origin.asks();
        assert_eq!(asks.last().unwrap().header("range"), Some(range));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_cut_out_where_the_origin_sends_all() {
    let house = House::empty("").await;
    let gate = Gate::new();
    let held = gate.clone();
    let origin = Origin::new(move |_| {
        let mut steps = ok(&packets(100));
        steps.push(Step::Gate(held.clone()));
        let Step::Send(all) = steps.remove(1) else {
            unreachable!("a body is sent")
        };
        steps.insert(1, Step::Send(all[..1880].to_vec()));
        steps.push(Step::Send(all[1880..].to_vec()));
        steps
    })
    .await;
    let link = segment(&house, &origin);
    let late = ask(&house, &link, &[("Range", "bytes=9400-")]).await;
    let early = ask(&house, &link, &[("Range", "bytes=188-751")]).await;
    assert_eq!(early.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(header(&early, "content-range"), Some("bytes 188-751/18800"));
    assert_eq!(header(&early, "content-length"), Some("564"));
    let last = ask(&house, &link, &[("Range", "bytes=-188")]).await;
    assert_eq!(origin.asked(), 1, "all parts are of one fetch");
    gate.open();
    assert!(body(early).await == packets(100)[188..752]);
    assert!(body(late).await == packets(100)[9400..]);
    assert_eq!(
        header(&last, "content-range"),
        Some("bytes 18612-18799/18800")
    );
    assert!(body(last).await == packets(100)[SIZE - 188..]);
    assert_eq!(origin.asked(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_relay_skip_is_read_for_a_part() {
    fn edit(config: &mut Config) {
        config.relay.skip = "20KB".parse().unwrap();
    }
    let house = House::edited(edit).await;
    let origin = Origin::new(|_| {
        let mut steps = ok(&packets(1000));
        // What is far away is not there yet.
        let Step::Send(all) = steps.pop().unwrap() else {
            unreachable!("a body is sent")
        };
        steps.push(Step::Send(all[..1880].to_vec()));
        steps.push(Step::Wait(std::time::Duration::from_millis(200)));
        steps.push(Step::Send(all[1880..].to_vec()));
        steps
    })
    .await;
    let link = segment(&house, &origin);
    let near = ask(&house, &link, &[("Range", "bytes=18800-18987")]).await;
    assert!(
        body(near).await == packets(1000)[18_800..18_988],
        "the positive control"
    );
    let far = ask(&house, &link, &[("Range", "bytes=150000-150187")]).await;
    assert_eq!(
        refusal(far).await,
        (StatusCode::BAD_GATEWAY, "upstream_range".into())
    );
    assert_eq!(house.metrics.limit_hits("relay.skip"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_passed_over_is_not_kept() {
    let house = House::edited(|config: &mut Config| {
        config.relay.in_flight = "1MiB".parse().unwrap();
        config.relay.window = "0".parse().unwrap();
    })
    .await;
    let gate = Gate::new();
    let (whole, held) = (packets(60_000), gate.clone());
    let sent = whole.clone();
    let origin = Origin::new(move |_| {
        let length = sent.len().to_string();
        vec![
            Step::Send(head("200 OK", &[("Content-Length", &length)])),
            Step::Send(sent[..9_400_000].to_vec()),
            Step::Gate(held.clone()),
            Step::Send(sent[9_400_000..].to_vec()),
        ]
    })
    .await;
    let link = segment(&house, &origin);
    let part = ask(&house, &link, &[("Range", "bytes=10000000-10000187")]).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let text = house.metrics.encode();
    let is_gauge = |line: &&str| !line.starts_with('#') && line.contains("in_flight_bytes ");
    let gauge = text.lines().find(is_gauge).unwrap();
    let bytes: u64 = gauge.rsplit_once(' ').unwrap().1.parse().unwrap();
    assert!(bytes <= 2 << 20, "{bytes} of 9.4 MB are still there");
    gate.open();
    assert!(body(part).await == whole[10_000_000..10_000_188]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_part_than_was_asked_for_is_refused() {
    let house = House::empty("").await;
    let origin = Origin::new(|ask| {
        let says = match ask.path() {
            "/other.ts" => "bytes 0-563/18800",
            "/longer.ts" => "bytes 188-753/18800",
            "/short.ts" => "bytes 188-751/400",
            "/huge.ts" => "bytes 188-18446744073709551615/*",
            _ => return whole("206 Partial Content", &[], &packets(3)),
        };
        whole(
            "206 Partial Content",
            &[("Content-Range", says)],
            &packets(3),
        )
    })
    .await;
    for path in [
        "/other.ts",
        "/longer.ts",
        "/short.ts",
        "/huge.ts",
        "/silent.ts",
    ] {
        let link = sealed(&house, Kind::Segment, &origin.url(path));
        let part = ask(&house, &link, &[("Range", "bytes=188-751")]).await;
        assert_eq!(
            refusal(part).await,
            (StatusCode::BAD_GATEWAY, "upstream_range".into()),
            "{path}"
        );
    }
    // Nobody asked for a part: half a segment would look like a whole one.
    for fields in [&[][..], &[("Range", "bytes=0-")]] {
        let link = sealed(&house, Kind::Segment, &origin.url("/other.ts"));
        let all = ask(&house, &link, fields).await;
        assert_eq!(
            refusal(all).await,
            (StatusCode::BAD_GATEWAY, "upstream_range".into()),
            "{fields:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_from_the_first_byte_is_the_same_fetch_as_all() {
    let house = House::empty("").await;
    let origin = honest_origin().await;
    let link = segment(&house, &origin);
    let ranged = ask(&house, &link, &[("Range", "bytes=0-")]).await;
    assert_eq!(ranged.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(
        header(&ranged, "content-range"),
        Some("bytes 0-18799/18800")
    );
    assert!(body(ranged).await == packets(100));
    assert!(body(ask(&house, &link, &[]).await).await == packets(100));
    let asks = origin.asks();
    assert_eq!(asks.len(), 1);
    assert_eq!(asks[0].header("range"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_not_there_is_416_with_the_length() {
    let house = House::empty("").await;
    let origin = honest_origin().await;
    let link = segment(&house, &origin);
    for times in 1..=2 {
        let none = ask(&house, &link, &[("Range", "bytes=18800-")]).await;
        assert_eq!(none.status(), StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(header(&none, "content-range"), Some("bytes */18800"));
        assert_eq!(header(&none, "cache-control"), Some("no-store"));
        // The first is the upstream's word, the second ours.
        assert_eq!(origin.asked(), times);
        body(ask(&house, &link, &[]).await).await;
        if times == 1 {
            assert_eq!(origin.asked(), 2);
        }
    }
    let suffix = ask(&house, &link, &[("Range", "bytes=-188")]).await;
    assert!(body(suffix).await == packets(100)[SIZE - 188..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn if_range_gives_a_part_of_what_the_viewer_has_and_else_all() {
    let house = House::edited(|config: &mut Config| {
        config.relay.window = "0".parse().unwrap();
    })
    .await;
    let origin = honest_origin().await;
    let link = segment(&house, &origin);
    for (known, same) in [
        ("\"one\"", true),
        ("Sun, 01 Nov 2026 10:00:00 GMT", true),
        ("\"two\"", false),
        ("W/\"one\"", false),
        ("Sun, 01 Nov 2026 10:00:01 GMT", false),
    ] {
        let fields = [("Range", "bytes=188-751"), ("If-Range", known)];
        let answer = ask(&house, &link, &fields).await;
        if same {
            assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT, "{known}");
            assert_eq!(body(answer).await.len(), 564);
        } else {
            assert_eq!(answer.status(), StatusCode::OK, "{known}");
            assert!(body(answer).await == packets(100));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_says_what_get_would() {
    let house = House::empty("").await;
    let origin = honest_origin().await;
    let link = segment(&house, &origin);
    let url = format!("{}{link}", house.base);
    let all = house.client.head(&url).send().await.unwrap();
    assert_eq!(all.status(), StatusCode::OK);
    assert_eq!(header(&all, "content-length"), Some("18800"));
    assert_eq!(header(&all, "accept-ranges"), Some("bytes"));
    let part = house.client.head(&url).header("Range", "bytes=188-751");
    let part = part.send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(header(&part, "content-length"), Some("564"));
    assert_eq!(header(&part, "content-range"), Some("bytes 188-751/18800"));
    assert!(part.bytes().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_range_is_ignored_and_several_are_refused() {
    let house = House::empty("").await;
    let origin = honest_origin().await;
    let link = segment(&house, &origin);
    for range in ["bytes=abc", "bytes=5-4", "lines=1-2", "bytes"] {
        let all = ask(&house, &link, &[("Range", range)]).await;
        assert_eq!(all.status(), StatusCode::OK, "{range}");
        assert!(body(all).await == packets(100));
    }
    assert_eq!(origin.asks()[0].header("range"), None);
    let several = ask(&house, &link, &[("Range", "bytes=0-1,4-5")]).await;
    assert_eq!(several.status(), StatusCode::RANGE_NOT_SATISFIABLE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_a_length_that_nobody_knows_has_the_bytes_that_are_there() {
    let house = House::empty("").await;
    let origin = Origin::new(|_| {
        let mut chunk = b"8D4\r\n".to_vec();
        chunk.extend(packets(12));
        chunk.truncate(5 + 0x8d4);
        chunk.extend(b"\r\n0\r\n\r\n");
        vec![
            Step::Send(head("200 OK", &[("Transfer-Encoding", "chunked")])),
            Step::Send(chunk),
        ]
    })
    .await;
    let link = segment(&house, &origin);
    let part = ask(&house, &link, &[("Range", "bytes=188-751")]).await;
    assert_eq!(header(&part, "content-range"), Some("bytes 188-751/*"));
    assert!(body(part).await == packets(12)[188..752]);
    // More than there is ends as an error, and takes nobody down.
    let link = sealed(&house, Kind::Segment, &origin.url("/b.ts"));
    let range = ("Range", "bytes=0-18446744073709551615");
    let much = ask(&house, &link, &[range]).await;
    assert!(!much.status().is_server_error(), "{}", much.status());
    assert!(much.bytes().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_is_one_fetch_for_all_who_ask_for_it() {
    let house = House::empty("").await;
    let whole = packets(100);
    let sent = whole.clone();
    let origin = Origin::new(move |ask| honest(ask, &[], &sent)).await;
    let link = segment(&house, &origin);
    for (range, last, asked) in [
        ("bytes=188-939", 939, 1),
        ("bytes=188-939", 939, 1),
        // Of a file that grows, the end is another one each time.
        ("bytes=188-", 18_799, 2),
        ("bytes=188-", 18_799, 3),
        ("bytes=188-99999", 18_799, 4),
        ("bytes=188-99999", 18_799, 5),
    ] {
        let part = ask(&house, &link, &[("Range", range)]).await;
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
        let says = format!("bytes 188-{last}/18800");
        assert_eq!(header(&part, "content-range"), Some(&*says));
        assert!(body(part).await == whole[188..=last], "{range}");
        assert_eq!(origin.asked(), asked, "{range}");
    }
    // What is kept of it is no part of another version.
    let fields = [("Range", "bytes=188-939"), ("If-Range", "\"other\"")];
    let all = ask(&house, &link, &fields).await;
    assert_eq!(all.status(), StatusCode::OK);
    assert!(body(all).await == whole);
}
