//! What an extraction found, checked: the types behind the validating door.

use jiff::Timestamp;
use url::Url;

use crate::net::HeaderRule;

/// What one extraction found.
#[derive(Clone, Debug, Default)]
pub struct Extraction {
    /// In the extractor's order, best first.
    pub streams: Vec<Stream>,
    /// Records that broke a rule.
    pub refused: Vec<Refused>,
}

/// One playable thing, checked.
#[derive(Clone, Debug)]
pub struct Stream {
    /// `[A-Za-z0-9_-]{1,64}`, unique within its site.
    pub id: String,
    /// Judged by the site's policy when it was returned.
    pub url: Url,
    /// What the URL leads to.
    pub kind: StreamKind,
    /// For people.
    pub label: String,
    /// BCP 47, when known.
    pub language: Option<String>,
    /// As the site says.
    pub quality: Quality,
    /// What the relay must send.
    pub rules: Vec<HeaderRule>,
    /// Send the site's cookies too.
    pub use_cookies: bool,
    /// The URL is expected to stop working then.
    pub expires_at: Option<Timestamp>,
    /// As the site says.
    pub protection: Protection,
    /// The extractor's preference, higher first.
    pub rank: i32,
}

/// What a stream's URL leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamKind {
    /// An HLS multivariant or media playlist.
    Hls,
    /// An MPEG-DASH manifest.
    Dash,
    /// One progressive resource.
    Progressive,
}

/// Whether the media is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// In the clear.
    None,
    /// HLS AES-128 with a key that any player would fetch.
    ClearKey,
    /// A DRM system: reported, never relayed.
    Drm,
    /// The site does not say.
    Unknown,
}

/// The site's word for a stream's quality.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Quality {
    /// Lines.
    pub height: Option<u32>,
    /// Bits per second.
    pub bandwidth: Option<u32>,
    /// The site's own word.
    pub label: Option<String>,
}

/// A record that was refused.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Refused {
    /// The record's id as far as it is printable.
    pub id: String,
    /// Stable code.
    pub code: &'static str,
    /// What was wrong, for the operator.
    pub message: String,
}
