//! The one shape of an error that any route answers with:
//! `{"error":{"code","message"}}`.
//!
//! Codes are stable; messages are for people and name no upstream, header
//! value or secret.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_RANGE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::net::FetchError;

/// An answer that is an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status} {code}: {message}")]
pub(crate) struct Failure {
    /// HTTP status.
    pub(crate) status: StatusCode,
    /// Stable code.
    pub(crate) code: &'static str,
    /// For people.
    pub(crate) message: String,
    /// When asking again makes sense, in seconds.
    pub(crate) retry_after: Option<u64>,
    /// Of a 416: how long the resource is, in bytes.
    pub(crate) length: Option<u64>,
}

impl Failure {
    /// An error without a time to come back.
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after: None,
            length: None,
        }
    }

    /// One answer for every link that does not open (the cause goes to the log).
    pub(crate) fn link() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "link_invalid",
            "this link is not valid, or no longer",
        )
    }

    /// A change that only a login's cookie speaks for: another site's page may have
    /// sent it.
    pub(crate) fn not_our_page() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "not_our_page",
            "with a login, changes need the header f1-streams-page, which our page sends",
        )
    }

    /// The stream of a link is not there any more.
    pub(crate) fn stream_gone() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "stream_gone",
            "there is no such stream now",
        )
    }

    /// A status of the upstream that is not a success. What says something to
    /// a player keeps its meaning, also when to come back; the rest is a bad
    /// gateway.
    pub(crate) fn upstream(status: StatusCode, headers: &HeaderMap) -> Self {
        let kept = match status.as_u16() {
            401 | 403 | 404 | 410 | 416 | 429 | 451 | 500 | 502 | 503 | 504 => status,
            // Bandwidth Limit Exceeded, which players do not know.
            509 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_GATEWAY,
        };
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let total = text(CONTENT_RANGE).and_then(|range| range.strip_prefix("bytes */"));
        Self {
            retry_after: crate::net::retry_after(headers)
                .map(|wait| wait.as_secs())
                .filter(|_| matches!(kept.as_u16(), 429 | 503)),
            length: total
                .and_then(|total| total.trim().parse().ok())
                .filter(|_| kept == StatusCode::RANGE_NOT_SATISFIABLE),
            ..Self::new(
                kept,
                "upstream_status",
                format!("the upstream answered {}", status.as_u16()),
            )
        }
    }

    /// The upstream's answer is none to what was asked.
    pub(crate) fn upstream_is(code: &'static str, message: &str) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, code, message)
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        let status = match &error {
            FetchError::Denied(_) => StatusCode::FORBIDDEN,
            FetchError::Timeout(_) => StatusCode::GATEWAY_TIMEOUT,
            FetchError::Busy | FetchError::Down(_) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_GATEWAY,
        };
        let message = match &error {
            // The guard's words name the address.
            FetchError::Denied(_) => "the guard refuses this address".to_owned(),
            other => other.to_string(),
        };
        let retry_after = match &error {
            FetchError::Busy => Some(1),
            FetchError::Down(left) => Some(left.as_secs() + 1),
            _ => None,
        };
        Self {
            retry_after,
            ..Self::new(status, error.code(), message)
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "error": { "code": self.code, "message": self.message } });
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if let Some(length) = self.length {
            let range = HeaderValue::from_str(&format!("bytes */{length}"));
            headers.insert(CONTENT_RANGE, range.expect("digits"));
        }
        response
    }
}
