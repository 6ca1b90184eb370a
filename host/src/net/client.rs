//! One fetch: judge, connect to what was judged, walk redirects hop by hop.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use dashmap::DashMap;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::{Host, Url};

use super::error::FetchError;
use super::guard::{Denied, Policy};
use super::resolver::{GuardedResolver, ResolveError};
use crate::config;
use crate::metrics::Metrics;

/// What the party that fetches adds to every hop.
pub trait Rules: Send + Sync {
    /// May this party go to this URL at all?
    fn permit(&self, _url: &Url) -> Result<(), FetchError> {
        Ok(())
    }
    /// Headers for this hop.
    fn apply(&self, url: &Url, headers: &mut HeaderMap);
    /// A response of this hop arrived.
    fn received(&self, _url: &Url, _headers: &HeaderMap) {}
}

/// No headers, no cookies: the schedule, links sealed by hand.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

impl Rules for Plain {
    fn apply(&self, _url: &Url, _headers: &mut HeaderMap) {}
}

/// One outgoing request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Changed to GET by a 303, and by a 301 or 302 of a POST (RFC 9110, 15.4).
    pub method: Method,
    /// Judged again on every hop.
    pub url: Url,
    /// Sent on every hop; `Authorization` and `Cookie` only to the first origin.
    pub headers: HeaderMap,
    /// Dropped where the method changes to GET.
    pub body: Bytes,
    /// Hops to follow; 0 returns a 3xx as it is.
    pub redirects: u8,
    /// Waiting for the first byte of one hop.
    pub first_byte: Duration,
}

/// A response whose body has not been read yet.
#[derive(Debug)]
pub struct Response {
    /// Any status.
    pub status: StatusCode,
    /// As the origin sent them.
    pub headers: HeaderMap,
    /// After redirects: relative references resolve against this (RFC 3986, 5.1.3).
    pub url: Url,
    inner: reqwest::Response,
    _permit: OwnedSemaphorePermit,
}

/// Makes [`Egress`]es; cheap to clone.
#[derive(Clone, Debug)]
pub struct Net(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: config::Net,
    metrics: Metrics,
    origins: DashMap<String, Arc<Semaphore>>,
}

/// One policy's way out; clones share its connections.
#[derive(Clone, Debug)]
pub struct Egress {
    shared: Arc<Shared>,
    resolver: GuardedResolver,
    client: reqwest::Client,
}

/// Origins remembered for their semaphores; idle ones are dropped beyond it.
const MAX_ORIGINS: usize = 1024;

// === impl Net ===

impl Net {
    /// Nothing is opened before the first fetch.
    pub fn new(config: config::Net, metrics: Metrics) -> Self {
        Self(Arc::new(Shared {
            config,
            metrics,
            origins: DashMap::new(),
        }))
    }

    /// The policy of `[net]`, with more allowed addresses for one site.
    pub fn policy(&self, allow: &[ipnet::IpNet]) -> Policy {
        let config = &self.0.config;
        Policy {
            addresses: super::AddressRules {
                allow: config
                    .allow_addresses
                    .iter()
                    .chain(allow)
                    .copied()
                    .collect(),
                deny: config.deny_addresses.clone(),
            },
            ports: config.ports.clone(),
            hosts: config.hosts.clone(),
            max_url: usize::try_from(config.max_url.as_u64()).unwrap_or(usize::MAX),
        }
    }

    /// A way out under `policy`, with a connection pool of its own.
    pub fn egress(&self, policy: Policy) -> Result<Egress, FetchError> {
        let config = &self.0.config;
        let resolver = GuardedResolver {
            policy: Arc::new(policy),
            timeout: config.connect_timeout,
        };
        // The one place that makes a client: no environment proxies, no
        // redirects, cookies or decompression of its own.
        #[allow(clippy::disallowed_methods)]
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .dns_resolver(resolver.clone())
            .connect_timeout(config.connect_timeout)
            .read_timeout(config.read_timeout)
            .pool_max_idle_per_host(config.per_origin)
            // HTTP/2 would let one slow viewer of an origin stall the others:
            // they would share a connection and its window.
            .http1_only()
            .http1_max_headers(100)
            .user_agent(config.user_agent.clone())
            .build()
            .map_err(FetchError::from)?;
        Ok(Egress {
            shared: self.0.clone(),
            resolver,
            client,
        })
    }
}

// === impl Egress ===

impl Egress {
    /// What this way out allows.
    pub fn policy(&self) -> &Policy {
        &self.resolver.policy
    }

    /// A GET with the configured redirects and timeouts.
    pub fn get(&self, url: Url) -> Request {
        Request {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            redirects: u8::try_from(self.shared.config.redirects).unwrap_or(u8::MAX),
            first_byte: self.shared.config.first_byte_timeout,
        }
    }

    /// Whether `url` could be fetched now: everything judged, nothing
    /// connected. A name that has no address yet passes; the fetch judges it.
    pub async fn judge(&self, url: &Url) -> Result<(), Denied> {
        self.policy().judge(url)?;
        if let Some(Host::Domain(name)) = url.host()
            && let Err(ResolveError::Denied(denied)) = self.resolver.addresses(name).await
        {
            return Err(denied);
        }
        Ok(())
    }

    /// Sends `request` and walks its redirects; `purpose` labels the metrics.
    pub async fn send(
        &self,
        request: Request,
        rules: &dyn Rules,
        purpose: &'static str,
    ) -> Result<Response, FetchError> {
        let result = self.walk(request, rules).await;
        let outcome = match &result {
            Ok(response) if response.status.is_success() => "ok",
            Ok(_) => "status",
            Err(error) => error.code(),
        };
        self.shared.metrics.fetched(purpose, outcome);
        match &result {
            Err(FetchError::Denied(denied)) => {
                tracing::warn!(purpose, code = denied.code(), %denied, "fetch refused");
            }
            Err(FetchError::Timeout(limit)) => self.shared.metrics.limit(limit),
            _ => {}
        }
        result
    }

    async fn walk(&self, mut request: Request, rules: &dyn Rules) -> Result<Response, FetchError> {
        let mut hops = 0;
        loop {
            self.policy().judge(&request.url)?;
            rules.permit(&request.url)?;
            let response = self.hop(&request, rules).await?;
            rules.received(&response.url, &response.headers);
            let target = redirect_target(&response);
            let (Some(target), true) = (target, request.redirects > 0) else {
                return Ok(response);
            };
            if hops == request.redirects {
                self.shared.metrics.limit("net.redirects");
                return Err(FetchError::TooManyRedirects);
            }
            hops += 1;
            let next = follow(&response.url, &target)?;
            if next.origin() != request.url.origin() {
                request.headers.remove(http::header::AUTHORIZATION);
                request.headers.remove(http::header::COOKIE);
            }
            let to_get = match response.status {
                StatusCode::SEE_OTHER => request.method != Method::HEAD,
                StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => request.method == Method::POST,
                _ => false,
            };
            if to_get {
                request.method = Method::GET;
                request.body = Bytes::new();
                request.headers.remove(CONTENT_TYPE);
            }
            request.url = next;
        }
    }

    async fn hop(&self, request: &Request, rules: &dyn Rules) -> Result<Response, FetchError> {
        let mut headers = request.headers.clone();
        // Playlists are decoded by whoever reads them, segments never.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        rules.apply(&request.url, &mut headers);
        let mut builder = self
            .client
            .request(request.method.clone(), request.url.clone())
            .headers(headers);
        if !request.body.is_empty() {
            builder = builder.body(request.body.clone());
        }
        // The wait for a free place counts against the same limit.
        let sent = tokio::time::timeout(request.first_byte, async {
            let permit = self.permit(&request.url);
            let permit = tokio::time::timeout(self.shared.config.connect_timeout, permit).await;
            let permit = permit.map_err(|_| FetchError::Busy)??;
            let response = builder.send().await.map_err(FetchError::from)?;
            Ok::<_, FetchError>((permit, response))
        });
        let (permit, inner) = match sent.await {
            Ok(result) => result?,
            Err(_) => return Err(FetchError::Timeout("net.first_byte_timeout")),
        };
        let header_bytes: usize = inner
            .headers()
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        if header_bytes as u64 > self.shared.config.max_headers.as_u64() {
            self.shared.metrics.limit("net.max_headers");
            return Err(FetchError::Protocol(
                "its headers are larger than net.max_headers".into(),
            ));
        }
        Ok(Response {
            status: inner.status(),
            headers: inner.headers().clone(),
            url: inner.url().clone(),
            inner,
            _permit: permit,
        })
    }

    async fn permit(&self, url: &Url) -> Result<OwnedSemaphorePermit, FetchError> {
        let origins = &self.shared.origins;
        if origins.len() > MAX_ORIGINS {
            origins.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        }
        let places = self.shared.config.per_origin;
        let semaphore = origins
            .entry(url.origin().ascii_serialization())
            .or_insert_with(|| Arc::new(Semaphore::new(places)))
            .clone();
        if semaphore.available_permits() == 0 {
            self.shared.metrics.limit("net.per_origin");
        }
        semaphore
            .acquire_owned()
            .await
            .map_err(|_| FetchError::Busy)
    }
}

// === impl Response ===

impl Response {
    /// The length the origin promised, in bytes.
    pub fn content_length(&self) -> Option<u64> {
        self.headers
            .get(CONTENT_LENGTH)?
            .to_str()
            .ok()?
            .parse()
            .ok()
    }

    /// Whether the body is encoded although nothing but identity was asked for.
    pub fn is_encoded(&self) -> bool {
        self.headers
            .get(CONTENT_ENCODING)
            .is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
    }

    /// The next piece as it arrives; `None` at the end. A body that ends short
    /// of its promised length is an error, never an end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, FetchError> {
        Ok(self.inner.chunk().await?)
    }

    /// The whole body, at most `max` bytes: a longer one is an error, never cut.
    pub async fn collect(self, max: u64) -> Result<Bytes, FetchError> {
        self.collect_counted(max, |_| Ok(())).await
    }

    /// As [`Response::collect`]; `count` sees every piece's length as it
    /// arrives and may end it.
    pub async fn collect_counted(
        mut self,
        max: u64,
        mut count: impl FnMut(u64) -> Result<(), FetchError>,
    ) -> Result<Bytes, FetchError> {
        if self.content_length().is_some_and(|length| length > max) {
            return Err(FetchError::BodyTooLarge(max));
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            count(chunk.len() as u64)?;
            if (body.len() + chunk.len()) as u64 > max {
                return Err(FetchError::BodyTooLarge(max));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

/// A redirect's target: its raw string is judged here, what it parses to
/// with every hop.
fn follow(base: &Url, location: &str) -> Result<Url, FetchError> {
    if location
        .bytes()
        .any(|b| b <= b' ' || b == 0x7f || b == b'\\')
    {
        let why = "a redirect holds a space, a control character or a backslash";
        return Err(Denied::Url(why).into());
    }
    let url = base.join(location);
    Ok(url.map_err(|_| Denied::Url("a redirect cannot be parsed"))?)
}

/// The `Location` of a 3xx that is followed (RFC 9110, section 15.4).
fn redirect_target(response: &Response) -> Option<String> {
    if !matches!(response.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    Some(response.headers.get(LOCATION)?.to_str().ok()?.to_owned())
}
