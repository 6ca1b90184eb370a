//! Low latency: parts while a segment is being made, playlists that are asked
//! for before they exist, hints of what comes next, reports of the other
//! qualities, and deltas.
//!
//! What is to come is held until it is there, for three target durations at
//! most. Directives that make no sense are answered 400, as they should be.

mod directives;
mod edge;

use std::time::Duration;

use http::StatusCode;

use super::{Asked, Found, Line, MP4};
use crate::mp4;
use directives::Wish;

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
    Found::Playlist(edge::text(cut, cut.complete(time), wish.skip, &others))
}

/// Segment and place in `part-<segment>.<place>.m4s`.
fn part_number(file: &str) -> Option<(u64, u64)> {
    let numbers = file.strip_prefix("part-")?.strip_suffix(".m4s")?;
    let (segment, place) = numbers.split_once('.')?;
    Some((segment.parse().ok()?, place.parse().ok()?))
}
