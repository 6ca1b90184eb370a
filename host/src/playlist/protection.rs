//! Whether media may be relayed: protected media is reported, never relayed.

use super::tokenise::Tag;

/// How media is protected, the least first.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// Not.
    #[default]
    None,
    /// Encrypted, with a key that is fetched like any other resource.
    ClearKey,
    /// By a system of digital rights management.
    Drm,
}

// === impl Protection ===

impl Protection {
    /// What an `EXT-X-KEY` or `EXT-X-SESSION-KEY` says. Whatever is not known to
    /// be clear counts as protected.
    pub(super) fn of(tag: &Tag<'_>) -> Self {
        let attributes = tag.attributes();
        let method = attributes.get("METHOD").unwrap_or_default();
        if method == b"NONE" {
            return Self::None;
        }
        let format = attributes.get("KEYFORMAT").unwrap_or(b"identity");
        let known = [
            &b"AES-128"[..],
            b"AES-256",
            b"AES-256-CTR",
            b"AES-256-GCM",
            b"SAMPLE-AES",
            b"SAMPLE-AES-CTR",
        ];
        let uri = attributes.get("URI").unwrap_or_default();
        let by_scheme = [&b"skd:"[..], b"urn:"].iter().any(|scheme| {
            uri.get(..4)
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        });
        if format.eq_ignore_ascii_case(b"identity") && known.contains(&method) && !by_scheme {
            Self::ClearKey
        } else {
            Self::Drm
        }
    }
}
