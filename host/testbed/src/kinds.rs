//! A live stream of every kind that HLS knows, all at stable addresses of the
//! CDN: `/<kind>/master.m3u8` serves everybody, `/guarded/<kind>/master.m3u8`
//! only who sends, with every single request, exactly the Referer and Origin of
//! site A. Every one is endless, of the same pictures and sound as the live
//! stream, and on the wall clock: `segment-n` begins `n` segments after 1970.
//!
//! | kind | what is special |
//! |---|---|
//! | `ts` | nothing: MPEG-TS, 2 s |
//! | `fmp4` | `EXT-X-MAP`, MP4 fragments |
//! | `aes` | AES-128, a new key every four segments, every fifth of them none; IVs stated and implied in turn |
//! | `demuxed` | pictures, two languages of sound and WebVTT subtitles apart |
//! | `ranges` | `EXT-X-BYTERANGE`: five TS segments in a file that grows |
//! | `fmp4-ranges` | the same with MP4, and the map in that file |
//! | `ll` | low latency: parts of 0.4 s, blocking reloads, hints, reports, deltas |
//! | `ll-slow` | the same with segments of 10 s: a reload may wait for 20 s |
//! | `variables` | `EXT-X-DEFINE`; wants `?token=` at the master and below |
//! | `interstitials` | breaks as `X-ASSET-URI` and `X-ASSET-LIST` |
//! | `steering` | a steering manifest, two pathways and clones of one |
//!
//! URIs are relative and absolute in turn. What is wrong on purpose comes from
//! [`crate::faults`] alone. Bounds: as the live stream's; a request for what is
//! to come is held for three target durations at most.

mod apart;
mod breaks;
mod keys;
mod latency;
mod plain;
mod spans;
mod steering;
mod variables;

use std::{
    fmt::Write as _,
    ops::RangeInclusive,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, RawQuery, State},
    response::{IntoResponse as _, Response},
    routing::get,
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::{
    cdn::{Cdn, KEPT, Variant, forbidden, not_found, segment},
    mp4,
    ts::{Loop, Track},
};

/// Of this many URIs, one is absolute.
const ABSOLUTE_EVERY: u64 = 3;

/// The media of all kinds, taken apart at the first request.
#[derive(Debug)]
struct Media {
    tracks: Vec<(Track, Track)>,
    second: Track,
}

#[derive(Debug)]
struct Kinds {
    cdn: Arc<Cdn>,
    media: OnceLock<Media>,
}

/// One quality with everything that is made of it.
#[derive(Clone, Copy)]
struct Rendition<'a> {
    variant: &'static Variant,
    looped: &'a Loop,
    video: mp4::Part<'a>,
    audio: mp4::Part<'a>,
}

/// The line of segments on the clock.
#[derive(Clone, Copy)]
struct Line {
    seconds: u64,
    /// Segments in a playlist.
    window: u64,
}

/// 2 s a segment, as the live stream.
const LINE: Line = Line {
    seconds: crate::ts::SEGMENT_SECONDS,
    window: crate::cdn::WINDOW,
};

/// A request for something of a kind.
struct Asked<'a> {
    kinds: &'a Kinds,
    /// The kind's own URL, up to and with the slash.
    base: String,
    /// Below the kind.
    path: Vec<&'a str>,
    query: Vec<(String, String)>,
    /// When it is.
    now: Duration,
    /// What playlists show: now, or when they froze.
    shown: Duration,
}

enum Found {
    Playlist(String),
    Media(&'static str, Vec<u8>),
    Key([u8; 16]),
    Json(serde_json::Value),
    Refused(StatusCode, &'static str),
}

const TS: &str = "video/mp2t";
const MP4: &str = "video/mp4";

pub(crate) fn router(cdn: Arc<Cdn>) -> Router {
    let kinds = Arc::new(Kinds {
        cdn,
        media: OnceLock::new(),
    });
    Router::new()
        .route("/{kind}/{*path}", get(open))
        .route("/guarded/{kind}/{*path}", get(guarded))
        .with_state(kinds)
}

async fn open(
    State(kinds): State<Arc<Kinds>>,
    Path((kind, path)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    kinds.answer("", &kind, &path, query, &headers).await
}

async fn guarded(
    State(kinds): State<Arc<Kinds>>,
    Path((kind, path)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if !kinds.cdn.is_player_of_site_a(&headers) {
        return forbidden();
    }
    kinds
        .answer("guarded/", &kind, &path, query, &headers)
        .await
}

impl Kinds {
    async fn answer(
        &self,
        below: &str,
        kind: &str,
        path: &str,
        query: Option<String>,
        headers: &HeaderMap,
    ) -> Response {
        let query = query.unwrap_or_default();
        let asked = Asked {
            kinds: self,
            base: format!("{}/{below}{kind}/", self.cdn.origin),
            path: path.split('/').collect(),
            query: url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            now: self.cdn.clock.stream(),
            shown: self.cdn.faults.playlist_time(),
        };
        let found = match kind {
            "ts" => plain::ts(&asked),
            "fmp4" => plain::fmp4(&asked),
            "aes" => keys::aes(&asked),
            "demuxed" => apart::demuxed(&asked),
            "ranges" => spans::ts(&asked),
            "fmp4-ranges" => spans::fmp4(&asked),
            "ll" => latency::answer(&asked, latency::FAST).await,
            "ll-slow" => latency::answer(&asked, latency::SLOW).await,
            "variables" => variables::variables(&asked),
            "interstitials" => breaks::interstitials(&asked),
            "steering" => steering::steering(&asked),
            _ => None,
        };
        let faults = self.cdn.faults.get();
        match found {
            None => not_found(),
            Some(Found::Playlist(text)) => self.cdn.playlist_answer(|_| text),
            Some(Found::Media(kind, bytes)) => {
                segment::served(&faults, Bytes::from(bytes), kind, headers).await
            }
            Some(Found::Key(key)) => key.to_vec().into_response(),
            Some(Found::Json(json)) => Json(json).into_response(),
            Some(Found::Refused(status, why)) => (status, why).into_response(),
        }
    }

    fn media(&self) -> &Media {
        self.media.get_or_init(|| Media {
            tracks: self
                .cdn
                .loops
                .iter()
                .map(|(_, looped)| looped.tracks().expect("a test reads the embedded loops"))
                .collect(),
            second: Track::adts(include_bytes!("../media/second.aac"))
                .expect("a test reads the second sound"),
        })
    }
}

impl<'a> Asked<'a> {
    fn renditions(&self) -> impl Iterator<Item = Rendition<'a>> {
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

    fn rendition(&self, name: &str) -> Option<Rendition<'a>> {
        self.renditions().find(|one| one.variant.name == name)
    }

    /// The second language, which is the same in all qualities.
    fn second(&self) -> mp4::Part<'a> {
        mp4::Part {
            track: &self.kinds.media().second,
            size: (0, 0),
            language: *b"deu",
        }
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let mut pairs = self.query.iter();
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A name below a directory of the kind, absolute for one number in three.
    fn uri(&self, number: u64, dir: &str, name: &str) -> String {
        if number.is_multiple_of(ABSOLUTE_EVERY) {
            format!("{}{dir}/{name}", self.base)
        } else {
            name.to_owned()
        }
    }

    /// A multivariant playlist: `more` stands before the variants, `attributes`
    /// in each of their lines.
    fn master(&self, more: &str, attributes: &str) -> Found {
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

    fn variant_line(&self, text: &mut String, one: &Rendition<'_>, attributes: &str) {
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
    fn list(&self, more: &str, mut entry: impl FnMut(&mut String, u64)) -> Found {
        let numbers = LINE.window(self.shown);
        let mut text = head(7, LINE.seconds, *numbers.start());
        text.push_str(more);
        for number in numbers {
            entry(&mut text, number);
        }
        Found::Playlist(text)
    }

    /// The number in `name-<number>.<extension>`, if that segment is there.
    fn number(&self, line: Line, file: &str, name: &str, extension: &str) -> Option<u64> {
        let number = numbered(file, name, extension)?;
        line.has(number, self.now).then_some(number)
    }
}

impl<'a> Rendition<'a> {
    /// Pictures and sound.
    fn both(self) -> [mp4::Part<'a>; 2] {
        [self.video, self.audio]
    }
}

impl Line {
    /// The number of the newest segment that is complete at a time.
    fn newest(self, time: Duration) -> u64 {
        (time.as_secs() / self.seconds).saturating_sub(1)
    }

    fn window(self, time: Duration) -> RangeInclusive<u64> {
        let newest = self.newest(time);
        (newest + 1).saturating_sub(self.window)..=newest
    }

    fn has(self, number: u64, time: Duration) -> bool {
        let newest = self.newest(time);
        number <= newest && number.saturating_add(self.window + KEPT) > newest
    }

    /// From when to when, in milliseconds since 1970.
    fn millis(self, number: u64) -> (u64, u64) {
        let from = number * self.seconds * 1_000;
        (from, from + self.seconds * 1_000)
    }
}

fn head(version: u32, target: u64, first: u64) -> String {
    format!(
        "#EXTM3U\n#EXT-X-VERSION:{version}\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:{first}\n"
    )
}

/// The number in a name, if it is written as we write it.
fn numbered(file: &str, name: &str, extension: &str) -> Option<u64> {
    let digits = file.strip_prefix(name)?.strip_prefix('-')?;
    let digits = digits.strip_suffix(extension)?.strip_suffix('.')?;
    let number = digits.parse().ok()?;
    (digits == u64::to_string(&number)).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cdn::VARIANTS;

    #[test]
    fn the_second_sound_is_a_minute() {
        let second = Track::adts(include_bytes!("../media/second.aac")).unwrap();
        assert_eq!((second.samples.len(), second.timescale), (1_875, 32_000));
        assert_eq!(VARIANTS.len(), 2);
    }

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
