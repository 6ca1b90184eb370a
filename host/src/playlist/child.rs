//! What a playlist names: the resources behind its URIs, by the meaning of the
//! tags that they stand in, never by their file extension.

use url::Url;

use super::rendition::RenditionKey;
use super::tokenise::{Attributes, Tag};
use super::variables::Variables;

/// A resource that a playlist names.
#[derive(Debug, Clone, Copy)]
pub struct Child<'a> {
    /// What it is.
    pub kind: ChildKind,
    /// Where it is: http or https, with a host.
    pub url: &'a Url,
    /// Which rendition of the stream it is, for playlists that a multivariant
    /// playlist names.
    pub rendition: Option<&'a RenditionKey>,
    /// The part of it that is meant, where the playlist says so.
    pub range: Option<ByteRange>,
    /// The value of the tag that describes it, variables filled in; not of a
    /// segment's `EXTINF`.
    pub tag: &'a [u8],
    /// What this playlist defines, for the playlists below it that import it: as
    /// much as `Limits::variables` lets travel.
    pub variables: &'a Variables,
    /// Whether it stands below an `EXT-X-KEY` other than `NONE`: what it holds
    /// can't be told from its bytes.
    pub encrypted: bool,
    /// Whether it stands below an `EXT-X-MAP`: it is no transport stream then.
    pub mapped: bool,
}

/// What a resource is, and so which way it is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChildKind {
    /// `EXT-X-STREAM-INF`: a playlist.
    Variant,
    /// `EXT-X-MEDIA`: a playlist.
    Rendition(MediaKind),
    /// `EXT-X-I-FRAME-STREAM-INF`: a playlist.
    IFrame,
    /// `EXT-X-IMAGE-STREAM-INF`: a playlist whose segments are pictures.
    Images,
    /// `EXTINF`: media.
    Segment,
    /// The same below `EXT-X-IMAGES-ONLY`: pictures, for thumbnails.
    Picture,
    /// `EXT-X-PART`: media.
    Part,
    /// `EXT-X-PRELOAD-HINT`: media that may not be there yet.
    Hint(HintKind),
    /// `EXT-X-MAP`: media.
    Init,
    /// `EXT-X-KEY`, `EXT-X-SESSION-KEY`.
    Key,
    /// `EXT-X-SESSION-DATA`: anything.
    SessionData,
    /// `EXT-X-CONTENT-STEERING`: JSON that names hosts.
    Steering,
    /// `X-ASSET-LIST`: JSON that names playlists.
    AssetList,
    /// `X-ASSET-URI`: a playlist, multivariant mostly.
    AssetPlaylist,
    /// `EXT-X-RENDITION-REPORT`: another playlist of the same stream. Players
    /// look for the same URL that they were handed for it.
    RenditionReport,
    /// What an unknown tag names.
    Unknown,
}

/// The `TYPE` of an `EXT-X-MEDIA`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// `AUDIO`
    Audio,
    /// `VIDEO`
    Video,
    /// `SUBTITLES`
    Subtitles,
    /// `CLOSED-CAPTIONS`, which should have no URI.
    ClosedCaptions,
    /// Any other.
    Other,
}

/// The `TYPE` of an `EXT-X-PRELOAD-HINT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HintKind {
    /// `PART`
    Part,
    /// `MAP`
    Init,
}

/// A part of a resource; without an offset, it follows the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByteRange {
    /// In bytes.
    pub length: u64,
    /// Of the first byte.
    pub offset: Option<u64>,
}

/// Turns a resource into the text that stands for it towards the viewer.
pub trait Linker {
    /// `None`: there is none, and the URI is made unusable. The text must be
    /// printable ASCII without blank, `"`, `,`, `{` and `\`, so that it can stand
    /// on a line of its own and in an attribute, in quotes or not.
    fn link(&mut self, child: &Child<'_>) -> Option<String>;
}

impl<F: FnMut(&Child<'_>) -> Option<String>> Linker for F {
    fn link(&mut self, child: &Child<'_>) -> Option<String> {
        self(child)
    }
}

// === impl ChildKind ===

impl ChildKind {
    /// What an attribute of a tag names; `None` if it is no URI.
    pub(super) fn of(tag: &Tag<'_>, attribute: &[u8]) -> Option<Self> {
        let ends = |end: &str| {
            let from = attribute.len().checked_sub(end.len());
            from.is_some_and(|from| attribute[from..].eq_ignore_ascii_case(end.as_bytes()))
        };
        if ends("X-ASSET-LIST") {
            return Some(Self::AssetList);
        }
        if ends("X-ASSET-URI") {
            return Some(Self::AssetPlaylist);
        }
        let plain = attribute.eq_ignore_ascii_case(b"URI");
        if !plain && !ends("-URI") {
            return None;
        }
        if tag.is("EXT-X-CONTENT-STEERING") {
            return Some(Self::Steering);
        }
        if !plain {
            return Some(Self::Unknown);
        }
        Some(match tag.name {
            b"EXT-X-KEY" | b"EXT-X-SESSION-KEY" => Self::Key,
            b"EXT-X-MAP" => Self::Init,
            b"EXT-X-PART" => Self::Part,
            b"EXT-X-PRELOAD-HINT" => Self::Hint(HintKind::of(tag)),
            b"EXT-X-MEDIA" => Self::Rendition(MediaKind::of(tag)),
            b"EXT-X-I-FRAME-STREAM-INF" => Self::IFrame,
            b"EXT-X-IMAGE-STREAM-INF" => Self::Images,
            b"EXT-X-RENDITION-REPORT" => Self::RenditionReport,
            b"EXT-X-SESSION-DATA" => Self::SessionData,
            _ => Self::Unknown,
        })
    }

    /// Whether a player does without it: then its whole tag goes where there is
    /// no link for it. In the place of the others stands an unusable URI, because
    /// what is around them (numbering, groups, encryption) must stay true.
    pub(super) fn is_optional(self) -> bool {
        match self {
            Self::Variant
            | Self::Rendition(_)
            | Self::Segment
            | Self::Picture
            | Self::Part
            | Self::Init
            | Self::Key => false,
            Self::IFrame
            | Self::Images
            | Self::Hint(_)
            | Self::SessionData
            | Self::Steering
            | Self::AssetList
            | Self::AssetPlaylist
            | Self::RenditionReport
            | Self::Unknown => true,
        }
    }

    /// Whether it is text that names other resources, and so must be rewritten.
    pub(super) fn names_others(self) -> bool {
        self.is_rendition()
            || matches!(
                self,
                Self::AssetPlaylist | Self::AssetList | Self::Steering | Self::RenditionReport
            )
    }

    /// Whether its tag may say which part of the resource is meant.
    pub(super) fn has_range(self) -> bool {
        matches!(self, Self::Part | Self::Hint(_) | Self::Init)
    }

    /// Whether a multivariant playlist names it as one of its renditions.
    pub(super) fn is_rendition(self) -> bool {
        matches!(
            self,
            Self::Variant | Self::Rendition(_) | Self::IFrame | Self::Images
        )
    }
}

// === impl MediaKind ===

impl MediaKind {
    fn of(tag: &Tag<'_>) -> Self {
        match tag.attributes().get("TYPE") {
            Some(b"AUDIO") => Self::Audio,
            Some(b"VIDEO") => Self::Video,
            Some(b"SUBTITLES") => Self::Subtitles,
            Some(b"CLOSED-CAPTIONS") => Self::ClosedCaptions,
            _ => Self::Other,
        }
    }
}

// === impl HintKind ===

impl HintKind {
    fn of(tag: &Tag<'_>) -> Self {
        match tag.attributes().get("TYPE") {
            Some(b"MAP") => Self::Init,
            _ => Self::Part,
        }
    }
}

// === impl ByteRange ===

impl ByteRange {
    /// `LENGTH` or `LENGTH@OFFSET`.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.trim();
        let (length, offset) = match text.split_once('@') {
            Some((length, offset)) => (length, Some(offset.trim().parse().ok()?)),
            None => (text, None),
        };
        let length = length.trim().parse().ok()?;
        Some(Self { length, offset })
    }

    /// The range that a tag's attributes give.
    pub(super) fn of(attributes: &Attributes<'_>) -> Option<Self> {
        if let Some(range) = attributes.get("BYTERANGE") {
            return Self::parse(range);
        }
        let length = attributes.number("BYTERANGE-LENGTH")?;
        let offset = attributes.number("BYTERANGE-START").or(Some(0));
        Some(Self { length, offset })
    }
}
