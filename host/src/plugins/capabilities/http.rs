//! A guest's requests: the only way out of the sandbox, through the guard.
//!
//! Every request costs one of the call's, before anything else is done for it:
//! one that is refused is logged, too, and must not be free, and one that is
//! not paid for is no task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::instrument::WithSubscriber;
use url::Url;

use super::super::asked::Asked;
use super::super::bindings::f1_streams::extractor::http as wit_http;
use super::super::call::Call;
use super::super::meters::Meters;
use super::super::site::Site;
use crate::config::PluginLimits;
use crate::metrics::Metrics;
use crate::net::{Denied, Egress, FetchError, Rules, check_header};

/// One call's way out.
pub(in super::super) struct Outbound {
    pub(in super::super) site: Arc<Site>,
    /// The site's, noted down.
    pub(in super::super) egress: Egress,
    pub(in super::super) asked: Arc<Asked>,
    pub(in super::super) limits: Arc<PluginLimits>,
    pub(in super::super) metrics: Metrics,
    pub(in super::super) meters: Arc<Meters>,
    /// Places for requests under way.
    pub(in super::super) parallel: Semaphore,
    pub(in super::super) deadline: Instant,
    /// Where requests run: with everybody else's, and so do the connections
    /// that they leave for the next, not on the guests' threads.
    pub(in super::super) runtime: Handle,
}

/// What a guest's own fetches add to each hop, and what each hop costs it.
struct GuestRules<'a> {
    outbound: &'a Outbound,
    cookies: bool,
    /// Whether the hop that the call has paid for is still to come.
    paid: AtomicBool,
}

impl Rules for GuestRules<'_> {
    fn permit(&self, url: &Url) -> Result<(), FetchError> {
        if !self.outbound.site.grants(&self.outbound.asked, url) {
            return Err(Denied::Host(url.origin().ascii_serialization()).into());
        }
        // Every hop is a request to somebody's server.
        if self.paid.swap(false, Relaxed) {
            return Ok(());
        }
        self.outbound.pay()
    }

    fn apply(&self, url: &Url, headers: &mut HeaderMap) {
        for (name, value) in &self.outbound.site.headers {
            headers.entry(name.clone()).or_insert_with(|| value.clone());
        }
        if let Some(cookie) = self
            .cookies
            .then(|| self.outbound.site.jar.header(url))
            .flatten()
        {
            headers.insert(http::header::COOKIE, cookie);
        }
    }

    fn received(&self, url: &Url, headers: &HeaderMap) {
        if self.cookies {
            self.outbound.site.jar.receive(url, headers);
        }
    }
}

type Answer = Result<wit_http::Response, wit_http::Error>;

/// A request under way, which ends with its handle, or why it never was.
type Started = Result<JoinSet<Answer>, wit_http::Error>;

/// What is left of a call's time for a guest whose fetch took all it could: so
/// that a slow site is the site's trouble and not the plugin's deadline.
const TIME_TO_ANSWER: Duration = Duration::from_millis(500);

impl Outbound {
    /// Pays for a request and begins it.
    fn start(self: &Arc<Self>, request: wit_http::Request) -> Started {
        self.pay().map_err(guest_error)?;
        let mut task = JoinSet::new();
        let this = self.clone();
        let exchange = async move { this.exchange(request).await };
        task.spawn_on(exchange.with_current_subscriber(), &self.runtime);
        Ok(task)
    }

    async fn finish(started: Started) -> Answer {
        match started?.join_next().await {
            Some(Ok(result)) => result,
            Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            _ => Err(wit_http::Error::Protocol("the service ends".into())),
        }
    }

    /// One that is paid for.
    async fn exchange(&self, request: wit_http::Request) -> Answer {
        let site = &*self.site;
        let max = self
            .limits
            .body
            .as_u64()
            .min(request.max_body.map_or(u64::MAX, u64::from));
        let timeout = request
            .timeout
            .map_or(Duration::MAX, |ms| Duration::from_millis(ms.into()));
        let left = self.deadline.saturating_duration_since(Instant::now());
        let timeout = timeout.min(left.saturating_sub(TIME_TO_ANSWER));
        let rules = GuestRules {
            outbound: self,
            cookies: request.cookies,
            paid: AtomicBool::new(true),
        };
        let most = self.limits.redirects;
        let capped =
            matches!(request.redirects, wit_http::Redirects::Follow(n) if usize::from(n) > most);
        let mut outgoing = outgoing(site, request, &self.limits, &self.metrics)?;
        // It may wait for a place, and has the time that the guest gives it.
        outgoing.deadline = self.deadline;
        let exchange = async {
            if self.parallel.available_permits() == 0 {
                self.metrics.limit("plugins.limits.parallel");
            }
            // Never closed; held until the body is read.
            let _place = self.parallel.acquire().await;
            let response = self.egress.send(outgoing, &rules, "plugin").await?;
            if response.is_encoded() {
                return Err(FetchError::Protocol(
                    "its body is encoded, which was not asked for".into(),
                ));
            }
            let (status, headers, url) = (
                response.status,
                response.headers.clone(),
                response.url.clone(),
            );
            let body = response
                .collect_counted(max, |bytes| self.spend(bytes))
                .await?;
            Ok::<_, FetchError>((status, headers, url, body))
        };
        let (status, headers, url, body) = match tokio::time::timeout(timeout, exchange).await {
            Ok(result) => result.map_err(|error| {
                match error {
                    FetchError::BodyTooLarge(_) => self.metrics.limit("plugins.limits.body"),
                    FetchError::TooManyRedirects if capped => {
                        self.metrics.limit("plugins.limits.redirects");
                    }
                    _ => {}
                }
                guest_error(error)
            })?,
            Err(_) => return Err(wit_http::Error::Timeout),
        };
        Ok(wit_http::Response {
            status: status.as_u16(),
            headers: headers
                .iter()
                .map(|(name, value)| {
                    (
                        name.as_str().to_owned(),
                        String::from_utf8_lossy(value.as_bytes()).into_owned(),
                    )
                })
                .collect(),
            final_url: url.into(),
            body: body.to_vec(),
        })
    }

    /// Takes one request of the call's.
    fn pay(&self) -> Result<(), FetchError> {
        if self.meters.requests.fetch_add(1, Relaxed) >= self.limits.requests {
            self.metrics.limit("plugins.limits.requests");
            return Err(FetchError::Budget);
        }
        Ok(())
    }

    /// Counts bytes of all bodies of this call as they arrive, those that fail
    /// or are under way at the same time included.
    fn spend(&self, bytes: u64) -> Result<(), FetchError> {
        let before = self.meters.bytes.fetch_add(bytes, Relaxed);
        if before + bytes > self.limits.bytes.as_u64() {
            self.metrics.limit("plugins.limits.bytes");
            return Err(FetchError::Budget);
        }
        Ok(())
    }
}

/// A guest's request as ours, checked.
fn outgoing(
    site: &Site,
    request: wit_http::Request,
    limits: &PluginLimits,
    metrics: &Metrics,
) -> Result<crate::net::Request, wit_http::Error> {
    let invalid = |text: String| wit_http::Error::InvalidRequest(text);
    let url = site
        .egress
        .policy()
        .parse(&request.url)
        .map_err(|e| wit_http::Error::Denied(e.to_string()))?;
    let mut outgoing = site.egress.get(url);
    outgoing.method = match request.method {
        wit_http::Method::Get => Method::GET,
        wit_http::Method::Head => Method::HEAD,
        wit_http::Method::Post => Method::POST,
        wit_http::Method::Put => Method::PUT,
        wit_http::Method::Delete => Method::DELETE,
        wit_http::Method::Options => Method::OPTIONS,
        wit_http::Method::Patch => Method::PATCH,
    };
    if request.headers.len() > limits.request_headers {
        metrics.limit("plugins.limits.request_headers");
        let most = limits.request_headers;
        return Err(invalid(format!("more than {most} headers")));
    }
    let header_bytes = request.headers.iter().map(|(n, v)| n.len() + v.len());
    if header_bytes.sum::<usize>() as u64 > limits.request_header_bytes.as_u64() {
        metrics.limit("plugins.limits.request_header_bytes");
        let most = limits.request_header_bytes;
        return Err(invalid(format!("its headers are longer than {most}")));
    }
    for (name, value) in &request.headers {
        let (name, value) = check_header(name, value).map_err(|e| invalid(e.to_string()))?;
        outgoing.headers.append(name, value);
    }
    let (body, content_type) = match request.body {
        wit_http::Body::Empty => (Vec::new(), None),
        wit_http::Body::Bytes(bytes) => (bytes, None),
        wit_http::Body::Text(text) => (text.into_bytes(), Some("text/plain; charset=utf-8")),
        wit_http::Body::Form(fields) => {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.extend_pairs(fields);
            (
                form.finish().into_bytes(),
                Some("application/x-www-form-urlencoded"),
            )
        }
    };
    if body.len() as u64 > limits.request_body.as_u64() {
        metrics.limit("plugins.limits.request_body");
        return Err(invalid(format!(
            "the body is longer than {}",
            limits.request_body
        )));
    }
    outgoing.body = Bytes::from(body);
    if let Some(content_type) = content_type {
        outgoing
            .headers
            .entry(http::header::CONTENT_TYPE)
            .or_insert(http::HeaderValue::from_static(content_type));
    }
    outgoing.redirects = match request.redirects {
        wit_http::Redirects::Manual => 0,
        wit_http::Redirects::Follow(hops) => {
            hops.min(u8::try_from(limits.redirects).unwrap_or(u8::MAX))
        }
    };
    Ok(outgoing)
}

fn guest_error(error: FetchError) -> wit_http::Error {
    match error {
        FetchError::Denied(denied) => wit_http::Error::Denied(denied.to_string()),
        FetchError::Dns => wit_http::Error::Dns,
        FetchError::Connect | FetchError::Busy | FetchError::Down(_) => wit_http::Error::Connect,
        error @ FetchError::Tls => wit_http::Error::Tls(error.to_string()),
        FetchError::Budget => wit_http::Error::BudgetExhausted,
        FetchError::Timeout(_) => wit_http::Error::Timeout,
        FetchError::TooManyRedirects => wit_http::Error::TooManyRedirects,
        FetchError::BodyTooLarge(max) => wit_http::Error::BodyTooLarge(max),
        error @ FetchError::HeadersTooLarge => wit_http::Error::Protocol(error.to_string()),
        FetchError::Protocol(text) => wit_http::Error::Protocol(text),
    }
}

impl wit_http::Host for Call {
    async fn send(&mut self, request: wit_http::Request) -> wasmtime::Result<Answer> {
        let (outbound, began) = (self.outbound()?, Instant::now());
        let answer = Outbound::finish(outbound.start(request)).await;
        self.time.waited_since(began);
        Ok(answer)
    }

    async fn send_all(
        &mut self,
        requests: Vec<wit_http::Request>,
    ) -> wasmtime::Result<Vec<Answer>> {
        let (outbound, began) = (self.outbound()?, Instant::now());
        let started = requests.into_iter().map(|request| outbound.start(request));
        let started: Vec<_> = started.collect();
        let mut answers = Vec::with_capacity(started.len());
        for one in started {
            answers.push(Outbound::finish(one).await);
        }
        self.time.waited_since(began);
        Ok(answers)
    }

    async fn cookie(&mut self, url: String, name: String) -> wasmtime::Result<Option<String>> {
        let outbound = self.outbound()?;
        let site = &*outbound.site;
        let Ok(url) = site.egress.policy().parse(&url) else {
            return Ok(None);
        };
        if !site.grants(&outbound.asked, &url) {
            return Ok(None);
        }
        Ok(site.jar.get(&url, &name))
    }

    async fn clear_cookies(&mut self) -> wasmtime::Result<()> {
        self.site()?.jar.clear();
        Ok(())
    }
}
