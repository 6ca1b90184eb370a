//! MPEG-TS, and fragmented MP4 with its map.

use std::fmt::Write as _;

use super::{Asked, Found, LINE, MP4, TS};
use crate::{cdn::playlist::date, mp4};

pub(super) fn ts(asked: &Asked<'_>) -> Option<Found> {
    match asked.path[..] {
        ["master.m3u8"] => Some(asked.master("", "")),
        [quality, file] => {
            let one = asked.rendition(quality)?;
            if file == "index.m3u8" {
                return Some(asked.list("", |text, number| {
                    entry(asked, text, number, quality, "ts");
                }));
            }
            let number = asked.number(LINE, file, "segment", "ts")?;
            Some(Found::Media(TS, one.looped.segment(number)))
        }
        _ => None,
    }
}

pub(super) fn fmp4(asked: &Asked<'_>) -> Option<Found> {
    match asked.path[..] {
        ["master.m3u8"] => Some(asked.master("", "")),
        [quality, file] => {
            let one = asked.rendition(quality)?;
            fragments(asked, quality, file, &one.both())
        }
        _ => None,
    }
}

/// A rendition of some tracks: its playlist, its map and its segments.
pub(super) fn fragments(
    asked: &Asked<'_>,
    dir: &str,
    file: &str,
    parts: &[mp4::Part<'_>],
) -> Option<Found> {
    match file {
        "index.m3u8" => Some(asked.list("#EXT-X-MAP:URI=\"init.mp4\"\n", |text, number| {
            entry(asked, text, number, dir, "m4s");
        })),
        "init.mp4" => Some(Found::Media(MP4, mp4::init(parts))),
        _ => {
            let number = asked.number(LINE, file, "segment", "m4s")?;
            Some(Found::Media(MP4, segment(parts, number)))
        }
    }
}

pub(super) fn segment(parts: &[mp4::Part<'_>], number: u64) -> Vec<u8> {
    let (from, to) = LINE.millis(number);
    [mp4::SEGMENT_TYPE, &mp4::fragment(parts, from, to)].concat()
}

/// A segment's lines.
pub(super) fn entry(asked: &Asked<'_>, text: &mut String, number: u64, dir: &str, extension: &str) {
    let uri = asked.uri(number, dir, &format!("segment-{number}.{extension}"));
    let _ = writeln!(
        text,
        "#EXT-X-PROGRAM-DATE-TIME:{}\n#EXTINF:{}.000,\n{uri}",
        date(number * LINE.seconds),
        LINE.seconds
    );
}
