//! The imports of the world: everything a guest can do to the outside.
//!
//! In `describe` every one of them traps. Limits answer with the error value
//! the contract has for them; only what has none is cut or ignored.

mod http;

use std::sync::Arc;
use std::time::Duration;

use wasmtime::Result;

pub(super) use self::http::Outbound;
use super::bindings::f1_streams::extractor::{clock, config, log, state, types};
use super::call::Call;
use super::journal::Level;
use super::site::Site;
use super::state::{Full, Quota};

impl Call {
    /// This call's way out, or the trap that an import in `describe` is.
    fn outbound(&mut self) -> Result<Arc<Outbound>> {
        self.outbound.clone().ok_or_else(|| {
            self.impure = true;
            wasmtime::Error::msg("describe called an import")
        })
    }

    fn site(&mut self) -> Result<Arc<Site>> {
        Ok(self.outbound()?.site.clone())
    }
}

impl types::Host for Call {}

impl log::Host for Call {
    async fn write(
        &mut self,
        level: log::Level,
        message: String,
        fields: Vec<types::Field>,
    ) -> Result<()> {
        self.site()?;
        let level = match level {
            log::Level::Trace => Level::Trace,
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.journal.write(level, &message, &fields);
        Ok(())
    }

    async fn attach(&mut self, name: String, media_type: String, data: Vec<u8>) -> Result<()> {
        self.site()?;
        self.journal.attach(&name, &media_type, data);
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
        if (key.len() + value.len()) as u64 > self.limits.state.as_u64() {
            self.metrics.limit("plugins.limits.state");
            return Ok(Err(state::Error::TooLarge));
        }
        let quota = Quota {
            bytes: self.limits.state.as_u64(),
            entries: self.limits.state_entries,
        };
        let expires = ttl.map(|ttl| now.saturating_add(ttl.into()));
        match site.state.set(&key, &value, expires, now, quota) {
            Ok(()) => return Ok(Ok(())),
            Err(Full::Bytes) => self.metrics.limit("plugins.limits.state"),
            Err(Full::Entries) => self.metrics.limit("plugins.limits.state_entries"),
        }
        Ok(Err(state::Error::QuotaExceeded))
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
        Ok(u32::try_from(self.time.left().as_millis()).unwrap_or(u32::MAX))
    }

    async fn sleep(&mut self, duration: u32) -> Result<()> {
        let site = self.site()?;
        let duration = Duration::from_millis(duration.into());
        self.clock.advance(duration);
        if site.egress.is_replay() {
            // Nobody waits: only recorded time goes by.
            return self.time.pass(duration);
        }
        let sleep = tokio::time::sleep(duration);
        self.time.bound(sleep).await
    }
}
