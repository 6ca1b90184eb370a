//! What a playlist says, from top to bottom, that decides how it and what it
//! names are served: how long it may be kept, whether it may be relayed at all,
//! what a segment is wrapped in.

use std::time::Duration;

use super::protection::Protection;
use super::tokenise::{Attributes, Tag};
use super::wraps::Wrap;

/// As far as the playlist has been read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Facts {
    /// What the next segment is wrapped in.
    pub(super) wrap: Wrap,
    /// Its number.
    pub(super) next: u64,
    /// The worst of its keys.
    pub(super) protection: Protection,
    /// The longest segment, rounded.
    pub(super) target: Option<Duration>,
    /// The longest part.
    pub(super) part_target: Option<Duration>,
    /// Whether it says that nothing will follow.
    pub(super) ended: bool,
    /// Whether it says that reloads may be held.
    pub(super) can_block: bool,
    /// Whether it says that what was there before may be left out.
    pub(super) can_skip: bool,
}

// === impl Facts ===

impl Facts {
    /// Variables are filled in, as far as they can be.
    pub(super) fn read(&mut self, tag: &Tag<'_>) {
        match tag.name {
            b"EXT-X-KEY" => {
                let protection = Protection::of(tag);
                self.wrap.encrypted = protection != Protection::None;
                self.protection = self.protection.max(protection);
            }
            b"EXT-X-SESSION-KEY" => {
                self.protection = self.protection.max(Protection::of(tag));
            }
            b"EXT-X-MAP" => self.wrap.mapped = true,
            // The "Image Media Playlist Specification", version 0.4.
            b"EXT-X-IMAGES-ONLY" => self.wrap.pictures = true,
            b"EXT-X-MEDIA-SEQUENCE" => self.next = parse(tag.value).unwrap_or_default(),
            b"EXT-X-SKIP" => {
                let skipped = tag.attributes().number("SKIPPED-SEGMENTS");
                self.next = self.next.saturating_add(skipped.unwrap_or_default());
            }
            b"EXT-X-TARGETDURATION" => self.target = seconds(tag.value),
            b"EXT-X-PART-INF" => {
                let target = tag.attributes().get("PART-TARGET");
                self.part_target = target.and_then(seconds);
            }
            b"EXT-X-ENDLIST" => self.ended = true,
            b"EXT-X-SERVER-CONTROL" => {
                let says = tag.attributes();
                self.can_block = says.get("CAN-BLOCK-RELOAD") == Some(b"YES");
                self.can_skip = says.get("CAN-SKIP-UNTIL").is_some();
            }
            _ => {}
        }
    }
}

/// A server's control without what a player may ask only of a server that is
/// asked so: reloads that are held, and delta updates. `None` if nothing else
/// is in it.
pub(super) fn without_directives(value: &[u8]) -> Option<Vec<u8>> {
    let asks = |name: &[u8]| {
        [
            &b"CAN-BLOCK-RELOAD"[..],
            b"CAN-SKIP-UNTIL",
            b"CAN-SKIP-DATERANGES",
        ]
        .iter()
        .any(|asks| name.eq_ignore_ascii_case(asks))
    };
    let between = |b: &u8| *b == b',' || b.is_ascii_whitespace();
    let mut kept = Vec::with_capacity(value.len());
    let mut attributes = Attributes::of(value);
    let mut gone = false;
    let mut start = 0;
    let mut keep = |mut piece: &[u8], gone: bool| {
        if gone {
            let seam = piece.iter().position(|b| !between(b));
            piece = &piece[seam.unwrap_or(piece.len())..];
            let end = kept.iter().rposition(|b| !between(b));
            kept.truncate(end.map_or(0, |end| end + 1));
            if !kept.is_empty() && !piece.is_empty() {
                kept.push(b',');
            }
        }
        kept.extend_from_slice(piece);
    };
    while let Some(attribute) = attributes.next() {
        let end = attributes.position();
        if asks(attribute.name) {
            gone = true;
        } else {
            keep(&value[start..end], gone);
            gone = false;
        }
        start = end;
    }
    keep(&value[start..], gone);
    (!kept.trim_ascii().is_empty()).then_some(kept)
}

pub(super) fn parse<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

pub(super) fn seconds(text: &[u8]) -> Option<Duration> {
    Duration::try_from_secs_f64(parse(text)?).ok()
}
