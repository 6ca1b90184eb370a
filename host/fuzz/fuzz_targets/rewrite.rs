//! Whatever a body holds: it is decoded, tokenised, rewritten and inspected without
//! a panic, in bounds, and nothing that comes out names the upstream.
//!
//! The first byte chooses what the body comes with.
#![no_main]

#[path = "../../src/playlist/mod.rs"]
#[allow(dead_code, unused_imports)]
mod playlist;

use libfuzzer_sys::fuzz_target;
use playlist::{
    Child, Context, Kind, Limits, Line, Token, Variables, asset_list, decompress, lines,
    media_state, multivariant, normalise, rewrite, steering,
};
use url::Url;

const HOST: &str = "upstream-host.test";
const LIMITS: Limits = Limits {
    lines: 2_000,
    line: 4 << 10,
    output: 1 << 20,
    variables: 1 << 10,
};

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else {
        return;
    };
    let header = match choice & 7 {
        0 => Some("gzip"),
        1 => Some("br"),
        2 => Some("deflate"),
        3 => Some("zstd"),
        _ => None,
    };
    let Ok(body) = decompress(body, header, 1 << 20) else {
        return;
    };
    let text = normalise(&body);
    let together: Vec<u8> = lines(&text)
        .flat_map(|line| [line.text, line.ending].concat())
        .collect();
    assert_eq!(together, &*text, "a line was lost");

    let base = Url::parse(&format!("http://{HOST}/live/pl.m3u8?tok=T1")).expect("a URL");
    let mut parent = Variables::default();
    parent.insert("tok", "T2");
    let context = Context {
        base: &base,
        parent: &parent,
        limits: LIMITS,
        directives: choice & 8 == 0,
    };
    let refuses = choice & 16 != 0;
    let mut link = |child: &Child<'_>| {
        assert!(child.url.has_host());
        (!refuses || child.url.as_str().len().is_multiple_of(2)).then(|| "/relay/x".to_owned())
    };
    let rewritten = rewrite(&body, &context, &mut link);
    let again = rewrite(&body, &context, &mut link);
    assert_eq!(rewritten.body, again.body, "not the same twice");
    let out = std::str::from_utf8(&rewritten.body).expect("UTF-8 comes out");
    names_no_upstream(out);
    assert!(out.len() as u64 <= LIMITS.output + 2 * LIMITS.line + 64);

    // What came out is a playlist again, and has nothing more to hide.
    let settled = rewrite(&rewritten.body, &context, &mut |_: &Child<'_>| {
        Some("/relay/x".to_owned())
    });
    names_no_upstream(std::str::from_utf8(&settled.body).expect("UTF-8 comes out"));

    media_state(&body, &context);
    let offered = multivariant(&body, &context);
    assert_eq!(offered.is_some(), rewritten.kind == Kind::Multivariant);
    let offered = offered.map(|offered| offered.playlists).unwrap_or_default();
    for json in [
        asset_list(&body, &base, &LIMITS, &mut link),
        steering(&body, &base, &offered, &parent, &LIMITS, &mut link),
    ]
    .into_iter()
    .flatten()
    {
        let out = std::str::from_utf8(&json.body).expect("UTF-8 comes out");
        names_no_upstream(out);
        let read: serde_json::Value = serde_json::from_str(out).expect("JSON comes out");
        names_no_upstream(&read.to_string());
    }
});

fn names_no_upstream(text: &str) {
    for line in lines(text.as_bytes()) {
        let shown = without_kept(line).to_ascii_lowercase();
        for at in 0..shown.len().saturating_sub(HOST.len() - 1) {
            // Part of a longer word is another name.
            let label = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
            let longer = shown[..at].last().is_some_and(label)
                || shown.get(at + HOST.len()).is_some_and(label);
            let named = shown[at..].starts_with(HOST.as_bytes()) && !longer;
            assert!(!named, "the upstream in {:?}", line.text.escape_ascii());
        }
    }
}

/// A line without URIs that stay as they are: data, and what a DRM system calls
/// a key.
fn without_kept(line: Line<'_>) -> Vec<u8> {
    let mut text = line.text.to_vec();
    let scheme = |uri: &[u8]| {
        let uri = String::from_utf8_lossy(uri).trim().to_ascii_lowercase();
        uri.split_once(':').map(|(scheme, _)| scheme.to_owned())
    };
    match line.token() {
        Token::Uri(uri) if scheme(uri).as_deref() == Some("data") => text.clear(),
        Token::Tag(tag) => {
            let key = matches!(tag.name, b"EXT-X-KEY" | b"EXT-X-SESSION-KEY");
            for attribute in tag.attributes() {
                let kept = match scheme(attribute.value).as_deref() {
                    Some("data") => true,
                    Some("http" | "https") | None => false,
                    Some(_) => key,
                };
                if kept {
                    let (from, to) = (attribute.span.start, attribute.span.end);
                    text[tag.value_at + from..tag.value_at + to].fill(b' ');
                }
            }
        }
        _ => {}
    }
    text
}
