//! Pages of our own hosts may read what is answered, errors too; others may not.

use f1_streams::proxy::Kind;
use reqwest::{Method, StatusCode};

use super::{ask, header};
use crate::house::House;
use crate::origin::{Origin, ok, packets, sealed};

const ALLOWED: &str = "access-control-allow-origin";

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_our_own_read_answers_and_errors_and_others_none() {
    let house = House::empty("").await;
    let origin = Origin::new(|_| ok(&packets(3))).await;
    let link = |kind| sealed(&house, kind, &origin.url("/a.ts"));
    let own = &*house.base;
    for foreign in [
        "https://evil.test",
        // The same host, and another program on it.
        "http://localhost:5173",
        "http://127.0.0.1",
        "null",
    ] {
        for (path, status) in [
            (link(Kind::Segment), StatusCode::OK),
            (link(Kind::Key), StatusCode::BAD_GATEWAY),
            (link(Kind::Playlist), StatusCode::BAD_GATEWAY),
            (
                "/relay/segment.ts?url=AAAA".to_owned(),
                StatusCode::FORBIDDEN,
            ),
            (
                "/streams/none/master.m3u8".to_owned(),
                StatusCode::NOT_FOUND,
            ),
        ] {
            let answer = ask(&house, &path, &[("Origin", own)]).await;
            assert_eq!(answer.status(), status, "{path}");
            assert_eq!(header(&answer, ALLOWED), Some(own), "{path}");
            let exposed = header(&answer, "access-control-expose-headers").unwrap();
            assert!(exposed.contains("content-range") && exposed.contains("content-length"));
            let answer = ask(&house, &path, &[("Origin", foreign)]).await;
            assert_eq!(header(&answer, ALLOWED), None, "{path}");
            assert_eq!(header(&answer, "vary"), Some("origin"), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_allows_ranges() {
    let house = House::empty("").await;
    let path = format!("{}/relay/segment.ts?url=AAAA", house.base);
    for (origin, allowed) in [
        (&*house.base, true),
        ("http://localhost:5173", false),
        ("https://evil.test", false),
    ] {
        let preflight = house.client.request(Method::OPTIONS, &path);
        let preflight = preflight.header("Origin", origin);
        let preflight = preflight.header("Access-Control-Request-Headers", "range");
        let answer = preflight.send().await.unwrap();
        assert!(answer.status().is_success());
        assert_eq!(header(&answer, ALLOWED).is_some(), allowed);
        let ranges = header(&answer, "access-control-allow-headers");
        assert_eq!(ranges.is_some_and(|names| names.contains("range")), allowed);
    }
}
