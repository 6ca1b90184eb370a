//! `/schedule.ics`, `/playlist.m3u` and `/epg.xml`: what apps subscribe to. Made from
//! memory for each who asks; whoever has it already is told so.

use std::io::Write as _;

use aws_lc_rs::digest;
use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH,
    LAST_MODIFIED, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use url::Url;

use super::App;
use crate::answer::Failure;
use crate::auth::PathToken;
use crate::guide::{self, Base, Choice};

/// As often as the sources of the schedule are asked near a session.
const AGE: &str = "max-age=3600";

struct Feed {
    content_type: &'static str,
    body: Vec<u8>,
    age: &'static str,
    changed_at: Option<Timestamp>,
    /// `None`: it is not offered.
    is_gzip: Option<bool>,
}

pub(super) async fn calendar(
    State(app): State<App>,
    token: Option<Extension<PathToken>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let choice = Choice::parse(query.as_deref().unwrap_or_default());
    let choice = choice
        .map_err(|wrong| Failure::new(StatusCode::BAD_REQUEST, "bad_request", wrong.to_string()))?;
    let events = app.parts.schedule.events();
    let sessions = events.iter().flat_map(|event| &event.sessions);
    let feed = Feed {
        content_type: "text/calendar; charset=utf-8",
        changed_at: sessions.map(|session| session.updated_at).max(),
        body: guide::calendar(&events, &choice, &base(&app, token, &headers)?).into(),
        age: AGE,
        is_gzip: None,
    };
    Ok(feed.answer(&app, &headers))
}

pub(super) async fn playlist(
    State(app): State<App>,
    token: Option<Extension<PathToken>>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let channels = guide::channels(app.channels);
    let feed = Feed {
        content_type: "audio/x-mpegurl",
        body: guide::playlist(&channels, &base(&app, token, &headers)?).into(),
        age: "no-cache",
        changed_at: None,
        is_gzip: None,
    };
    Ok(feed.answer(&app, &headers))
}

pub(super) async fn listings(
    State(app): State<App>,
    token: Option<Extension<PathToken>>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let channels = guide::channels(app.channels);
    let (events, base) = (app.parts.schedule.events(), base(&app, token, &headers)?);
    let now = app.parts.clock.now();
    let feed = Feed {
        content_type: "application/xml; charset=utf-8",
        body: guide::listings(&events, &channels, &base, now).into(),
        age: AGE,
        changed_at: None,
        is_gzip: None,
    };
    Ok(feed.packed(&headers).answer(&app, &headers))
}

/// Where the feed's own links lead: `server.public_url`, or where it was asked for,
/// which is a name of ours.
fn base(
    app: &App,
    token: Option<Extension<PathToken>>,
    headers: &HeaderMap,
) -> Result<Base, Failure> {
    let asked = || {
        let host = headers.get(HOST)?.to_str().ok()?;
        Url::parse(&format!("http://{host}/")).ok()
    };
    let root = app.public_url.clone().or_else(asked);
    let root = root.ok_or_else(|| {
        let message = "there is no address in Host that links could begin with";
        Failure::new(StatusCode::BAD_REQUEST, "bad_request", message)
    })?;
    Ok(Base::new(
        &root,
        token.as_ref().map(|token| token.0.reveal()),
    ))
}

impl Feed {
    /// Compressed, where whoever asks takes that.
    fn packed(mut self, asked: &HeaderMap) -> Self {
        let takes = asked
            .get(ACCEPT_ENCODING)
            .and_then(|takes| takes.to_str().ok());
        let mut takes = takes.unwrap_or_default().split(',');
        let takes_gzip = takes.any(|coding| {
            let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
            name.trim().eq_ignore_ascii_case("gzip") && !is_zero(quality)
        });
        if takes_gzip {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            // Into memory.
            let _ = encoder.write_all(&self.body);
            self.body = encoder.finish().unwrap_or_default();
        }
        self.is_gzip = Some(takes_gzip);
        self
    }

    fn answer(self, app: &App, asked: &HeaderMap) -> Response {
        let digest = digest::digest(&digest::SHA256, &self.body);
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&digest.as_ref()[..12]));
        let age = match app.parts.auth.is_open() {
            true => self.age.to_owned(),
            false => format!("private, {}", self.age),
        };
        let changed_at = self.changed_at;
        let changed_at = changed_at.map(|at| at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
        let mut headers = HeaderMap::new();
        let mut put = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        put(CACHE_CONTROL, &age);
        put(ETAG, &etag);
        put(CONTENT_TYPE, self.content_type);
        if let Some(changed_at) = &changed_at {
            put(LAST_MODIFIED, changed_at);
        }
        if self.is_gzip.is_some() {
            put(VARY, "accept-encoding");
        }
        // Not by its date: that says nothing of what went, or of where links lead.
        let is_known = asked
            .get(IF_NONE_MATCH)
            .and_then(|known| known.to_str().ok())
            .is_some_and(|known| names(known, &etag));
        if is_known {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        if self.is_gzip == Some(true) {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        (headers, self.body).into_response()
    }
}

/// `q=0`, with as many zeros as anybody likes.
fn is_zero(quality: &str) -> bool {
    let value = quality.trim().strip_prefix("q=");
    value.is_some_and(|value| value.parse() == Ok(0.0_f32))
}

/// Whether a list of tags has this one, which a proxy may have weakened.
fn names(list: &str, etag: &str) -> bool {
    let mut tags = list.split(',').map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_tags_names_one() {
        for (list, is_named) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ] {
            assert_eq!(names(list, "\"a\""), is_named, "{list}");
        }
    }
}
