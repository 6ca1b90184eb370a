//! Pictures, two languages of sound and subtitles, each in playlists of their
//! own.

use std::fmt::Write as _;

use super::{Asked, Found, LINE, MP4, plain};
use crate::{cdn::playlist::date, mp4};

const GROUPS: &str = r#"#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="English",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="1",URI="audio-en/index.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="Deutsch",LANGUAGE="de",DEFAULT=NO,AUTOSELECT=YES,CHANNELS="1",URI="audio-de/index.m3u8"
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="text",NAME="English",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,FORCED=NO,URI="text-en/index.m3u8"
"#;

pub(super) fn demuxed(asked: &Asked<'_>) -> Option<Found> {
    match asked.path[..] {
        ["master.m3u8"] => Some(asked.master(GROUPS, ",AUDIO=\"sound\",SUBTITLES=\"text\"")),
        [dir @ "audio-en", file] => {
            let first = asked.renditions().next()?;
            sound(asked, dir, file, first.audio)
        }
        [dir @ "audio-de", file] => sound(asked, dir, file, asked.second()),
        [dir @ "text-en", file] => text(asked, dir, file),
        [quality, file] => {
            let one = asked.rendition(quality)?;
            plain::fragments(asked, quality, file, &[one.video])
        }
        _ => None,
    }
}

/// Frames of sound do not end with the second: durations differ.
fn sound(asked: &Asked<'_>, dir: &str, file: &str, part: mp4::Part<'_>) -> Option<Found> {
    if file == "index.m3u8" {
        return Some(asked.list("#EXT-X-MAP:URI=\"init.mp4\"\n", |text, number| {
            let (from, to) = LINE.millis(number);
            let frames = part.track.between(from, to);
            let ticks = (frames.end - frames.start) * u64::from(part.track.duration);
            let millis = ticks * 1_000 / u64::from(part.track.timescale);
            let uri = asked.uri(number, dir, &format!("segment-{number}.m4s"));
            let _ = writeln!(
                text,
                "#EXT-X-PROGRAM-DATE-TIME:{}\n#EXTINF:{}.{:03},\n{uri}",
                date(number * LINE.seconds),
                millis / 1_000,
                millis % 1_000
            );
        }));
    }
    match file {
        "init.mp4" => Some(Found::Media(MP4, mp4::init(&[part]))),
        _ => {
            let number = asked.number(LINE, file, "segment", "m4s")?;
            Some(Found::Media(MP4, plain::segment(&[part], number)))
        }
    }
}

/// One line a second that says when it is.
fn text(asked: &Asked<'_>, dir: &str, file: &str) -> Option<Found> {
    if file == "index.m3u8" {
        return Some(asked.list("", |text, number| {
            plain::entry(asked, text, number, dir, "vtt");
        }));
    }
    let number = asked.number(LINE, file, "segment", "vtt")?;
    let begins = number * LINE.seconds;
    // Time stamps of MPEG have 33 bits.
    let stamp = (begins * 90_000) & ((1 << 33) - 1);
    let mut text = format!("WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:{stamp}\n");
    for second in 0..LINE.seconds {
        let _ = writeln!(
            text,
            "\n00:00:0{second}.000 --> 00:00:0{}.000\n{}",
            second + 1,
            date(begins + second)
        );
    }
    Some(Found::Media("text/vtt", text.into_bytes()))
}
