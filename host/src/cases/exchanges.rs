//! Exchanges as they are written: an array of JSON, one entry a hop, bodies
//! inline or in files beside.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::files;
use crate::net::{Answer, Exchange};

/// Bodies up to this many bytes, on one line, stay in the JSON.
const INLINE: usize = 300;
/// Of one file beside.
const MAX_BODY: u64 = 32 << 20;

/// One hop as it stands in `exchanges.json` and in a bundle.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    request: Request,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    response: Option<Response>,
    /// The word of a [`crate::net::Failure`], in place of a response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    method: String,
    url: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_file: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Response {
    status: u16,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_file: Option<String>,
    /// There was more, and the recording had no room for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

/// Where a body stands: at most one of the three.
type Body = (Option<String>, Option<String>, Option<String>);

// === reading ===

impl Written {
    /// `beside`: the directory of files that bodies may be in. `Err` says what
    /// is wrong.
    pub(super) fn read(self, beside: Option<&Path>) -> Result<Exchange, String> {
        let Request {
            method,
            url,
            headers,
            body,
            body_base64,
            body_file,
        } = self.request;
        let answer = match (self.response, self.error) {
            (Some(response), None) => response.read(beside)?,
            (None, Some(code)) => Answer::Failed(code.parse()?),
            _ => return Err("either \"response\" or \"error\" must be there".into()),
        };
        Ok(Exchange {
            method: Method::from_bytes(method.as_bytes())
                .map_err(|_| format!("{method:?} is not a method"))?,
            url: Url::parse(&url).map_err(|error| format!("{url:?}: {error}"))?,
            headers: read_headers(headers)?,
            body: read_body((body, body_base64, body_file), beside)?,
            answer,
        })
    }
}

impl Response {
    fn read(self, beside: Option<&Path>) -> Result<Answer, String> {
        Ok(Answer::Response {
            status: StatusCode::from_u16(self.status)
                .map_err(|_| format!("{} is not a status", self.status))?,
            headers: read_headers(self.headers)?,
            body: read_body((self.body, self.body_base64, self.body_file), beside)?,
            cut: self.cut,
        })
    }
}

fn read_headers(pairs: Vec<(String, String)>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name: HeaderName = name
            .parse()
            .map_err(|_| format!("{name:?} is not a header's name"))?;
        let value =
            HeaderValue::from_str(&value).map_err(|_| format!("{name}: not a header's value"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn read_body(body: Body, beside: Option<&Path>) -> Result<Bytes, String> {
    match body {
        (None, None, None) => Ok(Bytes::new()),
        (Some(text), None, None) => Ok(text.into()),
        (None, Some(base64), None) => Ok(STANDARD
            .decode(&base64)
            .map_err(|error| format!("body_base64: {error}"))?
            .into()),
        (None, None, Some(name)) => {
            let beside = beside.ok_or("there are no files beside a bundle")?;
            // A case is a directory, and nothing outside it.
            if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
                return Err(format!("body_file: {name:?} is not a file of the case"));
            }
            let bytes = files::read(&beside.join(&name), MAX_BODY);
            Ok(bytes.map_err(|error| format!("{name}: {error}"))?.into())
        }
        _ => Err("of body, body_base64 and body_file only one may be there".into()),
    }
}

// === writing ===

impl Written {
    /// Characters of the response's body.
    pub(super) fn body_len(&self) -> usize {
        let response = self.response.as_ref();
        let body = response.and_then(|r| r.body.as_ref().or(r.body_base64.as_ref()));
        body.map_or(0, String::len)
    }

    /// Leaves the response's body away.
    pub(super) fn cut(&mut self) {
        if let Some(response) = &mut self.response {
            response.body = None;
            response.body_base64 = None;
            response.cut = true;
        }
    }

    /// Everything inline.
    pub(super) fn inline(exchange: &Exchange) -> Self {
        Self::new(exchange, |body, _| inline_body(body))
    }

    /// Longer bodies become files beside, which `keep` is given.
    pub(super) fn beside(
        exchange: &Exchange,
        index: usize,
        keep: &mut impl FnMut(String, Bytes),
    ) -> Self {
        Self::new(exchange, |body, kind| match kind {
            Some(kind) if body.len() > INLINE || body.contains(&b'\n') => {
                let name = format!("{:02}.{}", index + 1, extension(kind, body));
                keep(name.clone(), body.clone());
                (None, None, Some(name))
            }
            _ => inline_body(body),
        })
    }

    /// `place` says where a body goes; its second argument is a response's
    /// content type.
    fn new(exchange: &Exchange, mut place: impl FnMut(&Bytes, Option<&str>) -> Body) -> Self {
        let (body, body_base64, body_file) = place(&exchange.body, None);
        let request = Request {
            method: exchange.method.to_string(),
            url: exchange.url.to_string(),
            headers: write_headers(&exchange.headers),
            body,
            body_base64,
            body_file,
        };
        let (response, error) = match &exchange.answer {
            Answer::Failed(failure) => (None, Some(failure.code().to_owned())),
            Answer::Response {
                status,
                headers,
                body,
                cut,
            } => {
                let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
                let (body, body_base64, body_file) = place(body, Some(kind.unwrap_or_default()));
                let response = Response {
                    status: status.as_u16(),
                    headers: write_headers(headers),
                    body,
                    body_base64,
                    body_file,
                    cut: *cut,
                };
                (Some(response), None)
            }
        };
        Self {
            request,
            response,
            error,
        }
    }
}

fn write_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let pairs = headers.iter();
    pairs
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}

fn inline_body(body: &Bytes) -> Body {
    if body.is_empty() {
        return (None, None, None);
    }
    match std::str::from_utf8(body) {
        Ok(text) => (Some(text.to_owned()), None, None),
        Err(_) => (None, Some(STANDARD.encode(body)), None),
    }
}

fn extension(content_type: &str, body: &[u8]) -> &'static str {
    let kinds = [
        ("html", "html"),
        ("json", "json"),
        ("mpegurl", "m3u8"),
        ("javascript", "js"),
        ("xml", "xml"),
        ("text/", "txt"),
    ];
    let known = kinds
        .iter()
        .find(|(part, _)| content_type.to_ascii_lowercase().contains(part));
    match known {
        Some((_, extension)) => extension,
        None if std::str::from_utf8(body).is_ok() => "txt",
        None => "bin",
    }
}
