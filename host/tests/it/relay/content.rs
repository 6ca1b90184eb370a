//! What an origin sends is what its bytes say, not what it is called.

use std::io::Write as _;
use std::time::{Duration, Instant};

use f1_streams::proxy::Kind;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::StatusCode;

use super::{ask, body, header, refusal, segment};
use crate::house::{House, uri_lines};
use crate::origin::{Origin, honest, ok, packets, sealed, whole};

const PLAYLIST: &str =
    "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhttp://cdn.test/secret/1.ts\n";
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\0IEND\xae\x42\x60\x82";

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn wide(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

fn disguised() -> Vec<u8> {
    [PICTURE, &packets(100)].concat()
}

/// A title of one byte a letter, and a host that has the name of a box.
fn latin() -> Vec<u8> {
    let text = PLAYLIST.replace("#EXTINF:2,", "#EXTINF:2,caf\u{e9}");
    let text = text.replace("http://cdn.test/", "http://freeview.test/mdat/");
    text.chars()
        .map(|letter| u8::try_from(letter).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playlist_is_one_in_whatever_clothes() {
    let house = House::empty("").await;
    let origin = Origin::new(|ask| match ask.path() {
        "/gzip.ts" => whole(
            "200 OK",
            &[("Content-Type", "video/mp2t")],
            &packed(PLAYLIST.as_bytes()),
        ),
        "/says-gzip.ts" => whole(
            "200 OK",
            &[("Content-Encoding", "gzip")],
            &packed(PLAYLIST.as_bytes()),
        ),
        "/wide.ts" => ok(&wide(PLAYLIST)),
        _ => ok(PLAYLIST.as_bytes()),
    })
    .await;
    for path in ["/gzip.ts", "/says-gzip.ts", "/wide.ts", "/plain.ts"] {
        for kind in [
            Kind::Segment,
            Kind::Fragment,
            Kind::Init,
            Kind::Data,
            Kind::Playlist,
        ] {
            let link = sealed(&house, kind, &origin.url(path));
            let answer = ask(&house, &link, &[]).await;
            let media = header(&answer, "content-type").unwrap().to_owned();
            let text = String::from_utf8(body(answer).await).unwrap();
            assert_eq!(media, "application/vnd.apple.mpegurl", "{kind:?} {path}");
            assert!(
                uri_lines(&text)[0].starts_with("/relay/segment.ts?"),
                "{text}"
            );
            assert!(!text.contains("cdn.test"), "{kind:?} {path}: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_part_of_a_playlist_is_handed_out_as_media() {
    let house = House::empty("").await;
    let origin = Origin::new(|ask| match ask.path() {
        "/wide.ts" => honest(ask, &[], &wide(PLAYLIST)),
        "/latin.ts" => honest(ask, &[], &latin()),
        "/cyrillic.ts" => honest(
            ask,
            &[],
            &wide(&PLAYLIST.replace("#EXTINF:2,", "#EXTINF:2,Гонка")),
        ),
        _ => honest(ask, &[], PLAYLIST.as_bytes()),
    })
    .await;
    // Wherever it begins: a letter may look like a packet, or a word like a box.
    for (path, length) in [
        ("/a.ts", PLAYLIST.len()),
        ("/latin.ts", latin().len()),
        ("/cyrillic.ts", 2 * PLAYLIST.len()),
    ] {
        let link = sealed(&house, Kind::Segment, &origin.url(path));
        for first in 1..length {
            let range = format!("bytes={first}-");
            let part = ask(&house, &link, &[("Range", &range)]).await;
            assert_eq!(
                part.status(),
                StatusCode::BAD_GATEWAY,
                "{path} from {first}"
            );
        }
    }
    for path in ["/a.ts", "/a.vtt", "/wide.ts"] {
        for range in ["bytes=0-40", "bytes=10-", "bytes=12-60", "bytes=-60"] {
            for kind in [Kind::Segment, Kind::Init, Kind::Fragment] {
                let link = sealed(&house, kind, &origin.url(path));
                let part = ask(&house, &link, &[("Range", range)]).await;
                let refused = refusal(part).await;
                let expect = (StatusCode::BAD_GATEWAY, "upstream_not_media".into());
                assert_eq!(refused, expect, "{kind:?} {path} {range}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_messages_and_nothing_are_refused_with_a_reason() {
    let house = House::empty("").await;
    let origin = Origin::new(|ask| match ask.path() {
        "/page" => ok(b"<!DOCTYPE html><html><body>Sorry"),
        "/json" => ok(b"{\"error\": \"gone\"}"),
        "/message" => ok(b"Geo-blocked in your region"),
        _ => ok(b""),
    })
    .await;
    for (path, media, playlist) in [
        ("/page", "upstream_not_media", "a page"),
        ("/json", "upstream_not_media", "other text"),
        ("/message", "upstream_not_media", "other text"),
        ("/nothing", "upstream_empty", "nothing"),
    ] {
        let link = sealed(&house, Kind::Segment, &origin.url(path));
        let refused = refusal(ask(&house, &link, &[]).await).await;
        assert_eq!(refused, (StatusCode::BAD_GATEWAY, media.into()), "{path}");
        let link = sealed(&house, Kind::Playlist, &origin.url(path));
        let answer = ask(&house, &link, &[]).await;
        assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
        let text = answer.text().await.unwrap();
        let says = text.contains("upstream_not_a_playlist") && text.contains(playlist);
        assert!(says, "{path}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ciphertext_is_not_judged_by_its_looks() {
    let house = House::empty("").await;
    let cipher = || [b"  <!DOCTYPE \x01\x9f\xff", &packets(10)[..]].concat();
    let origin = Origin::new(move |ask| match ask.path() {
        "/looks.ts" => ok(b"<html>as if"),
        "/packed.ts" => ok(&[b"\x1f\x8b\x08", &packets(10)[..]].concat()),
        _ => ok(&cipher()),
    })
    .await;
    for path in ["/cipher.ts", "/looks.ts", "/packed.ts"] {
        for (kind, media) in [
            (Kind::SealedSegment, "video/mp2t"),
            (Kind::SealedFragment, "video/mp2t"),
        ] {
            let link = sealed(&house, kind, &origin.url(path));
            let answer = ask(&house, &link, &[]).await;
            assert_eq!(answer.status(), StatusCode::OK, "{kind:?} {path}");
            assert_eq!(header(&answer, "content-type"), Some(media));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_are_served_without_the_picture_before_them() {
    let house = House::empty("").await;
    let fields = [
        ("ETag", "\"one\""),
        ("Last-Modified", "Sun, 01 Nov 2026 10:00:00 GMT"),
    ];
    let origin = Origin::new(move |ask| honest(ask, &fields, &disguised())).await;
    let link = sealed(&house, Kind::Segment, &origin.url("/a.png"));
    for from in ["the origin", "the window"] {
        let answer = ask(&house, &link, &[]).await;
        assert_eq!(header(&answer, "content-type"), Some("video/mp2t"));
        assert_eq!(header(&answer, "content-length"), Some("18800"));
        // They are those of other bytes.
        assert_eq!(header(&answer, "etag"), None);
        assert_eq!(header(&answer, "last-modified"), None);
        assert!(body(answer).await == packets(100), "from {from}");
        // Parts are of other bytes than these: none is promised.
        let all = ask(&house, &link, &[("Range", "bytes=0-")]).await;
        assert_eq!(all.status(), StatusCode::OK, "from {from}");
        assert_eq!(header(&all, "accept-ranges"), None);
        assert!(body(all).await == packets(100), "from {from}");
        assert_eq!(origin.asked(), 1);
    }
    assert!(house.metrics.encode().contains("disguised"));
    let sealed_kind = sealed(&house, Kind::SealedSegment, &origin.url("/a.png"));
    assert!(body(ask(&house, &sealed_kind, &[]).await).await == disguised());
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_of_the_bytes_as_they_came() {
    let house = House::empty("").await;
    let origin = Origin::new(|ask| match ask.path() {
        "/honest.png" => honest(ask, &[], &disguised()),
        _ => ok(&disguised()),
    })
    .await;
    for path in ["/honest.png", "/ignores.png"] {
        let link = sealed(&house, Kind::Segment, &origin.url(path));
        for all in [false, true, false] {
            if all {
                assert!(
                    body(ask(&house, &link, &[]).await).await == packets(100),
                    "{path}"
                );
            }
            for (range, first, last) in [
                ("bytes=10-300", 10, 300),
                ("bytes=0-99", 0, 99),
                ("bytes=10-", 10, disguised().len() - 1),
            ] {
                let part = ask(&house, &link, &[("Range", range)]).await;
                assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
                let got = body(part).await;
                assert!(
                    got == disguised()[first..=last],
                    "{path} {range} after all: {all}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_the_length_of_one() {
    let house = House::empty("").await;
    let origin = Origin::new(|ask| match ask.path() {
        "/good" => ok(b"0123456789abcdef"),
        "/twice" => ok(b"0123456789abcdef0123456789abcdef"),
        "/long" => ok(b"0123456789abcdefg"),
        "/page" => ok(b"<html>log in"),
        _ => ok(PLAYLIST.as_bytes()),
    })
    .await;
    let link = |path: &str| sealed(&house, Kind::Key, &origin.url(path));
    let good = ask(&house, &link("/good"), &[]).await;
    assert_eq!(
        header(&good, "content-type"),
        Some("application/octet-stream")
    );
    assert_eq!(body(good).await, b"0123456789abcdef");
    let long = body(ask(&house, &link("/twice"), &[]).await).await;
    assert_eq!(long.len(), 32, "of AES-256");
    // It rotates behind its URL: it is fetched anew before long.
    let cache = header(&ask(&house, &link("/good"), &[]).await, "cache-control").map(str::to_owned);
    let cache = cache.unwrap_or_default();
    let age = cache.strip_prefix("max-age=0, s-maxage=");
    assert!(
        age.is_some_and(|age| age.parse::<u32>().unwrap() <= 5),
        "{cache}"
    );
    for path in ["/long", "/page", "/playlist"] {
        let refused = refusal(ask(&house, &link(path), &[]).await).await;
        let expect = (StatusCode::BAD_GATEWAY, "upstream_not_a_key".into());
        assert_eq!(refused, expect, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_headers_that_help_a_player_come_through() {
    let house = House::empty("").await;
    let origin = Origin::new(|_| {
        let fields = [
            ("Set-Cookie", "id=1"),
            ("Server", "secret/1.0"),
            ("Location", "http://cdn.test/"),
            ("Cache-Control", "private"),
            ("Content-Type", "text/html"),
            ("ETag", "\"one\""),
        ];
        whole("200 OK", &fields, &packets(10))
    })
    .await;
    let answer = ask(&house, &segment(&house, &origin), &[]).await;
    for name in ["set-cookie", "server", "location"] {
        assert_eq!(header(&answer, name), None);
    }
    assert_eq!(header(&answer, "content-type"), Some("video/mp2t"));
    assert_eq!(header(&answer, "etag"), Some("\"one\""));
    assert_eq!(
        header(&answer, "cache-control"),
        Some("public, max-age=3600, immutable")
    );
    let again = ask(
        &house,
        &segment(&house, &origin),
        &[("If-None-Match", "\"one\"")],
    )
    .await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_initialisation_section_is_not_kept_for_long() {
    let house = House::edited(|config| config.relay.keep = Duration::from_secs(1)).await;
    let init = |n: usize| [b"\0\0\0\x18ftypmp42", &n.to_be_bytes()[..]].concat();
    let origin = Origin::new(move |ask| ok(&init(ask.number))).await;
    let link = sealed(&house, Kind::Init, &origin.url("/init.mp4"));
    let first = ask(&house, &link, &[]).await;
    assert_eq!(header(&first, "cache-control"), Some("public, max-age=60"));
    assert_eq!(body(first).await, init(0));
    // Asking for it again and again keeps it no longer.
    let began = Instant::now();
    while body(ask(&house, &link, &[]).await).await == init(0) {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "it stays for ever"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(origin.asked(), 2);
}
