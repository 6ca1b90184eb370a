//! Links: the only thing `/proxy` and `/relay` accept.
//!
//! A link is sealed with AES-256-GCM-SIV (RFC 8452). Its nonce is derived from
//! its content, so the same resource gets the same link on every replica that
//! has the key. The route is associated data, and the name in the path must be
//! the one the content gives: nothing but what was handed out opens, and every
//! refusal looks the same. A link is authentic, not safe: the guard still runs.

use std::path::Path;
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{digest, hmac, rand as secure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::files;
use crate::playlist::Variables;

/// What a link stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Link {
    /// One media playlist of a stream, found again after its URL changed. No
    /// expiry: players never ask for the multivariant playlist again.
    Rendition {
        /// The catalog's id.
        stream: String,
        /// See `playlist::RenditionKey`.
        rendition: String,
        /// Variables of the multivariant playlist, for `EXT-X-DEFINE:IMPORT`.
        variables: Variables,
    },
    /// One upstream resource.
    Resource {
        /// The catalog's id; empty for a link sealed by hand.
        stream: String,
        /// What the playlist said it is.
        kind: Kind,
        /// As it will be fetched.
        url: String,
        /// Seconds since the Unix epoch, rounded up to a bucket.
        expires: i64,
    },
}

/// What kind of resource a link leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A playlist: served by `/proxy`.
    Playlist,
    /// A segment, part or hint.
    Segment,
    /// An initialisation section.
    Init,
    /// A key.
    Key,
    /// Session data and other JSON.
    Data,
}

/// The two routes that take links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Playlists.
    Proxy,
    /// Bytes.
    Relay,
}

/// Every refusal is this one; the cause is for the log alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this link cannot be opened: {0}")]
pub struct LinkError(pub &'static str);

/// Why the key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read or made.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: std::path::PathBuf,
        /// What failed.
        error: std::io::Error,
    },
    /// A line is not 32 bytes of base64.
    #[error("{path}: line {line} is not 32 bytes in base64")]
    Malformed {
        /// The file.
        path: std::path::PathBuf,
        /// From 1.
        line: usize,
    },
}

/// Seals and opens links.
#[derive(Debug)]
pub struct Links {
    /// The first seals, all open.
    keys: Vec<Key>,
    lifetime: Duration,
    bucket: Duration,
}

struct Key {
    id: [u8; 4],
    aead: LessSafeKey,
    nonces: hmac::Key,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:02x?})", self.id)
    }
}

const VERSION: u8 = 1;
const NONCE: usize = 12;
const TAG: usize = 16;
/// A link is a query parameter: longer ones are not ours.
const MAX_TOKEN: usize = 16 << 10;

// === impl Links ===

impl Links {
    /// Reads the key file, or makes it on first start. One key a line, base64;
    /// the first line seals, the others still open what they sealed.
    pub fn open(key_file: &Path, lifetime: Duration, bucket: Duration) -> Result<Self, KeyError> {
        let io = |error| KeyError::Io {
            path: key_file.to_owned(),
            error,
        };
        if !key_file.exists() {
            let mut key = [0; 32];
            secure::fill(&mut key).map_err(|_| io(std::io::Error::other("no random numbers")))?;
            files::create(key_file, format!("{}\n", STANDARD.encode(key)).as_bytes())
                .map_err(io)?;
        }
        let text = files::read(key_file, 64 << 10).map_err(io)?;
        let text = String::from_utf8_lossy(&text);
        let mut keys = Vec::new();
        for (n, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let malformed = || KeyError::Malformed {
                path: key_file.to_owned(),
                line: n + 1,
            };
            let bytes = STANDARD.decode(line).map_err(|_| malformed())?;
            let secret: [u8; 32] = bytes.try_into().map_err(|_| malformed())?;
            keys.push(Key::new(&secret));
        }
        if keys.is_empty() {
            return Err(KeyError::Malformed {
                path: key_file.to_owned(),
                line: 1,
            });
        }
        Ok(Self {
            keys,
            lifetime,
            bucket,
        })
    }

    /// The expiry of a resource link made at `now`: rounded up, so that all
    /// viewers within a bucket get the same link.
    pub fn expiry(&self, now: Timestamp) -> i64 {
        let bucket = i64::try_from(self.bucket.as_secs())
            .unwrap_or(i64::MAX)
            .max(1);
        let lifetime = i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX / 4);
        now.as_second()
            .saturating_add(lifetime)
            .div_euclid(bucket)
            .saturating_add(1)
            .saturating_mul(bucket)
    }

    /// The path and query that is handed out, such as
    /// `/relay/segment.ts?url=…`.
    pub fn path(&self, link: &Link) -> String {
        let (route, folder) = match link.route() {
            Route::Proxy => (Route::Proxy, "proxy"),
            Route::Relay => (Route::Relay, "relay"),
        };
        format!("/{folder}/{}?url={}", link.name(), self.seal(route, link))
    }

    fn seal(&self, route: Route, link: &Link) -> String {
        let key = self
            .keys
            .first()
            .expect("Links::open refuses an empty key file");
        let content = postcard::to_allocvec(link).expect("plain data with a length always encodes");
        let mut mac = hmac::Context::with_key(&key.nonces);
        mac.update(&[route as u8]);
        mac.update(&content);
        let nonce: [u8; NONCE] = mac.sign().as_ref()[..NONCE]
            .try_into()
            .expect("SHA-256 has 32 bytes");
        let mut token = Vec::with_capacity(1 + 4 + NONCE + content.len() + TAG);
        token.push(VERSION);
        token.extend(key.id);
        token.extend(nonce);
        let mut sealed = content;
        key.aead
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad(route), &mut sealed)
            .expect("a link is far shorter than the cipher's limit");
        token.extend(sealed);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// Opens what `path` handed out; `name` is the last part of the path,
    /// where there is one.
    pub fn open_link(
        &self,
        route: Route,
        name: Option<&str>,
        token: &str,
        now: Timestamp,
    ) -> Result<Link, LinkError> {
        if token.len() > MAX_TOKEN {
            return Err(LinkError("too long"));
        }
        let bytes = URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|_| LinkError("not base64url"))?;
        let Some(([VERSION, id @ ..], rest)) = bytes.split_first_chunk::<5>() else {
            return Err(LinkError("not a link of this version"));
        };
        let Some((nonce, sealed)) = rest.split_first_chunk::<NONCE>() else {
            return Err(LinkError("cut short"));
        };
        let key = self
            .keys
            .iter()
            .find(|key| key.id == *id)
            .ok_or(LinkError("unknown key"))?;
        let mut sealed = sealed.to_vec();
        let content = key
            .aead
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                aad(route),
                &mut sealed,
            )
            .map_err(|_| LinkError("not sealed here for this route"))?;
        let link: Link = postcard::from_bytes(content).map_err(|_| LinkError("unknown content"))?;
        if name.is_some_and(|name| name != link.name()) {
            return Err(LinkError("the name in the path is another one"));
        }
        if let Link::Resource { expires, .. } = link
            && expires <= now.as_second()
        {
            return Err(LinkError("expired"));
        }
        Ok(link)
    }
}

// === impl Key ===

impl Key {
    fn new(secret: &[u8; 32]) -> Self {
        // Two keys from one secret, each bound to its use and to this format.
        let derive = |label: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), label);
        let sealing = UnboundKey::new(&AES_256_GCM_SIV, derive(b"f1-streams link seal 1").as_ref())
            .expect("HMAC-SHA-256 gives the 32 bytes of an AES-256 key");
        let id = digest::digest(
            &digest::SHA256,
            derive(b"f1-streams link key id 1").as_ref(),
        );
        Self {
            id: id.as_ref()[..4].try_into().expect("SHA-256 has 32 bytes"),
            aead: LessSafeKey::new(sealing),
            nonces: hmac::Key::new(
                hmac::HMAC_SHA256,
                derive(b"f1-streams link nonce 1").as_ref(),
            ),
        }
    }
}

fn aad(route: Route) -> Aad<&'static [u8]> {
    Aad::from(match route {
        Route::Proxy => b"f1-streams link 1 proxy".as_slice(),
        Route::Relay => b"f1-streams link 1 relay",
    })
}

// === impl Link ===

impl Link {
    /// Which route serves it.
    pub fn route(&self) -> Route {
        match self {
            Self::Rendition { .. }
            | Self::Resource {
                kind: Kind::Playlist,
                ..
            } => Route::Proxy,
            Self::Resource { .. } => Route::Relay,
        }
    }

    /// The stream whose profile fetches it; empty for one sealed by hand.
    pub fn stream(&self) -> &str {
        match self {
            Self::Rendition { stream, .. } | Self::Resource { stream, .. } => stream,
        }
    }

    /// The last part of its path. It ends in a media extension, because
    /// players choose by it; of the upstream's name only that is kept.
    pub fn name(&self) -> String {
        match self {
            Self::Rendition { rendition, .. } => format!("{rendition}.m3u8"),
            Self::Resource { kind, url, .. } => {
                let extension = Url::parse(url).ok().and_then(|url| {
                    let (_, extension) = url.path().rsplit_once('.')?;
                    KNOWN
                        .iter()
                        .find(|known| known.eq_ignore_ascii_case(extension))
                        .copied()
                });
                match kind {
                    Kind::Playlist => "playlist.m3u8".to_owned(),
                    Kind::Segment => format!("segment.{}", extension.unwrap_or("ts")),
                    Kind::Init => format!("init.{}", extension.unwrap_or("mp4")),
                    Kind::Key => "key.bin".to_owned(),
                    Kind::Data => "data.json".to_owned(),
                }
            }
        }
    }
}

/// Extensions of media that players know.
const KNOWN: &[&str] = &[
    "ts", "m4s", "mp4", "m4v", "m4a", "cmfv", "cmfa", "aac", "ac3", "ec3", "mp3", "vtt", "webvtt",
    "jpg", "jpeg", "png", "webp",
];

#[cfg(test)]
mod tests {
    use super::*;

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
}
