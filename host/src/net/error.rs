//! Why a fetch gave no usable response, and where in reqwest's error chain
//! that is written.

use std::error::Error;
use std::io;
use std::time::Duration;

use super::guard::Denied;
use super::resolver::ResolveError;

/// Why there is no usable response. Any HTTP status is a response.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum FetchError {
    /// The guard refused, at the first URL or at a redirect hop.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The name has no address, or the resolver did not answer in time.
    #[error("the host name could not be resolved")]
    Dns,
    /// No connection within `net.connect_timeout`.
    #[error("no connection")]
    Connect,
    /// The certificate or the handshake was not acceptable.
    #[error("the certificate or the TLS handshake was not acceptable")]
    Tls,
    /// A phase took longer than its limit.
    #[error("no answer within {0}")]
    Timeout(&'static str),
    /// More hops than allowed.
    #[error("too many redirects")]
    TooManyRedirects,
    /// More than `net.max_headers`, or than anybody sends.
    #[error("its headers are too many, or larger than net.max_headers")]
    HeadersTooLarge,
    /// The body is longer than the reader's limit, in bytes.
    #[error("the body is longer than {0} bytes")]
    BodyTooLarge(u64),
    /// All places for such requests are taken, and none became free in time.
    #[error("too many requests to this origin are under way")]
    Busy,
    /// It failed again and again, and is not asked for so long (`net.breaker`).
    #[error("the upstream has not answered again and again, and is left alone for a while")]
    Down(Duration),
    /// The caller's own budget of requests or bytes is used up.
    #[error("the budget of this call is used up")]
    Budget,
    /// The connection broke off or the answer was not HTTP.
    #[error("broken answer: {0}")]
    Protocol(String),
}

impl FetchError {
    /// Stable code for APIs, logs and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied(denied) => denied.code(),
            Self::Dns => "upstream_dns",
            Self::Connect => "upstream_connect",
            Self::Tls => "upstream_tls",
            Self::Timeout(_) => "upstream_timeout",
            Self::TooManyRedirects => "upstream_redirects",
            Self::HeadersTooLarge => "upstream_headers",
            Self::BodyTooLarge(_) => "upstream_too_large",
            Self::Busy => "upstream_busy",
            Self::Down(_) => "upstream_down",
            Self::Budget => "budget",
            Self::Protocol(_) => "upstream_broken",
        }
    }
}

impl From<ResolveError> for FetchError {
    fn from(error: ResolveError) -> Self {
        match error {
            ResolveError::Denied(denied) => Self::Denied(denied),
            ResolveError::NoAddress => Self::Dns,
        }
    }
}

/// Classifies by types in the chain, never by text.
impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(this) = cause {
            match this.downcast_ref::<ResolveError>() {
                Some(ResolveError::Denied(denied)) => return Self::Denied(denied.clone()),
                Some(ResolveError::NoAddress) => return Self::Dns,
                None => {}
            }
            if this.downcast_ref::<io::Error>().is_some_and(is_tls) && error.is_connect() {
                return Self::Tls;
            }
            let hyper = this.downcast_ref::<hyper::Error>();
            if hyper.is_some_and(hyper::Error::is_parse_too_large) {
                return Self::HeadersTooLarge;
            }
            cause = this.source();
        }
        if error.is_timeout() {
            if error.is_connect() {
                Self::Timeout("net.connect_timeout")
            } else {
                Self::Timeout("net.read_timeout")
            }
        } else if error.is_connect() {
            Self::Connect
        } else {
            // Without the URL: it may hold a token.
            Self::Protocol(error.without_url().to_string())
        }
    }
}

/// tokio-rustls reports a failed handshake as invalid data; hyper-rustls wraps
/// that in an `other`, whose inner error is not its `source`.
fn is_tls(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
        || error
            .get_ref()
            .and_then(|inner| inner.downcast_ref())
            .is_some_and(is_tls)
}
