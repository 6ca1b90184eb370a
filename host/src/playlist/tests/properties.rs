//! What must hold whatever a playlist contains.

use proptest::prelude::*;

use super::*;

pub(super) fn everything(body: &[u8]) -> (Rewritten, MediaState, Option<Multivariant>) {
    let base = Url::parse(BASE).unwrap();
    let none = Variables::default();
    everything_in(body, &context(&base, &none))
}

pub(super) fn everything_in(
    body: &[u8],
    context: &Context<'_>,
) -> (Rewritten, MediaState, Option<Multivariant>) {
    let mut count = 0;
    let mut link = |_: &Child<'_>| {
        count += 1;
        Some(format!("/relay/{count}"))
    };
    let rewritten = rewrite(body, context, &mut link);
    (
        rewritten,
        media_state(body, context),
        multivariant(body, context),
    )
}

/// Pieces that mean something, in any order: what only bytes would never hit.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        &b"#EXTM3U"[..],
        b"#EXT",
        b"#EXT-X-KEY:",
        b"#EXT-X-MEDIA:",
        b"#EXT-X-DEFINE:",
        b"#EXTINF:",
        b"#",
        b"NAME=",
        b"VALUE=",
        b"IMPORT=",
        b"QUERYPARAM=\"tok\"",
        b"URI=",
        b"X-ASSET-LIST=",
        b"-URI=",
        b"\"",
        b",",
        b"=",
        b"\n",
        b"\r",
        b"\r\n",
        b" ",
        b"{$",
        b"}",
        b"{$a}",
        b"\"a\"",
        b"http://",
        b"//",
        b"up.test",
        b"/",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"BYTERANGE=\"1@2\"",
        b"9",
        b"data:,",
        b"skd://x",
        b"#EXT-X-STREAM-INF:",
        b"#EXT-X-BYTERANGE:",
        b"#EXT-X-MAP:",
        b"METHOD=AES-128",
        b"TYPE=AUDIO",
        b"\0",
        b"[",
        b":",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// A line that names a host of ours, in every place where one can be.
fn naming_line() -> impl Strategy<Value = String> {
    let host = prop::sample::select(vec!["up.test", "cdn.secret.test", "10.9.8.7"]);
    let uri = prop::sample::select(vec![
        "http://HOST/p",
        "https://HOST:8443/p?t=1,2",
        "//HOST/p",
        "HTTP://u:w@HOST/p",
        "http://{$v}/p",
        "rtmp://HOST/p",
        "{$h}/p",
        "{$none}http://HOST/p",
    ]);
    let place = prop::sample::select(vec![
        "<>",
        "  <> ",
        "#EXTINF:1,\n<>",
        "#EXT-X-STREAM-INF:BANDWIDTH=1\n<>",
        "#EXT-X-MEDIA:TYPE=AUDIO,URI=\"<>\"",
        "#EXT-X-MEDIA:TYPE=VIDEO,NAME=\"<>\",URI=<>",
        "#EXT-X-KEY:METHOD=AES-128,IV=1,uri=\" <> \"",
        "#EXT-X-MAP:URI=\"<>",
        "#EXT-X-PART:URI=\"<>\",URI=\"<>\"",
        "#EXT-X-PRELOAD-HINT:URI=\"<>\"",
        "#EXT-X-DATERANGE:X-ASSET-URI=\"<>\",X-ASSET-LIST=\"<>\",X-AD=\"<>\"",
        "#EXT-X-CONTENT-STEERING:SERVER-URI=\"<>\"",
        "#EXT-X-SESSION-DATA:VALUE=\"<>\",URI=\"<>\"",
        "#EXT-X-PREFETCH:<>",
        "#EXT-X-ODD: <>",
        "#EXT-X-DEFINE:NAME=\"h\",VALUE=\"<>\"",
        "#EXT-X-DEFINE:NAME=\"v\",VALUE=\"HOST\"",
        "# <>",
        "#<>",
        "#EXTINF:-1 logo=\"<>\",<>",
        "#EXT-X-SERVER:up.test",
        "#EXTM3U x-url=\"<>\"",
        "#EXT-X-RENDITION-REPORT:URI=\"<>\",LAST-MSN=1",
        "#EXT-X-NEW-URI=\"<>\"",
        "#EXT-X-NEW:{$h}",
    ]);
    (host, uri, place).prop_map(|(host, uri, place)| place.replace("<>", uri).replace("HOST", host))
}

/// JSON that names hosts of ours, in every way in which a string can be written.
fn document(depth: u32) -> impl Strategy<Value = String> {
    let text = prop::sample::select(vec![
        "\"http://up.test/a\"",
        "\"http:\\/\\/cdn.secret.test\\/a?b=1\"",
        "\"see \\u0068ttps://10.9.8.7/ there\"",
        "\"up\\u002etest\"",
        "\"//cdn.secret.test/\"",
        "\"rtmp://up.test\"",
        "\"\\ud800 http://up.test\"",
        "\"\\\" } http://up.test\"",
        "\"plain\"",
        "1.5e3",
        "null",
    ]);
    let leaf = text.prop_map(str::to_owned);
    leaf.prop_recursive(depth, 24, 4, |inner| {
        let name = prop::sample::select(vec![
            "\"URI\"",
            "\"\\u0055RI\"",
            "\"http://up.test/\"",
            "\"ASSETS\"",
            "\"RELOAD-URI\"",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[ {}]", items.join(" ,"))),
            prop::collection::vec((name, inner), 0..4).prop_map(|members| {
                let members = members
                    .iter()
                    .map(|(name, value)| format!("{name} :{value}"));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

/// Lines that carry no URI and name nobody.
fn plain_line() -> impl Strategy<Value = String> {
    prop_oneof![
        "#[ -.0-~]{0,40}".prop_filter("no variable, no URI", |line| !line.contains("{$")
            && !line.to_uppercase().contains("URI")
            && !line.to_uppercase().contains("X-ASSET")
            && !line.contains(':')),
        "#EXT-X-[A-Z]{1,9}:[A-Z]{1,5}=\"[ -!#-.0-9;-z]{0,20}\",[A-Z]{1,3}=[0-9.x]{1,9}"
            .prop_filter("no URI", |line| !line.contains("URI")
                && !line.contains("{$")
                && !line.contains("DEFINE")),
        "#EXTINF:[0-9.]{1,6},[ -.0-9;-~é🏁]{0,20}",
        "[ \t]{0,3}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_read(body in prop::collection::vec(any::<u8>(), 0..600)) {
        everything(&body);
    }

    #[test]
    fn any_pieces_are_read_and_grow_no_more_than_linearly(body in soup()) {
        let (rewritten, ..) = everything(&body);
        // UTF-16 grows by half, a scrubbed name to nine bytes, a lost segment by
        // a line, a variable by what it holds.
        let most = body.len() * 64 + 256;
        prop_assert!(rewritten.body.len() <= most, "{} of {}", rewritten.body.len(), body.len());
    }

    #[test]
    fn lines_lose_nothing(body in soup()) {
        let together: Vec<u8> = lines(&body).flat_map(|line| [line.text, line.ending].concat()).collect();
        prop_assert_eq!(together, body);
    }

    #[test]
    fn without_uris_nothing_changes(
        lines in prop::collection::vec((plain_line(), prop::sample::select(vec!["\n", "\r\n"])), 0..30)
    ) {
        let body: String = lines.iter().flat_map(|(line, end)| [line.as_str(), end]).collect();
        let (rewritten, ..) = everything(body.as_bytes());
        prop_assert_eq!(text(&rewritten), body);
        prop_assert!(rewritten.problems.count(Problem::Scrubbed) == 0);
    }

    #[test]
    fn no_upstream_is_named(
        lines in prop::collection::vec(naming_line(), 1..12),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
    ) {
        let body = lines.join("\n").replace('\n', end);
        let (rewritten, ..) = everything(body.as_bytes());
        let out = text(&rewritten).to_lowercase();
        for host in ["up.test", "secret", "10.9.8.7"] {
            prop_assert!(!out.contains(host), "{host} in {out}\nfrom {body}");
        }
    }

    #[test]
    fn what_comes_out_is_utf_8(body in soup()) {
        let (rewritten, ..) = everything(&body);
        prop_assert!(std::str::from_utf8(&rewritten.body).is_ok());
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(
        body in prop::collection::vec(any::<u8>(), 0..300),
        magic in prop::sample::select(vec![
            &b""[..], b"\x1f\x8b\x08", b"\x78\x9c", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18",
        ]),
        header in prop::sample::select(vec![None, Some("gzip"), Some("br"), Some("deflate"), Some("zstd, br")]),
    ) {
        let body = [magic, &body].concat();
        if let Ok(decoded) = decompress(&body, header, 4096) {
            prop_assert!(decoded.len() <= 4096);
        }
    }

    #[test]
    fn no_document_names_an_upstream(body in document(3)) {
        let base = Url::parse("http://up.test/lists/1.json").unwrap();
        let mut link = |_: &Child<'_>| Some("/relay/1".to_owned());
        let body = format!("{{\"ASSETS\":{body},\"RELOAD-URI\":{body},\"PATHWAY-CLONES\":{body}}}");
        for rewritten in [
            asset_list(body.as_bytes(), &base, &LIMITS, &mut link).unwrap(),
            steering(body.as_bytes(), &base, &[], &Variables::default(), &LIMITS, &mut link).unwrap(),
        ] {
            let read: serde_json::Value = serde_json::from_slice(&rewritten.body).unwrap();
            for out in [read.to_string(), String::from_utf8(rewritten.body).unwrap()] {
                let out = out.to_lowercase();
                for host in ["up.test", "secret", "10.9.8.7"] {
                    prop_assert!(!out.contains(host), "{host} in {out}\nfrom {body}");
                }
            }
        }
    }

    #[test]
    fn a_control_loses_only_what_cannot_be_asked(
        attributes in prop::collection::vec((
            prop::sample::select(vec!["CAN-BLOCK-RELOAD", "CAN-SKIP-UNTIL", "HOLD-BACK", "X-A", "CAN-SKIP-DATERANGES"]),
            prop::sample::select(vec!["YES", "36.0", "\"a,b=c\"", "\"\""]),
        ), 0..8),
        between in prop::sample::select(vec![",", ", ", " ,"]),
    ) {
        let told = |kept: bool| {
            let attributes = attributes.iter().filter(|(name, _)| !kept || !name.starts_with("CAN-"));
            attributes.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
        };
        let base = Url::parse(BASE).unwrap();
        let none = Variables::default();
        let context = Context { directives: false, ..context(&base, &none) };
        let body = format!("#EXT-X-SERVER-CONTROL:{}", told(false).join(between));
        let rewritten = rewrite(body.as_bytes(), &context, &mut |_: &Child<'_>| None);
        let out = text(&rewritten);
        prop_assert!(!out.contains("CAN-"), "{out}");
        let out = out.strip_prefix("#EXT-X-SERVER-CONTROL:").unwrap_or_default();
        let left: Vec<_> = Attributes::of(out.as_bytes())
            .map(|a| (a.name.to_vec(), a.value.trim_ascii().to_vec()))
            .collect();
        let told = told(true).join(",");
        let kept: Vec<_> = Attributes::of(told.as_bytes())
            .map(|a| (a.name.to_vec(), a.value.to_vec()))
            .collect();
        prop_assert_eq!(left, kept, "{} of {}", out, body);
    }

    #[test]
    fn keys_are_well_formed_unique_and_the_same_again(body in soup()) {
        let head = "#EXT-X-STREAM-INF:BANDWIDTH=1\nv\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv\n";
        let body = [head.as_bytes(), &body].concat();
        let (_, _, first) = everything(&body);
        let (_, _, second) = everything(&body);
        prop_assert_eq!(&first, &second);
        let mut seen = std::collections::HashSet::new();
        for named in first.iter().flat_map(|master| &master.playlists) {
            prop_assert!(named.key.as_str().parse::<RenditionKey>().is_ok());
            prop_assert!(seen.insert(named.key.clone()), "{} twice", named.key);
        }
    }
}
