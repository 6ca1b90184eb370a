//! One fetch: judge, connect to what was judged, walk redirects hop by hop.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue, Method};
use tokio::time::Instant;
use url::{Host, Url};

use super::breaker::{Breakers, ByPolicy};
use super::error::FetchError;
use super::guard::{Denied, Policy};
use super::lookups::Lookups;
use super::own::is_own;
use super::places::{Class, Place, Places};
use super::request::{Request, Rules};
use super::resolver::{GuardedResolver, ResolveError};
use super::response::Response;
use super::tape::{Replay, Tape};
use crate::config;
use crate::metrics::Metrics;

/// Makes [`Egress`]es; cheap to clone.
#[derive(Clone, Debug)]
pub struct Net(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: config::Net,
    metrics: Metrics,
    places: Places,
    lookups: Lookups,
    breakers: ByPolicy,
    /// Where we listen ourselves.
    own: OnceLock<Vec<SocketAddr>>,
}

/// One policy's way out; clones share its connections.
#[derive(Clone, Debug)]
pub struct Egress {
    shared: Arc<Shared>,
    resolver: GuardedResolver,
    breakers: Arc<Breakers>,
    wire: Wire,
    tape: Option<Tape>,
}

/// What is behind the guard.
#[derive(Clone, Debug)]
enum Wire {
    Open(reqwest::Client),
    /// No socket: see [`Net::replay`].
    Replay(Replay),
}

// === impl Net ===

impl Net {
    /// Nothing is opened before the first fetch.
    pub fn new(config: config::Net, metrics: Metrics) -> Self {
        Self(Arc::new(Shared {
            places: Places::new(&config, metrics.clone()),
            lookups: Lookups::new(&config, metrics.clone()),
            breakers: ByPolicy::default(),
            own: OnceLock::new(),
            config,
            metrics,
        }))
    }

    /// Where this service listens, which no exception allows to be fetched: a
    /// playlist that names us would have us ask ourselves without end, and read
    /// what only this machine may. Once, before the first fetch.
    pub fn refuse_own(&self, listeners: Vec<SocketAddr>) {
        let _ = self.0.own.set(listeners);
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
        let (breakers, resolver) = (self.breakers(&policy), self.resolver(policy));
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
            breakers,
            wire: Wire::Open(client),
            tape: None,
        })
    }

    /// A way out under `policy` that answers from `replay` and opens no
    /// socket. Names are not resolved: of a URL everything else is judged.
    pub fn replay(&self, policy: Policy, replay: Replay) -> Egress {
        Egress {
            shared: self.0.clone(),
            breakers: self.breakers(&policy),
            resolver: self.resolver(policy),
            wire: Wire::Replay(replay),
            tape: None,
        }
    }

    fn breakers(&self, policy: &Policy) -> Arc<Breakers> {
        let (config, metrics) = (&self.0.config.breaker, &self.0.metrics);
        self.0.breakers.of(policy, config, metrics)
    }

    fn resolver(&self, policy: Policy) -> GuardedResolver {
        GuardedResolver {
            policy: Arc::new(policy),
            lookups: self.0.lookups.clone(),
            timeout: self.0.config.connect_timeout,
        }
    }
}

// === impl Egress ===

impl Egress {
    /// What this way out allows.
    pub fn policy(&self) -> &Policy {
        &self.resolver.policy
    }

    /// The same way out, whose hops are noted on `tape`.
    pub fn recording(&self, tape: Tape) -> Self {
        Self {
            tape: Some(tape),
            ..self.clone()
        }
    }

    /// Whether it answers from a recording.
    pub fn is_replay(&self) -> bool {
        matches!(self.wire, Wire::Replay(_))
    }

    /// A GET with the configured redirects and timeouts, whose time begins now.
    pub fn get(&self, url: Url) -> Request {
        let config = &self.shared.config;
        // There is time for one hop at least.
        let one = config.connect_timeout + config.first_byte_timeout;
        Request {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            redirects: u8::try_from(config.redirects).unwrap_or(u8::MAX),
            first_byte: config.first_byte_timeout,
            first_byte_key: "net.first_byte_timeout",
            deadline: Instant::now() + config.total_timeout.max(one),
            read: config.read_timeout,
            class: Class::default(),
        }
    }

    /// Whether `url` could be fetched now: everything judged, nothing
    /// connected. A name that has no address yet passes; the fetch judges it.
    pub async fn judge(&self, url: &Url) -> Result<(), Denied> {
        self.policy().judge(url)?;
        self.judge_own(url).await?;
        if let (Wire::Open(_), Some(Host::Domain(name))) = (&self.wire, url.host())
            && let Err(ResolveError::Denied(denied)) = self.resolver.addresses(name).await
        {
            return Err(denied);
        }
        Ok(())
    }

    async fn judge_own(&self, url: &Url) -> Result<(), Denied> {
        let port = url.port_or_known_default();
        let own = self.shared.own.get().map_or(&[][..], Vec::as_slice);
        let mut own = own.iter().filter(|own| Some(own.port()) == port);
        // Names are looked up for nothing else here.
        if own.clone().next().is_none() || self.is_replay() {
            return Ok(());
        }
        let addresses = match url.host() {
            Some(Host::Ipv4(ip)) => vec![ip.into()],
            Some(Host::Ipv6(ip)) => vec![ip.into()],
            Some(Host::Domain(name)) => match self.resolver.addresses(name).await {
                Ok(addresses) => addresses.iter().map(SocketAddr::ip).collect(),
                Err(ResolveError::Denied(denied)) => return Err(denied),
                // The fetch says so.
                Err(_) => return Ok(()),
            },
            None => return Ok(()),
        };
        match own.any(|own| addresses.iter().any(|ip| is_own(*ip, own.ip()))) {
            true => Err(Denied::Own),
            false => Ok(()),
        }
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
            Err(FetchError::HeadersTooLarge) => self.shared.metrics.limit("net.max_headers"),
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
            let (Some(location), true) = (response.location(), request.redirects > 0) else {
                return Ok(response);
            };
            if hops == request.redirects {
                self.shared.metrics.limit("net.redirects");
                return Err(FetchError::TooManyRedirects);
            }
            hops += 1;
            request = request.redirected(&response, location)?;
        }
    }

    async fn hop(&self, request: &Request, rules: &dyn Rules) -> Result<Response, FetchError> {
        let mut headers = request.headers.clone();
        // Playlists are decoded by whoever reads them, segments never.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        rules.apply(&request.url, &mut headers);
        let note = self.tape.as_ref().map(|tape| tape.note(request, &headers));
        let answered = match &self.wire {
            Wire::Open(client) => self.ask(client, request, headers).await,
            Wire::Replay(replay) => replay.answer(request, &headers),
        };
        let result = answered.and_then(|response| self.bounded(response));
        match (result, note) {
            (Ok(response), Some(note)) => {
                note.answered(response.status, &response.headers);
                Ok(response.noted(note))
            }
            (Err(error), Some(note)) => {
                note.failed(&error);
                Err(error)
            }
            (result, None) => result,
        }
    }

    async fn ask(
        &self,
        client: &reqwest::Client,
        request: &Request,
        headers: HeaderMap,
    ) -> Result<Response, FetchError> {
        let mut builder = client
            .request(request.method.clone(), request.url.clone())
            .headers(headers);
        if !request.body.is_empty() {
            builder = builder.body(request.body.clone());
        }
        // The wait for a free place counts against the same limit.
        let (due, limit) = request.due();
        let late = |_| FetchError::Timeout(limit);
        let place = tokio::time::timeout_at(due, self.place(request));
        let place = place.await.map_err(late)??;
        let now = Instant::now();
        let pass = self.breakers.enter(&request.url, now)?;
        let left = due.saturating_duration_since(now);
        let sent = tokio::time::timeout_at(due, builder.send()).await;
        let is_late = sent.is_err();
        let result = sent.map_err(late).and_then(|sent| Ok(sent?));
        // An origin may hold what it was asked to hold, and what other hops left of
        // the time may have been too little.
        let had_time = request.class != Class::Held && left * 2 >= request.first_byte;
        if had_time || !is_late {
            pass.ended(&result, Instant::now());
        }
        Ok(Response::open(result?, request.read, place))
    }

    /// What must be so before a request goes out.
    async fn place(&self, request: &Request) -> Result<Place, FetchError> {
        self.breakers.judge(&request.url, Instant::now())?;
        self.judge_own(&request.url).await?;
        self.shared.places.take(&request.url, request.class).await
    }

    fn bounded(&self, response: Response) -> Result<Response, FetchError> {
        let header_bytes: usize = response
            .headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        if header_bytes as u64 > self.shared.config.max_headers.as_u64() {
            return Err(FetchError::HeadersTooLarge);
        }
        Ok(response)
    }
}
