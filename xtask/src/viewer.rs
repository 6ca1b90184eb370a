//! What a viewer can do: ask the service, and nobody else. An address that
//! leads away from the service's own origin is an error, not a request.

use std::io::Read as _;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use ureq::Agent;
use url::Url;

/// No answer of the service takes longer, live segments included.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Larger than any segment of the simulated stream.
const MAX_BODY: u64 = 64 * 1024 * 1024;

/// A client of one service.
pub(crate) struct Viewer {
    base: Url,
    agent: Agent,
}

/// One answer.
pub(crate) struct Answer {
    pub(crate) url: Url,
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

impl Viewer {
    pub(crate) fn new(base: Url) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .max_redirects(0)
            .http_status_as_error(false)
            .proxy(None);
        Self {
            base,
            agent: config.build().into(),
        }
    }

    /// Asks for an address, absolute or relative to `from`.
    pub(crate) fn get(&self, from: &Url, link: &str) -> anyhow::Result<Answer> {
        let url = from
            .join(link)
            .with_context(|| format!("the address {link}"))?;
        if url.origin() != self.base.origin() {
            bail!("{url} leads away from {}", self.base);
        }
        let mut response = self
            .agent
            .get(url.as_str())
            .call()
            .with_context(|| format!("GET {url}"))?;
        let content_type = response.headers().get("content-type");
        let content_type = content_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
            .to_owned();
        let mut body = Vec::new();
        let mut reader = response.body_mut().as_reader().take(MAX_BODY);
        reader
            .read_to_end(&mut body)
            .with_context(|| format!("reading {url}"))?;
        Ok(Answer {
            url,
            status: response.status().as_u16(),
            content_type,
            body,
        })
    }

    /// Asks for a path of the service; only 200 is an answer.
    pub(crate) fn ok(&self, path: &str) -> anyhow::Result<Answer> {
        self.get(&self.base, path)?.ok()
    }

    pub(crate) fn base(&self) -> &Url {
        &self.base
    }
}

impl Answer {
    pub(crate) fn ok(self) -> anyhow::Result<Self> {
        let path = self.url.path();
        ensure!(
            self.status == 200,
            "{path} answered {}: {}",
            self.status,
            self.text()
        );
        Ok(self)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
