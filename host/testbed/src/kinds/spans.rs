//! Byte ranges: five segments in a file that grows while they are made.

use std::fmt::Write as _;

use super::{Asked, Found, LINE, MP4, Rendition, TS, numbered, plain};
use crate::{cdn::playlist::date, mp4};

/// Segments in a file.
const FILE: u64 = 5;

/// What a file is made of.
struct Pieces<'a> {
    extension: &'static str,
    media_type: &'static str,
    /// An offset that need not be said is not said: streamlink wants all.
    terse: bool,
    /// Before the first segment.
    start: Vec<u8>,
    segment: Box<dyn Fn(u64) -> Vec<u8> + 'a>,
}

pub(super) fn ts(asked: &Asked<'_>) -> Option<Found> {
    find(asked, |one| Pieces {
        extension: "ts",
        media_type: TS,
        terse: false,
        start: Vec::new(),
        segment: Box::new(move |number| one.looped.segment(number)),
    })
}

pub(super) fn fmp4(asked: &Asked<'_>) -> Option<Found> {
    find(asked, |one| Pieces {
        extension: "mp4",
        media_type: MP4,
        terse: true,
        start: mp4::init(&one.both()),
        segment: Box::new(move |number| plain::segment(&one.both(), number)),
    })
}

fn find<'a>(asked: &Asked<'a>, pieces: impl FnOnce(Rendition<'a>) -> Pieces<'a>) -> Option<Found> {
    match asked.path[..] {
        ["master.m3u8"] => Some(asked.master("", "")),
        [quality, "index.m3u8"] => {
            let one = asked.rendition(quality)?;
            Some(list(asked, quality, &pieces(one)))
        }
        [quality, file] => {
            let one = asked.rendition(quality)?;
            let pieces = pieces(one);
            let file = numbered(file, "file", pieces.extension)?;
            let first = file.checked_mul(FILE)?;
            if !LINE.has(first, asked.now) {
                return None;
            }
            let last = LINE.newest(asked.now).min(first + FILE - 1);
            let mut bytes = pieces.start;
            for number in first..=last {
                bytes.extend((pieces.segment)(number));
            }
            Some(Found::Media(pieces.media_type, bytes))
        }
        _ => None,
    }
}

fn list(asked: &Asked<'_>, dir: &str, pieces: &Pieces<'_>) -> Found {
    let mut before = None;
    asked.list("", |text, number| {
        let (file, place) = (number / FILE, number % FILE);
        let uri = asked.uri(file, dir, &format!("file-{file}.{}", pieces.extension));
        let begins = before != Some(file);
        before = Some(file);
        if begins && !pieces.start.is_empty() {
            let length = pieces.start.len();
            let _ = writeln!(text, "#EXT-X-MAP:URI=\"{uri}\",BYTERANGE=\"{length}@0\"");
        }
        let length = (pieces.segment)(number).len();
        let _ = write!(
            text,
            "#EXT-X-PROGRAM-DATE-TIME:{}\n#EXTINF:{}.000,\n#EXT-X-BYTERANGE:{length}",
            date(number * LINE.seconds),
            LINE.seconds
        );
        // Where it goes on from the one before, it need not be said.
        if begins || place.is_multiple_of(2) || !pieces.terse {
            let others = number - place..number;
            let offset: usize = others.map(|other| (pieces.segment)(other).len()).sum();
            let _ = write!(text, "@{}", pieces.start.len() + offset);
        }
        let _ = writeln!(text, "\n{uri}");
    })
}
