//! P09 to P15: guests that return what must not come in.

use super::{Lab, Row, row};
use crate::guests::{Guest, Image, Record};

/// The body of `extract` and the data of a guest.
fn answering(build: impl FnOnce(&mut Image) -> u32) -> Guest {
    let mut image = Image::new();
    let answer = build(&mut image);
    let pages = image.end() / 65536 + 2;
    Guest {
        extract: format!("i32.const {answer}").leak(),
        data: image.bytes().to_vec(),
        pages: pages.max(4),
        ..Guest::default()
    }
}

fn returning(records: &[Record]) -> Guest {
    answering(|image| image.streams(records))
}

pub(super) fn rows() -> Vec<Row> {
    let grown = |mut guest: Guest, pages: u32| {
        guest.extract = format!("i32.const {pages} memory.grow drop {}", guest.extract).leak();
        guest
    };
    let many = |n: usize| -> Vec<Record> {
        let record = |i| Record::new(&format!("s{i}"), "http://192.0.2.1/");
        (0..n).map(record).collect()
    };
    vec![
        row(
            "P09 returns a text of 16 MiB",
            grown(answering(|image| image.other((0, 16 << 20))), 300),
            "resources",
            "plugins.limits.copied",
        ),
        row(
            "P09 returns a text of 256 MiB, of which most is not its memory",
            answering(|image| image.other((0, 256 << 20))),
            "invalid_output",
            None,
        ),
        row(
            "P10 returns 5 million streams, of which most are not its memory",
            answering(|image| image.ok((0, 5_000_000))),
            "invalid_output",
            None,
        ),
        row(
            "P10 returns 100,000 streams",
            grown(answering(|image| image.ok((1 << 20, 100_000))), 300),
            "resources",
            "plugins.limits.copied",
        ),
        row(
            "P10 returns 101 streams",
            returning(&many(101)),
            "invalid_output",
            "plugins.limits.streams",
        ),
        row(
            "P12 returns half a surrogate",
            returning(&[Record {
                label: b"\xed\xa0\x80".to_vec(),
                ..Record::new("a", "http://192.0.2.1/")
            }]),
            "invalid_output",
            None,
        ),
    ]
}

/// What became of one record: the code and message it was refused with.
async fn refused(lab: &Lab, record: Record) -> (String, String) {
    let ended = lab.extract(&returning(&[record]), &lab.site("")).await;
    let found = ended.result.unwrap();
    assert!(found.streams.is_empty(), "{:?}", found.streams);
    let refused = &found.refused[0];
    (refused.code.to_owned(), refused.message.clone())
}

const URL: &str = "http://1.1.1.1/a.m3u8";

#[tokio::test(flavor = "multi_thread")]
async fn p11_records_are_small_or_refused() {
    let lab = Lab::new("");
    let record = |headers: Vec<(String, String)>| Record {
        headers,
        ..Record::new("a", URL)
    };
    let many: Vec<_> = (0..10_000)
        .map(|i| (format!("x{i}"), String::new()))
        .collect();
    let (code, message) = refused(&lab, record(many)).await;
    assert_eq!(code, "invalid_record");
    assert!(
        message.contains("plugins.limits.stream_headers"),
        "{message}"
    );
    let long = vec![("x".to_owned(), "v".repeat(1 << 20))];
    let (code, message) = refused(&lab, record(long)).await;
    assert_eq!(code, "invalid_record");
    assert!(message.contains("plugins.limits.text"), "{message}");
    assert_eq!(lab.metrics.limit_hits("plugins.limits.stream_headers"), 1);
    assert_eq!(lab.metrics.limit_hits("plugins.limits.text"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_text_comes_in_without_what_could_forge_a_line() {
    let lab = Lab::new("");
    let record = Record {
        label: "Feed\0\u{1b}[31m\r\nforged: \u{202e}line\u{2028}\u{9b}x".into(),
        ..Record::new("a", URL)
    };
    let ended = lab.extract(&returning(&[record]), &lab.site("")).await;
    let found = ended.result.unwrap();
    assert_eq!(found.streams[0].label, "Feed[31mforged: linex");
    let mut image = Image::new();
    let text = image.put("a\r\nb\u{1b}]0;t\u{7}\u{2066}");
    let other = image.other(text);
    let guest = Guest {
        extract: format!("i32.const {other}").leak(),
        data: image.bytes().to_vec(),
        ..Guest::default()
    };
    let ended = lab.extract(&guest, &lab.site("")).await;
    assert_eq!(ended.result.unwrap_err().to_string(), "ab]0;t");
}

#[tokio::test(flavor = "multi_thread")]
async fn p13_urls_that_lead_inside_or_nowhere_are_refused() {
    let lab = Lab::new("");
    for (url, expect) in [
        ("http://169.254.169.254/latest/meta-data/", "address_denied"),
        ("http://127.0.0.1:9090/metrics", "address_denied"),
        ("http://[::ffff:10.0.0.1]/", "address_denied"),
        ("file:///etc/passwd", "scheme_denied"),
        ("javascript:alert(1)", "scheme_denied"),
        ("data:text/html,x", "scheme_denied"),
        ("http://user:pass@1.1.1.1/", "url_denied"),
        ("http://1.1.1.1/\r\nx", "url_denied"),
        ("", "url_denied"),
    ] {
        let (code, message) = refused(&lab, Record::new("a", url)).await;
        assert_eq!(code, expect, "{url}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p14_headers_that_frame_or_forge_are_refused() {
    let lab = Lab::new("");
    for (name, value) in [
        ("Host", "internal"),
        ("Content-Length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "x"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("Proxy-Authorization", "x"),
        ("Authorization", "Bearer x\r\nHost: internal"),
        ("X-A", "a\0b"),
        ("X-A\r\nHost", "internal"),
        ("", "x"),
    ] {
        let record = Record {
            headers: vec![(name.to_owned(), value.to_owned())],
            ..Record::new("a", URL)
        };
        let (code, message) = refused(&lab, record).await;
        assert_eq!(code, "header_denied", "{name}: {value:?}");
        assert!(!message.contains(['\r', '\n', '\0']), "{message:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p15_an_id_is_a_plain_name_and_the_sites_own() {
    let lab = Lab::new("");
    for id in [
        "",
        "../b",
        "a/b",
        "a%00",
        "a\0",
        "a.b",
        "other.main",
        "ä",
        &"a".repeat(65),
    ] {
        let (code, message) = refused(&lab, Record::new(id, URL)).await;
        assert_eq!(code, "invalid_record", "{id}: {message}");
    }
    let twice = [Record::new("a", URL), Record::new("a", URL)];
    let ended = lab.extract(&returning(&twice), &lab.site("")).await;
    let found = ended.result.unwrap();
    assert_eq!(found.streams.len(), 1);
    assert_eq!(found.refused[0].code, "duplicate_id");
}
