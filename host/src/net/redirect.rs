//! From an answer that points elsewhere to the next request.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION};
use http::{Method, StatusCode};
use url::Url;

use super::error::FetchError;
use super::guard::{Denied, judge_raw};
use super::request::Request;
use super::response::Response;

impl Response {
    /// The `Location` of a 3xx that is followed (RFC 9110, section 15.4).
    pub(super) fn location(&self) -> Option<&str> {
        if !matches!(self.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        self.headers.get(LOCATION)?.to_str().ok()
    }
}

impl Request {
    /// What is asked next where `response` points to `location`.
    pub(super) fn redirected(
        mut self,
        response: &Response,
        location: &str,
    ) -> Result<Self, FetchError> {
        let next = follow(&response.url, location)?;
        if next.origin() != self.url.origin() {
            self.headers.remove(AUTHORIZATION);
            self.headers.remove(COOKIE);
        }
        let to_get = match response.status {
            StatusCode::SEE_OTHER => self.method != Method::HEAD,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            _ => false,
        };
        if to_get {
            self.method = Method::GET;
            self.body = Bytes::new();
            self.headers.remove(CONTENT_TYPE);
        }
        self.url = next;
        Ok(self)
    }
}

/// A redirect's target: its raw string is judged here, what it parses to
/// with every hop.
fn follow(base: &Url, location: &str) -> Result<Url, FetchError> {
    judge_raw(location)?;
    let url = base.join(location);
    Ok(url.map_err(|_| Denied::Url("a redirect cannot be parsed"))?)
}
