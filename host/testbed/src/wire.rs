//! Makes an answer wrong as a [`Wire`] says: takes the router's answer whole,
//! changes it, and says how it is to be written.
//!
//! Bound: an answer is held in memory, [`MOST`] bytes at most.

mod encode;
mod picture;

use axum::{
    Router,
    body::{Body, to_bytes},
    response::IntoResponse as _,
};
use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, Request, Response, StatusCode, header,
    uri::{PathAndQuery, Uri},
};
use tower::ServiceExt as _;

use crate::{
    cdn::segment::{Requested, requested},
    faults::{
        FaultStore,
        wire::{Content, End, Length, Prefix, Range, Text, Wire},
    },
};

/// Far above a file of ranges.
const MOST: usize = 16 << 20;

/// Where redirects lead.
const MOVED: &str = "/moved/";
/// The parameter with the token.
const ONCE: &str = "once";

/// How much a wrong length is wrong, and a wrong range.
const OFF: usize = 100;

/// An answer that is ready to be written.
pub(crate) struct Answer {
    pub(crate) response: Response<Bytes>,
    /// What a server would not do by itself.
    pub(crate) raw: Option<Raw>,
}

/// How the bytes are written.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    pub(crate) chunked: bool,
    pub(crate) pieces: Vec<usize>,
    pub(crate) end: Option<End>,
}

/// What lies below `/moved/` is what lies elsewhere.
pub(crate) fn unmoved<B>(request: &mut Request<B>) {
    let target = request.uri().path_and_query().map(PathAndQuery::as_str);
    let Some(rest) = target.and_then(|target| target.strip_prefix(MOVED)) else {
        return;
    };
    if let Ok(uri) = Uri::try_from(format!("/{rest}")) {
        *request.uri_mut() = uri;
    }
}

/// The router's answer, spoilt.
pub(crate) async fn answer(
    wire: &Wire,
    faults: &FaultStore,
    mut request: Request<Body>,
    router: Router,
) -> Answer {
    if wire.delay_ms > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(wire.delay_ms)).await;
    }
    if wire.redirect
        && let Some(elsewhere) = moved(faults, request.uri())
    {
        return plain(elsewhere);
    }
    unmoved(&mut request);
    if *request.method() == Method::HEAD {
        // The server leaves out the body, and not its length.
        *request.method_mut() = Method::GET;
    }
    let headers = request.headers().clone();
    if wire.range.is_some() {
        request.headers_mut().remove(header::RANGE);
    }
    let mut response = match wire.status {
        Some(status) => (status, format!("{status}\n")).into_response(),
        None => match router.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        },
    };
    let body = std::mem::take(response.body_mut());
    let mut body = to_bytes(body, MOST).await.unwrap_or_default().to_vec();

    if let Some(content) = &wire.content {
        body = replaced(content, &mut response);
    }
    if let Some(form) = wire.text {
        body = formed(&String::from_utf8_lossy(&body), form);
    }
    if let Some(prefix) = wire.prefix {
        let picture = match prefix {
            Prefix::Png => picture::png(0),
            Prefix::LongPng => picture::png(70_000),
        };
        body = [picture, body].concat();
    }
    if let Some(range) = wire.range {
        body = cut_out(range, &headers, &mut response, body);
    }
    if let Some(encoding) = wire.encoding {
        let (name, encoded) = encode::encoded(encoding, &body);
        body = encoded;
        if !wire.encoding_unsaid {
            set(&mut response, header::CONTENT_ENCODING, name);
        }
    }
    let said = match wire.length {
        Some(Length::Long) => Some(body.len() + OFF),
        Some(Length::Short) => Some(body.len().saturating_sub(OFF)),
        Some(Length::Close | Length::Chunked) => None,
        None => Some(body.len()),
    };
    match said {
        Some(length) => set(&mut response, header::CONTENT_LENGTH, &length.to_string()),
        None => _ = response.headers_mut().remove(header::CONTENT_LENGTH),
    }
    for (name, value) in &wire.headers {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            continue;
        };
        match value.is_empty() {
            true => _ = response.headers_mut().remove(name),
            false => set(&mut response, name, value),
        }
    }
    let is_raw = wire.length.is_some() || wire.end.is_some() || !wire.pieces.is_empty();
    Answer {
        response: response.map(|_| body.into()),
        raw: is_raw.then(|| Raw {
            chunked: wire.length == Some(Length::Chunked),
            pieces: wire.pieces.clone(),
            end: wire.end,
        }),
    }
}

fn plain(response: Response<Bytes>) -> Answer {
    Answer {
        response,
        raw: None,
    }
}

/// Where a request is sent, or that its token is spent; nothing where it has
/// just been spent for it.
fn moved(faults: &FaultStore, uri: &Uri) -> Option<Response<Bytes>> {
    let query = uri.query().unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let token = pairs.find(|(name, _)| name == ONCE).map(|(_, token)| token);
    let mut response = Response::new(Bytes::new());
    match token {
        Some(token) if faults.spend(&token) => return None,
        Some(_) => *response.status_mut() = StatusCode::FORBIDDEN,
        None => {
            let path = uri.path().trim_start_matches(MOVED.trim_end_matches('/'));
            let joint = if query.is_empty() { "" } else { "&" };
            let location = format!("/moved{path}?{query}{joint}{ONCE}={}", faults.hand_out());
            *response.status_mut() = StatusCode::FOUND;
            set(&mut response, header::LOCATION, &location);
        }
    }
    Some(response)
}

fn set<B>(response: &mut Response<B>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn replaced<B>(content: &Content, response: &mut Response<B>) -> Vec<u8> {
    match content {
        Content::Empty => Vec::new(),
        Content::Html => {
            set(response, header::CONTENT_TYPE, "text/html; charset=utf-8");
            b"<!doctype html>\n<title>Nothing to see</title>\n<p>Please come back later.\n".to_vec()
        }
        Content::Json => {
            set(response, header::CONTENT_TYPE, "application/json");
            b"{\"error\":\"the stream is over\"}\n".to_vec()
        }
        Content::Text(text) => text.clone().into_bytes(),
        Content::Bytes(bytes) => bytes.clone(),
    }
}

fn formed(text: &str, form: Text) -> Vec<u8> {
    let units = |mark: bool, bytes: fn(u16) -> [u8; 2]| {
        let mark = mark.then_some('\u{feff}');
        let text = mark.into_iter().chain(text.chars()).collect::<String>();
        text.encode_utf16().flat_map(bytes).collect()
    };
    match form {
        Text::Bom => format!("\u{feff}{text}").into_bytes(),
        Text::Utf16Le => units(true, u16::to_le_bytes),
        Text::Utf16Be => units(true, u16::to_be_bytes),
        Text::Utf16Unmarked => units(false, u16::to_le_bytes),
        Text::CrLf => text.replace('\n', "\r\n").into_bytes(),
        Text::Cr => text.replace('\n', "\r").into_bytes(),
    }
}

/// What is sent of the whole.
fn cut_out<B>(
    range: Range,
    headers: &http::HeaderMap,
    response: &mut Response<B>,
    body: Vec<u8>,
) -> Vec<u8> {
    let whole = body.len();
    let part = match (range, requested(headers, whole)) {
        (Range::Unasked, Requested::All) => 0..whole / 2,
        (Range::Unasked, Requested::Part(part)) => part,
        (Range::Wrong, Requested::Part(part)) => {
            part.start.saturating_add(OFF).min(whole)..part.end.saturating_add(OFF).min(whole)
        }
        _ => return body,
    };
    if part.is_empty() {
        return body;
    }
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let named = format!("bytes {}-{}/{whole}", part.start, part.end - 1);
    set(response, header::CONTENT_RANGE, &named);
    body[part].to_vec()
}
