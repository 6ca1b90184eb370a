//! What links open and what they do not.

use super::*;
use crate::playlist::Variables;

const KEY_A: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const KEY_B: &str = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=";

fn links(keys: &str) -> Links {
    let dir = tempfile::tempdir().expect("tempdir");
    let path = dir.path().join("links.key");
    std::fs::write(&path, keys).expect("written");
    Links::open(&path, Duration::from_secs(3600), Duration::from_secs(300)).expect("keys")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn segment(links: &Links, now: i64) -> Link {
    Link::Resource {
        stream: "a.main".into(),
        kind: Kind::Segment,
        url: "http://cdn.test/seg1.TS?x=1".into(),
        expires: links.expiry(at(now)),
        variables: Variables::default(),
    }
}

fn token(path: &str) -> (&str, &str) {
    let (path, token) = path.split_once("?url=").expect("a query");
    (path.rsplit_once('/').expect("a name").1, token)
}

#[test]
fn equal_content_gives_equal_links_on_every_replica_within_a_bucket() {
    let (one, two) = (links(KEY_A), links(KEY_A));
    let at_300 = one.path(&segment(&one, 300));
    assert_eq!(at_300, two.path(&segment(&two, 599)), "the same bucket");
    assert_ne!(at_300, two.path(&segment(&two, 600)), "the next bucket");
    assert_ne!(
        at_300,
        links(KEY_B).path(&segment(&one, 300)),
        "another key"
    );
}

#[test]
fn a_resource_link_lives_as_long_as_promised_and_ends() {
    let links = links(KEY_A);
    let link = segment(&links, 1000);
    let path = links.path(&link);
    let (name, token) = token(&path);
    assert_eq!(name, "segment.ts");
    let open = |now| links.open_link(Route::Relay, Some(name), token, at(now));
    assert_eq!(open(1000), Ok(link.clone()));
    assert_eq!(open(1000 + 3600), Ok(link), "at least the lifetime");
    assert_eq!(
        open(1000 + 3600 + 301),
        Err(LinkError("expired")),
        "at most a bucket more"
    );
}

#[test]
fn a_rendition_link_has_no_expiry() {
    let links = links(KEY_A);
    let link = Link::Rendition {
        stream: "a.main".into(),
        rendition: "v1".into(),
        variables: Variables::default(),
    };
    let path = links.path(&link);
    let (name, token) = token(&path);
    assert_eq!(name, "v1.m3u8");
    assert_eq!(
        links.open_link(Route::Proxy, Some(name), token, at(1 << 37)),
        Ok(link)
    );
}

#[test]
fn a_rotated_key_still_opens_what_it_sealed() {
    let old = links(KEY_A);
    let path = old.path(&segment(&old, 0));
    let (name, token) = token(&path);
    let both = links(&format!("# new\n{KEY_B}\n{KEY_A}\n"));
    assert!(
        both.open_link(Route::Relay, Some(name), token, at(0))
            .is_ok()
    );
    assert_ne!(both.path(&segment(&both, 0)), path, "the first key seals");
    let new = links(KEY_B);
    assert_eq!(
        new.open_link(Route::Relay, Some(name), token, at(0)),
        Err(LinkError("unknown key"))
    );
}

#[test]
fn no_bit_of_a_link_can_be_changed() {
    let links = links(KEY_A);
    let path = links.path(&segment(&links, 0));
    let (name, token) = token(&path);
    let bytes = URL_SAFE_NO_PAD.decode(token).expect("base64url");
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let changed = URL_SAFE_NO_PAD.encode(changed);
        assert!(
            links
                .open_link(Route::Relay, Some(name), &changed, at(0))
                .is_err(),
            "bit {bit}"
        );
    }
    for length in 0..bytes.len() {
        let cut = URL_SAFE_NO_PAD.encode(&bytes[..length]);
        assert!(
            links
                .open_link(Route::Relay, Some(name), &cut, at(0))
                .is_err(),
            "cut to {length}"
        );
    }
}

#[test]
fn a_malformed_key_file_is_refused_with_its_line() {
    let dir = tempfile::tempdir().expect("tempdir");
    let path = dir.path().join("links.key");
    for (text, line) in [
        ("", 1),
        ("short\n", 1),
        (&format!("{KEY_A}\nnot base64!\n")[..], 2),
    ] {
        std::fs::write(&path, text).expect("written");
        let opened = Links::open(&path, Duration::from_secs(1), Duration::from_secs(1));
        assert!(
            matches!(opened, Err(KeyError::Malformed { line: at, .. }) if at == line),
            "{text:?}"
        );
    }
}

#[test]
fn keys_rotate_while_links_are_open() {
    let dir = tempfile::tempdir().expect("tempdir");
    let path = dir.path().join("links.key");
    let write = |keys: &str| std::fs::write(&path, keys).expect("written");
    write(KEY_A);
    let links = Links::open(&path, Duration::from_secs(3600), Duration::from_secs(300));
    let links = links.expect("keys");
    let old = links.path(&segment(&links, 0));
    assert!(!links.reload().expect("the same"));
    write("half a k");
    assert!(links.reload().is_err());
    assert_eq!(links.path(&segment(&links, 0)), old, "what was, stays");
    write(&format!("{KEY_B}\n{KEY_A}\n"));
    assert!(links.reload().expect("new ones"));
    let new = links.path(&segment(&links, 0));
    assert_ne!(new, old);
    for path in [&old, &new] {
        let (name, token) = token(path);
        assert!(
            links
                .open_link(Route::Relay, Some(name), token, at(0))
                .is_ok()
        );
    }
}

#[test]
fn a_name_ends_in_what_a_player_knows() {
    for (kind, url, name) in [
        (Kind::Segment, "http://a.test/1.aac?x=.mp4", "segment.aac"),
        (Kind::Segment, "http://a.test/1.png", "segment.ts"),
        (Kind::SealedSegment, "http://a.test.aac/", "segment.ts"),
        (Kind::Fragment, "http://a.test/1", "segment.m4s"),
        (Kind::Fragment, "http://a.test/1.MP4#t.ts", "segment.mp4"),
        (Kind::SealedFragment, "http://a.test/1.html", "segment.m4s"),
        (Kind::Picture, "http://a.test/1.png", "picture.png"),
        (Kind::Picture, "http://a.test/1", "picture.jpg"),
        (Kind::Init, "http://a.test/i", "init.mp4"),
        (Kind::Key, "http://a.test/k.php", "key.bin"),
        (Kind::Data, "http://a.test/d", "data.json"),
        (Kind::AssetList, "http://a.test/l", "assets.json"),
        (Kind::Steering, "http://a.test/s", "steering.json"),
        (Kind::Playlist, "http://a.test/p.php", "playlist.m3u8"),
    ] {
        let link = Link::Resource {
            stream: String::new(),
            kind,
            url: url.into(),
            expires: 0,
            variables: Variables::default(),
        };
        assert_eq!(link.name(), name, "{kind:?} {url}");
    }
}

#[test]
fn a_key_that_everybody_may_read_is_told_once_and_used() {
    use std::os::unix::fs::PermissionsExt;
    let (lines, _, _, _guard) = crate::log::tests::started("");
    let dir = tempfile::tempdir().expect("tempdir");
    let path = dir.path().join("links.key");
    let open = || Links::open(&path, Duration::from_secs(3600), Duration::from_secs(300));
    open().expect("made");
    assert!(!lines.text().contains("chmod"), "{}", lines.text());
    let all = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(&path, all).expect("set");
    let links = open().expect("used");
    links.reload().expect("again");
    assert_eq!(lines.text().matches("chmod 600").count(), 1);
}
