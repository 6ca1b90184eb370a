//! Every link opens to what stood in its place, and leads where that is served.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::super::Route;
use super::*;
use crate::playlist::{Context, Limits, Rewritten, Wraps, decompress, rewrite_update};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;
const BASE: &str = "http://up.test/live/pl.m3u8?tok=T1";

/// They live an hour, in buckets of five minutes.
fn links() -> Links {
    let dir = tempfile::tempdir().expect("a directory");
    let [hour, bucket] = [3600, 300].map(Duration::from_secs);
    Links::open(&dir.path().join("links.key"), hour, bucket).expect("a key")
}

fn linker(links: &Links) -> StreamLinker<'_> {
    StreamLinker {
        links,
        prefix: "/pre",
        stream: "site.stream",
        expires: links.expiry(NOW),
        expires_late: links.late_expiry(NOW),
        own: false,
        known: None,
        moved: None,
        found: Found::default(),
    }
}

fn known(named: Vec<(String, Url)>) -> Option<Arc<Renditions>> {
    let from = Url::parse(BASE).expect("a URL");
    let known = Renditions::new(from, named, Variables::default());
    Some(Arc::new(known))
}

fn rewritten(body: &[u8], linker: &mut dyn Linker) -> Rewritten {
    rewritten_after(&Wraps::default(), body, linker)
}

fn rewritten_after(before: &Wraps, body: &[u8], linker: &mut dyn Linker) -> Rewritten {
    let context = Context {
        base: &Url::parse(BASE).expect("a URL"),
        parent: &Variables::default(),
        limits: Limits {
            lines: 100_000,
            line: 64 << 10,
            output: 32 << 20,
            variables: 4 << 10,
        },
        directives: true,
    };
    rewrite_update(body, &context, before, linker)
}

/// Keeps what each link was made for.
struct Noted<'a> {
    linker: StreamLinker<'a>,
    made: Vec<(String, String)>,
}

impl Linker for Noted<'_> {
    fn link(&mut self, child: &Child<'_>) -> Option<String> {
        let link = self.linker.link(child)?;
        self.made.push((link.clone(), child.url.to_string()));
        Some(link)
    }
}

fn playlists(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => playlists(&path, found),
            path if path.extension().is_some_and(|ext| ext == "m3u8") => found.push(path),
            _ => {}
        }
    }
}

/// Every link that a text holds, as a player takes it from there.
fn links_in(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.match_indices("/pre/").map(|(at, _)| at);
    starts.map(|at| {
        let end = text[at..].find(['"', '\n', '\r', ',']);
        &text[at..end.map_or(text.len(), |end| at + end)]
    })
}

#[test]
#[allow(clippy::print_stdout, reason = "how many were opened is the result")]
fn every_link_in_a_rewritten_playlist_opens_to_what_stood_there() {
    let links = links();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    playlists(&here.join("tests/playlists"), &mut paths);
    let own = paths.len();
    assert!(own >= 60, "{own}");
    // Of other people's, where they are present.
    playlists(&here.join("../../shared/corpus"), &mut paths);
    let mut count = 0;
    for path in &paths {
        let body = fs::read(path).expect("a playlist");
        let body = decompress(&body, None, 1 << 20).expect("a playlist");
        let mut noted = Noted {
            linker: StreamLinker {
                own: true,
                ..linker(&links)
            },
            made: Vec::new(),
        };
        let text = rewritten(&body, &mut noted).body;
        let text = String::from_utf8(text).expect("UTF-8");
        let handed_out: Vec<_> = links_in(&text).collect();
        let path = path.display();
        let made: Vec<_> = noted.made.iter().map(|(link, _)| link.as_str()).collect();
        assert_eq!(handed_out, made, "{path}");
        let found: HashMap<_, _> = noted.linker.found.renditions.into_iter().collect();
        for (link, url) in &noted.made {
            match opened(&links, link) {
                Link::Rendition { rendition, .. } => {
                    assert_eq!(found[&rendition].as_str(), url, "{path}");
                }
                Link::Resource { url: to, .. } => assert_eq!(to, *url, "{path}"),
            }
            count += 1;
        }
    }
    let others = paths.len() - own;
    println!("{own} playlists of our own, {others} others: {count} links opened");
}

#[test]
fn each_place_leads_to_the_route_that_serves_it() {
    let sealed = "#EXT-X-KEY:METHOD=AES-128,URI=\"data:,\"\n";
    let mapped = "#EXT-X-MAP:URI=\"data:,\"\n";
    for (line, path, expect) in [
        (
            "#EXT-X-DATERANGE:X-ASSET-URI=\"x\"",
            "/proxy/playlist.m3u8",
            Kind::Playlist,
        ),
        (
            "#EXT-X-DATERANGE:X-ASSET-LIST=\"x\"",
            "/relay/assets.json",
            Kind::AssetList,
        ),
        (
            "#EXT-X-CONTENT-STEERING:SERVER-URI=\"x\"",
            "/relay/steering.json",
            Kind::Steering,
        ),
        (
            "#EXT-X-SESSION-DATA:URI=\"x\"",
            "/relay/data.json",
            Kind::Data,
        ),
        (
            "#EXT-X-SESSION-KEY:METHOD=AES-128,URI=\"x\"",
            "/relay/key.bin",
            Kind::Key,
        ),
        (
            "#EXT-X-KEY:METHOD=AES-128,URI=\"x.ts\"",
            "/relay/key.bin",
            Kind::Key,
        ),
        ("#EXT-X-MAP:URI=\"x\"", "/relay/init.mp4", Kind::Init),
        (
            "#EXT-X-PRELOAD-HINT:TYPE=MAP,URI=\"x\"",
            "/relay/init.mp4",
            Kind::Init,
        ),
        (
            "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"x\"",
            "/relay/segment.ts",
            Kind::Segment,
        ),
        (
            "#EXT-X-PART:URI=\"x.mp4\"",
            "/relay/segment.mp4",
            Kind::Segment,
        ),
        ("#EXTINF:1,\nx.m3u8", "/relay/segment.ts", Kind::Segment),
        ("#EXT-X-NEW:URI=\"x\"", "/relay/segment.ts", Kind::Segment),
        (
            "#EXT-X-IMAGES-ONLY\n#EXTINF:1,\nx.png",
            "/relay/picture.png",
            Kind::Picture,
        ),
        (
            &format!("{mapped}#EXTINF:1,\nx"),
            "/relay/segment.m4s",
            Kind::Fragment,
        ),
        (
            &format!("{mapped}#EXT-X-PART:URI=\"x\""),
            "/relay/segment.m4s",
            Kind::Fragment,
        ),
        (
            &format!("{sealed}#EXTINF:1,\nx"),
            "/relay/segment.ts",
            Kind::SealedSegment,
        ),
        (
            &format!("{sealed}{mapped}#EXTINF:1,\nx"),
            "/relay/segment.m4s",
            Kind::SealedFragment,
        ),
    ] {
        for own in [true, false] {
            let (link, opened) = only_link(line, own);
            assert!(link.starts_with(&format!("/pre{path}?")), "{line}: {link}");
            let is = matches!(opened, Link::Resource { kind, .. } if kind == expect);
            assert!(is, "{line}: {opened:?}");
        }
    }
}

#[test]
fn renditions_of_the_stream_are_found_by_name_and_others_by_url() {
    for (line, name) in [
        ("#EXT-X-STREAM-INF:BANDWIDTH=1000\nx", "v1k-"),
        ("#EXT-X-MEDIA:TYPE=AUDIO,URI=\"x\"", "a-"),
        ("#EXT-X-MEDIA:TYPE=SUBTITLES,URI=\"x\"", "s-"),
        ("#EXT-X-I-FRAME-STREAM-INF:URI=\"x\"", "i-"),
        ("#EXT-X-IMAGE-STREAM-INF:URI=\"x\"", "p-"),
    ] {
        let (link, opened) = only_link(line, true);
        assert!(link.starts_with(&format!("/pre/proxy/{name}")), "{link}");
        assert!(matches!(opened, Link::Rendition { .. }), "{line}");
        let (link, opened) = only_link(line, false);
        assert!(link.starts_with("/pre/proxy/playlist.m3u8?"), "{link}");
        let is = matches!(opened, Link::Resource { kind, .. } if kind == Kind::Playlist);
        assert!(is, "{line}");
    }
}

fn only_link(line: &str, own: bool) -> (String, Link) {
    let links = links();
    let mut noted = Noted {
        linker: StreamLinker {
            own,
            ..linker(&links)
        },
        made: Vec::new(),
    };
    rewritten(line.as_bytes(), &mut noted);
    let [(link, _)] = &noted.made[..] else {
        panic!("{line}: {:?}", noted.made);
    };
    (link.clone(), opened(&links, link))
}

fn opened(links: &Links, link: &str) -> Link {
    let (address, token) = link.split_once("?url=").expect("a link");
    let mut parts = address.strip_prefix("/pre/").expect("a prefix").split('/');
    let route = match parts.next() {
        Some("proxy") => Route::Proxy,
        _ => Route::Relay,
    };
    let link = links.open_link(route, parts.next(), token, NOW);
    link.unwrap_or_else(|error| panic!("{address}: {error}"))
}

#[test]
fn as_many_reports_as_renditions_take_linear_time() {
    let links = links();
    let alike = Url::parse("http://up.test/live/a").expect("a URL");
    let time = |count: usize| {
        let start = Instant::now();
        let named = (0..count).map(|key| (key.to_string(), alike.clone()));
        let mut linker = linker(&links);
        linker.known = known(named.collect());
        let body = "#EXT-X-RENDITION-REPORT:URI=\"b\"\n".repeat(count);
        rewritten(body.as_bytes(), &mut linker);
        start.elapsed()
    };
    let (few, many) = (time(4_000), time(16_000));
    // Four times as much; sixteen times, if each looked through all.
    assert!(many < few * 8 + Duration::from_secs(1), "{few:?}, {many:?}");
}

#[test]
fn behind_a_redirect_reports_name_what_lies_beside_it() {
    let url = |text: &str| Url::parse(text).expect("a URL");
    let (links, base) = (links(), url(BASE));
    let asked = url("https://cdn.test/f1/high/pl.m3u8?tok=T1");
    for (asked, low, report, found) in [
        (
            &asked,
            "https://cdn.test/f1/low/pl.m3u8?tok=T1",
            "../low/pl.m3u8",
            true,
        ),
        (
            &asked,
            "https://cdn.test/f1/high/low.m3u8",
            "low.m3u8?tok=T2",
            true,
        ),
        (&asked, "https://cdn.test/live/low.m3u8", "low.m3u8", false),
        (
            &asked,
            "https://cdn.test/f1/high/low.m3u8",
            "//other.test/live/low.m3u8",
            false,
        ),
        (&base, "http://up.test/live/low.m3u8", "low.m3u8", true),
    ] {
        let mut noted = Noted {
            linker: StreamLinker {
                known: known(vec![("low".to_owned(), url(low))]),
                moved: Some((asked, &base)),
                ..linker(&links)
            },
            made: Vec::new(),
        };
        let body = format!("#EXT-X-RENDITION-REPORT:URI=\"{report}\"\n");
        rewritten(body.as_bytes(), &mut noted);
        assert_eq!(noted.made.len(), usize::from(found), "{low}, {report}");
    }
}

#[test]
fn a_date_range_stays_the_same() {
    let links = links();
    let body = "#EXT-X-DATERANGE:ID=\"1\",X-ASSET-LIST=\"l\",X-ASSET-URI=\"p\",X-COM-URI=\"c\"\n";
    let at = |seconds: i64, body: &str| {
        let now = Timestamp::from_second(seconds).expect("a time");
        let mut linker = StreamLinker {
            expires: links.expiry(now),
            expires_late: links.late_expiry(now),
            ..linker(&links)
        };
        rewritten(body.as_bytes(), &mut linker).body
    };
    for later in [360, 3599] {
        assert_eq!(at(7200, body), at(7200 + later, body), "{later} s later");
    }
    assert_ne!(at(7200, body), at(10_800, body));
    assert_ne!(at(7200, "s.ts"), at(7560, "s.ts"));
    // Late, but not for ever.
    let late = links.late_expiry(NOW);
    assert!((3600..=7200).contains(&late), "{late}");
}

#[test]
fn a_delta_update_has_the_links_of_the_whole() {
    let links = links();
    for wrap in [
        "",
        "#EXT-X-MAP:URI=\"i.mp4\"\n",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXT-X-MAP:URI=\"i.mp4\"\n",
    ] {
        let head = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:266\n";
        let rest = "#EXTINF:4,\nfs269\n#EXT-X-PART:DURATION=0.3,URI=\"fs270.0\"\n";
        let full = format!("{head}{wrap}#EXTINF:4,\nfs268\n{rest}");
        let delta = format!("{head}#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n{rest}");
        let made = |before: &Wraps, body: &str| {
            let mut noted = Noted {
                linker: linker(&links),
                made: Vec::new(),
            };
            let text = rewritten_after(before, body.as_bytes(), &mut noted);
            (noted.made, text.wraps)
        };
        let (whole, wraps) = made(&Wraps::default(), &full);
        let (update, _) = made(&wraps, &delta);
        assert_eq!(update.len(), 2);
        assert!(whole.ends_with(&update), "{wrap}");
    }
}
