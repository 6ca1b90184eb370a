//! `/relay`: bytes, piped as they arrive.
//!
//! Nothing waits for a whole segment: the viewer's first byte goes out with
//! the upstream's first chunk. One chunk is in flight per viewer, so memory
//! does not grow with the size of a segment. A body that breaks off upstream
//! ends as an error here, never as a clean end.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tokio::time::Instant;

use super::links::Kind;
use super::{Proxy, Upstream};
use crate::answer::Failure;
use crate::config;
use crate::media::{Content, sniff, type_by_name};
use crate::metrics::{Counted, Metrics};
use crate::net;

/// What of the viewer's request goes upstream, and nothing else.
const FORWARDED: [HeaderName; 4] = [RANGE, IF_RANGE, IF_NONE_MATCH, IF_MODIFIED_SINCE];
/// What of the upstream's answer comes back as it is.
const RETURNED: [HeaderName; 5] = [
    CONTENT_LENGTH,
    CONTENT_RANGE,
    ACCEPT_RANGES,
    ETAG,
    LAST_MODIFIED,
];
/// Segments never change; a shared cache in front may keep them this long.
const SEGMENT_CACHE: HeaderValue = HeaderValue::from_static("public, max-age=3600, immutable");
/// Keys rotate behind their URL.
const KEY_CACHE: HeaderValue = HeaderValue::from_static("private, max-age=5");

pub(super) async fn resource(
    proxy: &Proxy,
    upstream: &Upstream,
    kind: Kind,
    name: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let mut request = upstream.egress.get(upstream.url.clone());
    request.method = method.clone();
    for name in FORWARDED {
        if let Some(value) = headers.get(&name) {
            request.headers.insert(name, value.clone());
        }
    }
    if request
        .headers
        .get(RANGE)
        .is_some_and(|range| !is_single_range(range))
    {
        return Err(Failure::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "range",
            "one range of bytes at a time",
        ));
    }
    let mut response = upstream
        .egress
        .send(request, &*upstream.profile, "relay")
        .await?;
    if !response.status.is_success() && response.status != StatusCode::NOT_MODIFIED {
        return Err(Failure::upstream(response.status));
    }
    let bodiless = *method == Method::HEAD || response.status == StatusCode::NOT_MODIFIED;
    if response.is_encoded() {
        return Err(not_media("the upstream encoded a body that must not be"));
    }
    let first = if bodiless {
        Bytes::new()
    } else {
        beginning(&mut response).await?
    };

    let from_start = response.status == StatusCode::OK || starts_at_zero(&response.headers);
    let content_type = match (from_start && !first.is_empty(), kind) {
        (true, Kind::Segment | Kind::Init) => match sniff(&first) {
            Content::Playlist if response.status == StatusCode::OK => {
                return super::playlist::from_relay(proxy, upstream, response, first).await;
            }
            Content::Playlist => return Err(not_media("a part of a playlist is no media")),
            Content::Markup => {
                return Err(not_media(
                    "the upstream sent a page where media was expected",
                ));
            }
            Content::Media(media) => HeaderValue::from_static(media),
            // Encrypted segments look like nothing at all.
            Content::Unknown => type_by_name(name),
        },
        (_, Kind::Segment | Kind::Init) => type_by_name(name),
        _ => type_by_name("bin"),
    };

    let mut out = HeaderMap::new();
    for name in RETURNED {
        if let Some(value) = response.headers.get(&name) {
            out.insert(name, value.clone());
        }
    }
    if content_type == "application/octet-stream" {
        out.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    }
    out.insert(CONTENT_TYPE, content_type);
    out.insert(
        CACHE_CONTROL,
        if kind == Kind::Key {
            KEY_CACHE
        } else {
            SEGMENT_CACHE
        },
    );
    let status = response.status;
    let body = if bodiless {
        Body::empty()
    } else {
        pipe(proxy, response, first)
    };
    Ok((status, out, body).into_response())
}

fn not_media(message: &str) -> Failure {
    Failure::new(StatusCode::BAD_GATEWAY, "upstream_not_media", message)
}

/// The first chunk, or the first few of an upstream that begins with less than
/// tells a playlist from media: a playlist must not slip through by its first
/// bytes coming one by one.
async fn beginning(response: &mut net::Response) -> Result<Bytes, Failure> {
    const ENOUGH: usize = 16;
    let mut first = response.chunk().await?.unwrap_or_default();
    while first.len() < ENOUGH {
        let Some(chunk) = response.chunk().await? else {
            break;
        };
        first = [first, chunk].concat().into();
    }
    Ok(first)
}

/// The upstream's body as ours, chunk by chunk.
fn pipe(proxy: &Proxy, response: net::Response, first: Bytes) -> Body {
    let state = Pipe {
        response,
        first: Some(first).filter(|first| !first.is_empty()),
        rate: Rate::new(&proxy.0.config),
        metrics: proxy.0.metrics.clone(),
        _open: proxy.0.metrics.relay_opened(),
    };
    Body::from_stream(futures::stream::try_unfold(state, |mut state| async move {
        let chunk = match state.first.take() {
            Some(first) => Some(first),
            None => {
                let waiting = Instant::now();
                let chunk = state.response.chunk().await?;
                state
                    .rate
                    .arrived(chunk.as_ref().map_or(0, Bytes::len), waiting.elapsed())
                    .inspect_err(|_| {
                        state.metrics.limit("relay.min_rate");
                    })?;
                chunk
            }
        };
        Ok::<_, net::FetchError>(chunk.map(|chunk| {
            state.metrics.relayed(chunk.len());
            (chunk, state)
        }))
    }))
}

struct Pipe {
    response: net::Response,
    first: Option<Bytes>,
    rate: Rate,
    metrics: Metrics,
    _open: Counted,
}

/// Cuts an upstream that drips: fewer than `min_rate` bytes a second over a
/// window of time spent waiting for it. A viewer who reads slowly does not
/// count against the upstream.
struct Rate {
    min_bytes: u64,
    window: Duration,
    waited: Duration,
    bytes: u64,
}

impl Rate {
    fn new(config: &config::Relay) -> Self {
        let min_bytes = config
            .min_rate
            .as_u64()
            .saturating_mul(config.min_rate_window.as_secs());
        Self {
            min_bytes,
            window: config.min_rate_window,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    fn arrived(&mut self, bytes: usize, waited: Duration) -> Result<(), net::FetchError> {
        self.waited += waited;
        self.bytes += bytes as u64;
        if self.waited < self.window {
            return Ok(());
        }
        let enough = self.bytes >= self.min_bytes;
        (self.waited, self.bytes) = (Duration::ZERO, 0);
        if enough {
            Ok(())
        } else {
            Err(net::FetchError::Timeout("relay.min_rate"))
        }
    }
}

fn is_single_range(range: &HeaderValue) -> bool {
    range
        .to_str()
        .is_ok_and(|text| text.starts_with("bytes=") && !text.contains(','))
}

fn starts_at_zero(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_RANGE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.trim_start().starts_with("bytes 0-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dripping_upstream_is_cut_and_a_slow_viewer_is_not() {
        let rate = || Rate {
            min_bytes: 1000,
            window: Duration::from_secs(10),
            waited: Duration::ZERO,
            bytes: 0,
        };
        let mut dripping = rate();
        assert!(dripping.arrived(10, Duration::from_secs(9)).is_ok());
        assert!(dripping.arrived(10, Duration::from_secs(2)).is_err());
        let mut steady = rate();
        for _ in 0..20 {
            assert!(steady.arrived(600, Duration::from_secs(5)).is_ok());
        }
        // The viewer's own time never shows up here: nothing was waited for.
        let mut slow_viewer = rate();
        for _ in 0..100 {
            assert!(slow_viewer.arrived(1, Duration::ZERO).is_ok());
        }
    }
}
