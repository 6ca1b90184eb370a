//! What viewers get of an origin that goes wrong on the wire: the playlist and
//! the segment all the same, or an error that looks like one.

use f1_streams_testbed::wires::{Content, Encoding, End, Ending, Length, On, Prefix, Range, Text};
use f1_streams_testbed::{Faults, Wire};
use futures::future::join_all;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, RANGE, RETRY_AFTER};

use crate::clients::{entry, house_of};
use crate::house::{House, uri_lines};

/// Longer than a playlist is kept for its viewers.
const STALE: std::time::Duration = std::time::Duration::from_millis(1_200);

async fn first_rendition(house: &House) -> String {
    let master = entry(house, "ts");
    let master = house.text(master.strip_prefix(&house.base).unwrap()).await;
    uri_lines(&master)[0].clone()
}

fn headers(pairs: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

fn text(text: Text) -> Wire {
    Wire {
        text: Some(text),
        ..Wire::default()
    }
}

fn encoding(encoding: Encoding, unsaid: bool) -> Wire {
    Wire {
        encoding: Some(encoding),
        encoding_unsaid: unsaid,
        ..Wire::default()
    }
}

fn content(content: Content) -> Wire {
    Wire {
        content: Some(content),
        ..Wire::default()
    }
}

fn length(length: Length) -> Wire {
    Wire {
        length: Some(length),
        ..Wire::default()
    }
}

fn range(range: Range) -> Wire {
    Wire {
        range: Some(range),
        ..Wire::default()
    }
}

fn ends(how: Ending) -> Wire {
    Wire {
        end: Some(End { at: 1_000, how }),
        ..Wire::default()
    }
}

/// The playlist's answer while it is served so.
async fn served(house: &House, path: &str, wire: Wire) -> (u16, String, String) {
    let on = On::Media;
    house.testbed.set_faults(Faults {
        wire: vec![Wire { on, ..wire }],
        ..Faults::default()
    });
    tokio::time::sleep(STALE).await;
    let answer = house.get(path).await;
    let media_type = answer.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
    (
        answer.status().as_u16(),
        media_type,
        answer.text().await.unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playlist_is_read_in_whatever_form_it_comes() {
    let house = house_of(&["ts"]).await;
    let path = first_rendition(&house).await;
    let mut forms: Vec<Wire> = [
        Text::Bom,
        Text::Utf16Le,
        Text::Utf16Be,
        Text::CrLf,
        Text::Cr,
    ]
    .map(text)
    .into();
    for one in [Encoding::Gzip, Encoding::Deflate, Encoding::Zstd] {
        forms.extend([encoding(one, false), encoding(one, true)]);
    }
    forms.push(encoding(Encoding::Br, false));
    forms.push(length(Length::Close));
    forms.push(length(Length::Chunked));
    forms.extend(["", "text/plain", "video/mp2t"].map(|media_type| Wire {
        headers: headers(&[("content-type", media_type)]),
        ..Wire::default()
    }));
    // More than once: a single one was seen to miss beside many players.
    for _ in 0..3 {
        forms.push(Wire {
            redirect: true,
            ..Wire::default()
        });
    }
    for wire in forms {
        let (status, media_type, text) = served(&house, &path, wire.clone()).await;
        assert_eq!(status, 200, "{wire:?}: {text}");
        assert_eq!(media_type, "application/vnd.apple.mpegurl", "{wire:?}");
        assert!(text.starts_with("#EXTM3U"), "{wire:?}: {text}");
        assert!(
            !text.contains(".test") && !text.contains('\0'),
            "{wire:?}: {text}"
        );
        let segments = uri_lines(&text.replace('\r', ""));
        assert!(segments.len() >= 6, "{wire:?}: {text}");
        let segment = house.get(segments.last().unwrap()).await;
        assert_eq!(segment.status(), 200, "{wire:?}");
    }
    // And what is relative, is relative to where the redirect led.
    let asked = house.testbed.fetches();
    let below = asked.keys().filter(|path| path.starts_with("/moved/"));
    assert!(
        below.clone().any(|path| path.contains("/segment-")),
        "{asked:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_playlist_is_an_error_and_never_an_end() {
    let house = house_of(&["ts"]).await;
    let path = first_rendition(&house).await;
    for wire in [
        content(Content::Empty),
        content(Content::Html),
        content(Content::Json),
        length(Length::Long),
        Wire {
            end: Some(End {
                at: 100,
                how: Ending::Cut,
            }),
            ..Wire::default()
        },
    ] {
        let (status, media_type, text) = served(&house, &path, wire.clone()).await;
        assert_eq!(status, 502, "{wire:?}: {text}");
        assert_eq!(media_type, "application/json", "{wire:?}");
        assert!(!text.contains("#EXT"), "{wire:?}: {text}");
    }
    let busy = Wire {
        on: On::Media,
        status: Some(429.try_into().unwrap()),
        headers: headers(&[("retry-after", "7")]),
        ..Wire::default()
    };
    house.testbed.set_faults(Faults {
        wire: vec![busy],
        ..Faults::default()
    });
    tokio::time::sleep(STALE).await;
    let answer = house.get(&path).await;
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()[RETRY_AFTER], "7");
}

/// What a segment's viewer must see.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Seen {
    /// Whole packets, nothing before or behind them.
    Media,
    /// A body that ends as an error, or an error from the start.
    Broken,
    /// An answer that says whose fault it is.
    Refused,
    /// The second and third packet, whatever the origin makes of the range.
    Range,
    /// That, or a refusal.
    RangeOrRefused,
}

async fn segment(house: &House, path: &str, wire: &Wire, seen: Seen) -> Result<(), String> {
    let mut request = house.client.get(format!("{}{path}", house.base));
    let is_range = matches!(seen, Seen::Range | Seen::RangeOrRefused);
    if is_range {
        request = request.header(RANGE, "bytes=188-563");
    }
    let answer = request.send().await;
    let Ok(answer) = answer else {
        let ok = seen == Seen::Broken;
        return ok.then_some(()).ok_or(format!("{wire:?}: no answer"));
    };
    let status = answer.status().as_u16();
    let head = answer.headers().clone();
    let body = answer.bytes().await;
    let is_media = head
        .get(CONTENT_TYPE)
        .is_some_and(|media_type| media_type == "video/mp2t");
    let packets = body.as_ref().is_ok_and(|body| {
        let whole = !body.is_empty() && body.len() % 188 == 0;
        whole && body.chunks(188).all(|packet| packet[0] == 0x47)
    });
    let named = head
        .get(CONTENT_RANGE)
        .is_some_and(|named| named.as_bytes().starts_with(b"bytes 188-563/"));
    let right_range =
        status == 206 && named && packets && body.as_ref().is_ok_and(|body| body.len() == 376);
    let ok = match seen {
        Seen::Media => status == 200 && is_media && packets,
        Seen::Broken => status == 502 || status == 504 || body.is_err(),
        Seen::Refused => status == 502,
        Seen::Range => right_range,
        Seen::RangeOrRefused => right_range || status == 502,
    };
    let length = body.map(|body| body.len());
    ok.then_some(()).ok_or(format!(
        "{seen:?} of {wire:?}: {status} {head:?} {length:?}"
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_is_media_or_an_error() {
    let house = house_of(&["ts"]).await;
    let cases = [
        (
            Wire {
                prefix: Some(Prefix::Png),
                pieces: vec![60, 64, 100],
                ..Wire::default()
            },
            Seen::Media,
        ),
        (
            Wire {
                headers: headers(&[("content-type", "image/jpeg")]),
                ..Wire::default()
            },
            Seen::Media,
        ),
        (length(Length::Close), Seen::Media),
        (length(Length::Chunked), Seen::Media),
        (content(Content::Html), Seen::Refused),
        (content(Content::Json), Seen::Refused),
        (content(Content::Empty), Seen::Refused),
        (ends(Ending::Cut), Seen::Broken),
        (ends(Ending::Reset), Seen::Broken),
        (ends(Ending::Stall), Seen::Broken),
        (length(Length::Long), Seen::Broken),
        (range(Range::Ignored), Seen::Range),
        (range(Range::Wrong), Seen::RangeOrRefused),
    ];
    let path = first_rendition(&house).await;
    let mut wires = Vec::new();
    let mut asked = Vec::new();
    // Each case has a segment of its own, so that nobody's is kept for another.
    let mut last = 0;
    while asked.len() < cases.len() {
        let playlist = house.text(&path).await;
        let first = playlist.split_once("MEDIA-SEQUENCE:").unwrap().1;
        let first: u64 = first.lines().next().unwrap().parse().unwrap();
        for (number, link) in (first..).zip(uri_lines(&playlist)) {
            if number > last && asked.len() < cases.len() {
                last = number;
                let (wire, seen) = cases[asked.len()].clone();
                let path = format!("360p/segment-{number}.ts");
                wires.push(Wire {
                    path,
                    ..wire.clone()
                });
                asked.push((link, wire, seen));
            }
        }
        tokio::time::sleep(STALE).await;
    }
    house.testbed.set_faults(Faults {
        wire: wires,
        ..Faults::default()
    });
    let all = asked
        .iter()
        .map(|(link, wire, seen)| segment(&house, link, wire, *seen));
    let failed: Vec<String> = join_all(all)
        .await
        .into_iter()
        .filter_map(Result::err)
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
