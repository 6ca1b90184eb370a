//! What a link stands for, and the name in its path.

use serde::{Deserialize, Serialize};

use crate::playlist::Variables;

/// What a link stands for. Its form is part of `links::VERSION`.
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
        /// For what it imports, where it is a playlist.
        variables: Variables,
    },
}

/// What kind of resource a link leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A playlist: served by `/proxy`.
    Playlist,
    /// A segment, part or hint.
    Segment,
    /// The same after an `EXT-X-MAP`: fragmented MP4, most likely.
    Fragment,
    /// A segment under a key: its content tells nothing.
    SealedSegment,
    /// A fragment under a key.
    SealedFragment,
    /// A picture of an image stream.
    Picture,
    /// An initialisation section.
    Init,
    /// A key.
    Key,
    /// Session data.
    Data,
    /// An interstitial's list of assets: JSON that names playlists.
    AssetList,
    /// A steering manifest: JSON that names playlists and hosts.
    Steering,
}

impl Kind {
    /// Whether its bytes are kept in the window.
    pub(crate) fn is_kept(self) -> bool {
        match self {
            Self::Segment
            | Self::Fragment
            | Self::SealedSegment
            | Self::SealedFragment
            | Self::Picture
            | Self::Init => true,
            Self::Playlist | Self::Key | Self::Data | Self::AssetList | Self::Steering => false,
        }
    }
}

/// The two routes that take links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Playlists.
    Proxy,
    /// Bytes.
    Relay,
}

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

    /// The last part of its path, as stem and extension. Players choose by the
    /// extension, so it is a medium's; of the upstream's name only that is kept.
    pub(super) fn stem_and_extension(&self) -> (&str, &'static str) {
        let (kind, url) = match self {
            Self::Rendition { rendition, .. } => return (rendition, "m3u8"),
            Self::Resource { kind, url, .. } => (kind, url),
        };
        match kind {
            Kind::Playlist => ("playlist", "m3u8"),
            // What is called a picture and is none is a disguise.
            Kind::Segment | Kind::SealedSegment => {
                ("segment", known(url, SOUND_AND_VISION).unwrap_or("ts"))
            }
            Kind::Fragment | Kind::SealedFragment => {
                ("segment", known(url, SOUND_AND_VISION).unwrap_or("m4s"))
            }
            Kind::Picture => ("picture", known(url, PICTURES).unwrap_or("jpg")),
            Kind::Init => ("init", known(url, SOUND_AND_VISION).unwrap_or("mp4")),
            Kind::Key => ("key", "bin"),
            Kind::Data => ("data", "json"),
            Kind::AssetList => ("assets", "json"),
            Kind::Steering => ("steering", "json"),
        }
    }

    /// The last part of its path.
    pub fn name(&self) -> String {
        let (stem, extension) = self.stem_and_extension();
        format!("{stem}.{extension}")
    }
}

/// Extensions that players know.
const SOUND_AND_VISION: &[&str] = &[
    "ts", "m4s", "mp4", "m4v", "m4a", "cmfv", "cmfa", "aac", "ac3", "ec3", "mp3", "vtt", "webvtt",
];
const PICTURES: &[&str] = &["jpg", "jpeg", "png", "webp"];

/// The extension of a URL's path, if it is one of `known`.
fn known(url: &str, known: &[&'static str]) -> Option<&'static str> {
    let path = url.split(['?', '#']).next()?;
    let (_, extension) = path.rsplit_once('.')?;
    let is = |known: &&&'static str| known.eq_ignore_ascii_case(extension);
    known.iter().find(is).copied()
}
