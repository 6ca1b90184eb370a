//! Counters of what the service does and of every limit that was hit.
//!
//! One handle is made at start and passed to the rooms; `server` prints it on
//! the metrics listener. Label values come from code and from validated keys,
//! never from a URL, so their number is bounded; those of a plugin go with the last
//! of its versions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Limit {
    limit: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Fetch {
    purpose: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Served {
    from: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Compile {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Call {
    plugin: String,
    outcome: &'static str,
}

/// The service's counters; cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    limits: Family<Limit, Counter>,
    fetches: Family<Fetch, Counter>,
    calls: Family<Call, Counter>,
    /// Plugins of which a version is in memory, by key.
    plugins: Mutex<BTreeMap<String, Plugin>>,
    compiles: Family<Compile, Counter>,
    relayed_bytes: Counter,
    served: Family<Served, Counter>,
    disguised: Counter,
    window_bytes: Gauge,
    in_flight_bytes: Gauge,
    relays: Gauge,
    generations: Gauge,
    resident: Gauge,
}

/// One plugin's part of the metrics.
#[derive(Debug, Default)]
struct Plugin {
    /// Its versions in memory.
    versions: usize,
    /// Outcomes that are counted.
    outcomes: BTreeSet<&'static str>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// A fresh set, all zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("f1_streams");
        let limits = Family::default();
        registry.register(
            "limit_hits",
            "Times a configured limit was hit",
            limits.clone(),
        );
        let fetches = Family::default();
        registry.register(
            "fetches",
            "Outgoing requests by purpose and outcome",
            fetches.clone(),
        );
        let calls = Family::default();
        registry.register(
            "plugin_calls",
            "Calls into plugins by outcome",
            calls.clone(),
        );
        let compiles = Family::default();
        registry.register(
            "plugin_compiles",
            "Components compiled or taken from the cache, by outcome",
            compiles.clone(),
        );
        let relayed_bytes = Counter::default();
        registry.register(
            "relayed_bytes",
            "Bytes handed to viewers",
            relayed_bytes.clone(),
        );
        let served = Family::default();
        registry.register(
            "relay_answers",
            "Playlists and segments by where they came from: fetched, joined (on their way), window",
            served.clone(),
        );
        let disguised = Counter::default();
        registry.register(
            "disguised_segments",
            "Segments that began with a picture, which was left out",
            disguised.clone(),
        );
        let window_bytes = Gauge::default();
        registry.register(
            "window_bytes",
            "Memory of whole segments that viewers share",
            window_bytes.clone(),
        );
        let in_flight_bytes = Gauge::default();
        registry.register(
            "in_flight_bytes",
            "Memory of segments on their way",
            in_flight_bytes.clone(),
        );
        let resident: Gauge = Gauge::default();
        registry.register(
            "resident_memory_bytes",
            "Memory of the whole process that is in RAM",
            resident.clone(),
        );
        let generations: Gauge = Gauge::default();
        registry.register(
            "plugin_generations",
            "Loaded versions of plugins in memory",
            generations.clone(),
        );
        let relays: Gauge = Gauge::default();
        registry.register("relays_open", "Relay answers under way", relays.clone());
        Self(Arc::new(Inner {
            registry,
            limits,
            fetches,
            calls,
            plugins: Mutex::default(),
            compiles,
            relayed_bytes,
            served,
            disguised,
            window_bytes,
            in_flight_bytes,
            relays,
            generations,
            resident,
        }))
    }

    /// A limit was hit; `limit` is its configuration key.
    pub fn limit(&self, limit: &'static str) {
        self.0.limits.get_or_create(&Limit { limit }).inc();
    }

    /// How often a limit was hit, for tests and the admin page.
    pub fn limit_hits(&self, limit: &'static str) -> u64 {
        self.0.limits.get_or_create(&Limit { limit }).get()
    }

    /// An outgoing request ended.
    pub fn fetched(&self, purpose: &'static str, outcome: &'static str) {
        self.0
            .fetches
            .get_or_create(&Fetch { purpose, outcome })
            .inc();
    }

    /// A call into a plugin ended; counted while a version of it is in memory.
    pub fn called(&self, plugin: &str, outcome: &'static str) {
        let mut plugins = self.plugins();
        if let Some(counted) = plugins.get_mut(plugin) {
            counted.outcomes.insert(outcome);
            let plugin = plugin.to_owned();
            self.0.calls.get_or_create(&Call { plugin, outcome }).inc();
        }
    }

    /// A component was compiled (`ok` or a code), or was `cached`.
    pub fn compiled(&self, outcome: &'static str) {
        self.0.compiles.get_or_create(&Compile { outcome }).inc();
    }

    /// How often that was the outcome, for tests.
    pub fn compiles(&self, outcome: &'static str) -> u64 {
        self.0.compiles.get_or_create(&Compile { outcome }).get()
    }

    /// Body bytes handed to a viewer.
    pub fn relayed(&self, bytes: usize) {
        self.0.relayed_bytes.inc_by(bytes as u64);
    }

    /// Where a playlist or a segment came from: "fetched", "joined", "window".
    pub fn served(&self, from: &'static str) {
        self.0.served.get_or_create(&Served { from }).inc();
    }

    /// How many came from there, for tests.
    pub fn served_from(&self, from: &'static str) -> u64 {
        self.0.served.get_or_create(&Served { from }).get()
    }

    /// A segment began with a picture that is not handed out.
    pub fn disguised(&self) {
        self.0.disguised.inc();
    }

    /// Bytes of the window now.
    pub fn window(&self, bytes: u64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.0.window_bytes.set(bytes);
    }

    /// Bytes on their way came or went.
    pub fn in_flight(&self, bytes: i64) {
        self.0.in_flight_bytes.inc_by(bytes);
    }

    /// A relay answer begins; it counts as open until the guard is dropped.
    pub fn relay_opened(&self) -> Counted {
        Counted::among(&self.0.relays)
    }

    /// A version of a plugin is in memory until the guard is dropped.
    pub fn generation(&self, plugin: &str) -> Version {
        let plugin = plugin.to_owned();
        self.plugins().entry(plugin.clone()).or_default().versions += 1;
        Version {
            _counted: Counted::among(&self.0.generations),
            plugin,
            metrics: self.clone(),
        }
    }

    fn plugins(&self) -> MutexGuard<'_, BTreeMap<String, Plugin>> {
        let plugins = self.0.plugins.lock();
        plugins.unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are, for tests.
    pub fn generations(&self) -> i64 {
        self.0.generations.get()
    }

    /// The OpenMetrics text.
    pub fn encode(&self) -> String {
        if let Some(bytes) = resident() {
            self.0.resident.set(bytes);
        }
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = encode(&mut text, &self.0.registry);
        text
    }
}

/// Memory of the process that is in RAM, in bytes, where the system tells.
fn resident() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// One of what a gauge counts.
#[derive(Debug)]
pub struct Counted(Gauge);

impl Counted {
    fn among(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A version of a plugin; the plugin's counters go with the last one.
#[derive(Debug)]
pub struct Version {
    _counted: Counted,
    plugin: String,
    metrics: Metrics,
}

impl Drop for Version {
    fn drop(&mut self) {
        let mut plugins = self.metrics.plugins();
        let Some(counted) = plugins.get_mut(&self.plugin) else {
            return;
        };
        counted.versions -= 1;
        if counted.versions > 0 {
            return;
        }
        for outcome in std::mem::take(&mut counted.outcomes) {
            let plugin = self.plugin.clone();
            self.metrics.0.calls.remove(&Call { plugin, outcome });
        }
        plugins.remove(&self.plugin);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_the_process_is_told() {
        let metrics = Metrics::new();
        let text = metrics.encode();
        let line = text
            .lines()
            .find(|line| line.starts_with("f1_streams_resident_memory_bytes "));
        let bytes = line.and_then(|line| line.split_once(' ')?.1.parse::<u64>().ok());
        assert!(bytes > Some(1 << 20), "{bytes:?}");
    }

    #[test]
    fn a_plugins_counters_go_with_the_last_of_its_versions() {
        let metrics = Metrics::new();
        let calls = || metrics.encode().matches("plugin=\"a\"").count();
        let old = metrics.generation("a");
        metrics.called("a", "ok");
        metrics.called("a", "trap");
        let new = metrics.generation("a");
        drop(old);
        metrics.called("a", "ok");
        assert_eq!(calls(), 2, "a swap takes nothing away");
        drop(new);
        metrics.called("a", "ok");
        assert_eq!(calls(), 0, "{}", metrics.encode());
        assert_eq!(metrics.generations(), 0);
    }
}
