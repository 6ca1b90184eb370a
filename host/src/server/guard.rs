//! Who may ask at all, and the headers that every answer carries.
//!
//! A request whose `Host` is not one of ours is refused (421): a page on the
//! web that rebinds its name to this address gets nothing (DNS rebinding).
//! With `auth.viewers = "loopback"` only this machine is served, and nobody whose
//! request came by a proxy that says so. A change (anything but GET, HEAD,
//! OPTIONS) that a browser sends from another site's page is refused. Another site
//! is what has another origin: scheme, host or port.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, AUTHORIZATION, CONNECTION,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN, REFERRER_POLICY, TRANSFER_ENCODING, VARY,
    VIA, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use url::Url;

use crate::answer::Failure;
use crate::config::{Config, Viewers};

const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What proxies say of whom they stand for. One that says nothing cannot be told
/// from a program on this machine.
const FORWARDED: [HeaderName; 6] = [
    http::header::FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
    VIA,
];

/// The types that a form can have (HTML, section 4.10.21.6).
const FORMS: [&str; 3] = [
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/plain",
];

/// Which requests are ours.
#[derive(Clone, Debug)]
pub struct Accepted(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Lower case, without port.
    hosts: Vec<String>,
    /// Addresses are hosts, too, whichever they are.
    addresses: bool,
    /// Where media alone is served, if it has a name of its own. Lower case, without
    /// port.
    media: Option<String>,
    /// Origins whose pages are ours, besides the one that was asked.
    origins: Vec<String>,
    viewers: Viewers,
}

impl Accepted {
    /// `listen` as it was bound.
    pub fn new(config: &Config, listen: SocketAddr) -> Self {
        let server = &config.server;
        let viewers = config.auth.viewers;
        let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
        let local = listen.ip().is_loopback() || listen.ip().is_unspecified();
        if viewers != Viewers::Loopback {
            hosts.truncate(if local { hosts.len() } else { 0 });
            hosts.extend(server.hosts.iter().cloned());
            let public = server.public_url.as_ref().and_then(Url::host_str);
            hosts.extend(public.map(str::to_owned));
        }
        if !listen.ip().is_unspecified() {
            hosts.push(listen.ip().to_string());
        }
        let media = server.public_media_url.as_ref().and_then(Url::host_str);
        hosts.extend(media.map(str::to_owned));
        let public = server.public_url.iter().map(Url::origin);
        Self(Arc::new(Inner {
            hosts,
            addresses: false,
            media: media.map(str::to_owned),
            origins: public.map(|origin| origin.ascii_serialization()).collect(),
            viewers,
        }))
    }

    /// For the listener of the metrics: whoever can connect may read them, by any
    /// address or a name that viewers type.
    pub fn metrics(config: &Config) -> Self {
        let mut hosts = config.server.hosts.clone();
        hosts.push("localhost".into());
        Self(Arc::new(Inner {
            hosts,
            addresses: true,
            media: None,
            origins: Vec::new(),
            viewers: Viewers::Open,
        }))
    }

    fn host(&self, authority: &str) -> bool {
        let host = name(authority);
        self.0.hosts.contains(&host) || self.0.addresses && host.parse::<IpAddr>().is_ok()
    }

    /// `Origin`, where it is a page of ours: of the very host and port that was
    /// asked, by http or https (a proxy in front may add the latter).
    fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        let text = origin.to_str().ok()?;
        let url = Url::parse(text).ok()?;
        let same = || {
            // No page is there.
            (!self.is_apart(headers)).then_some(())?;
            let port = url.port_or_known_default()?;
            let host = headers.get(HOST)?.to_str().ok()?;
            let asked = Url::parse(&format!("{}://{host}", url.scheme())).ok()?;
            let is_web = matches!(url.scheme(), "http" | "https");
            let equal = asked.host() == url.host() && asked.port_or_known_default() == Some(port);
            (is_web && equal && self.host(host)).then_some(())
        };
        let own = self.0.origins.iter().any(|own| own == text);
        // The page may be under any name of ours; media is under one.
        let page = || {
            let is_web = matches!(url.scheme(), "http" | "https");
            let host = url.host_str().unwrap_or_default();
            is_web && self.is_apart(headers) && self.host(host) && !self.is_media(host)
        };
        (own || same().is_some() || page()).then(|| origin.clone())
    }

    /// Whether media alone is served by the name that was asked.
    fn is_apart(&self, headers: &HeaderMap) -> bool {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        host.is_some_and(|host| self.is_media(host))
    }

    fn is_media(&self, host: &str) -> bool {
        let media = self.0.media.as_deref();
        media.is_some_and(|media| name(host) == media)
    }

    fn check(&self, request: &Request) -> Result<(), Failure> {
        // Probes come by the pod's address and learn nothing.
        if matches!(request.uri().path(), "/healthz" | "/readyz") {
            return Ok(());
        }
        let mut hosts = request.headers().get_all(HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        if hosts.next().is_some() || !host.is_some_and(|host| self.host(host)) {
            let what = match self.0.viewers {
                Viewers::Loopback => {
                    "auth.viewers is \"loopback\", which serves this machine's own names alone"
                }
                _ => "this host name is not served here; an operator adds it to server.hosts",
            };
            let status = StatusCode::MISDIRECTED_REQUEST;
            return Err(Failure::new(status, "host_not_accepted", what));
        }
        // Nothing of an upstream from where the page is, and no page from there.
        let path = request.uri().path();
        let is_media = path.starts_with("/proxy") || path.starts_with("/relay");
        if self.0.media.is_some() && is_media != self.is_apart(request.headers()) {
            let message = "media and the page have names of their own here";
            let status = StatusCode::NOT_FOUND;
            return Err(Failure::new(status, "not_served_here", message));
        }
        // What a request names in its first line is what it asks for (RFC 9112,
        // section 3.2.2), and no two parties may read it differently.
        let named = request.uri().authority().map(http::uri::Authority::as_str);
        if named.is_some_and(|named| !host.is_some_and(|host| host.eq_ignore_ascii_case(named))) {
            return Err(Failure::new(
                StatusCode::BAD_REQUEST,
                "authority",
                "the request names one host and asks another",
            ));
        }
        // No client of ours needs it, and a length beside it is how requests are
        // smuggled past proxies (RFC 9112, section 11.2).
        if request.headers().contains_key(TRANSFER_ENCODING) {
            return Err(Failure::new(
                StatusCode::LENGTH_REQUIRED,
                "length_required",
                "say the length of the body in Content-Length",
            ));
        }
        let by_proxy = || {
            FORWARDED
                .iter()
                .any(|name| request.headers().contains_key(name))
        };
        if self.0.viewers == Viewers::Loopback && by_proxy() {
            return Err(Failure::new(
                StatusCode::FORBIDDEN,
                "viewers_proxied",
                "auth.viewers = \"loopback\" serves this machine alone, and this request came \
                 by a proxy: an operator sets it to \"forward\" where that proxy logs people in, \
                 to \"token\", or to \"open\" where others decide who may watch",
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
            // What a form of any page sends without being asked whether it may. Who
            // sends a token knows what he does.
            let kind = request.headers().get(CONTENT_TYPE);
            let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            let kind = kind.split(';').next().unwrap_or_default().trim();
            let is_form = FORMS.iter().any(|form| kind.eq_ignore_ascii_case(form));
            if is_form && !request.headers().contains_key(AUTHORIZATION) {
                return Err(Failure::new(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "form",
                    "forms are not taken: send JSON",
                ));
            }
        }
        Ok(())
    }
}

/// Lower case, without port, brackets and final dot.
fn name(authority: &str) -> String {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// The outermost layer.
pub async fn protect(State(accepted): State<Accepted>, request: Request, next: Next) -> Response {
    let origin = accepted.origin(request.headers());
    let preflight = request.method() == Method::OPTIONS;
    let is_apart = accepted.is_apart(request.headers());
    let is_chunked = request.headers().contains_key(TRANSFER_ENCODING);
    let mut response = match accepted.check(&request) {
        Err(failure) => failure.into_response(),
        Ok(()) if preflight => StatusCode::NO_CONTENT.into_response(),
        Ok(()) => next.run(request).await,
    };
    let headers = response.headers_mut();
    if is_chunked {
        // Where its body ends, nobody was asked.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
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
    // A page of ours under another name plays what is served here.
    let corp = if is_apart {
        "cross-origin"
    } else {
        "same-origin"
    };
    headers
        .entry(CORP)
        .or_insert(HeaderValue::from_static(corp));
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'",
        ));
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    const LISTEN: &str = "127.0.0.1:8080";

    fn config(text: &str) -> Config {
        let dir = std::path::Path::new("/data");
        Config::from_toml(text, dir)
            .expect("a configuration")
            .config
    }

    fn accepted(text: &str, listen: &str) -> Accepted {
        Accepted::new(&config(text), listen.parse().expect("an address"))
    }

    /// The code of the refusal of `GET uri` with these fields, from this machine.
    fn refused(accepted: &Accepted, uri: &str, fields: &[(&str, &str)]) -> &'static str {
        let mut request = Request::builder().uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).expect("a request");
        let peer: SocketAddr = "127.0.0.1:5".parse().expect("an address");
        request.extensions_mut().insert(ConnectInfo(peer));
        accepted
            .check(&request)
            .err()
            .map_or("", |failure| failure.code)
    }

    #[test]
    fn only_this_machine_is_asked_by_names_of_this_machine() {
        let text = "[server]\nhosts = [\"tv.home\"]\npublic_url = \"https://tv.example\"";
        let local = accepted(text, LISTEN);
        let open = format!("{text}\n[auth]\nviewers = \"open\"");
        let open = accepted(&open, LISTEN);
        for (host, code, open_code) in [
            ("127.0.0.1:8080", "", ""),
            ("localhost", "", ""),
            ("LOCALHOST.:1", "", ""),
            ("[::1]:8080", "", ""),
            ("tv.home:8080", "host_not_accepted", ""),
            ("tv.example", "host_not_accepted", ""),
            ("0.0.0.0:8080", "host_not_accepted", "host_not_accepted"),
            ("evil.example", "host_not_accepted", "host_not_accepted"),
            ("", "host_not_accepted", "host_not_accepted"),
        ] {
            assert_eq!(refused(&local, "/", &[("host", host)]), code, "{host}");
            assert_eq!(refused(&open, "/", &[("host", host)]), open_code, "{host}");
        }
        let anywhere = accepted("[auth]\nviewers = \"open\"", "0.0.0.0:8080");
        let rebound = refused(&anywhere, "/", &[("host", "0.0.0.0:8080")]);
        assert_eq!(rebound, "host_not_accepted");
    }

    #[test]
    fn a_request_that_came_by_a_proxy_is_not_from_this_machine() {
        let (local, open) = (
            accepted("", LISTEN),
            accepted("[auth]\nviewers = \"open\"", LISTEN),
        );
        for name in FORWARDED {
            let fields = [("host", "localhost"), (name.as_str(), "192.0.2.1")];
            assert_eq!(refused(&local, "/", &fields), "viewers_proxied", "{name}");
            assert_eq!(refused(&open, "/", &fields), "", "{name}");
            assert_eq!(refused(&local, "/healthz", &fields), "", "probes");
        }
    }

    #[test]
    fn nobody_reads_a_request_in_two_ways() {
        let accepted = accepted("", LISTEN);
        let host = ("host", "localhost:8080");
        for (uri, code) in [
            ("http://localhost:8080/", ""),
            ("http://LOCALHOST:8080/", ""),
            ("http://evil.example/", "authority"),
            ("http://localhost/", "authority"),
        ] {
            assert_eq!(refused(&accepted, uri, &[host]), code, "{uri}");
        }
        let twice = [host, ("host", "evil.example")];
        assert_eq!(refused(&accepted, "/", &twice), "host_not_accepted");
        for coding in ["chunked", "identity"] {
            let fields = [host, ("transfer-encoding", coding)];
            assert_eq!(refused(&accepted, "/", &fields), "length_required");
        }
    }

    #[test]
    fn a_page_is_ours_by_scheme_host_and_port() {
        let text = "[server]\nhosts = [\"tv.home\"]\npublic_url = \"https://tv.example/live/\"\n\
                    [auth]\nviewers = \"open\"";
        let accepted = accepted(text, LISTEN);
        for (host, origin, own) in [
            ("tv.home:8080", "http://tv.home:8080", true),
            ("tv.home", "http://tv.home", true),
            // TLS ends before us.
            ("tv.home", "https://tv.home", true),
            ("tv.home:443", "https://tv.home", true),
            ("localhost:8080", "https://tv.example", true),
            ("localhost:8080", "http://tv.example", false),
            ("tv.home:8080", "http://tv.home:3000", false),
            ("tv.home:8080", "http://localhost:8080", false),
            ("evil.example", "http://evil.example", false),
            ("tv.home", "null", false),
            ("tv.home", "file://tv.home", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().expect("a value"));
            headers.insert(ORIGIN, origin.parse().expect("a value"));
            assert_eq!(
                accepted.origin(&headers).is_some(),
                own,
                "{origin} at {host}"
            );
        }
    }

    #[test]
    fn the_metrics_have_no_name_that_a_page_can_rebind() {
        let accepted = Accepted::metrics(&config("[server]\nhosts = [\"tv.home\"]"));
        for (host, code) in [
            ("127.0.0.1:9090", ""),
            ("10.1.2.3:9090", ""),
            ("[fd00::1]:9090", ""),
            ("localhost:9090", ""),
            ("tv.home:9090", ""),
            ("evil.example:9090", "host_not_accepted"),
        ] {
            assert_eq!(
                refused(&accepted, "/metrics", &[("host", host)]),
                code,
                "{host}"
            );
        }
    }
}
