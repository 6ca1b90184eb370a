//! Names for the playlists of a stream that outlive their URLs.
//!
//! A rendition is named by what a multivariant playlist says about it, because
//! its URL changes with every token. The name is readable, because it stands in
//! paths and logs, and ends in a hash of all attributes that tell renditions
//! apart. Two that are alike in all of them (a second CDN) are numbered in their
//! order.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use super::child::{ChildKind, MediaKind};
use super::tokenise::Attributes;

const LONGEST: usize = 40;

/// The readable part may have this many characters: the hash takes seven more
/// and the number up to six.
const LONGEST_READABLE: usize = 26;

/// What tells renditions apart. `BANDWIDTH` and `AVERAGE-BANDWIDTH` may be
/// measured by the upstream, then they move; one that has a stable id is told
/// apart by that.
const TELLING: &[&str] = &[
    "TYPE",
    "BANDWIDTH",
    "AVERAGE-BANDWIDTH",
    "RESOLUTION",
    "CODECS",
    "FRAME-RATE",
    "VIDEO-RANGE",
    "AUDIO",
    "VIDEO",
    "SUBTITLES",
    "GROUP-ID",
    "NAME",
    "LANGUAGE",
    "ASSOC-LANGUAGE",
    "CHANNELS",
    "CHARACTERISTICS",
    "FORCED",
    "PATHWAY-ID",
];

const STABLE: &[&str] = &[
    "TYPE",
    "STABLE-VARIANT-ID",
    "STABLE-RENDITION-ID",
    "PATHWAY-ID",
];

/// The name of a rendition within its stream: `[a-z0-9-]{1,40}`, such as
/// `v640x360-800k-3f2a1c`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct RenditionKey(String);

/// Text that is no rendition's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rendition's key is 1 to 40 of the characters a-z, 0-9 and \"-\"")]
pub struct BadRenditionKey;

/// Names the renditions of one multivariant playlist, in their order.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<String, u32>);

// === impl RenditionKey ===

impl RenditionKey {
    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RenditionKey {
    type Err = BadRenditionKey;

    fn from_str(text: &str) -> Result<Self, BadRenditionKey> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=LONGEST).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadRenditionKey)
        }
    }
}

impl<'de> serde::Deserialize<'de> for RenditionKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for RenditionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl Names ===

impl Names {
    pub(super) fn name(&mut self, kind: ChildKind, tag: &[u8]) -> RenditionKey {
        let attributes = Attributes::of(tag);
        let stable = ["STABLE-VARIANT-ID", "STABLE-RENDITION-ID"]
            .iter()
            .find_map(|name| attributes.text(name))
            .filter(|id| !id.is_empty());
        let telling = if stable.is_some() { STABLE } else { TELLING };
        let mut key = String::from(prefix(kind));
        key.push_str(&stable.map_or_else(|| readable(&attributes), |id| word(&id)));
        key.truncate(LONGEST_READABLE);
        let hash = hash(&attributes, telling);
        let key = format!("{}-{hash:06x}", key.trim_end_matches('-'));

        let seen = self.0.entry(key.clone()).or_default();
        *seen += 1;
        match *seen {
            1 => RenditionKey(key),
            twin => RenditionKey(format!("{key}-{twin}")),
        }
    }
}

fn prefix(kind: ChildKind) -> &'static str {
    match kind {
        ChildKind::Variant => "v",
        ChildKind::Rendition(MediaKind::Audio) => "a",
        ChildKind::Rendition(MediaKind::Subtitles) => "s",
        ChildKind::Rendition(_) => "m",
        ChildKind::IFrame => "i",
        ChildKind::Images => "p",
        _ => "x",
    }
}

/// Size and bandwidth of a variant, language or name of a rendition.
fn readable(attributes: &Attributes<'_>) -> String {
    let size = attributes.text("RESOLUTION").map(|size| word(&size));
    let bandwidth = attributes.number::<u64>("BANDWIDTH");
    let bandwidth = bandwidth.map(|bits| format!("{}k", bits / 1000));
    let called = match attributes.text("LANGUAGE") {
        Some(language) if bandwidth.is_none() => Some(word(&language)),
        _ => attributes.text("NAME").map(|name| word(&name)),
    };
    let called = called.filter(|_| bandwidth.is_none());
    let parts = [size, bandwidth, called];
    let parts: Vec<String> = parts
        .into_iter()
        .flatten()
        .filter(|p| !p.is_empty())
        .collect();
    parts.join("-")
}

/// The letters and digits of a text, with one hyphen where others were.
fn word(text: &str) -> String {
    let mut word = String::new();
    for c in text.chars().take(LONGEST) {
        if c.is_ascii_alphanumeric() {
            word.push(c.to_ascii_lowercase());
        } else if !word.is_empty() && !word.ends_with('-') {
            word.push('-');
        }
    }
    word.truncate(word.trim_end_matches('-').len());
    word
}

/// 24 bits of FNV-1a: it must be the same in every build and on every replica,
/// and resist nobody.
fn hash(attributes: &Attributes<'_>, telling: &[&str]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |bytes: &[u8]| {
        for b in bytes {
            hash = (hash ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for name in telling {
        if let Some(value) = attributes.get(name) {
            add(name.as_bytes());
            add(b"=");
            add(value);
            add(b"\n");
        }
    }
    (hash >> 40) ^ (hash & 0x00ff_ffff)
}
