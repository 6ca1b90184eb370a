//! What a multivariant playlist offers: for the catalog (qualities, codecs,
//! languages) and for finding a rendition's URL again by its key.
//!
//! Which playlists there are and what they are called comes from the rewriter
//! itself, so that a key that it handed out is found here. What one line says
//! about one of them is read by m3u8-rs, and by our own attributes where that
//! takes offence.

use url::Url;

use super::child::{Child, ChildKind, MediaKind};
use super::protection::Protection;
use super::rendition::RenditionKey;
use super::rewrite::rewrite;
use super::scan::{Context, Kind};
use super::tokenise::Attributes;
use super::variables::Variables;

/// What a multivariant playlist offers, in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct Multivariant {
    /// `EXT-X-STREAM-INF`.
    pub variants: Vec<Variant>,
    /// Every playlist that it names, variants among them.
    pub playlists: Vec<Named>,
    /// The worst of its keys.
    pub protection: Protection,
    /// What its children may import: as much as travels in links to them.
    pub variables: Variables,
}

/// A playlist by its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What it is called, whatever its URL.
    pub key: RenditionKey,
    /// What it is.
    pub kind: ChildKind,
    /// Where it is now.
    pub url: Url,
    /// `LANGUAGE`
    pub language: Option<String>,
    /// `NAME`
    pub name: Option<String>,
    /// `GROUP-ID`
    pub group: Option<String>,
    /// The groups of renditions that a variant uses.
    pub groups: Vec<(MediaKind, String)>,
    /// `PATHWAY-ID`: the CDN that a variant is on, `.` where it says nothing.
    pub pathway: String,
    /// `STABLE-VARIANT-ID` or `STABLE-RENDITION-ID`
    pub stable_id: Option<String>,
}

/// One quality of the whole stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// What it is called, whatever its URL.
    pub key: RenditionKey,
    /// Where it is now.
    pub url: Url,
    /// The most bits per second.
    pub bandwidth: Option<u64>,
    /// Bits per second.
    pub average_bandwidth: Option<u64>,
    /// Width and height.
    pub resolution: Option<(u64, u64)>,
    /// Frames per second.
    pub frame_rate: Option<f64>,
    /// As in a MIME type.
    pub codecs: Option<String>,
    /// The group of its audio renditions.
    pub audio: Option<String>,
    /// The group of its subtitles.
    pub subtitles: Option<String>,
}

/// What a playlist offers, if it is a multivariant one.
pub fn multivariant(body: &[u8], context: &Context<'_>) -> Option<Multivariant> {
    let mut variants = Vec::new();
    let mut playlists = Vec::new();
    let mut collect = |child: &Child<'_>| {
        let key = child.rendition?.clone();
        // A tag that has its URI twice names one rendition: the first.
        if playlists.last().is_some_and(|last: &Named| last.key == key) {
            return None;
        }
        if child.kind == ChildKind::Variant {
            variants.push(Variant::read(&key, child));
        }
        playlists.push(Named::read(key, child));
        // What is written does not matter: only what is named is wanted.
        Some("-".to_owned())
    };
    let rewritten = rewrite(body, context, &mut collect);
    (rewritten.kind == Kind::Multivariant).then_some(Multivariant {
        variants,
        playlists,
        protection: rewritten.protection,
        variables: rewritten.variables.within(context.limits.variables).0,
    })
}

// === impl Multivariant ===

impl Multivariant {
    /// Where the rendition of that key is now.
    pub fn find(&self, key: &RenditionKey) -> Option<&Named> {
        self.playlists.iter().find(|named| named.key == *key)
    }

    /// The best quality: most lines, then most bits.
    pub fn best(&self) -> Option<&Variant> {
        let height = |variant: &Variant| variant.resolution.map_or(0, |(_, height)| height);
        let bits = |variant: &Variant| variant.bandwidth.unwrap_or_default();
        self.variants.iter().max_by_key(|v| (height(v), bits(v)))
    }
}

// === impl Named ===

impl Named {
    fn read(key: RenditionKey, child: &Child<'_>) -> Self {
        let attributes = Attributes::of(child.tag);
        let rendition = matches!(child.kind, ChildKind::Rendition(_));
        let text = |name| {
            attributes
                .text(name)
                .filter(|text| rendition && !text.is_empty())
        };
        let groups = [
            ("AUDIO", MediaKind::Audio),
            ("VIDEO", MediaKind::Video),
            ("SUBTITLES", MediaKind::Subtitles),
        ];
        let groups = groups
            .into_iter()
            .filter(|_| child.kind == ChildKind::Variant)
            .filter_map(|(name, kind)| Some((kind, attributes.text(name)?)));
        Self {
            key,
            kind: child.kind,
            url: child.url.clone(),
            language: text("LANGUAGE"),
            name: text("NAME"),
            group: text("GROUP-ID"),
            groups: groups.collect(),
            pathway: attributes
                .text("PATHWAY-ID")
                .unwrap_or_else(|| ".".to_owned()),
            stable_id: attributes
                .text(match rendition {
                    true => "STABLE-RENDITION-ID",
                    false => "STABLE-VARIANT-ID",
                })
                .filter(|id| !id.is_empty()),
        }
    }

    /// Whether it is an audio rendition.
    pub fn is_audio(&self) -> bool {
        self.kind == ChildKind::Rendition(MediaKind::Audio)
    }
}

// === impl Variant ===

impl Variant {
    fn read(key: &RenditionKey, child: &Child<'_>) -> Self {
        by_library(child.tag).map_or_else(
            || Self::by_attributes(key, child),
            |read| Self {
                key: key.clone(),
                url: child.url.clone(),
                bandwidth: Some(read.bandwidth),
                average_bandwidth: read.average_bandwidth,
                resolution: read.resolution.map(|size| (size.width, size.height)),
                frame_rate: read.frame_rate,
                codecs: read.codecs,
                audio: read.audio,
                subtitles: read.subtitles,
            },
        )
    }

    pub(super) fn by_attributes(key: &RenditionKey, child: &Child<'_>) -> Self {
        let attributes = Attributes::of(child.tag);
        let resolution = attributes.text("RESOLUTION").and_then(|text| {
            let (width, height) = text.split_once(['x', 'X'])?;
            Some((width.trim().parse().ok()?, height.trim().parse().ok()?))
        });
        Self {
            key: key.clone(),
            url: child.url.clone(),
            bandwidth: attributes.number("BANDWIDTH"),
            average_bandwidth: attributes.number("AVERAGE-BANDWIDTH"),
            resolution,
            frame_rate: attributes.number("FRAME-RATE"),
            codecs: attributes.text("CODECS"),
            audio: attributes.text("AUDIO"),
            subtitles: attributes.text("SUBTITLES"),
        }
    }
}

/// One line at a time: what the library makes of the whole of a hostile playlist
/// is not ours to bound.
fn by_library(tag: &[u8]) -> Option<m3u8_rs::VariantStream> {
    let text = [b"#EXTM3U\n#EXT-X-STREAM-INF:", tag, b"\nx\n"].concat();
    let read = m3u8_rs::parse_master_playlist_res(&text).ok()?;
    read.variants
        .into_iter()
        .next()
        .filter(|variant| variant.uri == "x")
}
