//! The live stream: who gets it, how it slides, and its ranges and faults.

#![allow(clippy::unwrap_used, reason = "a test ends where an answer is missing")]
#![allow(clippy::disallowed_methods, reason = "the test's own clock")]

mod client;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use client::{Visitor, uris};
use f1_streams_testbed::{Faults, Options, Role, Testbed};

async fn start() -> (Testbed, Visitor, String) {
    let testbed = Testbed::start(Options::default()).await.unwrap();
    let visitor = Visitor::new(&testbed);
    let master = visitor.find_stream().await;
    (testbed, visitor, master)
}

fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

fn first_number(playlist: &str) -> u64 {
    let tail = playlist.split_once("#EXT-X-MEDIA-SEQUENCE:").unwrap().1;
    tail.lines().next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn only_the_sites_own_player_is_served() {
    let (testbed, visitor, master) = start().await;
    let site = testbed.info().site_a.clone();
    let (media, _) = visitor.media_playlist(&master, 0).await;
    let segment = visitor.newest_segment(&master).await;
    let unknown = master.replace("/live/", "/live/x");
    for url in [&master, &media, &segment] {
        let get = || visitor.http.get(url);
        let referer = format!("{site}/");
        let cases = [
            ("no headers", get()),
            ("no origin", get().header("referer", &referer)),
            ("no referer", get().header("origin", &site)),
            (
                "no slash",
                get().header("referer", &site).header("origin", &site),
            ),
            (
                "a page",
                get()
                    .header("referer", format!("{site}/event/live"))
                    .header("origin", &site),
            ),
            (
                "another origin",
                get()
                    .header("referer", &referer)
                    .header("origin", "http://127.0.0.1"),
            ),
            (
                "a slash in the origin",
                get().header("referer", &referer).header("origin", &referer),
            ),
            (
                "two referers",
                visitor.media(url).header("referer", "http://127.0.0.1/"),
            ),
        ];
        for (case, request) in cases {
            assert_eq!(request.send().await.unwrap().status(), 403, "{case}: {url}");
        }
        let stranger = url.replace(&master[..master.len() - 12], &unknown[..unknown.len() - 12]);
        assert_ne!(&stranger, url);
        assert_eq!(
            visitor.media(&stranger).send().await.unwrap().status(),
            403,
            "{stranger}"
        );
        assert_eq!(visitor.media(url).send().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn the_multivariant_playlist_names_two_variants() {
    let (testbed, visitor, master) = start().await;
    let answer = visitor.media(&master).send().await.unwrap();
    assert_eq!(
        answer.headers()["content-type"],
        "application/vnd.apple.mpegurl"
    );
    let text = answer.text().await.unwrap();
    assert!(text.starts_with("#EXTM3U\n"));
    assert!(text.contains("\n#EXT-X-INDEPENDENT-SEGMENTS\n"));
    let variants: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("STREAM-INF"))
        .collect();
    assert_eq!(variants.len(), 2, "{text}");
    for (variant, resolution) in variants.iter().zip(["640x360", "320x180"]) {
        assert!(
            variant.contains(&format!("RESOLUTION={resolution},")),
            "{variant}"
        );
        assert!(variant.contains("CODECS=\"avc1."), "{variant}");
        assert!(variant.contains("BANDWIDTH="), "{variant}");
    }
    let uris: Vec<&str> = uris(&text).collect();
    assert_eq!(uris[0], "360p/index.m3u8");
    assert!(
        uris[1].starts_with(&format!("{}/live/", testbed.info().cdn)),
        "{}",
        uris[1]
    );
}

#[tokio::test]
async fn a_playlist_slides_with_the_wall_clock() {
    let (_testbed, visitor, master) = start().await;
    for place in 0..2 {
        let before = unix_seconds();
        let (_, text) = visitor.media_playlist(&master, place).await;
        let after = unix_seconds();
        let names: Vec<&str> = uris(&text).collect();
        assert!((6..=8).contains(&names.len()));
        let (first, newest) = (
            first_number(&text),
            first_number(&text) + names.len() as u64 - 1,
        );
        assert!(
            (before / 2 - 1..=after / 2 - 1).contains(&newest),
            "{newest} at {before}"
        );
        assert!(text.contains("#EXT-X-TARGETDURATION:2\n"));
        assert!(!text.contains("ENDLIST") && !text.contains("DISCONTINUITY"));
        for (name, number) in names.iter().zip(first..) {
            assert!(name.ends_with(&format!("segment-{number}.ts")), "{name}");
        }
        assert!(names.iter().any(|name| name.starts_with("http://")));
        assert!(names.iter().any(|name| !name.starts_with("http://")));
        let dates: Vec<u64> = text
            .lines()
            .filter_map(|line| line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:"))
            .map(|date| date.parse::<jiff::Timestamp>().unwrap().as_second() as u64)
            .collect();
        assert_eq!(
            dates,
            (first..=newest)
                .map(|number| number * 2)
                .collect::<Vec<_>>()
        );
    }
}

#[tokio::test]
async fn a_new_segment_appears_when_it_is_over() {
    let (_testbed, visitor, master) = start().await;
    let (media, text) = visitor.media_playlist(&master, 1).await;
    let next = first_number(&text) + uris(&text).count() as u64;
    let base = url::Url::parse(&media).unwrap();
    let url = base
        .join(&format!("segment-{next}.ts"))
        .unwrap()
        .to_string();
    let wait_until = Instant::now() + Duration::from_secs(5);
    let appeared = loop {
        let answer = visitor.media(&url).send().await.unwrap();
        match answer.status().as_u16() {
            200 => break unix_seconds(),
            404 => assert!(Instant::now() < wait_until, "it never came"),
            other => panic!("{other}"),
        }
        tokio::time::sleep(Duration::from_millis(40)).await;
    };
    assert!(appeared >= next * 2 + 2, "before it was over");
    let again = visitor.text(&media).await;
    assert!(first_number(&again) > next - uris(&text).count() as u64);
}

#[tokio::test]
async fn segments_outside_the_time_line_are_not_there() {
    let (_testbed, visitor, master) = start().await;
    let (media, text) = visitor.media_playlist(&master, 0).await;
    let first = first_number(&text);
    let base = url::Url::parse(&media).unwrap();
    for (name, expected) in [
        (format!("segment-{}.ts", first - 20), 200),
        (format!("segment-{}.ts", first - 40), 404),
        (format!("segment-{}.ts", first + 100), 404),
        ("segment-0.ts".to_owned(), 404),
        ("segment-18446744073709551615.ts".to_owned(), 404),
        ("../240p/index.m3u8".to_owned(), 404),
        ("other.ts".to_owned(), 404),
    ] {
        let url = base.join(&name).unwrap().to_string();
        assert_eq!(
            visitor.media(&url).send().await.unwrap().status(),
            expected,
            "{name}"
        );
    }
}

#[tokio::test]
async fn ranges_are_parts_of_the_whole() {
    let (_testbed, visitor, master) = start().await;
    let url = visitor.newest_segment(&master).await;
    let whole = visitor.media(&url).send().await.unwrap();
    assert_eq!(whole.headers()["content-type"], "video/mp2t");
    assert_eq!(whole.headers()["accept-ranges"], "bytes");
    let whole = whole.bytes().await.unwrap();
    assert_eq!((whole[0], whole[188], whole.len() % 188), (0x47, 0x47, 0));

    let part = visitor
        .media(&url)
        .header("range", "bytes=188-751")
        .send()
        .await
        .unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(
        part.headers()["content-range"],
        format!("bytes 188-751/{}", whole.len()).as_str()
    );
    assert_eq!(part.headers()["content-length"], "564");
    assert_eq!(part.bytes().await.unwrap(), whole[188..752]);

    let beyond = format!("bytes={}-", whole.len());
    let none = visitor
        .media(&url)
        .header("range", beyond)
        .send()
        .await
        .unwrap();
    assert_eq!(none.status(), 416);
    assert_eq!(
        none.headers()["content-range"],
        format!("bytes */{}", whole.len()).as_str()
    );
}

#[tokio::test]
async fn a_slow_segment_begins_late_and_drips() {
    let (testbed, visitor, master) = start().await;
    let url = visitor.newest_segment(&master).await;
    let plain = visitor
        .media(&url)
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    testbed.clear_log();
    testbed.set_faults(Faults {
        segment_first_byte_delay_ms: 300,
        segment_duration_ms: 700,
        ..Faults::default()
    });
    let asked = Instant::now();
    let mut answer = visitor.media(&url).send().await.unwrap();
    let head = asked.elapsed();
    let first_chunk = answer.chunk().await.unwrap().unwrap();
    let first = asked.elapsed();
    let seen_at = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_micros() as i64;
    let mut bytes = first_chunk.to_vec();
    while let Some(chunk) = answer.chunk().await.unwrap() {
        bytes.extend(&chunk);
    }
    let last = asked.elapsed();
    assert!(head >= Duration::from_millis(300), "{head:?}");
    assert!(
        last - first >= Duration::from_millis(400),
        "the first bytes waited for the last: {first:?}, {last:?}"
    );
    assert!(last >= Duration::from_millis(1_000), "{last:?}");
    assert_eq!(bytes, plain);
    assert!(
        first_chunk.len() < plain.len() / 4,
        "{} at once",
        first_chunk.len()
    );

    let log = testbed.log();
    assert_eq!(log.len(), 1);
    let entry = &log[0];
    assert_eq!((entry.role, entry.status), (Role::Cdn, Some(200)));
    assert!(entry.path.ends_with(".ts"));
    assert_eq!(entry.body_bytes, plain.len() as u64);
    let first_byte = entry.first_byte_at.unwrap();
    assert!(first_byte - entry.at >= 300_000, "noted before it was sent");
    assert!(
        (0..600_000).contains(&(seen_at - first_byte)),
        "noted {} us off",
        seen_at - first_byte
    );
    assert!(entry.finished_at.unwrap() - first_byte >= 690_000);
}

#[tokio::test]
async fn media_faults_hit_what_they_name() {
    let (testbed, visitor, master) = start().await;
    let segment = visitor.newest_segment(&master).await;
    let both = async || {
        let playlist = visitor
            .media(&master)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16();
        let segment = visitor
            .media(&segment)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16();
        (playlist, segment)
    };
    assert_eq!(both().await, (200, 200));
    let status = |code: u16| Some(code.try_into().unwrap());
    testbed.set_faults(Faults {
        segment_status: status(503),
        ..Faults::default()
    });
    assert_eq!(both().await, (200, 503));
    testbed.set_faults(Faults {
        playlist_status: status(410),
        ..Faults::default()
    });
    assert_eq!(both().await, (410, 200));
    testbed.set_faults(Faults::default());
    assert_eq!(both().await, (200, 200));
}

#[tokio::test]
async fn a_frozen_playlist_stands_and_thaws() {
    let (testbed, visitor, master) = start().await;
    testbed.set_faults(Faults {
        playlist_frozen: true,
        ..Faults::default()
    });
    let (media, frozen) = visitor.media_playlist(&master, 0).await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    // Another fault set meanwhile does not thaw it.
    testbed.set_faults(Faults {
        playlist_frozen: true,
        site_delay_ms: 1,
        ..Faults::default()
    });
    assert_eq!(visitor.text(&media).await, frozen);
    testbed.set_faults(Faults::default());
    assert!(first_number(&visitor.text(&media).await) > first_number(&frozen));
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was() {
    let (testbed, visitor, master) = start().await;
    let (_, before) = visitor.media_playlist(&master, 0).await;
    let old = testbed.info().clone();
    drop(testbed);
    let (_testbed, visitor, master) = start().await;
    let (_, after) = visitor.media_playlist(&master, 0).await;
    assert!((0..=2).contains(&(first_number(&after) - first_number(&before))));

    // And the old one is gone, with its kept-alive connections.
    let address = old.control.strip_prefix("http://").unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
