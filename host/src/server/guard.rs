//! Who may ask at all, and the headers that every answer carries.
//!
//! A request whose `Host` is not one of ours is refused (421): a page on the
//! web that rebinds its name to this address gets nothing (DNS rebinding).
//! With `auth.viewers = "loopback"` only this machine is served. A change
//! (anything but GET, HEAD, OPTIONS) that a browser sends from another site's
//! page is refused.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CONTENT_SECURITY_POLICY, HOST, ORIGIN,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use url::Url;

use crate::answer::Failure;
use crate::config::{Config, Viewers};

const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Which requests are ours.
#[derive(Clone, Debug)]
pub struct Accepted(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Lower case, without port.
    hosts: Vec<String>,
    viewers: Viewers,
}

impl Accepted {
    /// `listen` as it was bound.
    pub fn new(config: &Config, listen: SocketAddr) -> Self {
        let mut hosts = config.server.hosts.clone();
        hosts.push(listen.ip().to_string());
        if listen.ip().is_loopback() || listen.ip().is_unspecified() {
            hosts.extend(["localhost".into(), "127.0.0.1".into(), "::1".into()]);
        }
        hosts.extend(
            config
                .server
                .public_url
                .as_ref()
                .and_then(Url::host_str)
                .map(str::to_owned),
        );
        Self(Arc::new(Inner {
            hosts,
            viewers: config.auth.viewers,
        }))
    }

    fn host(&self, authority: &str) -> bool {
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => authority,
        };
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .trim_end_matches('.')
            .to_ascii_lowercase();
        self.0.hosts.contains(&host)
    }

    fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        let url = Url::parse(origin.to_str().ok()?).ok()?;
        self.host(url.host_str()?).then(|| origin.clone())
    }

    fn check(&self, request: &Request) -> Result<(), Failure> {
        // Probes come by the pod's address and learn nothing.
        if matches!(request.uri().path(), "/healthz" | "/readyz") {
            return Ok(());
        }
        let mut hosts = request.headers().get_all(HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        if hosts.next().is_some() || !host.is_some_and(|host| self.host(host)) {
            return Err(Failure::new(
                StatusCode::MISDIRECTED_REQUEST,
                "host_not_accepted",
                "this host name is not served here; an operator adds it to server.hosts",
            ));
        }
        let peer = request
            .extensions()
            .get::<ConnectInfo<SocketAddr>>()
            .map(|peer| peer.0.ip());
        if self.0.viewers == Viewers::Loopback
            && !peer.is_some_and(|ip| ip.to_canonical().is_loopback())
        {
            return Err(Failure::new(
                StatusCode::FORBIDDEN,
                "viewers_loopback",
                "auth.viewers = \"loopback\" serves this machine alone",
            ));
        }
        if !matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS
        ) {
            let cross_site = match request.headers().get(SEC_FETCH_SITE) {
                Some(site) => site != "same-origin" && site != "none",
                None => {
                    request.headers().contains_key(ORIGIN)
                        && self.origin(request.headers()).is_none()
                }
            };
            if cross_site {
                return Err(Failure::new(
                    StatusCode::FORBIDDEN,
                    "cross_site",
                    "changes are taken from this service's own page only",
                ));
            }
        }
        Ok(())
    }
}

/// The outermost layer.
pub async fn protect(State(accepted): State<Accepted>, request: Request, next: Next) -> Response {
    let origin = accepted.origin(request.headers());
    let preflight = request.method() == Method::OPTIONS;
    let mut response = match accepted.check(&request) {
        Err(failure) => failure.into_response(),
        Ok(()) if preflight => StatusCode::NO_CONTENT.into_response(),
        Ok(()) => next.run(request).await,
    };
    let headers = response.headers_mut();
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("content-length, content-range, accept-ranges, etag"),
        );
        if preflight {
            headers.insert(
                ACCESS_CONTROL_ALLOW_METHODS,
                HeaderValue::from_static("GET, HEAD"),
            );
            headers.insert(
                ACCESS_CONTROL_ALLOW_HEADERS,
                HeaderValue::from_static("range, if-range"),
            );
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
        }
    }
    headers.append(VARY, HeaderValue::from_static("origin"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(COOP, HeaderValue::from_static("same-origin"));
    headers
        .entry(CORP)
        .or_insert(HeaderValue::from_static("same-origin"));
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'",
        ));
    response
}
