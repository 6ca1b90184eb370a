//! Interstitials: every half minute a break of 6 s, in turn as one playlist and
//! as a list of two, which is JSON.

use std::fmt::Write as _;

use serde_json::json;

use super::{Asked, Found, LINE, TS, head, numbered, plain};
use crate::cdn::playlist::date;

/// Seconds from one break to the next, and of a break.
const EVERY: u64 = 30;
const LASTS: u64 = 6;
/// Breaks that a playlist names: the last, and the one to come.
const NAMED: u64 = 2;

pub(super) fn interstitials(asked: &Asked<'_>) -> Option<Found> {
    match asked.path[..] {
        ["master.m3u8"] => Some(asked.master("", "")),
        ["assets.json"] => {
            let number: u64 = asked.parameter("break")?.parse().ok()?;
            let half = LASTS as f64 / 2.0;
            Some(Found::Json(json!({
                "ASSETS": [
                    { "URI": format!("asset-{number}/index.m3u8?part=1"), "DURATION": half },
                    { "URI": format!("{}asset-{number}/index.m3u8?part=2", asked.base), "DURATION": half },
                ],
                "X-NOTE": "what nobody knows stays",
            })))
        }
        [dir, file] if dir.starts_with("asset-") => {
            let number: u64 = dir.strip_prefix("asset-")?.parse().ok()?;
            if file == "index.m3u8" {
                return Some(asset(asked, number));
            }
            let one = asked.renditions().last()?;
            let number = numbered(file, "segment", "ts")?;
            Some(Found::Media(TS, one.looped.segment(number)))
        }
        [quality, file] => {
            let one = asked.rendition(quality)?;
            if file == "index.m3u8" {
                let mut more = String::new();
                let last = asked.shown.as_secs() / EVERY;
                for number in last..last + NAMED {
                    let _ = writeln!(more, "{}", line(asked, number));
                }
                return Some(asked.list(&more, |text, number| {
                    plain::entry(asked, text, number, quality, "ts");
                }));
            }
            let number = asked.number(LINE, file, "segment", "ts")?;
            Some(Found::Media(TS, one.looped.segment(number)))
        }
        _ => None,
    }
}

fn line(asked: &Asked<'_>, number: u64) -> String {
    let asset = match number.is_multiple_of(2) {
        true => format!("X-ASSET-URI=\"../asset-{number}/index.m3u8\""),
        false => format!("X-ASSET-LIST=\"{}assets.json?break={number}\"", asked.base),
    };
    format!(
        "#EXT-X-DATERANGE:ID=\"break-{number}\",CLASS=\"com.apple.hls.interstitial\",START-DATE=\"{}\",DURATION={LASTS}.0,{asset},X-RESUME-OFFSET={LASTS}.0,X-RESTRICT=\"SKIP,JUMP\"",
        date(number * EVERY)
    )
}

/// A playlist with an end, of the line's media from another time.
fn asset(asked: &Asked<'_>, number: u64) -> Found {
    let first = number % EVERY * LASTS;
    let count = match asked.parameter("part") {
        Some(_) => LASTS / 2 / LINE.seconds + 1,
        None => LASTS / LINE.seconds,
    };
    let mut text = head(6, LINE.seconds, 0);
    text.push_str("#EXT-X-PLAYLIST-TYPE:VOD\n");
    for segment in first..first + count {
        let _ = writeln!(text, "#EXTINF:{}.000,\nsegment-{segment}.ts", LINE.seconds);
    }
    text.push_str("#EXT-X-ENDLIST\n");
    Found::Playlist(text)
}
