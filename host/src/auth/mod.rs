//! Who asks: nobody, a viewer or the admin; and what it takes to be one.
//!
//! Tokens are proof, and a login cookie is made of one. Nothing here is a session
//! that is kept: a cookie is sealed with the token that it stands for, so that it
//! ends with the token, on every replica that has the same files. What a route
//! needs is said where the route is (`api`), by [`gate()`] or the
//! admin's extractor.
//!
//! Bounds: wrong tokens of one client (`auth.attempts`), a token file of 64 KiB
//! with 256 tokens.

mod attempts;
mod cookie;
mod gate;
mod token;
mod viewers;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::extract::ConnectInfo;
use http::header::{AUTHORIZATION, COOKIE};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use tokio_util::sync::CancellationToken;

pub use self::cookie::NAME as LOGIN_COOKIE;
pub use self::gate::{PathToken, gate};
pub use self::token::TokenError;

use self::attempts::Attempts;
use self::token::{Sent, Token};
use self::viewers::ViewerTokens;
use crate::answer::Failure;
use crate::clock::Clock;
use crate::config::{self, Viewers};
use crate::files;
use crate::metrics::Metrics;
use crate::server::ClientAddress;

/// What our own page sends with every request. A page of another origin cannot,
/// unless it is allowed to (Fetch, section 4.8), and none is.
pub const PAGE_HEADER: HeaderName = HeaderName::from_static("f1-streams-page");

/// A longer login of the admin's ends then: all that is served by the same host,
/// at whichever port, is sent the cookie.
const ADMIN_SESSION: Duration = Duration::from_hours(12);

/// How long the viewers' tokens must stay the same before they count.
const SETTLE: Duration = Duration::from_millis(500);

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// No credential, or one that is not valid any more.
    Nobody,
    /// May watch.
    Viewer,
    /// May watch and change everything.
    Admin,
}

/// What a request says of who asks.
#[derive(Clone, Debug)]
pub struct Asker {
    /// Who it is.
    pub who: Who,
    /// As the token file or the proxy in front calls the viewer.
    pub name: Option<Arc<str>>,
    /// Nothing but a cookie says so, and another site may have caused the
    /// request: it may read, and change nothing.
    pub by_cookie_alone: bool,
}

/// Who may do what; cheap to clone.
#[derive(Clone, Debug)]
pub struct Auth(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    viewers: Viewers,
    /// `None`: the admin interface is off.
    admin: Option<Token>,
    tokens: ArcSwap<ViewerTokens>,
    tokens_file: PathBuf,
    forward_header: HeaderName,
    forward_proxies: Vec<IpNet>,
    session: Duration,
    attempts: Attempts,
    clock: Clock,
}

// === impl Auth ===

impl Auth {
    /// Reads the token files, or makes those that are needed. Blocking.
    pub fn open(config: &config::Auth, clock: Clock, metrics: Metrics) -> Result<Self, TokenError> {
        let admin = config.admin_token_file.as_deref();
        let admin = admin.map(token::open_admin).transpose()?;
        let tokens_file = config.viewer_tokens_file.clone();
        if config.viewers == Viewers::Token {
            viewers::make(&tokens_file)?;
        }
        if files::is_exposed(&tokens_file) {
            tracing::warn!(path = %tokens_file.display(), "others may read viewers' tokens: chmod 600");
        }
        Ok(Self(Arc::new(Inner {
            viewers: config.viewers,
            admin,
            tokens: ArcSwap::from_pointee(ViewerTokens::open(&tokens_file)?),
            tokens_file,
            forward_header: config.forward_header.clone(),
            forward_proxies: config.forward_proxies.clone(),
            session: config.session,
            attempts: Attempts::new(config.attempts, metrics),
            clock,
        })))
    }

    /// Whether there is an admin interface.
    pub fn has_admin(&self) -> bool {
        self.0.admin.is_some()
    }

    /// Whether whoever gets here may watch.
    pub fn is_open(&self) -> bool {
        matches!(self.0.viewers, Viewers::Loopback | Viewers::Open)
    }

    /// The word of the configuration.
    pub fn viewers(&self) -> Viewers {
        self.0.viewers
    }

    /// Reads the viewers' tokens again and again until `stop`, off the runtime. A
    /// file that cannot be used, or has gone, changes nothing.
    pub async fn follow(self, every: Duration, stop: CancellationToken) {
        let mut troubled = false;
        let mut seen = None;
        let mut wait = every;
        while stop
            .run_until_cancelled(tokio::time::sleep(wait))
            .await
            .is_some()
        {
            let file = self.0.tokens_file.clone();
            let reading = tokio::task::spawn_blocking(move || ViewerTokens::read(&file));
            wait = every;
            match stop.run_until_cancelled(reading).await {
                Some(Ok(Ok(tokens))) => {
                    troubled = false;
                    if *self.0.tokens.load_full() == tokens {
                        seen = None;
                    } else if seen.as_ref() == Some(&tokens) {
                        tracing::info!(count = tokens.len(), "viewers' tokens are others now");
                        self.0.tokens.store(Arc::new(tokens));
                        seen = None;
                    } else {
                        // Somebody may be writing it just now.
                        seen = Some(tokens);
                        wait = SETTLE.min(every);
                    }
                }
                // None was there, and none is needed.
                Some(Ok(Err(error))) if self.is_open() && error.is_missing() => {}
                Some(Ok(Err(error))) if !troubled => {
                    tracing::warn!(%error, "the viewers' tokens that were read before stay");
                    troubled = true;
                }
                _ => {}
            }
        }
    }

    /// What `token`, that a client sent, makes of it. Over `auth.attempts` nothing
    /// is compared.
    pub(crate) fn check(&self, token: &[u8], extensions: &Extensions) -> Result<Asker, Failure> {
        let (client, sent) = (client(extensions), Sent::new(token));
        self.0.attempts.may(client)?;
        let asker = self.known(sent);
        if asker.who == Who::Nobody {
            self.0.attempts.failed(client, sent);
        }
        Ok(asker)
    }

    /// All are compared, each in the same time, so that how long it takes says
    /// nothing.
    fn known(&self, sent: Sent) -> Asker {
        let viewer = self.0.tokens.load().find(sent);
        let admin = self.0.admin.as_ref().is_some_and(|admin| admin.is(sent));
        match (admin, viewer) {
            (true, _) => Asker::new(Who::Admin, None),
            (false, Some(name)) => Asker::new(Who::Viewer, Some(name)),
            (false, None) => Asker::nobody(),
        }
    }

    /// The cookie's value for who logs in with `token`, and how long it lasts.
    pub fn cookie(&self, token: &[u8]) -> Option<(String, Duration)> {
        let (sent, now) = (Sent::new(token), self.0.clock.now().as_second());
        let until = |age: Duration| now + age.as_secs().cast_signed();
        if let Some(admin) = self.0.admin.as_ref().filter(|admin| admin.is(sent)) {
            let age = self.0.session.min(ADMIN_SESSION);
            return Some((cookie::seal(admin, Who::Admin, until(age)), age));
        }
        let (tokens, age) = (self.0.tokens.load(), self.0.session);
        let viewer = tokens.get(sent)?;
        Some((cookie::seal(viewer, Who::Viewer, until(age)), age))
    }

    /// Who asks, by everything that the request brings.
    fn asker(&self, headers: &HeaderMap, extensions: &Extensions) -> Result<Asker, Failure> {
        if let Some(token) = bearer(headers) {
            let asker = self.check(token, extensions)?;
            // Where everybody may watch, a wrong token makes nobody less.
            if asker.who != Who::Nobody || !self.is_open() {
                return Ok(asker);
            }
        }
        let by_cookie = self.by_cookie(headers);
        if let Some(asker) = &by_cookie
            && asker.who == Who::Admin
        {
            return Ok(asker.clone());
        }
        match self.0.viewers {
            Viewers::Loopback | Viewers::Open => Ok(Asker::new(Who::Viewer, None)),
            Viewers::Forward => self.forwarded(headers, extensions),
            Viewers::Token => Ok(by_cookie.unwrap_or_else(Asker::nobody)),
        }
    }

    fn by_cookie(&self, headers: &HeaderMap) -> Option<Asker> {
        let now = self.0.clock.now().as_second();
        let tokens = self.0.tokens.load();
        let values = headers.get_all(COOKIE).iter();
        let values = values.map(HeaderValue::as_bytes);
        let mut sealed = values.flat_map(cookie::values).take(cookie::MOST);
        sealed.find_map(|sealed| {
            let opened = cookie::Opened::parse(sealed)?;
            let mut asker = match opened.who {
                Who::Admin => {
                    let admin = self.0.admin.as_ref()?;
                    opened.is_of(admin, now).then_some(())?;
                    Asker::new(Who::Admin, None)
                }
                _ => {
                    let mut of = tokens.iter().filter(|(_, token)| opened.is_of(token, now));
                    Asker::new(Who::Viewer, Some(of.next()?.0.clone()))
                }
            };
            asker.by_cookie_alone = !headers.contains_key(PAGE_HEADER);
            Some(asker)
        })
    }

    /// A header says who it is, if it comes from a proxy that may say so.
    fn forwarded(&self, headers: &HeaderMap, extensions: &Extensions) -> Result<Asker, Failure> {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map(|peer| peer.0.ip().to_canonical());
        let proxies = &self.0.forward_proxies;
        if !peer.is_some_and(|peer| proxies.iter().any(|net| net.contains(&peer))) {
            return Ok(Asker::nobody());
        }
        let mut said = headers.get_all(&self.0.forward_header).iter();
        // Two of them: one was not the proxy's.
        let name = match (said.next(), said.next()) {
            (Some(name), None) => name.to_str().ok().map(str::trim),
            _ => None,
        };
        Ok(match name {
            Some(name) if !name.is_empty() => Asker::new(Who::Viewer, Some(name.into())),
            _ => Asker::nobody(),
        })
    }
}

// === impl Asker ===

impl Asker {
    fn new(who: Who, name: Option<Arc<str>>) -> Self {
        Self {
            who,
            name,
            by_cookie_alone: false,
        }
    }

    fn nobody() -> Self {
        Self::new(Who::Nobody, None)
    }
}

/// RFC 6750, section 2.1.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let sent = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = sent.split_at_checked(7)?;
    let is_bearer = scheme.eq_ignore_ascii_case(b"bearer ");
    is_bearer.then(|| token.trim_ascii())
}

fn client(extensions: &Extensions) -> Option<IpAddr> {
    let ClientAddress(ip) = extensions.get()?;
    Some(*ip)
}

#[cfg(test)]
mod tests;
