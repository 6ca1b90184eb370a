//! Playlists too large to keep: each a few lines here.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::Hostile;
use crate::origin::{Step, head, whole};

const MEDIA: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n";

pub(super) fn all() -> Vec<Hostile> {
    let text = |name: &str, body: String| plain(name, body.as_bytes(), &[]);
    let lines = |name: &str, line: &str, count: usize| {
        let lines = (0..count).map(|n| line.replace("<n>", &n.to_string()));
        text(name, MEDIA.to_owned() + &lines.collect::<String>())
    };
    let media = format!("{MEDIA}#EXTINF:2,\na.ts\n#EXT-X-ENDLIST\n");
    let large = format!("{MEDIA}{}", "#".repeat(32 << 20));
    let doubled = (1..64).map(|n| {
        let half = format!("{{$v{}}}", n - 1);
        format!("#EXT-X-DEFINE:NAME=\"v{n}\",VALUE=\"{half}{half}\"\n")
    });
    let doubled: String = doubled.collect();
    let cut = gzip(media.repeat(100).as_bytes());
    vec![
        text(
            "bomb-one-line",
            format!("{MEDIA}#EXTINF:2,{}\na.ts\n", "a".repeat(1 << 20)),
        ),
        text(
            "bomb-one-uri",
            format!("{MEDIA}#EXTINF:2,\n{}.ts\n", "a/".repeat(1 << 19)),
        ),
        text(
            "bomb-quotes",
            format!("#EXTM3U\n#EXT-X-MEDIA:NAME={}\n", "\"".repeat(1 << 20)),
        ),
        text(
            "bomb-attributes",
            format!(
                "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1{}\nv.m3u8\n",
                ",A=\"b\"".repeat(100_000)
            ),
        ),
        lines(
            "bomb-lines-of-attributes",
            &format!(
                "#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"<n>\"{}\n",
                ",A=b".repeat(3000)
            ),
            100,
        ),
        text(
            "bomb-commas",
            format!("#EXTM3U\n#EXT-X-STREAM-INF:{}\nv\n", ",=".repeat(1 << 19)),
        ),
        text(
            "bomb-variables",
            format!(
                "#EXTM3U\n#EXT-X-DEFINE:NAME=\"v0\",VALUE=\"0123456789abcdef\"\n{doubled}\
             #EXT-X-STREAM-INF:BANDWIDTH=1\n{{$v9}}.m3u8\n{}",
                "#EXT-X-SESSION-DATA:DATA-ID=\"a\",VALUE=\"{$v9}\"\n".repeat(20_000)
            ),
        ),
        lines(
            "bomb-definitions",
            "#EXT-X-DEFINE:NAME=\"a<n>\",VALUE=\"{$a}\"\n",
            40_000,
        ),
        lines(
            "bomb-variants",
            "#EXT-X-STREAM-INF:BANDWIDTH=<n>,X-N=<n>\n/v<n>.m3u8\n",
            5000,
        ),
        lines(
            "bomb-renditions",
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"<n>\",NAME=\"<n>\",URI=\"a<n>\"\n",
            5000,
        ),
        lines("bomb-segments", "#EXTINF:2,\n<n>.ts\n", 60_000),
        lines("bomb-lines", "#\n", 200_000),
        lines(
            "bomb-keys",
            "#EXT-X-KEY:METHOD=AES-128,URI=\"k<n>\"\n#EXTINF:2,\n<n>.ts\n",
            15_000,
        ),
        lines(
            "bomb-maps",
            "#EXT-X-MAP:URI=\"i<n>\"\n#EXTINF:2,\n<n>.ts\n",
            15_000,
        ),
        lines(
            "bomb-parts",
            "#EXT-X-PART:DURATION=1,URI=\"p<n>\"\n",
            40_000,
        ),
        lines(
            "bomb-dates",
            "#EXT-X-DATERANGE:ID=\"<n>\",START-DATE=\"2026-03-08T14:00:00Z\",\
            X-A=\"{}\"\n",
            10_000,
        ),
        text(
            "bomb-json-in-a-date-range",
            format!(
                "{MEDIA}#EXT-X-DATERANGE:ID=\"a\",X-JSON=\"{}\"\n#EXTINF:2,\na.ts\n",
                "[{'a':".repeat(150_000)
            ),
        ),
        text(
            "bomb-larger-than-allowed",
            format!("{MEDIA}{}", "#EXTINF:2,\na.ts\n".repeat(200_000)),
        ),
        plain(
            "bomb-gzip",
            &gzip(large.as_bytes()),
            &[("Content-Encoding", "gzip")],
        ),
        plain("bomb-gzip-unsaid", &gzip(large.as_bytes()), &[]),
        plain(
            "bomb-gzip-in-gzip",
            &gzip(&gzip(media.as_bytes())),
            &[("Content-Encoding", "gzip")],
        ),
        plain(
            "bomb-gzip-said-twice",
            &gzip(&gzip(large.as_bytes())),
            &[("Content-Encoding", "gzip, gzip")],
        ),
        plain(
            "bomb-gzip-cut",
            &cut[..cut.len() / 2],
            &[("Content-Encoding", "gzip")],
        ),
        plain(
            "bomb-gzip-that-is-none",
            media.as_bytes(),
            &[("Content-Encoding", "gzip")],
        ),
        plain(
            "bomb-codings",
            media.as_bytes(),
            &[("Content-Encoding", &*vec!["gzip"; 500].join(","))],
        ),
        endless(),
        dripping(),
        lying(media.as_bytes()),
    ]
}

fn plain(name: &str, body: &[u8], fields: &[(&str, &str)]) -> Hostile {
    let kind = ("Content-Type", "application/vnd.apple.mpegurl");
    Hostile {
        name: name.to_owned(),
        steps: whole("200 OK", &[&[kind], fields].concat(), body),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Whoever reads on reads 64 MiB.
fn endless() -> Hostile {
    let piece = "#EXTINF:2,\na.ts\n".repeat(1 << 16).into_bytes();
    let mut steps = vec![Step::Send(head("200 OK", &[]))];
    steps.push(Step::Send(MEDIA.into()));
    steps.extend((0..64).map(|_| Step::Send(piece.clone())));
    Hostile {
        name: "bomb-endless".to_owned(),
        steps,
    }
}

/// A byte every now and then.
fn dripping() -> Hostile {
    let mut steps = vec![Step::Send(head("200 OK", &[]))];
    for byte in MEDIA.bytes().cycle().take(400) {
        steps.push(Step::Send(vec![byte]));
        steps.push(Step::Wait(Duration::from_millis(100)));
    }
    Hostile {
        name: "bomb-dripping".to_owned(),
        steps,
    }
}

/// Promises more than there is.
fn lying(body: &[u8]) -> Hostile {
    let fields = [("Content-Length", "1000000000000")];
    let steps = vec![
        Step::Send(head("200 OK", &fields)),
        Step::Send(body.to_vec()),
    ];
    Hostile {
        name: "bomb-that-promises-more".to_owned(),
        steps,
    }
}
