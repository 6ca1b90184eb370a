//! Whatever a link is made of: what was handed out opens as what it was, and
//! nothing else opens, nor panics.
#![no_main]

#[path = "../../src/files.rs"]
#[allow(dead_code)]
mod files;
#[path = "../../src/proxy/links/mod.rs"]
#[allow(dead_code, unused_imports)]
mod links;
#[path = "../../src/playlist/mod.rs"]
#[allow(dead_code, unused_imports)]
mod playlist;

use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use links::{Kind, Link, Links, Route};
use playlist::Variables;

const KINDS: [Kind; 11] = [
    Kind::Playlist,
    Kind::Segment,
    Kind::Fragment,
    Kind::SealedSegment,
    Kind::SealedFragment,
    Kind::Picture,
    Kind::Init,
    Kind::Key,
    Kind::Data,
    Kind::AssetList,
    Kind::Steering,
];

static LINKS: LazyLock<Links> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a directory");
    let (lifetime, bucket) = (Duration::from_secs(3600), Duration::from_secs(300));
    Links::open(&dir.path().join("links.key"), lifetime, bucket).expect("a key")
});

fuzz_target!(|data: &[u8]| {
    let now = Timestamp::UNIX_EPOCH;
    let text = String::from_utf8_lossy(data);
    for route in [Route::Proxy, Route::Relay] {
        assert!(LINKS.open_link(route, None, &text, now).is_err());
    }
    let Some(([choice, place, bit], rest)) = data.split_first_chunk() else {
        return;
    };
    let text = String::from_utf8_lossy(rest).into_owned();
    let mut variables = Variables::default();
    variables.insert("name", &text);
    let link = match KINDS.get(usize::from(*choice)) {
        Some(kind) => Link::Resource {
            stream: text.chars().take(10).collect(),
            kind: *kind,
            url: text,
            expires: LINKS.expiry(now),
            variables,
        },
        None => Link::Rendition {
            stream: text.chars().take(10).collect(),
            rendition: text.chars().filter(char::is_ascii_alphanumeric).collect(),
            variables,
        },
    };
    let path = LINKS.path(&link);
    assert_eq!(path, LINKS.path(&link), "one resource, one link");
    let (route, other) = match link.route() {
        Route::Proxy => (Route::Proxy, Route::Relay),
        Route::Relay => (Route::Relay, Route::Proxy),
    };
    let (folder, token) = path.split_once("?url=").expect("a query");
    let (_, name) = folder.rsplit_once('/').expect("a name");
    // Longer ones than a query may have are refused, and not handed out either
    // where URLs have their limit.
    if token.len() <= 16 << 10 {
        assert_eq!(LINKS.open_link(route, Some(name), token, now), Ok(link));
    }
    assert!(LINKS.open_link(other, Some(name), token, now).is_err());
    assert!(LINKS.open_link(route, Some("x.ts"), token, now).is_err());
    let mut changed = token.as_bytes().to_vec();
    let at = (usize::from(*place) * 257 + usize::from(*bit)) % changed.len();
    changed[at] ^= 1 << (bit % 7);
    if let Ok(changed) = std::str::from_utf8(&changed) {
        assert!(LINKS.open_link(route, Some(name), changed, now).is_err());
    }
});
