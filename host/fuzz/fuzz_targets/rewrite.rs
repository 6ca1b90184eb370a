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
    Child, Context, Kind, Limits, Variables, asset_list, decompress, lines, media_state,
    multivariant, normalise, rewrite, steering,
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
    let text = text.to_ascii_lowercase();
    for (at, _) in text.match_indices(HOST) {
        // Part of a longer word is another name, and a DRM system's name for a key
        // stays whatever it is.
        let bytes = text.as_bytes();
        let label = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
        let line_start = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let line_end = text[at..].find('\n').map_or(text.len(), |end| at + end);
        let line = &text[line_start..line_end];
        let longer =
            at > 0 && label(&bytes[at - 1]) || bytes.get(at + HOST.len()).is_some_and(label);
        assert!(
            longer || line.contains("uri") || line.contains("data:"),
            "the upstream in {line:?}"
        );
    }
}
