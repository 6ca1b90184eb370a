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
//! | `fmp4-ranges` | the same with MP4, the map in that file, and offsets only where they must be |
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
mod asked;
mod breaks;
mod keys;
mod latency;
mod line;
mod plain;
mod spans;
mod steering;
mod variables;

use std::sync::{Arc, OnceLock};

use axum::{
    Json, Router,
    extract::{Path, RawQuery, State},
    response::{IntoResponse as _, Response},
    routing::get,
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::{
    cdn::{Cdn, Variant, forbidden, not_found, segment},
    mp4,
    ts::{Loop, Track},
};
use asked::Asked;
use line::{LINE, Line, head, numbered};

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
}
