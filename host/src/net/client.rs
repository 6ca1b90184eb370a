//! One fetch: judge, connect to what was judged, walk redirects hop by hop.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue, Method};
use tokio::time::Instant;
use tracing::field::display;
use url::{Host, Url};

use super::breaker::Breakers;
use super::connect::Clients;
use super::error::FetchError;
use super::guard::{Denied, Policy, origin};
use super::lookups::{Lookups, Names, SystemNames};
use super::own::Own;
use super::places::{Class, Places};
use super::request::{Request, Rules};
use super::resolver::GuardedResolver;
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
    own: Own,
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
    Open(Clients),
    /// No socket: see [`Net::replay`].
    Replay(Replay),
}

// === impl Net ===

impl Net {
    /// Nothing is opened before the first fetch.
    pub fn new(config: config::Net, metrics: Metrics) -> Self {
        Self::with_names(config, metrics, Arc::new(SystemNames))
    }

    /// As [`Net::new`]; `names` answers in place of the system's resolver.
    pub fn with_names(config: config::Net, metrics: Metrics, names: Arc<dyn Names>) -> Self {
        Self(Arc::new(Shared {
            places: Places::new(&config, metrics.clone()),
            lookups: Lookups::new(names, &config, metrics.clone()),
            own: Own::default(),
            config,
            metrics,
        }))
    }

    /// Where this service listens, which no exception allows to be fetched: a
    /// playlist that names us would have us ask ourselves without end, and read
    /// what only this machine may. So it is with the names that viewers ask for us
    /// by. Once, before the first fetch.
    pub fn refuse_own(&self, listeners: Vec<SocketAddr>, server: &config::Server) {
        let public = server.public_url.iter().chain(&server.public_media_url);
        let (names, public) = (server.hosts.clone(), public.cloned().collect());
        self.0.own.set(listeners, names, public);
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
            authorities: config::Authorities::default(),
            proxy: None,
            site: None,
        }
    }

    /// The policy of `[net]` with all that a site file says of where it may go, and
    /// how.
    pub fn site_policy(&self, site: &config::Site) -> Policy {
        let config = &site.config;
        Policy {
            authorities: config.authorities.clone(),
            proxy: config.proxy.clone(),
            site: Some(site.key.clone()),
            ..self.policy(&config.allow_addresses)
        }
    }

    /// A way out under `policy`, with a connection pool of its own.
    pub fn egress(&self, policy: Policy) -> Result<Egress, FetchError> {
        let (breakers, resolver) = (self.breakers(), self.resolver(policy));
        let clients = Clients::new(&self.0.config, resolver.clone())?;
        Ok(Egress {
            shared: self.0.clone(),
            resolver,
            breakers,
            wire: Wire::Open(clients),
            tape: None,
        })
    }

    /// A way out under `policy` that answers from `replay` and opens no
    /// socket. Names are not resolved: of a URL everything else is judged.
    pub fn replay(&self, policy: Policy, replay: Replay) -> Egress {
        Egress {
            shared: self.0.clone(),
            breakers: self.breakers(),
            resolver: self.resolver(policy),
            wire: Wire::Replay(replay),
            tape: None,
        }
    }

    fn breakers(&self) -> Arc<Breakers> {
        let (config, metrics) = (self.0.config.breaker.clone(), self.0.metrics.clone());
        Arc::new(Breakers::new(config, metrics))
    }

    fn resolver(&self, policy: Policy) -> GuardedResolver {
        let shared = &*self.0;
        GuardedResolver::new(
            policy,
            shared.lookups.clone(),
            shared.config.connect_timeout,
            shared.own.clone(),
        )
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
        let Wire::Open(clients) = &self.wire else {
            return Ok(());
        };
        let judged = match (clients.to(url).await, url.host()) {
            (Ok(_), Some(Host::Domain(name))) => {
                let port = url.port_or_known_default().unwrap_or_default();
                let found = self.resolver.at(port).addresses(name).await;
                found.map(drop).map_err(FetchError::from)
            }
            (judged, _) => judged.map(drop),
        };
        match judged {
            Err(FetchError::Denied(denied)) => Err(denied),
            _ => Ok(()),
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
                let site = self.policy().site.as_ref().map(display);
                tracing::warn!(site, purpose, code = denied.code(), %denied, "fetch refused");
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
            Wire::Open(clients) => self.ask(clients, request, headers).await,
            Wire::Replay(replay) => replay.answer(request, &headers),
        };
        let result = answered.and_then(|response| self.bounded(response));
        // Viewers are not told who it was.
        if let (Err(error), Wire::Open(_)) = (&result, &self.wire) {
            let (origin, policy) = (origin(&request.url), self.policy());
            let site = policy.site.as_ref().map(display);
            let proxy = policy.proxy.as_ref().map(|proxy| display(proxy.url()));
            tracing::info!(
                site,
                origin,
                // Where there is one, it may be the one that does not answer.
                proxy,
                code = error.code(),
                why = %error,
                "no usable answer"
            );
        }
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
        clients: &Clients,
        request: &Request,
        headers: HeaderMap,
    ) -> Result<Response, FetchError> {
        // The wait for a free place counts against the same limit.
        let (due, limit) = request.due();
        let late = |_| FetchError::Timeout(limit);
        let before = async {
            self.breakers.judge(&request.url, Instant::now())?;
            let client = clients.to(&request.url).await?;
            let places = &self.shared.places;
            let place = places.take(&request.url, request.class).await?;
            Ok::<_, FetchError>((client, place))
        };
        let before = tokio::time::timeout_at(due, before).await;
        let (client, place) = before.map_err(late)??;
        let mut builder = client
            .request(request.method.clone(), request.url.clone())
            .headers(headers);
        if !request.body.is_empty() {
            builder = builder.body(request.body.clone());
        }
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
