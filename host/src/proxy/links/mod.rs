//! Links: the only thing `/proxy` and `/relay` accept.
//!
//! A link is sealed with AES-256-GCM-SIV (RFC 8452) under one nonce: this
//! cipher then tells nobody more than which links are equal, and equal they
//! must be, so that the same resource gets the same link on every replica that
//! has the key. The route is associated data, and the name in the path must be
//! the one the content gives: nothing but what was handed out opens, and every
//! refusal looks the same. A link is authentic, not safe: the guard still runs.
//!
//! The keys may change while viewers play: see [`Links::reload`].

mod link;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{digest, hmac, rand as secure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

pub use self::link::{Kind, Link, Route};
use crate::files;

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
        path: PathBuf,
        /// What failed.
        error: std::io::Error,
    },
    /// A line is not 32 bytes of base64.
    #[error("{path}: line {line} is not 32 bytes in base64")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
}

/// Seals and opens links; clones share the keys.
#[derive(Clone, Debug)]
pub struct Links {
    file: PathBuf,
    /// The first seals, all open. Never empty.
    keys: Arc<ArcSwap<Vec<Key>>>,
    lifetime: Duration,
    bucket: Duration,
}

struct Key {
    id: [u8; 4],
    aead: LessSafeKey,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:02x?})", self.id)
    }
}

const VERSION: u8 = 2;
const NONCE: [u8; 12] = *b"f1-streams 2";
const HEAD: usize = 1 + 4;
/// A link is a query parameter: longer ones are not ours.
const MAX_TOKEN: usize = 16 << 10;

// === impl Links ===

impl Links {
    /// Reads the key file, or makes it on first start. One key a line, base64;
    /// the first line seals, the others still open what they sealed.
    pub fn open(key_file: &Path, lifetime: Duration, bucket: Duration) -> Result<Self, KeyError> {
        if !key_file.exists() {
            let io = |error| KeyError::Io {
                path: key_file.to_owned(),
                error,
            };
            let mut key = [0; 32];
            secure::fill(&mut key).map_err(|_| io(std::io::Error::other("no random numbers")))?;
            files::create(key_file, format!("{}\n", STANDARD.encode(key)).as_bytes())
                .map_err(io)?;
        }
        if files::is_exposed(key_file) {
            let path = key_file.display();
            tracing::warn!(%path, "others may read the links' key: chmod 600");
        }
        Ok(Self {
            file: key_file.to_owned(),
            keys: Arc::new(ArcSwap::from_pointee(read(key_file)?)),
            lifetime,
            bucket,
        })
    }

    /// Reads the key file again; `true` where its keys are others now. A file
    /// that cannot be used changes nothing. Blocking.
    ///
    /// A key that is put behind the first opens what other replicas seal with
    /// it; once all have it, it may go first.
    pub fn reload(&self) -> Result<bool, KeyError> {
        let new = read(&self.file)?;
        let old = self.keys.load();
        let changed = !old
            .iter()
            .map(|key| key.id)
            .eq(new.iter().map(|key| key.id));
        if changed {
            self.keys.store(Arc::new(new));
        }
        Ok(changed)
    }

    /// Reads the key file again and again until `stop`, off the runtime.
    pub async fn follow(self, every: Duration, stop: CancellationToken) {
        let mut troubled = false;
        while stop
            .run_until_cancelled(tokio::time::sleep(every))
            .await
            .is_some()
        {
            let this = self.clone();
            let reading = tokio::task::spawn_blocking(move || this.reload());
            // A mount that hangs holds one thread, and nothing waits for it.
            match stop.run_until_cancelled(reading).await {
                Some(Ok(Ok(true))) => tracing::info!("links are sealed with other keys now"),
                Some(Ok(Err(error))) if !troubled => {
                    tracing::warn!(%error, "the keys that were read before stay");
                    troubled = true;
                    continue;
                }
                Some(Ok(Err(_))) => continue,
                _ => {}
            }
            troubled = false;
        }
    }

    /// The expiry of a resource link made at `now`: rounded up, so that all
    /// viewers within a bucket get the same link.
    pub fn expiry(&self, now: Timestamp) -> i64 {
        self.rounded(now, self.bucket)
    }

    /// The same for a link that must stay the same for long: twice as late at most.
    pub(super) fn late_expiry(&self, now: Timestamp) -> i64 {
        self.rounded(now, self.lifetime)
    }

    fn rounded(&self, now: Timestamp, bucket: Duration) -> i64 {
        let bucket = i64::try_from(bucket.as_secs()).unwrap_or(i64::MAX).max(1);
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
        self.path_below("", link)
    }

    /// The same with a path before it.
    pub(super) fn path_below(&self, prefix: &str, link: &Link) -> String {
        let route = link.route();
        let folder = match route {
            Route::Proxy => "/proxy/",
            Route::Relay => "/relay/",
        };
        let (stem, extension) = link.stem_and_extension();
        let token = self.seal(route, link);
        let parts = [prefix, folder, stem, ".", extension, "?url="];
        let length = parts.map(str::len).iter().sum::<usize>() + token.len() * 4 / 3 + 3;
        let mut path = String::with_capacity(length);
        parts.iter().for_each(|part| path.push_str(part));
        URL_SAFE_NO_PAD.encode_string(token, &mut path);
        path
    }

    fn seal(&self, route: Route, link: &Link) -> Vec<u8> {
        let keys = self.keys.load();
        let key = keys.first().expect("read refuses an empty key file");
        let mut token = Vec::with_capacity(256);
        token.push(VERSION);
        token.extend(key.id);
        let mut token =
            postcard::to_extend(link, token).expect("plain data with a length always encodes");
        let tag = key
            .aead
            .seal_in_place_separate_tag(nonce(), aad(route), &mut token[HEAD..])
            .expect("a link is far shorter than the cipher's limit");
        token.extend(tag.as_ref());
        token
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
        let mut bytes = URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|_| LinkError("not base64url"))?;
        let Some(([VERSION, id @ ..], sealed)) = bytes.split_first_chunk_mut::<HEAD>() else {
            return Err(LinkError("not a link of this version"));
        };
        let keys = self.keys.load();
        let key = keys
            .iter()
            .find(|key| key.id == *id)
            .ok_or(LinkError("unknown key"))?;
        let content = key
            .aead
            .open_in_place(nonce(), aad(route), sealed)
            .map_err(|_| LinkError("not sealed here for this route"))?;
        let link: Link = postcard::from_bytes(content).map_err(|_| LinkError("unknown content"))?;
        let (stem, extension) = link.stem_and_extension();
        let is = |name: &str| name.rsplit_once('.') == Some((stem, extension));
        if name.is_some_and(|name| !is(name)) {
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

fn read(key_file: &Path) -> Result<Vec<Key>, KeyError> {
    let text = files::read(key_file, 64 << 10).map_err(|error| KeyError::Io {
        path: key_file.to_owned(),
        error,
    })?;
    let text = String::from_utf8_lossy(&text);
    let malformed = |line| KeyError::Malformed {
        path: key_file.to_owned(),
        line,
    };
    let mut keys = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let bytes = STANDARD.decode(line).map_err(|_| malformed(n + 1))?;
        let secret: [u8; 32] = bytes.try_into().map_err(|_| malformed(n + 1))?;
        keys.push(Key::new(&secret));
    }
    if keys.is_empty() {
        return Err(malformed(1));
    }
    Ok(keys)
}

// === impl Key ===

impl Key {
    fn new(secret: &[u8; 32]) -> Self {
        // One key from the secret, bound to its use and to this format.
        let derive = |label: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), label);
        let sealing = UnboundKey::new(&AES_256_GCM_SIV, derive(b"f1-streams link seal 2").as_ref())
            .expect("HMAC-SHA-256 gives the 32 bytes of an AES-256 key");
        let id = digest::digest(
            &digest::SHA256,
            derive(b"f1-streams link key id 2").as_ref(),
        );
        Self {
            id: id.as_ref()[..4].try_into().expect("SHA-256 has 32 bytes"),
            aead: LessSafeKey::new(sealing),
        }
    }
}

/// Always the same: see RFC 8452, section 9, for what that costs.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key(NONCE)
}

fn aad(route: Route) -> Aad<&'static [u8]> {
    Aad::from(match route {
        Route::Proxy => b"f1-streams link 2 proxy".as_slice(),
        Route::Relay => b"f1-streams link 2 relay",
    })
}
