//! Playlists: one fetch for all, and none older than half a target duration.

use std::io::Write as _;
use std::time::Duration;

use f1_streams::proxy::Kind;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use futures::future::join_all;
use reqwest::StatusCode;

use super::{ask, body, header};
use crate::house::{House, uri_lines};
use crate::origin::{Gate, Origin, Step, ok, packets, playlist, sealed, whole};

fn live(target: u64, number: usize) -> String {
    format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:{number}\n\
         #EXTINF:{target},\n{number}.ts\n"
    )
}

fn link(house: &House, origin: &Origin, path: &str) -> String {
    sealed(house, Kind::Playlist, &origin.url(path))
}

#[tokio::test(flavor = "multi_thread")]
async fn many_viewers_of_a_playlist_are_one_fetch() {
    let house = House::empty("").await;
    let gate = Gate::new();
    let held = gate.clone();
    let origin = Origin::new(move |ask| {
        let mut steps = playlist(&live(6, ask.number));
        steps.insert(0, Step::Gate(held.clone()));
        steps
    })
    .await;
    let link = link(&house, &origin, "/live.m3u8");
    let viewers = join_all((0..32).map(|_| house.text(&link)));
    let opened = async {
        while house.metrics.served_from("joined") < 31 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        gate.open();
    };
    let (texts, ()) = futures::future::join(viewers, opened).await;
    assert!(texts.iter().all(|text| *text == texts[0]));
    assert_eq!(origin.asked(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_playlist_is_kept_at_most_half_a_target_duration() {
    let house = House::empty("").await;
    let origin = Origin::new(|ask| {
        let target = ask.path().trim_matches(|c: char| !c.is_ascii_digit());
        playlist(&live(target.parse().unwrap(), ask.number))
    })
    .await;
    let two = link(&house, &origin, "/2");
    let first = house.text(&two).await;
    assert_eq!(house.text(&two).await, first);
    assert_eq!(origin.asked(), 1);
    tokio::time::sleep(Duration::from_millis(1050)).await;
    assert_ne!(house.text(&two).await, first);
    assert_eq!(origin.asked(), 2);
    // What others keep it adds to what we did; no origin makes it long.
    for (path, most) in [("/2", 1), ("/6", 3), ("/31536000", 10)] {
        for _ in 0..2 {
            let answer = ask(&house, &link(&house, &origin, path), &[]).await;
            let cache = header(&answer, "cache-control").unwrap();
            let age = cache
                .strip_prefix("max-age=0, s-maxage=")
                .map_or(0, |age| age.parse().unwrap());
            assert!(
                cache == "no-cache" || (1..=most).contains(&age),
                "{path}: {cache}"
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playlist_has_a_validator_of_its_own() {
    let house = House::empty("").await;
    let origin = Origin::new(|_| {
        let text = live(6, 1);
        whole("200 OK", &[("ETag", "\"theirs\"")], text.as_bytes())
    })
    .await;
    let link = link(&house, &origin, "/live.m3u8");
    let answer = ask(&house, &link, &[]).await;
    let etag = header(&answer, "etag").unwrap().to_owned();
    assert_ne!(etag, "\"theirs\"");
    let listed = format!("\"other\", W/{etag}");
    for known in [etag.as_str(), listed.as_str(), "*"] {
        let same = ask(&house, &link, &[("If-None-Match", known)]).await;
        assert_eq!(same.status(), StatusCode::NOT_MODIFIED, "{known}");
        assert_eq!(header(&same, "etag"), Some(&*etag));
    }
    let other = ask(&house, &link, &[("If-None-Match", "\"theirs\"")]).await;
    assert_eq!(other.status(), StatusCode::OK);
    let head = house
        .client
        .head(format!("{}{link}", house.base))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&head, "etag"), Some(&*etag));
    let length: usize = header(&head, "content-length").unwrap().parse().unwrap();
    assert_eq!(length, body(other).await.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_playlist_is_read_within_its_size() {
    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }
    let house = House::empty("").await;
    let origin = Origin::new(|ask| match ask.path() {
        "/bomb" => {
            let bomb = live(6, 1) + &"#\n".repeat(2 << 20);
            whole(
                "200 OK",
                &[("Content-Encoding", "deflate")],
                &packed(bomb.as_bytes()),
            )
        }
        "/says" => whole(
            "200 OK",
            &[("Content-Encoding", "deflate")],
            &packed(live(6, 1).as_bytes()),
        ),
        _ => ok(&packed(live(6, 1).as_bytes())),
    })
    .await;
    for path in ["/says", "/silent"] {
        let answer = ask(&house, &link(&house, &origin, path), &[]).await;
        assert_eq!(header(&answer, "content-encoding"), None);
        let text = String::from_utf8(body(answer).await).unwrap();
        assert!(uri_lines(&text)[0].starts_with("/relay/"), "{path}: {text}");
    }
    let bomb = ask(&house, &link(&house, &origin, "/bomb"), &[]).await;
    assert_eq!(bomb.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(house.metrics.limit_hits("relay.playlist"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn children_are_found_from_where_the_playlist_was_in_the_end() {
    let house = House::empty("").await;
    let origin = Origin::new(|ask| match ask.path() {
        "/a/live.m3u8" => whole("302 Found", &[("Location", "/b/x/live.m3u8?tok=1")], b""),
        "/b/x/live.m3u8" => playlist(&live(6, 7)),
        "/b/x/7.ts" => ok(&packets(3)),
        _ => whole("404 Not Found", &[], b""),
    })
    .await;
    let text = house.text(&link(&house, &origin, "/a/live.m3u8")).await;
    assert!(body(ask(&house, &uri_lines(&text)[0], &[]).await).await == packets(3));
    let asked: Vec<String> = origin.asks().into_iter().map(|ask| ask.target).collect();
    assert_eq!(asked, ["/a/live.m3u8", "/b/x/live.m3u8?tok=1", "/b/x/7.ts"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_not_asked_for_again_within_a_second() {
    let house = House::empty("").await;
    let origin = Origin::new(|_| whole("404 Not Found", &[], b"")).await;
    for (n, kind) in [Kind::Playlist, Kind::Segment].into_iter().enumerate() {
        let link = sealed(&house, kind, &origin.url("/gone"));
        for _ in 0..5 {
            let answer = ask(&house, &link, &[]).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        }
        assert_eq!(origin.asked(), 2 * n + 1, "{kind:?}");
        tokio::time::sleep(Duration::from_millis(1100)).await;
        ask(&house, &link, &[]).await;
        assert_eq!(origin.asked(), 2 * n + 2, "{kind:?}");
    }
}
