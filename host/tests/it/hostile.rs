//! Hostile and broken plugins, each a component built for what it does. The
//! numbers P01 to P36 name behaviours; what must happen is each row's `expect`.
//!
//! Here each runs alone in a host without a service around it, where what it
//! ended with and which limit it met are seen exactly; `service` runs them all
//! at once beside a site that works.

mod answers;
mod fetches;
pub(crate) mod logs;
mod memory;
mod service;
mod time;
mod wasi;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use f1_streams::clock::Clock;
use f1_streams::config::{Config, load_site};
use f1_streams::metrics::Metrics;
use f1_streams::net::Net;
use f1_streams::plugins::{
    CallError, Ended, Extraction, Generation, Hint, Host, LoadError, Site, load,
};

use crate::guests::Guest;

/// The wall time of a call here.
pub(crate) const WALL: Duration = Duration::from_secs(2);
/// What a call may take beyond its deadline on a busy machine.
pub(crate) const LATE: Duration = Duration::from_millis(1500);

/// A host with one site.
pub(crate) struct Lab {
    pub(crate) host: Host,
    pub(crate) metrics: Metrics,
    net: Net,
    dir: tempfile::TempDir,
}

/// One behaviour and what must come of it.
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) guest: Guest,
    /// The code that loading it, or a call of `extract`, ends with.
    pub(crate) expect: &'static str,
    /// The limit that it must be counted under.
    pub(crate) limit: Option<&'static str>,
}

pub(crate) fn row(
    id: &'static str,
    guest: Guest,
    expect: &'static str,
    limit: impl Into<Option<&'static str>>,
) -> Row {
    Row {
        id,
        guest,
        expect,
        limit: limit.into(),
    }
}

/// Every behaviour that shows in how one call ends.
pub(crate) fn rows() -> Vec<Row> {
    [
        time::rows(),
        memory::rows(),
        answers::rows(),
        fetches::rows(),
        wasi::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// For plugins that have much to do.
const PATIENT: &str = "[plugins.override.site-a]\nwall = \"60s\"\n";

impl Lab {
    /// `extra` is put before the sections of the configuration.
    pub(crate) fn new(extra: &str) -> Self {
        Self::at(extra, Clock::system())
    }

    pub(crate) fn at(extra: &str, clock: Clock) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "{extra}\n[net]\nports = []\n[plugins.limits]\nwall = \"2s\"\ndescribe = \"1s\"\n"
        );
        let mut config = Config::from_toml(&text, dir.path()).unwrap().config;
        config.program = env!("CARGO_BIN_EXE_f1-streams").into();
        let metrics = Metrics::new();
        Self {
            host: Host::new(&config, clock, metrics.clone()).unwrap(),
            net: Net::new(config.net, metrics.clone()),
            metrics,
            dir,
        }
    }

    /// Other limits of `[net]`, for sites that are made from here on.
    pub(crate) fn set_net(&mut self, text: &str) {
        let config = Config::from_toml(text, self.dir.path()).unwrap().config;
        self.net = Net::new(config.net, self.metrics.clone());
    }

    /// A site for every plugin here; `text` is more of its file.
    pub(crate) fn site(&self, text: &str) -> Arc<Site> {
        let site = load_site(
            Path::new("site-a.toml"),
            &format!("plugin = \"site-a\"\n{text}"),
        );
        Arc::new(Site::new(&site.unwrap(), &self.net, self.dir.path()).unwrap())
    }

    pub(crate) async fn load(&self, guest: &Guest) -> Result<Generation, LoadError> {
        load(&self.host, guest.key, Arc::<[u8]>::from(guest.component())).await
    }

    pub(crate) async fn extract(&self, guest: &Guest, site: &Arc<Site>) -> Ended<Extraction> {
        let generation = self.load(guest).await.unwrap();
        self.call(&generation, site).await
    }

    pub(crate) async fn call(&self, plugin: &Generation, site: &Arc<Site>) -> Ended<Extraction> {
        plugin
            .extract_in_full(&self.host, site, &Hint::default())
            .await
    }

    /// The code that loading or one call ends with.
    async fn outcome(&self, guest: &Guest) -> String {
        let generation = match self.load(guest).await {
            Ok(generation) => generation,
            Err(error) => return error.code().to_owned(),
        };
        let result = self.call(&generation, &self.site("")).await.result;
        result
            .as_ref()
            .map_or_else(CallError::code, |_| "ok")
            .to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_ends_by_its_limit_typed_and_counted() {
    for row in rows() {
        let late = row.expect == "deadline";
        // Only what waits for its deadline has a short one: what does much is
        // slow on a busy machine.
        let lab = Lab::new(if late { "" } else { PATIENT });
        let began = Instant::now();
        let outcome = lab.outcome(&row.guest).await;
        let took = began.elapsed();
        assert_eq!(outcome, row.expect, "{}", row.id);
        if let Some(limit) = row.limit {
            let hits = lab.metrics.limit_hits(limit);
            assert!(hits > 0, "{}: {limit} was not counted", row.id);
        }
        assert!(
            !late || took < WALL + LATE + Duration::from_secs(2),
            "{} took {took:?}",
            row.id
        );
        // Whatever it did, the next guest of the same host works.
        let absent = Guest {
            extract: crate::guests::NOT_FOUND,
            ..Guest::default()
        };
        assert_eq!(lab.outcome(&absent).await, "not_found", "after {}", row.id);
    }
}
