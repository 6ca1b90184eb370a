//! Segments on the clock, and what their playlists begin with.

use std::{ops::RangeInclusive, time::Duration};

use crate::cdn::KEPT;

/// The line of segments on the clock.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub(super) seconds: u64,
    /// Segments in a playlist.
    pub(super) window: u64,
}

/// 2 s a segment, as the live stream.
pub(super) const LINE: Line = Line {
    seconds: crate::ts::SEGMENT_SECONDS,
    window: crate::cdn::WINDOW,
};

impl Line {
    /// The number of the newest segment that is complete at a time.
    pub(super) fn newest(self, time: Duration) -> u64 {
        (time.as_secs() / self.seconds).saturating_sub(1)
    }

    pub(super) fn window(self, time: Duration) -> RangeInclusive<u64> {
        let newest = self.newest(time);
        (newest + 1).saturating_sub(self.window)..=newest
    }

    pub(super) fn has(self, number: u64, time: Duration) -> bool {
        let newest = self.newest(time);
        number <= newest && number.saturating_add(self.window + KEPT) > newest
    }

    /// From when to when, in milliseconds since 1970.
    pub(super) fn millis(self, number: u64) -> (u64, u64) {
        let from = number * self.seconds * 1_000;
        (from, from + self.seconds * 1_000)
    }
}

pub(super) fn head(version: u32, target: u64, first: u64) -> String {
    format!(
        "#EXTM3U\n#EXT-X-VERSION:{version}\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:{first}\n"
    )
}

/// The number in a name, if it is written as we write it.
pub(super) fn numbered(file: &str, name: &str, extension: &str) -> Option<u64> {
    let digits = file.strip_prefix(name)?.strip_prefix('-')?;
    let digits = digits.strip_suffix(extension)?.strip_suffix('.')?;
    let number = digits.parse().ok()?;
    (digits == u64::to_string(&number)).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_steady_and_forgets() {
        let at = |seconds| Duration::from_secs(seconds);
        assert_eq!(LINE.window(at(100)), 43..=49);
        assert_eq!(LINE.window(at(101)), 43..=49);
        let slow = Line {
            seconds: 10,
            window: 3,
        };
        assert_eq!(slow.window(at(1_009)), 97..=99);
        assert_eq!(slow.millis(97), (970_000, 980_000));
        assert!(slow.has(99, at(1_000)) && !slow.has(100, at(1_009)));
        assert!(!slow.has(1, at(1_000)) && slow.has(90, at(1_000)));
    }

    #[test]
    fn only_our_own_names_have_numbers() {
        assert_eq!(numbered("segment-7.m4s", "segment", "m4s"), Some(7));
        for wrong in [
            "segment-07.m4s",
            "segment-7.ts",
            "part-7.m4s",
            "segment-.m4s",
        ] {
            assert_eq!(numbered(wrong, "segment", "m4s"), None, "{wrong}");
        }
    }
}
