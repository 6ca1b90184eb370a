//! A request for something of a kind, and what all kinds make playlists with.

use std::{fmt::Write as _, time::Duration};

use super::{Found, Kinds, LINE, Line, Rendition, head, numbered};
use crate::{cdn::Variant, mp4};

/// Of this many URIs, one is absolute.
const ABSOLUTE_EVERY: u64 = 3;

/// A request for something of a kind.
pub(super) struct Asked<'a> {
    pub(super) kinds: &'a Kinds,
    /// The kind's own URL, up to and with the slash.
    pub(super) base: String,
    /// Below the kind.
    pub(super) path: Vec<&'a str>,
    pub(super) query: Vec<(String, String)>,
    /// When it is.
    pub(super) now: Duration,
    /// What playlists show: now, or when they froze.
    pub(super) shown: Duration,
}

impl<'a> Asked<'a> {
    pub(super) fn renditions(&self) -> impl Iterator<Item = Rendition<'a>> {
        let media = self.kinds.media();
        let loops = self.kinds.cdn.loops.iter().zip(&media.tracks);
        loops.map(|((variant, looped), (video, audio))| Rendition {
            variant,
            looped,
            video: mp4::Part {
                track: video,
                size: variant.size,
                language: *b"und",
            },
            audio: mp4::Part {
                track: audio,
                size: (0, 0),
                language: *b"eng",
            },
        })
    }

    pub(super) fn rendition(&self, name: &str) -> Option<Rendition<'a>> {
        self.renditions().find(|one| one.variant.name == name)
    }

    /// The second language, which is the same in all qualities.
    pub(super) fn second(&self) -> mp4::Part<'a> {
        mp4::Part {
            track: &self.kinds.media().second,
            size: (0, 0),
            language: *b"deu",
        }
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let mut pairs = self.query.iter();
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A name below a directory of the kind, absolute for one number in three.
    pub(super) fn uri(&self, number: u64, dir: &str, name: &str) -> String {
        if number.is_multiple_of(ABSOLUTE_EVERY) {
            format!("{}{dir}/{name}", self.base)
        } else {
            name.to_owned()
        }
    }

    /// A multivariant playlist: `more` stands before the variants, `attributes`
    /// in each of their lines.
    pub(super) fn master(&self, more: &str, attributes: &str) -> Found {
        let mut text = format!("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n{more}");
        for (place, one) in self.renditions().enumerate() {
            let uri = self.uri(place as u64 + 2, one.variant.name, "index.m3u8");
            let uri = match uri.contains("://") {
                true => uri,
                false => format!("{}/{uri}", one.variant.name),
            };
            self.variant_line(&mut text, &one, attributes);
            let _ = writeln!(text, "{uri}");
        }
        Found::Playlist(text)
    }

    pub(super) fn variant_line(&self, text: &mut String, one: &Rendition<'_>, attributes: &str) {
        let (peak, mean) = one.looped.bit_rates();
        let Variant {
            codecs, resolution, ..
        } = one.variant;
        let _ = writeln!(
            text,
            "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={mean},CODECS=\"{codecs}\",RESOLUTION={resolution},FRAME-RATE=15.000{attributes}"
        );
    }

    /// A media playlist on the line of 2 s: `more` stands in its head, and
    /// `entry` writes what stands at a segment.
    pub(super) fn list(&self, more: &str, mut entry: impl FnMut(&mut String, u64)) -> Found {
        let numbers = LINE.window(self.shown);
        let mut text = head(7, LINE.seconds, *numbers.start());
        text.push_str(more);
        for number in numbers {
            entry(&mut text, number);
        }
        Found::Playlist(text)
    }

    /// The number in `name-<number>.<extension>`, if that segment is there.
    pub(super) fn number(
        &self,
        line: Line,
        file: &str,
        name: &str,
        extension: &str,
    ) -> Option<u64> {
        let number = numbered(file, name, extension)?;
        line.has(number, self.now).then_some(number)
    }
}

impl<'a> Rendition<'a> {
    /// Pictures and sound.
    pub(super) fn both(self) -> [mp4::Part<'a>; 2] {
        [self.video, self.audio]
    }
}
