//! Low latency: parts while a segment is being made, playlists that are asked
//! for before they exist, hints of what comes next, reports of the other
//! qualities, and deltas.
//!
//! What is to come is held until it is there, for three target durations at
//! most. Directives that make no sense are answered 400, as they should be.

use std::{fmt::Write as _, time::Duration};

use http::StatusCode;

use super::{Asked, Found, Line, MP4, head};
use crate::{cdn::playlist::date, mp4};

/// How segments and parts are cut.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    line: Line,
    /// Of a part, in milliseconds; a whole number of them is a segment.
    part: u64,
    /// How often a part begins with a key picture.
    independent_every: u64,
    hold_back: &'static str,
}

pub(super) const FAST: Cut = Cut {
    line: Line {
        seconds: 2,
        window: 15,
    },
    part: 400,
    independent_every: 5,
    hold_back: "2.0",
};

pub(super) const SLOW: Cut = Cut {
    line: Line {
        seconds: 10,
        window: 12,
    },
    part: 2_000,
    independent_every: 1,
    hold_back: "6.0",
};

/// Segments before the newest that still show their parts.
const WITH_PARTS: u64 = 3;
/// How far a client may ask ahead of the newest segment.
const AHEAD: u64 = 2;
/// Waits look again this often: playlists may be frozen meanwhile.
const LOOK: Duration = Duration::from_millis(100);

impl Cut {
    fn parts_in_segment(self) -> u64 {
        self.line.seconds * 1_000 / self.part
    }

    /// How many parts are complete at a time, counted from 1970.
    fn complete(self, time: Duration) -> u64 {
        time.as_millis() as u64 / self.part
    }

    fn patience(self) -> Duration {
        Duration::from_secs(3 * self.line.seconds)
    }
}

/// What a request's directives ask for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wish {
    segment: Option<u64>,
    part: Option<u64>,
    skip: bool,
}

pub(super) async fn answer(asked: &Asked<'_>, cut: Cut) -> Option<Found> {
    match asked.path[..] {
        ["master.m3u8"] => Some(asked.master("", "")),
        [quality, "index.m3u8"] => {
            asked.rendition(quality)?;
            Some(playlist(asked, cut, quality).await)
        }
        [quality, "init.mp4"] => {
            let one = asked.rendition(quality)?;
            Some(Found::Media(MP4, mp4::init(&one.both())))
        }
        [quality, file] => {
            let one = asked.rendition(quality)?;
            let parts = match part_number(file) {
                Some((segment, part)) if part < cut.parts_in_segment() => {
                    let number = segment.checked_mul(cut.parts_in_segment())? + part;
                    let segment_is_near = segment <= cut.line.newest(asked.now) + AHEAD;
                    let is_kept = cut.line.has(segment, asked.now);
                    if !segment_is_near
                        || number < cut.complete(asked.now)
                            && !is_kept
                            && !is_current(cut, segment, asked.now)
                    {
                        return None;
                    }
                    // A hinted part is held until it is there.
                    if !until(asked, cut, number + 1).await {
                        return None;
                    }
                    number..number + 1
                }
                Some(_) => return None,
                None => {
                    let number = asked.number(cut.line, file, "segment", "m4s")?;
                    number * cut.parts_in_segment()..(number + 1) * cut.parts_in_segment()
                }
            };
            let fragments = parts.map(|number| {
                let from = number * cut.part;
                mp4::fragment(&one.both(), from, from + cut.part)
            });
            Some(Found::Media(MP4, fragments.flatten().collect()))
        }
        _ => None,
    }
}

fn is_current(cut: Cut, segment: u64, now: Duration) -> bool {
    segment == cut.line.newest(now) + 1
}

/// Waits until so many parts are complete, and says whether they are.
async fn until(asked: &Asked<'_>, cut: Cut, parts: u64) -> bool {
    let there = Duration::from_millis(parts * cut.part);
    let mut waited = Duration::ZERO;
    loop {
        let now = asked.kinds.cdn.faults.playlist_time();
        let Some(left) = there.checked_sub(now).filter(|left| !left.is_zero()) else {
            return true;
        };
        if waited >= cut.patience() {
            return false;
        }
        let pause = left.min(LOOK);
        tokio::time::sleep(pause).await;
        waited += pause;
    }
}

async fn playlist(asked: &Asked<'_>, cut: Cut, quality: &str) -> Found {
    let wish = match Wish::of(&asked.query) {
        Ok(wish) => wish,
        Err(why) => return Found::Refused(StatusCode::BAD_REQUEST, why),
    };
    if let Some(segment) = wish.segment {
        if segment > cut.line.newest(asked.shown) + AHEAD {
            return Found::Refused(StatusCode::BAD_REQUEST, "_HLS_msn is too far ahead\n");
        }
        let parts = match wish.part {
            Some(part) => segment * cut.parts_in_segment() + part + 1,
            None => (segment + 1) * cut.parts_in_segment(),
        };
        if !until(asked, cut, parts).await {
            return Found::Refused(StatusCode::SERVICE_UNAVAILABLE, "it does not come\n");
        }
    }
    let time = asked.kinds.cdn.faults.playlist_time();
    let others = asked.renditions().map(|one| one.variant.name);
    let others: Vec<&str> = others.filter(|name| *name != quality).collect();
    Found::Playlist(text(cut, cut.complete(time), wish.skip, &others))
}

/// The playlist when so many parts are complete.
fn text(cut: Cut, complete: u64, skip: bool, others: &[&str]) -> String {
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

impl Wish {
    fn of(query: &[(String, String)]) -> Result<Self, &'static str> {
        let mut wish = Self::default();
        for (name, value) in query {
            let number = || {
                let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
                let number = value.parse().ok().filter(|number| *number < 1 << 50);
                number
                    .filter(|_| digits)
                    .ok_or("a directive that is no number\n")
            };
            let before = match name.as_str() {
                "_HLS_msn" => wish.segment.replace(number()?).is_some(),
                "_HLS_part" => wish.part.replace(number()?).is_some(),
                "_HLS_skip" if matches!(value.as_str(), "YES" | "v2") => {
                    std::mem::replace(&mut wish.skip, true)
                }
                "_HLS_skip" => return Err("_HLS_skip is YES or v2\n"),
                _ => false,
            };
            if before {
                return Err("a directive stands there twice\n");
            }
        }
        match wish {
            Self {
                segment: None,
                part: Some(_),
                ..
            } => Err("_HLS_part without _HLS_msn\n"),
            _ => Ok(wish),
        }
    }
}

/// Segment and place in `part-<segment>.<place>.m4s`.
fn part_number(file: &str) -> Option<(u64, u64)> {
    let numbers = file.strip_prefix("part-")?.strip_suffix(".m4s")?;
    let (segment, place) = numbers.split_once('.')?;
    Some((segment.parse().ok()?, place.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(query: &str) -> Result<Wish, &'static str> {
        let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
        Wish::of(&pairs.collect::<Vec<_>>())
    }

    #[test]
    fn directives_make_sense_or_are_refused() {
        let asked = |segment, part, skip| {
            Ok(Wish {
                segment,
                part,
                skip,
            })
        };
        assert_eq!(wish(""), asked(None, None, false));
        assert_eq!(wish("a=b&_HLS_msn=0"), asked(Some(0), None, false));
        assert_eq!(
            wish("_HLS_msn=7&_HLS_part=2&_HLS_skip=YES"),
            asked(Some(7), Some(2), true)
        );
        assert_eq!(wish("_HLS_skip=v2"), asked(None, None, true));
        for wrong in [
            "_HLS_part=1",
            "_HLS_msn=",
            "_HLS_msn=-1",
            "_HLS_msn=+1",
            "_HLS_msn=1&_HLS_msn=1",
            "_HLS_skip=no",
            "_HLS_skip=YES&_HLS_skip=YES",
            "_HLS_msn=99999999999999999999",
        ] {
            assert!(wish(wrong).is_err(), "{wrong}");
        }
    }

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
