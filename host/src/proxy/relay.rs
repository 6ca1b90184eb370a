//! `/relay`: bytes, as they arrive.
//!
//! Nothing waits for a whole segment: the viewer's first byte goes out with the
//! upstream's first piece, and everybody who asks for the same bytes gets them
//! from one fetch ([`super::fetch`]).

use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};

use super::fetch::Found;
use super::head::Head;
use super::links::Kind;
use super::range::{Asked, ContentRange, Span, unsatisfiable};
use super::viewer::{Resume, Viewer};
use super::{Proxy, Upstream, text};
use crate::answer::Failure;

/// Segments never change; a shared cache in front may keep them this long, and
/// no longer than their links open.
const SEGMENT_AGE: i64 = 3600;
/// So long an initialisation section.
const INIT_AGE: i64 = 60;

/// What a viewer asks of a link.
pub(super) struct Ask<'a> {
    pub(super) kind: Kind,
    /// The last part of the link's path.
    pub(super) name: &'a str,
    /// Seconds that the link still opens.
    pub(super) opens: i64,
    pub(super) method: &'a Method,
    pub(super) version: Version,
    pub(super) headers: &'a HeaderMap,
}

/// The part of a body that is answered.
struct Part {
    status: StatusCode,
    first: u64,
    /// Bytes; `None` where nobody knows yet.
    length: Option<u64>,
    range: Option<ContentRange>,
}

pub(super) async fn resource(
    proxy: &Proxy,
    upstream: &Upstream,
    ask: &Ask<'_>,
) -> Result<Response, Failure> {
    let asked = Asked::of(ask.headers)?;
    // All of it is one fetch, however it is asked for.
    let part = asked.filter(|asked| !asked.is_whole());
    let found = get(proxy, upstream, ask, part).await?;
    let asked = match (asked, head(&found)) {
        (Some(_), Some(head)) if !is_same(ask.headers, head) => None,
        (asked, _) => asked,
    };
    let is_part = match &found {
        Found::Window(segment) => segment.body.part.is_some(),
        Found::Flight(body, _) => body.part.is_some(),
        Found::Text(_) => false,
    };
    if is_part && asked.is_none() {
        // Another one than what the viewer has a part of: all of it.
        let found = get(proxy, upstream, ask, None).await?;
        return answer(proxy, upstream, ask, None, found);
    }
    answer(proxy, upstream, ask, asked, found)
}

async fn get(
    proxy: &Proxy,
    upstream: &Upstream,
    ask: &Ask<'_>,
    part: Option<Asked>,
) -> Result<Found, Failure> {
    let bodies = &proxy.0.bodies;
    bodies.get(proxy, upstream, ask.kind, ask.name, part).await
}

fn is_delimited(found: &Found) -> bool {
    match found {
        Found::Flight(body, _) => body.is_delimited,
        Found::Window(_) | Found::Text(_) => true,
    }
}

fn head(found: &Found) -> Option<&Head> {
    match found {
        Found::Window(segment) => Some(&segment.body.head),
        Found::Flight(body, _) => Some(&body.head),
        Found::Text(_) => None,
    }
}

fn answer(
    proxy: &Proxy,
    upstream: &Upstream,
    ask: &Ask<'_>,
    asked: Option<Asked>,
    found: Found,
) -> Result<Response, Failure> {
    let metrics = &proxy.0.metrics;
    let body = match &found {
        Found::Text(text) => return Ok(text::answer(text, ask.headers)),
        Found::Window(segment) => segment.body.clone(),
        Found::Flight(body, _) => body.clone(),
    };
    // Parts of what was cleaned are parts of the bytes as they came.
    let asked = asked.filter(|_| body.skipped == 0);
    let length = match &found {
        Found::Window(segment) if body.part.is_none() => Some(segment.length),
        _ => body.length,
    };
    let part = match body.part {
        Some(range) => Part::of(range),
        None => part(asked, length)?,
    };
    let head = body.head.clone();
    let mut headers = HeaderMap::new();
    describe(&mut headers, &head, ask);
    if body.skipped == 0 {
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    if asked.is_none() && is_known(ask.headers, &head) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    if let Some(length) = part.length {
        headers.insert(CONTENT_LENGTH, length.into());
    } else if ask.version < Version::HTTP_11 || !is_delimited(&found) {
        // Its end and its breaking off look alike: nobody may keep it.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Some(range) = part.range {
        headers.insert(CONTENT_RANGE, range.header());
    }
    if *ask.method == Method::HEAD {
        return Ok((part.status, headers).into_response());
    }
    let resume = Resume {
        proxy: proxy.clone(),
        upstream: upstream.clone(),
        body,
    };
    let viewer = match found {
        Found::Window(segment) => {
            let length = part.length.unwrap_or(segment.length);
            Viewer::of_segment(segment, resume, part.first, length)
        }
        Found::Flight(_, flight) => {
            let ahead = part.first.saturating_sub(flight.length());
            if ahead > proxy.0.config.skip.as_u64() {
                metrics.limit("relay.skip");
                let why = "the upstream sends no parts, and this one is far into the resource";
                return Err(Failure::upstream_is("upstream_range", why));
            }
            let reader = flight.read(part.first);
            Viewer::of_flight(reader, resume, part.first, part.length)
        }
        Found::Text(_) => unreachable!("answered above"),
    };
    let mut response = Response::new(axum::body::Body::new(viewer));
    *response.status_mut() = part.status;
    *response.headers_mut() = headers;
    Ok(response)
}

impl Part {
    fn of(range: ContentRange) -> Self {
        Self {
            status: StatusCode::PARTIAL_CONTENT,
            first: range.span.first,
            length: Some(range.span.length()),
            range: Some(range),
        }
    }
}

/// What is answered of a whole resource of `length` bytes.
fn part(asked: Option<Asked>, length: Option<u64>) -> Result<Part, Failure> {
    let whole = Part {
        status: StatusCode::OK,
        first: 0,
        length,
        range: None,
    };
    match (asked, length) {
        (None, _) => Ok(whole),
        (Some(asked), None) if asked.is_whole() => Ok(whole),
        (Some(asked), Some(length)) => {
            let span = asked.of_length(length);
            let span = span.ok_or_else(|| unsatisfiable(Some(length)))?;
            let total = Some(length);
            Ok(Part::of(ContentRange { span, total }))
        }
        (Some(Asked::From { first, last }), None) if last.is_some() => {
            let last = last.unwrap_or(first);
            let span = Span { first, last };
            Ok(Part::of(ContentRange { span, total: None }))
        }
        (Some(_), None) => Err(Failure::upstream_is(
            "upstream_range",
            "the upstream sends no parts and does not say how long the resource is",
        )),
    }
}

fn describe(headers: &mut HeaderMap, head: &Head, ask: &Ask<'_>) {
    let cache = match (ask.kind, ask.opens.max(0)) {
        // An encoder that begins anew puts another one in its place.
        (Kind::Init, opens) => format!("public, max-age={}", INIT_AGE.min(opens)),
        (_, opens) => format!("public, max-age={}, immutable", SEGMENT_AGE.min(opens)),
    };
    let cache = HeaderValue::from_str(&cache);
    headers.insert(CACHE_CONTROL, cache.expect("digits"));
    for (name, value) in [(ETAG, &head.etag), (LAST_MODIFIED, &head.last_modified)] {
        if let Some(value) = value {
            headers.insert(name, value.clone());
        }
    }
    if head.content_type == "application/octet-stream" {
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    }
    headers.insert(CONTENT_TYPE, head.content_type.clone());
}

/// Whether the viewer has it already (RFC 9110, section 13.1.2).
fn is_known(asked: &HeaderMap, head: &Head) -> bool {
    let (Some(known), Some(etag)) = (asked.get(IF_NONE_MATCH), &head.etag) else {
        return false;
    };
    text::matches(known, etag)
}

/// Whether a part of it fits to what the viewer has (RFC 9110, section 13.1.5).
fn is_same(asked: &HeaderMap, head: &Head) -> bool {
    asked.get(IF_RANGE).is_none_or(|known| {
        let strong = |etag: &&HeaderValue| !etag.as_bytes().starts_with(b"W/");
        head.etag.as_ref().filter(strong) == Some(known)
            || head.last_modified.as_ref() == Some(known)
    })
}
