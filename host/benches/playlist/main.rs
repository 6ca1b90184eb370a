//! What rewriting a playlist costs, per URI and per playlist, with links sealed as
//! they are handed out, and where the time goes: rewriting alone, sealing alone.
//!
//! Run by `cargo xtask bench playlist`. Figures are medians with their range;
//! nothing here passes or fails.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]
#![allow(clippy::disallowed_methods, reason = "measures from outside")]

#[path = "../plugins/figures.rs"]
#[allow(dead_code, reason = "shared with the other benchmark")]
mod figures;

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use f1_streams::playlist::{self, Child, Context, Limits, Variables, media_state, rewrite};
use f1_streams::proxy::{Kind, Link, Links};
use url::Url;

const BASE: &str =
    "https://edge12.cdn.example.net/live/f1/1080p50/index.m3u8?token=exp=1790000000~hmac=0f3ac2";
const RUNS: usize = 60;
const LIMITS: Limits = Limits {
    lines: 100_000,
    line: 16 << 10,
    output: 32 << 20,
    variables: 4 << 10,
};

fn main() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let links = Links::open(
        &dir.path().join("links.key"),
        Duration::from_secs(6 * 3600),
        Duration::from_secs(300),
    )?;
    let base = Url::parse(BASE).context("the base")?;

    println!("{:<52} {:>10}   (range)", "a playlist", "median");
    let mut per_uri = Vec::new();
    for (name, body) in [
        ("6 segments, live".to_owned(), live(6)),
        ("1,000 segments".to_owned(), vod(1_000)),
        ("10,000 segments".to_owned(), vod(10_000)),
        size(1 << 20),
    ] {
        let whole = measure(&name, || sealed(&body, &base, &links));
        let uris = sealed(&body, &base, &links);
        per_uri.push((name.clone(), whole, uris));
        measure(&format!("{name}: without sealing"), || plain(&body, &base));
        measure(&format!("{name}: only looked at"), || look(&body, &base));
    }
    let one = segment(7);
    let url = base.join(&one)?;
    measure("1,000 links sealed, nothing else", || {
        (0..1_000).map(|_| link(&url, &links).len()).sum()
    });
    println!();
    println!("{:<52} {:>10}", "a URI, with sealing", "");
    for (name, whole, uris) in per_uri {
        let each = whole.as_secs_f64() * 1e6 / f64::from(u32::try_from(uris)?);
        println!("{name:<52} {each:>7.2} µs   ({uris} URIs)");
    }
    Ok(())
}

fn measure(what: &str, mut work: impl FnMut() -> usize) -> Duration {
    // A short one is repeated, so that the clock's own time is not seen.
    let once = Instant::now();
    black_box(work());
    let repeat = (Duration::from_millis(5).as_nanos() / once.elapsed().as_nanos().max(1)).max(1);
    let repeat = u32::try_from(repeat).unwrap_or(u32::MAX);
    let samples = (0..RUNS).map(|_| {
        let start = Instant::now();
        for _ in 0..repeat {
            black_box(work());
        }
        start.elapsed() / repeat
    });
    figures::print(what, samples.collect())
}

fn sealed(body: &[u8], base: &Url, links: &Links) -> usize {
    run(body, base, &mut |child| Some(link(child.url, links)))
}

fn plain(body: &[u8], base: &Url) -> usize {
    run(body, base, &mut |_| {
        Some("/relay/segment.ts?url=x".to_owned())
    })
}

fn run(body: &[u8], base: &Url, link: &mut dyn FnMut(&Child<'_>) -> Option<String>) -> usize {
    let none = Variables::default();
    let context = context(base, &none);
    let mut link = |child: &Child<'_>| link(child);
    let rewritten = rewrite(black_box(body), &context, &mut link);
    assert!(rewritten.problems.is_empty());
    black_box(rewritten.body.len());
    rewritten.links
}

fn look(body: &[u8], base: &Url) -> usize {
    let none = Variables::default();
    assert!(playlist::is_playlist(body));
    let state = media_state(black_box(body), &context(base, &none));
    usize::try_from(state.segments).unwrap_or_default()
}

fn context<'a>(base: &'a Url, parent: &'a Variables) -> Context<'a> {
    Context {
        base,
        parent,
        limits: LIMITS,
        directives: true,
    }
}

fn link(url: &Url, links: &Links) -> String {
    links.path(&Link::Resource {
        stream: "site-a.main".to_owned(),
        kind: Kind::Segment,
        url: url.to_string(),
        expires: 1_790_000_100,
        variables: Variables::default(),
    })
}

/// As CDNs name them.
fn segment(number: usize) -> String {
    format!("seg-{number:06}-v1-a1.ts?token=exp=1790000000~hmac=0f3ac2")
}

fn live(segments: usize) -> Vec<u8> {
    let mut text = String::from(
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:1402\n#EXT-X-INDEPENDENT-SEGMENTS\n",
    );
    for number in 0..segments {
        text += &format!(
            "#EXT-X-PROGRAM-DATE-TIME:2026-11-22T10:00:{number:02}.000Z\n#EXTINF:6.006,\n{}\n",
            segment(number)
        );
    }
    text.into_bytes()
}

fn vod(segments: usize) -> Vec<u8> {
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n");
    for number in 0..segments {
        text += &format!("#EXTINF:6.006,\n{}\n", segment(number));
    }
    text += "#EXT-X-ENDLIST\n";
    text.into_bytes()
}

fn size(bytes: usize) -> (String, Vec<u8>) {
    let each = vod(1_000).len() / 1_000;
    let body = vod(bytes / each);
    (format!("{} KiB", body.len() >> 10), body)
}
