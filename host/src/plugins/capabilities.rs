//! The imports of the world: everything a guest can do to the outside.
//!
//! In `describe` every one of them traps. Limits answer with the error value
//! the contract has for them; only what has none is cut or ignored.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use http::{HeaderMap, Method};
use tokio::time::Instant;
use url::Url;
use wasmtime::Result;

use super::bindings::f1_streams::extractor::{clock, config, http as wit_http, log, state, types};
use super::call::Call;
use super::site::Site;
use super::validate::clean;
use crate::config::PluginLimits;
use crate::net::{Denied, FetchError, Rules, check_header};

impl Call {
    /// The site of this call, or the trap that an import in `describe` is.
    fn site(&mut self) -> Result<Arc<Site>> {
        match &self.site {
            Some(site) => Ok(site.clone()),
            None => {
                self.impure = true;
                Err(wasmtime::Error::msg("describe called an import"))
            }
        }
    }

    fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// What a guest's own fetches add to each hop, and what each hop costs it.
struct GuestRules<'a> {
    call: &'a Call,
    site: &'a Site,
    cookies: bool,
}

impl Rules for GuestRules<'_> {
    fn permit(&self, url: &Url) -> Result<(), FetchError> {
        if !self.site.grants(&self.call.asked, url) {
            return Err(Denied::Host(url.origin().ascii_serialization()).into());
        }
        // Every hop is a request to somebody's server.
        if self.call.requests.fetch_add(1, Ordering::Relaxed) >= self.call.limits.requests {
            self.call.metrics.limit("plugins.limits.requests");
            return Err(FetchError::Budget);
        }
        Ok(())
    }

    fn apply(&self, url: &Url, headers: &mut HeaderMap) {
        for (name, value) in &self.site.headers {
            headers.entry(name.clone()).or_insert_with(|| value.clone());
        }
        if let Some(cookie) = self.cookies.then(|| self.site.jar.header(url)).flatten() {
            headers.insert(http::header::COOKIE, cookie);
        }
    }

    fn received(&self, url: &Url, headers: &HeaderMap) {
        if self.cookies {
            self.site.jar.receive(url, headers);
        }
    }
}

/// What is left of a call's time for a guest whose fetch took all it could: so
/// that a slow site is the site's trouble and not the plugin's deadline.
const TIME_TO_ANSWER: Duration = Duration::from_millis(500);

impl Call {
    async fn fetch(
        &self,
        site: &Site,
        request: wit_http::Request,
    ) -> Result<wit_http::Response, wit_http::Error> {
        let limits = &self.limits;
        let max = limits
            .body
            .as_u64()
            .min(request.max_body.map_or(u64::MAX, u64::from));
        let timeout = request
            .timeout
            .map_or(Duration::MAX, |ms| Duration::from_millis(ms.into()));
        let timeout = timeout.min(self.remaining().saturating_sub(TIME_TO_ANSWER));
        let rules = GuestRules {
            call: self,
            site,
            cookies: request.cookies,
        };
        let outgoing = outgoing(site, request, limits)?;
        let exchange = async {
            let response = site.egress.send(outgoing, &rules, "plugin").await?;
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
                if let FetchError::BodyTooLarge(_) = error {
                    self.metrics.limit("plugins.limits.body");
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

    /// Counts bytes of all bodies of this call as they arrive, those that fail
    /// or are under way at the same time included.
    fn spend(&self, bytes: u64) -> Result<(), FetchError> {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
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
    if request.headers.len() > 64 {
        return Err(invalid("more than 64 headers".into()));
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
        FetchError::Connect | FetchError::Busy => wit_http::Error::Connect,
        error @ FetchError::Tls => wit_http::Error::Tls(error.to_string()),
        FetchError::Budget => wit_http::Error::BudgetExhausted,
        FetchError::Timeout(_) => wit_http::Error::Timeout,
        FetchError::TooManyRedirects => wit_http::Error::TooManyRedirects,
        FetchError::BodyTooLarge(max) => wit_http::Error::BodyTooLarge(max),
        FetchError::Protocol(text) => wit_http::Error::Protocol(text),
    }
}

impl types::Host for Call {}

impl wit_http::Host for Call {
    async fn send(
        &mut self,
        request: wit_http::Request,
    ) -> Result<Result<wit_http::Response, wit_http::Error>> {
        let site = self.site()?;
        Ok(self.fetch(&site, request).await)
    }

    async fn send_all(
        &mut self,
        requests: Vec<wit_http::Request>,
    ) -> Result<Vec<Result<wit_http::Response, wit_http::Error>>> {
        let site = self.site()?;
        let call = &*self;
        Ok(join_all(
            requests
                .into_iter()
                .map(|request| call.fetch(&site, request)),
        )
        .await)
    }

    async fn cookie(&mut self, url: String, name: String) -> Result<Option<String>> {
        let site = self.site()?;
        let Ok(url) = site.egress.policy().parse(&url) else {
            return Ok(None);
        };
        if !site.grants(&self.asked, &url) {
            return Ok(None);
        }
        Ok(site.jar.get(&url, &name))
    }

    async fn clear_cookies(&mut self) -> Result<()> {
        self.site()?.jar.clear();
        Ok(())
    }
}

impl log::Host for Call {
    async fn write(
        &mut self,
        level: log::Level,
        message: String,
        fields: Vec<types::Field>,
    ) -> Result<()> {
        let site = self.site()?;
        self.log_lines += 1;
        if self.log_lines > self.limits.log_lines {
            self.metrics.limit("plugins.limits.log_lines");
            return Ok(());
        }
        let max = usize::try_from(self.limits.log_line.as_u64()).unwrap_or(usize::MAX);
        let mut text = clean(&message, max);
        for (name, value) in fields.iter().take(32) {
            let left = max.saturating_sub(text.len());
            text.push_str(&clean(&format!(" {name}={value}"), left).replacen("", " ", 1));
        }
        let (site, plugin) = (&site.key, &self.plugin);
        match level {
            log::Level::Trace => tracing::trace!(target: "plugin", site, plugin, "{text}"),
            log::Level::Debug => tracing::debug!(target: "plugin", site, plugin, "{text}"),
            log::Level::Info => tracing::info!(target: "plugin", site, plugin, "{text}"),
            log::Level::Warn => tracing::warn!(target: "plugin", site, plugin, "{text}"),
            log::Level::Error => tracing::error!(target: "plugin", site, plugin, "{text}"),
        }
        Ok(())
    }

    /// Counted and measured; kept for diagnosis once there is a place for it.
    async fn attach(&mut self, name: String, media_type: String, data: Vec<u8>) -> Result<()> {
        let site = self.site()?;
        self.attached += data.len() as u64;
        if self.attached > self.limits.attachments.as_u64() {
            self.metrics.limit("plugins.limits.attachments");
            return Ok(());
        }
        let (name, media_type) = (clean(&name, 100), clean(&media_type, 100));
        tracing::debug!(target: "plugin", site = site.key, name, media_type, bytes = data.len(), "attachment");
        Ok(())
    }
}

impl config::Host for Call {
    async fn get_json(&mut self) -> Result<String> {
        let site = self.site()?;
        Ok(site.document.to_string())
    }

    async fn get(&mut self, key: String) -> Result<Option<String>> {
        let site = self.site()?;
        Ok(site
            .document
            .get(&key)
            .and_then(|value| value.as_str())
            .map(str::to_owned))
    }

    /// Only secrets that the plugin named in `describe`.
    async fn secret(&mut self, name: String) -> Result<Option<String>> {
        let site = self.site()?;
        if !self.secrets.contains(&name) {
            return Ok(None);
        }
        Ok(site
            .secrets
            .get(&name)
            .map(|secret| secret.reveal().to_owned()))
    }
}

impl state::Host for Call {
    async fn get(&mut self, key: String) -> Result<Option<Vec<u8>>> {
        let site = self.site()?;
        Ok(site.state.get(&key, self.clock.now().as_millisecond()))
    }

    async fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
        ttl: Option<u32>,
    ) -> Result<Result<(), state::Error>> {
        let site = self.site()?;
        let now = self.clock.now().as_millisecond();
        let quota = self.limits.state.as_u64();
        if value.len() as u64 > quota {
            return Ok(Err(state::Error::TooLarge));
        }
        let expires = ttl.map(|ttl| now.saturating_add(ttl.into()));
        if site.state.set(&key, &value, expires, now, quota) {
            Ok(Ok(()))
        } else {
            self.metrics.limit("plugins.limits.state");
            Ok(Err(state::Error::QuotaExceeded))
        }
    }

    async fn delete(&mut self, key: String) -> Result<()> {
        self.site()?.state.delete(&key);
        Ok(())
    }
}

impl clock::Host for Call {
    async fn now(&mut self) -> Result<u64> {
        self.site()?;
        Ok(u64::try_from(self.clock.now().as_millisecond()).unwrap_or(0))
    }

    async fn remaining(&mut self) -> Result<u32> {
        self.site()?;
        Ok(u32::try_from(Call::remaining(self).as_millis()).unwrap_or(u32::MAX))
    }

    async fn sleep(&mut self, duration: u32) -> Result<()> {
        self.site()?;
        // Past the deadline the store traps as soon as the guest runs again.
        let until = Instant::now() + Duration::from_millis(duration.into());
        tokio::time::sleep_until(until.min(self.deadline)).await;
        Ok(())
    }
}
