//! What is wrong on the wire, read byte by byte.

#![allow(clippy::unwrap_used, reason = "a test ends where an answer is missing")]
#![allow(clippy::disallowed_methods, reason = "the test's own clock")]

mod client;

use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use client::Visitor;
use f1_streams_testbed::{
    Faults, Options, Testbed, Wire,
    wires::{Content, Encoding, End, Ending, Length, On, Prefix, Range, Text},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const SEGMENT: &str = "/interstitials/asset-0/segment-1.ts";
const PLAYLIST: &str = "/interstitials/asset-0/index.m3u8";

async fn start(wire: Wire) -> (Testbed, Visitor) {
    let testbed = Testbed::start(Options::default()).await.unwrap();
    set(&testbed, wire);
    let visitor = Visitor::new(&testbed);
    (testbed, visitor)
}

fn set(testbed: &Testbed, wire: Wire) {
    testbed.set_faults(Faults {
        wire: vec![wire],
        ..Faults::default()
    });
}

/// Head, body, and how it ended.
async fn read(testbed: &Testbed, path: &str) -> (String, Vec<u8>, Result<(), ErrorKind>) {
    let cdn = url::Url::parse(&testbed.info().cdn).unwrap();
    let mut socket = TcpStream::connect(("127.0.0.2", cdn.port().unwrap()))
        .await
        .unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: cdn.test\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let mut piece = vec![0; 65_536];
    let end = loop {
        let read = tokio::time::timeout(Duration::from_millis(700), socket.read(&mut piece));
        match read.await {
            Err(_) => break Err(ErrorKind::TimedOut),
            Ok(Ok(0)) => break Ok(()),
            Ok(Ok(read)) => bytes.extend(&piece[..read]),
            Ok(Err(error)) => break Err(error.kind()),
        }
    };
    let head = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap();
    let body = bytes.split_off(head + 4);
    (String::from_utf8(bytes).unwrap().to_lowercase(), body, end)
}

fn ending(how: Ending) -> Wire {
    Wire {
        on: On::Segment,
        end: Some(End { at: 1_000, how }),
        ..Wire::default()
    }
}

#[tokio::test]
async fn a_body_ends_before_its_end() {
    let (testbed, _) = start(Wire::default()).await;
    let (head, whole, end) = read(&testbed, SEGMENT).await;
    assert_eq!(end, Ok(()));
    let said = format!("content-length: {}\r\n", whole.len());
    assert!(head.contains(&said) && whole.len() > 10_000, "{head}");
    for (how, expected) in [
        (Ending::Cut, Ok(())),
        (Ending::Reset, Err(ErrorKind::ConnectionReset)),
        (Ending::Stall, Err(ErrorKind::TimedOut)),
    ] {
        set(&testbed, ending(how));
        testbed.clear_log();
        let (head, body, end) = read(&testbed, SEGMENT).await;
        assert_eq!(end, expected);
        assert!(
            head.starts_with("http/1.1 200 ok\r\n") && head.contains(&said),
            "{head}"
        );
        assert!(head.contains("content-type: video/mp2t\r\n"), "{head}");
        // A reset may overtake what was sent.
        assert!(
            body == whole[..1_000] || how == Ending::Reset,
            "{}",
            body.len()
        );
        let log = testbed.log();
        assert_eq!((log[0].status, log[0].body_bytes), (Some(200), 1_000));
        assert!(log[0].finished_at.is_some());
    }
    // A playlist is not a segment.
    assert!(
        read(&testbed, PLAYLIST)
            .await
            .1
            .ends_with(b"#EXT-X-ENDLIST\n")
    );
}

#[tokio::test]
async fn lengths_are_said_wrong() {
    let (testbed, _) = start(Wire::default()).await;
    let (_, whole, _) = read(&testbed, SEGMENT).await;
    let with = |length| Wire {
        length: Some(length),
        ..Wire::default()
    };
    for (length, said) in [
        (Length::Long, Some(whole.len() + 100)),
        (Length::Short, Some(whole.len() - 100)),
        (Length::Close, None),
    ] {
        set(&testbed, with(length));
        let (head, body, end) = read(&testbed, SEGMENT).await;
        assert!(end.is_ok() && body == whole);
        match said {
            Some(said) => assert!(
                head.contains(&format!("content-length: {said}\r\n")),
                "{head}"
            ),
            None => assert!(
                !head.contains("length") && !head.contains("chunked"),
                "{head}"
            ),
        }
    }
    set(
        &testbed,
        Wire {
            end: Some(End {
                at: 16,
                how: Ending::Cut,
            }),
            pieces: vec![4],
            ..with(Length::Chunked)
        },
    );
    let (head, body, _) = read(&testbed, SEGMENT).await;
    assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
    let pieces = [b"4\r\n", &whole[..4], b"\r\nc\r\n", &whole[4..16], b"\r\n"].concat();
    assert_eq!(body, pieces, "without the last chunk");
}

#[tokio::test]
async fn ranges_are_ignored_wrong_or_not_asked_for() {
    let (testbed, visitor) = start(Wire::default()).await;
    let url = format!("{}{SEGMENT}", testbed.info().cdn);
    let whole = visitor.get(&url).await.bytes().await.unwrap();
    let ask = async |range: Range| {
        set(
            &testbed,
            Wire {
                range: Some(range),
                ..Wire::default()
            },
        );
        let request = visitor.http.get(&url).header("range", "bytes=188-375");
        let answer = request.send().await.unwrap();
        let named = answer.headers().get("content-range").cloned();
        (
            answer.status().as_u16(),
            named,
            answer.bytes().await.unwrap(),
        )
    };
    assert_eq!(ask(Range::Ignored).await, (200, None, whole.clone()));
    let named = format!("bytes 288-475/{}", whole.len()).parse().unwrap();
    assert_eq!(
        ask(Range::Wrong).await,
        (206, Some(named), whole.slice(288..476))
    );
    ask(Range::Unasked).await;
    let answer = visitor.get(&url).await;
    assert_eq!(answer.status(), 206);
    assert_eq!(answer.bytes().await.unwrap(), whole[..whole.len() / 2]);
}

#[tokio::test]
async fn a_redirect_opens_once_and_moves_what_is_relative() {
    let (testbed, visitor) = start(Wire {
        on: On::Playlist,
        redirect: true,
        ..Wire::default()
    })
    .await;
    let cdn = testbed.info().cdn.clone();
    let location = visitor
        .redirect(&format!("{cdn}/ts/360p/index.m3u8?a=b"))
        .await;
    assert!(
        location.starts_with("/moved/ts/360p/index.m3u8?a=b&once="),
        "{location}"
    );
    let there = url::Url::parse(&cdn).unwrap().join(&location).unwrap();
    let text = visitor.text(there.as_str()).await;
    assert_eq!(
        visitor.get(there.as_str()).await.status(),
        403,
        "a second time"
    );
    let relative = client::uris(&text)
        .find(|uri| !uri.contains("://"))
        .unwrap();
    let segment = there.join(relative).unwrap();
    assert!(segment.path().starts_with("/moved/"), "{segment}");
    assert_eq!(visitor.get(segment.as_str()).await.status(), 200);
}

#[tokio::test]
async fn text_comes_in_other_forms() {
    let (testbed, _) = start(Wire::default()).await;
    let (_, plain, _) = read(&testbed, PLAYLIST).await;
    let text = String::from_utf8(plain).unwrap();
    let units =
        |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let (little, big) = (units(u16::to_le_bytes), units(u16::to_be_bytes));
    for (form, expected) in [
        (Text::Bom, [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        (Text::Utf16Le, [b"\xff\xfe", &little[..]].concat()),
        (Text::Utf16Be, [b"\xfe\xff", &big[..]].concat()),
        (Text::Utf16Unmarked, little.clone()),
        (Text::CrLf, text.replace('\n', "\r\n").into_bytes()),
        (Text::Cr, text.replace('\n', "\r").into_bytes()),
    ] {
        set(
            &testbed,
            Wire {
                text: Some(form),
                ..Wire::default()
            },
        );
        let (head, body, _) = read(&testbed, PLAYLIST).await;
        assert!(body == expected, "{form:?}");
        assert!(
            head.contains(&format!("content-length: {}\r\n", expected.len())),
            "{head}"
        );
    }
}

#[tokio::test]
async fn an_encoding_is_said_or_not() {
    let (testbed, _) = start(Wire::default()).await;
    for (encoding, name, magic) in [
        (Encoding::Gzip, "gzip", &[0x1f, 0x8b][..]),
        (Encoding::Deflate, "deflate", &[0x78]),
        (Encoding::Br, "br", &[]),
        (Encoding::Zstd, "zstd", &[0x28, 0xb5, 0x2f, 0xfd]),
    ] {
        for unsaid in [false, true] {
            set(
                &testbed,
                Wire {
                    encoding: Some(encoding),
                    encoding_unsaid: unsaid,
                    ..Wire::default()
                },
            );
            let (head, body, _) = read(&testbed, PLAYLIST).await;
            assert!(body.starts_with(magic), "{encoding:?}");
            let said = format!("content-encoding: {name}\r\n");
            assert_eq!(head.contains(&said), !unsaid, "{head}");
        }
    }
}

#[tokio::test]
async fn another_body_comes_under_another_type_or_none() {
    let (testbed, _) = start(Wire::default()).await;
    let (_, whole, _) = read(&testbed, SEGMENT).await;
    let with = |content| Wire {
        content: Some(content),
        ..Wire::default()
    };
    set(&testbed, with(Content::Empty));
    let (head, body, _) = read(&testbed, PLAYLIST).await;
    assert!(
        head.starts_with("http/1.1 200 ok") && body.is_empty(),
        "{head}"
    );
    set(&testbed, with(Content::Html));
    let (head, body, _) = read(&testbed, PLAYLIST).await;
    assert!(
        head.contains("text/html") && body.starts_with(b"<!doctype"),
        "{head}"
    );
    set(&testbed, with(Content::Json));
    let (head, body, _) = read(&testbed, SEGMENT).await;
    assert!(
        head.contains("application/json") && body.starts_with(b"{"),
        "{head}"
    );
    let headers = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    };
    set(
        &testbed,
        Wire {
            headers: headers(&[("content-type", ""), ("etag", "\"1\"")]),
            ..with(Content::Text("#EXTM3U\n".into()))
        },
    );
    let (head, body, _) = read(&testbed, SEGMENT).await;
    assert!(
        !head.contains("content-type") && head.contains("etag: \"1\""),
        "{head}"
    );
    assert_eq!(body, b"#EXTM3U\n");
    set(
        &testbed,
        Wire {
            status: Some(429.try_into().unwrap()),
            headers: headers(&[("retry-after", "7")]),
            times: Some(2),
            ..Wire::default()
        },
    );
    for expected in ["429", "429", "200"] {
        let (head, _, _) = read(&testbed, PLAYLIST).await;
        assert!(head.starts_with(&format!("http/1.1 {expected}")), "{head}");
        assert_eq!(
            head.contains("retry-after: 7\r\n"),
            expected == "429",
            "{head}"
        );
    }
    set(
        &testbed,
        Wire {
            prefix: Some(Prefix::Png),
            pieces: vec![60, 64],
            delay_ms: 300,
            ..Wire::default()
        },
    );
    let asked = Instant::now();
    let (_, body, _) = read(&testbed, SEGMENT).await;
    assert!(asked.elapsed() >= Duration::from_millis(300));
    assert!(body.starts_with(b"\x89PNG") && body[70..] == whole);
    let count: usize = testbed.fetches().values().sum();
    assert_eq!(count, testbed.log_len());
    assert_eq!(testbed.fetches()[PLAYLIST], 5);
}
