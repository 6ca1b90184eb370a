//! The CDN: a live HLS stream whose time line is the wall clock's, and beside
//! it one of every kind ([`crate::kinds`]).
//!
//! Segment `n` covers the seconds `2n` to `2n + 2` since 1970 and appears when
//! it is over; the media sequence number is the segment's number, so that it
//! is steady over a restart. A request without exactly the Referer and Origin of
//! the site that its random is for, or with a random that nobody handed out or
//! that has expired, is answered 403. Bounds: a playlist of [`WINDOW`] segments, and [`KEPT`] more that are
//! still served to those who lag behind.

pub(crate) mod playlist;
pub(crate) mod segment;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, StatusCode, header};

use crate::{
    Info,
    clock::Clock,
    faults::FaultStore,
    kinds,
    tickets::{Audience, Tickets},
    ts::{Loop, SEGMENT_SECONDS},
};

/// Segments in a playlist.
pub(crate) const WINDOW: u64 = 7;

/// How many segments older than the playlist are still there: one minute.
pub(crate) const KEPT: u64 = 30;

/// The CDN's second name, as content steering wants one.
pub(crate) const OTHER_NAME: &str = "cdn-two.test";

/// One quality of the stream.
#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) resolution: &'static str,
    pub(crate) size: (u16, u16),
    pub(crate) codecs: &'static str,
    pub(crate) media: &'static [u8],
}

/// Best first, as they stand in the multivariant playlist.
pub(crate) static VARIANTS: [Variant; 2] = [
    Variant {
        name: "360p",
        resolution: "640x360",
        size: (640, 360),
        codecs: "avc1.4d401e,mp4a.40.2",
        media: include_bytes!("../media/360p.ts"),
    },
    Variant {
        name: "180p",
        resolution: "320x180",
        size: (320, 180),
        codecs: "avc1.4d401e,mp4a.40.2",
        media: include_bytes!("../media/180p.ts"),
    },
];

/// The origin's state.
#[derive(Debug)]
pub(crate) struct Cdn {
    pub(crate) origin: String,
    site_a: String,
    site_b: String,
    tickets: Arc<Tickets>,
    pub(crate) faults: FaultStore,
    pub(crate) clock: Clock,
    pub(crate) loops: Vec<(&'static Variant, Loop)>,
}

impl Cdn {
    pub(crate) fn new(
        info: &Info,
        tickets: Arc<Tickets>,
        faults: FaultStore,
        clock: Clock,
    ) -> anyhow::Result<Arc<Self>> {
        let loops = VARIANTS
            .iter()
            .map(|variant| Ok((variant, Loop::parse(variant.media)?)))
            .collect::<anyhow::Result<_>>()?;
        Ok(Arc::new(Self {
            origin: info.cdn.clone(),
            site_a: info.site_a.clone(),
            site_b: info.site_b.clone(),
            tickets,
            faults,
            clock,
            loops,
        }))
    }

    fn admits(&self, headers: &HeaderMap, random: &str) -> bool {
        let now = self.clock.wall().as_secs();
        match self.tickets.audience(random, now) {
            Some(Audience::SiteA) => is_player_of(&self.site_a, headers),
            Some(Audience::SiteB) => is_player_of(&self.site_b, headers),
            None => false,
        }
    }

    pub(crate) fn is_player_of_site_a(&self, headers: &HeaderMap) -> bool {
        is_player_of(&self.site_a, headers)
    }

    fn variant(&self, name: &str) -> Option<&(&'static Variant, Loop)> {
        self.loops.iter().find(|(variant, _)| variant.name == name)
    }
}

/// Does a site's own player ask?
fn is_player_of(site: &str, headers: &HeaderMap) -> bool {
    // Exactly one of each: a proxy that adds its own to the viewer's is wrong.
    let is = |name: header::HeaderName, expected: &str| {
        let mut values = headers.get_all(name).iter();
        values.next().is_some_and(|value| value == expected) && values.next().is_none()
    };
    is(header::REFERER, &format!("{site}/")) && is(header::ORIGIN, site)
}

/// The number of the newest segment that is complete at a time.
fn newest(time: Duration) -> u64 {
    (time.as_secs() / SEGMENT_SECONDS).saturating_sub(1)
}

pub(crate) fn router(cdn: Arc<Cdn>) -> Router {
    Router::new()
        .route("/live/{random}/master.m3u8", get(master))
        .route("/live/{random}/{variant}/{file}", get(file))
        .with_state(Arc::clone(&cdn))
        .merge(kinds::router(cdn))
}

async fn master(
    State(cdn): State<Arc<Cdn>>,
    Path(random): Path<String>,
    headers: HeaderMap,
) -> Response {
    if !cdn.admits(&headers, &random) {
        return forbidden();
    }
    cdn.playlist_answer(|cdn| playlist::multivariant(cdn, &random))
}

async fn file(
    State(cdn): State<Arc<Cdn>>,
    Path((random, variant, file)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    if !cdn.admits(&headers, &random) {
        return forbidden();
    }
    let Some((variant, looped)) = cdn.variant(&variant) else {
        return not_found();
    };
    if file == "index.m3u8" {
        let time = cdn.faults.playlist_time();
        return cdn.playlist_answer(|cdn| {
            playlist::media(
                &format!("{}/live/{random}/{}/", cdn.origin, variant.name),
                newest(time),
            )
        });
    }
    match playlist::segment_number(&file) {
        Some(number) => segment::answer(&cdn, looped, number, &headers).await,
        None => not_found(),
    }
}

impl Cdn {
    pub(crate) fn playlist_answer(&self, text: impl FnOnce(&Self) -> String) -> Response {
        if let Some(status) = self.faults.get().playlist_status {
            return status.into_response();
        }
        let headers = [
            (header::CONTENT_TYPE, "application/vnd.apple.mpegurl"),
            (header::CACHE_CONTROL, "max-age=1"),
        ];
        (headers, text(self)).into_response()
    }
}

pub(crate) fn forbidden() -> Response {
    (StatusCode::FORBIDDEN, "403 Forbidden\n").into_response()
}

pub(crate) fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "404 Not Found\n").into_response()
}
