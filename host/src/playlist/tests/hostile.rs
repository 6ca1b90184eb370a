//! What is made to take long, or to grow.

use std::time::{Duration, Instant};

use super::properties::{everything, everything_in};
use super::*;

/// A quarter of a mebibyte of what makes a careless reader take quadratic time.
/// The bound is many times what it takes, and less than what one would that looks
/// back over each line for each of its parts.
#[test]
fn hostile_playlists_take_linear_time() {
    let size = 256 * 1024;
    let long = LIMITS.line as usize - 64;
    for part in [
        "//",
        "http:",
        "a:",
        "up.test.",
        "{$",
        "{$a}",
        "\"",
        ",",
        "=",
        "A=,",
        "A-URI=x,",
        "URI=\"\",",
        "a ",
        "#",
        "\r",
    ] {
        for head in [
            "",
            "#",
            "#EXTINF:",
            "#EXT-X-MEDIA:",
            "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"",
            // The library reads each of these.
            "v\n#EXT-X-STREAM-INF:",
        ] {
            let line = format!("{head}{}\n", part.repeat(long / part.len()));
            let body = line.repeat(size / line.len());
            in_time(&body, &format!("{head}{part}"));
        }
    }
}

/// Ninety thousand lines: were each compared with each, at a few nanoseconds, it
/// would take longer than the bound.
#[test]
fn many_short_lines_take_linear_time() {
    for lines in [
        "v\n",
        "#\n",
        "#EXTINF:1,\nv\n",
        "#EXTINF:1,\n{$a}\n",
        "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n",
        "#EXT-X-DEFINE:NAME=\"a<n>\",VALUE=\"b\"\n",
        "#EXT-X-KEY:METHOD=NONE\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\nv\n",
        "#EXT-X-SKIP:SKIPPED-SEGMENTS=1\nv\n",
        "#EXT-X-BYTERANGE:1\nv\n",
        "#EXT-X-PART:URI=\"p\"\n",
        "#EXT-X-RENDITION-REPORT:URI=\"v\"\n",
        "#EXT-X-MEDIA:URI=\"a\"\n",
        "#EXT-X-MEDIA:NAME=\"<n>\",URI=\"a\"\n",
        "#EXT-X-STREAM-INF:BANDWIDTH=1\nv\n",
        "#EXT-X-STREAM-INF:BANDWIDTH=<n>,CODECS=\"a,b\"\nv\n",
        "#EXT-X-SESSION-KEY:METHOD=AES-128,URI=\"k\"\n#EXT-X-STREAM-INF:\nv\n",
    ] {
        let times = 90_000 / lines.matches('\n').count();
        let body = (0..times).map(|n| lines.replace("<n>", &n.to_string()));
        in_time(&body.collect::<String>(), lines);
    }
}

/// What this thread has had of the processor, where the system tells: how busy
/// the machine is does not count.
fn on_cpu() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = stat.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

#[track_caller]
fn in_time(body: &str, what: &str) {
    let base = Url::parse(BASE).unwrap();
    let none = Variables::default();
    let mut context = context(&base, &none);
    context.limits.lines = 100_000;
    let (start, before) = (Instant::now(), on_cpu());
    everything_in(body.as_bytes(), &context);
    let took = match (before, on_cpu()) {
        (Some(before), Some(after)) => after - before,
        _ => start.elapsed(),
    };
    assert!(took < Duration::from_secs(10), "{what}: {took:?}");
}

#[test]
fn variables_can_not_be_used_to_grow() {
    // Each doubles the one before, until a line is full.
    let mut body = String::from("#EXT-X-DEFINE:NAME=\"v0\",VALUE=\"0123456789abcdef\"\n");
    for i in 1..64 {
        let half = format!("{{$v{}}}", i - 1);
        body += &format!("#EXT-X-DEFINE:NAME=\"v{i}\",VALUE=\"{half}{half}\"\n");
    }
    let (doubled, ..) = everything(body.as_bytes());
    assert_eq!(
        doubled.variables.get("v10").map(str::len),
        Some(LIMITS.line as usize)
    );
    assert_eq!(doubled.variables.get("v11"), None);
    assert_eq!(doubled.problems.count(Problem::BadDefine), 53);

    // Then used again and again, until the whole is full.
    body += &"#EXT-X-SESSION-DATA:VALUE=\"{$v9}\"\n".repeat(4000);
    let (rewritten, ..) = everything(body.as_bytes());
    assert!(rewritten.problems.count(Problem::UndefinedVariable) > 2000);
    assert!(rewritten.body.len() <= LIMITS.output as usize / 2 + body.len());
}

#[test]
fn long_urls_can_not_be_used_to_grow() {
    let base = Url::parse(&format!("http://up.test/{}/pl.m3u8", "x".repeat(8000))).unwrap();
    let none = Variables::default();
    let context = context(&base, &none);
    let most = LIMITS.output as usize / 8000;
    // Links that hold their URLs, and such that stand for a rendition.
    for short in [false, true] {
        let body = "#EXT-X-MEDIA:URI=\"a\"\n".repeat(LIMITS.lines);
        let mut children = 0;
        let rewritten = rewrite(body.as_bytes(), &context, &mut |c: &Child<'_>| {
            children += 1;
            Some(if short { "-" } else { c.url.as_str() }.to_owned())
        });
        assert_eq!(rewritten.problems.count(Problem::Overflow), 1);
        assert!(rewritten.body.len() < LIMITS.output as usize + 20_000);
        assert!(children <= most, "{children}");
        let offered = multivariant(body.as_bytes(), &context).unwrap();
        assert!(offered.playlists.len() <= most);
    }
}
