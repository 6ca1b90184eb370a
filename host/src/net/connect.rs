//! The clients that open sockets for one policy, each with connections of its own.
//!
//! Whoever connects looks a name up at that moment, and judges every answer. What
//! an address is depends on the port where it is ours, and a resolver is not told
//! the port: so names at a port of ours have a client of their own, whose resolver
//! knows it. Through a proxy a connection is made to the proxy alone: a client for
//! it finds no other name.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use reqwest::Client;
use url::{Host, Url};

use super::address::AddressRules;
use super::error::FetchError;
use super::guard::{Denied, Policy};
use super::resolver::GuardedResolver;
use crate::config;

/// All clients of one policy; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Clients(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: config::Net,
    resolver: GuardedResolver,
    usual: Client,
    /// For names at ports of ours: as many as we have listeners.
    at_own_ports: Mutex<Vec<(u16, Client)>>,
}

impl Clients {
    /// Nothing is connected yet.
    pub(super) fn new(config: &config::Net, resolver: GuardedResolver) -> Result<Self, FetchError> {
        let usual = match &resolver.policy.proxy {
            None => client(config, &resolver)?,
            Some(proxy) => {
                let url = proxy.url();
                let policy = to_proxy(&resolver.policy);
                let resolver = resolver.under(policy).at(port(url)).alone(url);
                client(config, &resolver)?
            }
        };
        Ok(Self(Arc::new(Inner {
            config: config.clone(),
            resolver,
            usual,
            at_own_ports: Mutex::default(),
        })))
    }

    /// The client for `url`, whose host is judged as far as nobody else does it.
    pub(super) async fn to(&self, url: &Url) -> Result<Client, FetchError> {
        let inner = &*self.0;
        let own = &inner.resolver.own;
        // A literal is looked up by nobody.
        let literal = |url: &Url| match url.host()? {
            Host::Ipv4(ip) => Some(IpAddr::from(ip)),
            Host::Ipv6(ip) => Some(ip.into()),
            Host::Domain(_) => None,
        };
        let is_own = |url: &Url| literal(url).is_some_and(|ip| own.is(ip, port(url)));
        if is_own(url) || own.is_named(url) {
            return Err(Denied::Own.into());
        }
        if let Some(proxy) = &inner.resolver.policy.proxy {
            if is_own(proxy.url()) {
                return Err(Denied::Own.into());
            }
            // The proxy looks it up again, and whose word that is the operator knows.
            if let Some(Host::Domain(name)) = url.host() {
                inner.resolver.at(port(url)).addresses(name).await?;
            }
            return Ok(inner.usual.clone());
        }
        if !own.has_port(port(url)) {
            return Ok(inner.usual.clone());
        }
        let all = inner.at_own_ports.lock();
        let mut all = all.unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = all.iter().find(|(known, _)| *known == port(url)) {
            return Ok(client.clone());
        }
        let client = client(&inner.config, &inner.resolver.at(port(url)))?;
        all.push((port(url), client.clone()));
        Ok(client)
    }
}

fn port(url: &Url) -> u16 {
    url.port_or_known_default().unwrap_or_default()
}

/// Where a proxy is, is the operator's word; what he denies is, too.
fn to_proxy(policy: &Policy) -> Policy {
    let all = ["0.0.0.0/0", "::/0"].map(|net| net.parse().expect("a network"));
    Policy {
        addresses: AddressRules {
            allow: all.to_vec(),
            deny: policy.addresses.deny.clone(),
        },
        ..policy.clone()
    }
}

/// The one place that makes a client: no environment proxies, no redirects, cookies
/// or decompression of its own.
#[allow(clippy::disallowed_methods)]
fn client(config: &config::Net, resolver: &GuardedResolver) -> Result<Client, FetchError> {
    let mut builder = Client::builder()
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
        .user_agent(config.user_agent.clone());
    for certificate in resolver.policy.authorities.certificates() {
        builder = builder.add_root_certificate(reqwest::Certificate::from_der(certificate)?);
    }
    if let Some(proxy) = &resolver.policy.proxy {
        builder = builder.proxy(through(proxy)?);
    }
    Ok(builder.build()?)
}

/// Credentials apart from the URL: in it, they would have to be written as reqwest
/// reads them, and what it cannot read is no proxy to it.
fn through(proxy: &config::Proxy) -> Result<reqwest::Proxy, FetchError> {
    if proxy.url().as_str().parse::<http::Uri>().is_err() {
        return Err(Denied::Url("no proxy is written like this").into());
    }
    let mut through = reqwest::Proxy::all(proxy.url().clone())?;
    if let Some(credentials) = proxy.credentials() {
        let basic = format!("Basic {}", BASE64_STANDARD.encode(credentials.reveal()));
        let mut basic = HeaderValue::try_from(basic).expect("base64 is a header value");
        basic.set_sensitive(true);
        through = through.custom_http_auth(basic);
    }
    Ok(through)
}
