//! Names to addresses, each answer judged before anybody connects.
//!
//! All answers are judged, and one denied answer refuses the name: a name
//! that mixes a public and a private address is an attack or a mistake. The
//! query is for the absolute name, so no search domain is tried.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use super::guard::{Denied, Policy};
use super::lookups::Lookups;
use super::own::Own;

/// Travels through reqwest's error chain to [`super::FetchError`].
#[derive(Debug, thiserror::Error)]
pub(super) enum ResolveError {
    #[error(transparent)]
    Denied(Denied),
    #[error("no address")]
    NoAddress,
}

/// Resolves for one policy.
#[derive(Clone, Debug)]
pub(super) struct GuardedResolver {
    pub(super) policy: Arc<Policy>,
    pub(super) lookups: Lookups,
    pub(super) timeout: Duration,
    pub(super) own: Own,
    /// Where what is asked for is connected to, if that matters.
    port: Option<u16>,
    /// The only host that is looked up, if not every one is.
    alone: Option<Arc<str>>,
}

impl GuardedResolver {
    pub(super) fn new(policy: Policy, lookups: Lookups, timeout: Duration, own: Own) -> Self {
        Self {
            policy: Arc::new(policy),
            lookups,
            timeout,
            own,
            port: None,
            alone: None,
        }
    }

    /// For connections to `port`, at which we may listen ourselves.
    pub(super) fn at(&self, port: u16) -> Self {
        Self {
            port: Some(port),
            ..self.clone()
        }
    }

    pub(super) fn under(&self, policy: Policy) -> Self {
        Self {
            policy: Arc::new(policy),
            ..self.clone()
        }
    }

    /// For the host of `url` and no other.
    pub(super) fn alone(&self, url: &Url) -> Self {
        Self {
            alone: Some(canonical(url.host_str().unwrap_or_default()).into()),
            ..self.clone()
        }
    }

    /// The judged addresses of `name`, ports unset.
    pub(super) async fn addresses(&self, name: &str) -> Result<Vec<SocketAddr>, ResolveError> {
        let name = canonical(name);
        if self.alone.as_ref().is_some_and(|alone| **alone != *name) {
            return Err(ResolveError::NoAddress);
        }
        let answers = match self.policy.hosts.get(&name) {
            Some(ip) => [*ip].into(),
            None => {
                let absolute = format!("{name}.");
                let found = self.lookups.find(&absolute);
                let found = tokio::time::timeout(self.timeout, found).await;
                found.ok().flatten().ok_or(ResolveError::NoAddress)?
            }
        };
        for answer in answers.iter() {
            self.policy
                .judge_address(&name, *answer)
                .map_err(ResolveError::Denied)?;
            if self.port.is_some_and(|port| self.own.is(*answer, port)) {
                return Err(ResolveError::Denied(Denied::Own));
            }
        }
        Ok(answers.iter().map(|ip| SocketAddr::new(*ip, 0)).collect())
    }
}

/// One spelling of a name: in small letters, without its final dot.
fn canonical(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let this = self.clone();
        Box::pin(async move {
            let addresses = this.addresses(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::guard::tests::policy;
    use super::super::lookups::SystemNames;
    use super::super::lookups::tests::config;
    use super::*;

    fn resolver(host: &str, ip: &str) -> GuardedResolver {
        let mut policy = policy();
        policy
            .hosts
            .insert(host.to_owned(), ip.parse().expect("ip"));
        let metrics = crate::metrics::Metrics::new();
        let lookups = Lookups::new(Arc::new(SystemNames), &config(""), metrics);
        GuardedResolver::new(policy, lookups, Duration::from_secs(1), Own::default())
    }

    #[tokio::test]
    async fn a_fixed_answer_is_judged_like_any_other() {
        let public = resolver("a.test", "1.1.1.1");
        assert_eq!(
            public.addresses("A.test.").await.expect("resolves").len(),
            1
        );
        let private = resolver("b.test", "10.0.0.1");
        assert!(matches!(
            private.addresses("b.test").await,
            Err(ResolveError::Denied(Denied::Address { .. }))
        ));
    }

    #[tokio::test]
    async fn localhost_by_dns_is_denied() {
        let resolver = resolver("x.test", "1.1.1.1");
        assert!(matches!(
            resolver.addresses("localhost").await,
            Err(ResolveError::Denied(_) | ResolveError::NoAddress)
        ));
    }
}
