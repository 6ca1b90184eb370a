//! The playlist at the live edge.

use std::fmt::Write as _;

use super::Cut;
use crate::{cdn::playlist::date, kinds::line::head};

/// Segments before the newest that still show their parts.
const WITH_PARTS: u64 = 3;

/// The playlist when so many parts are complete.
pub(super) fn text(cut: Cut, complete: u64, skip: bool, others: &[&str]) -> String {
    let per_segment = cut.parts_in_segment();
    let Cut { line, part, .. } = cut;
    let newest = (complete / per_segment).saturating_sub(1);
    let first = (newest + 1).saturating_sub(line.window);
    let (target, seconds) = (line.seconds, |millis: u64| {
        format!("{}.{:03}", millis / 1_000, millis % 1_000)
    });
    let mut text = head(9, target, first);
    let _ = write!(
        text,
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL={}.0,HOLD-BACK={}.0,PART-HOLD-BACK={}\n#EXT-X-PART-INF:PART-TARGET={}\n",
        target * 6,
        target * 3,
        cut.hold_back,
        seconds(part)
    );
    // What lies before the skip boundary need not be told again.
    let boundary = (complete * part).saturating_sub(target * 6_000);
    let skipped = match skip {
        true => (first..=newest)
            .take_while(|number| line.millis(*number).1 <= boundary)
            .count() as u64,
        false => 0,
    };
    if skipped > 0 {
        let _ = writeln!(text, "#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}");
    } else {
        text.push_str("#EXT-X-MAP:URI=\"init.mp4\"\n");
    }
    for number in first + skipped..=newest + 1 {
        let parts = match number > newest {
            true => complete % per_segment,
            false => per_segment,
        };
        let _ = writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{}", date(number * target));
        for place in (0..parts).filter(|_| number + WITH_PARTS > newest) {
            let independent = match place.is_multiple_of(cut.independent_every) {
                true => ",INDEPENDENT=YES",
                false => "",
            };
            let _ = writeln!(
                text,
                "#EXT-X-PART:DURATION={},URI=\"part-{number}.{place}.m4s\"{independent}",
                seconds(part)
            );
        }
        if number <= newest {
            let _ = writeln!(
                text,
                "#EXTINF:{},\nsegment-{number}.m4s",
                seconds(target * 1_000)
            );
        }
    }
    let (segment, place) = (complete / per_segment, complete % per_segment);
    let _ = writeln!(
        text,
        "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part-{segment}.{place}.m4s\""
    );
    let last = complete.saturating_sub(1);
    for other in others {
        let _ = writeln!(
            text,
            "#EXT-X-RENDITION-REPORT:URI=\"../{other}/index.m3u8\",LAST-MSN={},LAST-PART={}",
            last / per_segment,
            last % per_segment
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::latency::FAST;

    #[test]
    fn the_live_edge_is_told_part_by_part() {
        // 1,000 segments and two parts.
        let full = text(FAST, 5_002, false, &["180p"]);
        assert!(full.contains("\n#EXT-X-MEDIA-SEQUENCE:985\n"), "{full}");
        assert!(
            full.ends_with(
                "#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:33:20.000Z\n\
             #EXT-X-PART:DURATION=0.400,URI=\"part-1000.0.m4s\",INDEPENDENT=YES\n\
             #EXT-X-PART:DURATION=0.400,URI=\"part-1000.1.m4s\"\n\
             #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part-1000.2.m4s\"\n\
             #EXT-X-RENDITION-REPORT:URI=\"../180p/index.m3u8\",LAST-MSN=1000,LAST-PART=1\n"
            ),
            "{full}"
        );
        assert_eq!(full.matches("#EXT-X-PART:").count(), 17);
        assert_eq!(full.matches("#EXTINF:2.000,").count(), 15);

        let delta = text(FAST, 5_002, true, &[]);
        // 12 s before the edge at 2,000.8 s lies 1,988.8 s: 985 to 993 end before.
        assert!(
            delta.contains("#EXT-X-SKIP:SKIPPED-SEGMENTS=9\n"),
            "{delta}"
        );
        assert!(!delta.contains("EXT-X-MAP"), "{delta}");
        let tail = &full[full.find("segment-993.m4s\n").unwrap() + 16..];
        let rest = &delta[delta.find("SEGMENTS=9\n").unwrap() + 11..];
        assert!(rest.trim_end() == tail[..tail.find("#EXT-X-RENDITION").unwrap()].trim_end());

        let whole = text(FAST, 5_000, false, &["180p"]);
        assert!(
            whole.contains("HINT:TYPE=PART,URI=\"part-1000.0.m4s\""),
            "{whole}"
        );
        assert!(whole.contains("LAST-MSN=999,LAST-PART=4"), "{whole}");
    }
}
