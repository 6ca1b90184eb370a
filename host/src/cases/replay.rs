//! One recorded call, played back: the production loader, call, guard, grants,
//! budgets, jar and redirects, over a wire that is the recording. Time stands
//! still at the case's.

use std::sync::Arc;

use serde_json::Value;
use url::Url;

use super::case::{CallKind, Case};
use super::outcome;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::metrics::Metrics;
use crate::net::{Exchange, Missed, Net, Policy, Replay};
use crate::plugins::{Generation, Host, Site};

/// What is random repeats itself, in a recording and in each replay.
const SEED: u64 = 1;

/// A plugin, loaded once, and what its cases run with.
#[derive(Clone, Debug)]
pub struct Stage {
    pub(super) generation: Arc<Generation>,
    host: Host,
    pub(super) config: Arc<Config>,
    pub(super) net: Net,
}

/// How a call ended.
#[derive(Debug)]
pub(super) struct Played {
    /// In the form of `expected.json`; `Err` is what no plugin may do.
    pub(super) outcome: Result<Value, String>,
    /// Requests without an exchange.
    pub(super) missed: Vec<Missed>,
    /// Exchanges without a request.
    pub(super) unused: Vec<usize>,
}

impl Stage {
    /// For a plugin that was loaded by `host`.
    pub fn new(generation: Generation, host: Host, config: Config) -> Self {
        Self {
            generation: Arc::new(generation),
            host: host.seeded(SEED),
            net: Net::new(config.net.clone(), Metrics::new()),
            config: Arc::new(config),
        }
    }

    /// Runs `case` with `exchanges` in place of its own.
    pub(super) async fn play(&self, case: &Case, exchanges: Arc<[Exchange]>) -> Played {
        let replay = Replay::new(exchanges);
        let policy = Policy {
            // The recording's ports were open when it was made.
            ports: Vec::new(),
            ..self.net.policy(&case.site.config.allow_addresses)
        };
        let egress = self.net.replay(policy, replay.clone());
        let site = Arc::new(Site::apart(&case.site, egress, &case.before.state));
        for (url, line) in &case.before.cookies {
            if let Ok(url) = Url::parse(url) {
                site.jar.set(&url, line);
            }
        }
        let host = self.host(Clock::fixed(case.time));
        let outcome = match case.call {
            CallKind::Extract => {
                let result = self.generation.extract(&host, &site, &case.hint).await;
                outcome::extracted(&result)
            }
            CallKind::Probe => outcome::probed(&self.generation.probe(&host, &site).await),
        };
        Played {
            outcome,
            missed: replay.missed(),
            unused: replay.unused(),
        }
    }

    pub(super) fn host(&self, clock: Clock) -> Host {
        self.host.clone().at(clock)
    }

    /// The plugin's key.
    pub fn key(&self) -> config::Key {
        let key = self.generation.info.key.parse();
        key.expect("the loader checked it")
    }
}
