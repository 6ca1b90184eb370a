//! One recorded call, played back: the production loader, call, guard, grants,
//! budgets, jar and redirects, over a wire that is the recording. Time stands
//! still at the case's.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::case::{CallKind, Case};
use super::outcome;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::metrics::Metrics;
use crate::net::{Exchange, Missed, Net, Policy, Replay};
use crate::plugins::{Generation, Hint, Host, Line, Site, Transcript};

/// What is random repeats itself, in a recording and in each replay.
const SEED: u64 = 1;

/// A plugin, loaded once, and what its cases run with.
#[derive(Clone, Debug)]
pub struct Stage {
    generation: Arc<Generation>,
    host: Host,
    pub(super) net: Net,
    /// `plugins.diagnostics.learned`.
    pub(super) learned: usize,
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
    /// What the plugin said.
    pub(super) log: Vec<Line>,
}

impl Stage {
    /// For a plugin that was loaded by `host`.
    pub fn new(generation: Generation, host: Host, config: &Config) -> Self {
        Self {
            generation: Arc::new(generation),
            host: host.seeded(SEED),
            net: Net::new(config.net.clone(), Metrics::new()),
            learned: config.plugins.diagnostics.learned,
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
        let site = Arc::new(Site::apart(&case.site, egress, &case.before));
        let (outcome, transcript) = self.call(case.call, &site, &case.hint, case.time).await;
        Played {
            outcome,
            missed: replay.missed(),
            unused: replay.unused(),
            log: transcript.log,
        }
    }

    /// Calls the plugin at `time`, which stands still.
    pub(super) async fn call(
        &self,
        call: CallKind,
        site: &Arc<Site>,
        hint: &Hint,
        time: Timestamp,
    ) -> (Result<Value, String>, Transcript) {
        let host = self.host.clone().at(Clock::fixed(time));
        match call {
            CallKind::Extract => {
                let ended = self.generation.extract_in_full(&host, site, hint).await;
                (outcome::extracted(&ended.result), ended.transcript)
            }
            CallKind::Probe => {
                let ended = self.generation.probe_in_full(&host, site).await;
                (outcome::probed(&ended.result), ended.transcript)
            }
        }
    }

    /// The plugin's key.
    pub fn key(&self) -> config::Key {
        let key = self.generation.info.key.parse();
        key.expect("the loader checked it")
    }
}
