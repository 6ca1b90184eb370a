//! The text of the playlists. Relative and absolute URIs are mixed on
//! purpose: a proxy has to rewrite both. Pure: time comes in as a number.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::{Cdn, WINDOW};
use crate::ts::SEGMENT_SECONDS;

/// Of this many segments, one has an absolute URI.
const ABSOLUTE_EVERY: u64 = 3;

/// The first variant is named relative to the playlist, the others are not.
pub(super) fn multivariant(cdn: &Cdn, random: &str) -> String {
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    for (place, (variant, looped)) in cdn.loops.iter().enumerate() {
        let (peak, mean) = looped.bit_rates();
        let base = if place == 0 {
            String::new()
        } else {
            format!("{}/live/{random}/", cdn.origin)
        };
        let _ = writeln!(
            text,
            "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={mean},CODECS=\"{}\",RESOLUTION={},FRAME-RATE=15.000\n{base}{}/index.m3u8",
            variant.codecs, variant.resolution, variant.name,
        );
    }
    text
}

/// The newest segments under a base that ends in a slash.
pub(super) fn media(base: &str, newest: u64) -> String {
    let first = (newest + 1).saturating_sub(WINDOW);
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:{SEGMENT_SECONDS}\n#EXT-X-MEDIA-SEQUENCE:{first}\n"
    );
    for number in first..=newest {
        let base = if number.is_multiple_of(ABSOLUTE_EVERY) {
            base
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "#EXT-X-PROGRAM-DATE-TIME:{}\n#EXTINF:{SEGMENT_SECONDS}.000,\n{base}segment-{number}.ts",
            date(number * SEGMENT_SECONDS),
        );
    }
    text
}

/// The number in a segment's name, if it is written as we write it.
pub(super) fn segment_number(file: &str) -> Option<u64> {
    let digits = file.strip_prefix("segment-")?.strip_suffix(".ts")?;
    let number = digits.parse().ok()?;
    (digits == u64::to_string(&number)).then_some(number)
}

pub(crate) fn date(seconds: u64) -> String {
    let time =
        Timestamp::from_second(seconds.try_into().unwrap_or(i64::MAX)).unwrap_or(Timestamp::MAX);
    time.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_playlist_slides_with_the_numbers() {
        let text = media("http://cdn.test:1/live/r/360p/", 900_000_005);
        assert!(
            text.contains("\n#EXT-X-MEDIA-SEQUENCE:899999999\n"),
            "{text}"
        );
        let uris: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            uris,
            [
                "segment-899999999.ts",
                "http://cdn.test:1/live/r/360p/segment-900000000.ts",
                "segment-900000001.ts",
                "segment-900000002.ts",
                "http://cdn.test:1/live/r/360p/segment-900000003.ts",
                "segment-900000004.ts",
                "segment-900000005.ts",
            ]
        );
        // 2 × 900 000 000 s after 1970.
        assert!(
            text.contains("2027-01-15T08:00:00.000Z\n#EXTINF:2.000,\nhttp://cdn.test:1/live"),
            "{text}"
        );
    }

    #[test]
    fn only_our_own_names_are_segments() {
        assert_eq!(segment_number("segment-12.ts"), Some(12));
        for name in [
            "segment-012.ts",
            "segment-+1.ts",
            "segment--1.ts",
            "segment-.ts",
            "12.ts",
            "segment-1.mp4",
        ] {
            assert_eq!(segment_number(name), None, "{name}");
        }
    }
}
