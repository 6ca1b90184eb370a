//! From an answer that points elsewhere to the next request.

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, IF_RANGE, LOCATION, ORIGIN, RANGE, REFERER, USER_AGENT,
};
use http::{HeaderMap, HeaderName, Method, StatusCode};

use super::error::FetchError;
use super::guard::follow;
use super::request::Request;
use super::response::Response;

/// What says nothing of one origin to another. A header that somebody added for
/// the first, a token of his own above all, is none of the second's business. Where
/// one comes from, a browser says there, too, and sites ask for it.
const TRAVEL: [HeaderName; 8] = [
    ACCEPT,
    ACCEPT_LANGUAGE,
    CONTENT_TYPE,
    IF_RANGE,
    ORIGIN,
    RANGE,
    REFERER,
    USER_AGENT,
];

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
            let mut headers = HeaderMap::new();
            for name in &TRAVEL {
                for value in self.headers.get_all(name) {
                    headers.append(name, value.clone());
                }
            }
            self.headers = headers;
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::net::Class;

    const HEADERS: [&str; 12] = [
        "accept",
        "accept-language",
        "authorization",
        "content-type",
        "cookie",
        "if-range",
        "origin",
        "range",
        "referer",
        "user-agent",
        "x-api-key",
        "x-requested-with",
    ];

    fn request(url: &str) -> Request {
        let value = |name: &'static str| (HeaderName::from_static(name), name.parse());
        let headers = HEADERS.map(value);
        Request {
            method: Method::GET,
            url: url.parse().expect("a URL"),
            headers: headers
                .into_iter()
                .map(|(name, value)| (name, value.expect("a value")))
                .collect(),
            body: Bytes::new(),
            redirects: 5,
            first_byte: Duration::ZERO,
            first_byte_key: "",
            deadline: Instant::now(),
            read: Duration::ZERO,
            class: Class::default(),
        }
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn only_headers_that_tell_nothing_go_to_another_origin() {
        let next = |request: Request, location: &str| {
            let head = (StatusCode::FOUND, HeaderMap::new());
            let response = Response::replay(head, request.url.clone(), Bytes::new(), false);
            request.redirected(&response, location).expect("a redirect")
        };
        let first = "http://a.test/x";
        for same in ["/y", "y?z", "//a.test/y", "http://A.test:80/y"] {
            assert_eq!(
                names(&next(request(first), same).headers),
                HEADERS,
                "{same}"
            );
        }
        let tell_nothing = [
            "accept",
            "accept-language",
            "content-type",
            "if-range",
            "origin",
            "range",
            "referer",
            "user-agent",
        ];
        for other in ["//b.test/y", "https://a.test/y", "http://a.test:81/y"] {
            let there = next(request(first), other);
            assert_eq!(names(&there.headers), tell_nothing, "{other}");
            let back = next(there, first);
            assert_eq!(names(&back.headers), tell_nothing, "and back");
        }
    }
}
