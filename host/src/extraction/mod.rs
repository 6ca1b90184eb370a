//! When each site runs, and what becomes of its outcome.
//!
//! One task per site wakes on the site's own interval (jittered), when its
//! plugin or its file changed, and when a viewer asked for a refresh. A run is
//! extract → health → one write into the catalog. A failure leaves the last
//! good list where it is and decides when to try again. No request of a viewer
//! runs anything here: it only raises a signal that all sites share.

mod pause;
mod run;
mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Semaphore, broadcast, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use run::LastRun;
pub use standing::Standing;

use crate::alerts::Alerts;
use crate::cases::Diagnostics;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config;
use crate::health::Checker;
use crate::metrics::Metrics;
use crate::plugins::{Hint, Host, Loader, Registry, Sites};

/// Everything a run needs.
#[derive(Clone, Debug)]
pub struct Parts {
    /// What calls into plugins share.
    pub host: Host,
    /// Current plugins.
    pub registry: Registry,
    /// Told how calls end.
    pub loader: Loader,
    /// Who runs.
    pub sites: Sites,
    /// Whether what they found plays.
    pub checker: Checker,
    /// Where it goes.
    pub catalog: Catalog,
    /// Where failures are kept.
    pub diagnostics: Diagnostics,
    /// Who is told of changes.
    pub alerts: Alerts,
    /// Wall-clock time.
    pub clock: Clock,
    /// Counters.
    pub metrics: Metrics,
}

/// The scheduler; cheap to clone.
#[derive(Clone)]
pub struct Scheduler(Arc<Inner>);

struct Inner {
    parts: Parts,
    config: config::Extraction,
    health_interval: Duration,
    poll: Duration,
    hint: Box<dyn Fn() -> Hint + Send + Sync>,
    places: Semaphore,
    /// Raised by viewers.
    refresh: watch::Sender<u64>,
    /// Sites that an operator wants to run now.
    wanted: Mutex<BTreeSet<String>>,
    want: watch::Sender<u64>,
    notices: broadcast::Sender<Notice>,
    /// Raised when a site file changed.
    sites_changed: watch::Sender<u64>,
    last_refresh: Mutex<Option<Instant>>,
    runs: Mutex<BTreeMap<String, SiteRuns>>,
}

/// A run that ended.
#[derive(Clone, Debug)]
pub struct Notice {
    /// The site's.
    pub key: String,
    /// `ok` or a stable code.
    pub outcome: &'static str,
}

/// Readers that are further behind look at everything again.
const NOTICES: usize = 64;

/// What is known of a site's runs.
#[derive(Clone, Debug, Default)]
pub struct SiteRuns {
    /// The last one that ended.
    pub last: Option<LastRun>,
    /// When the next one is due.
    pub next: Option<Timestamp>,
    /// How they went.
    pub standing: Standing,
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scheduler")
    }
}

impl Scheduler {
    /// Nothing runs before [`Scheduler::run`]. `hint` names the session that
    /// extractors are asked for.
    pub fn new(
        parts: Parts,
        config: &config::Config,
        hint: impl Fn() -> Hint + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            parts,
            places: Semaphore::new(config.extraction.concurrency),
            config: config.extraction.clone(),
            health_interval: config.health.interval,
            poll: config.plugins.poll,
            hint: Box::new(hint),
            refresh: watch::Sender::new(0),
            wanted: Mutex::default(),
            want: watch::Sender::new(0),
            notices: broadcast::Sender::new(NOTICES),
            sites_changed: watch::Sender::new(0),
            last_refresh: Mutex::default(),
            runs: Mutex::default(),
        }))
    }

    /// Asks every site to run now. Requests within
    /// `extraction.refresh_cooldown` of the last one change nothing and learn
    /// how long it still lasts.
    pub fn refresh(&self) -> Result<(), Duration> {
        let mut last = self
            .0
            .last_refresh
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let cooldown = self.0.config.refresh_cooldown;
        if let Some(left) = last
            .and_then(|at| cooldown.checked_sub(at.elapsed()))
            .filter(|l| !l.is_zero())
        {
            self.0.parts.metrics.limit("extraction.refresh_cooldown");
            return Err(left);
        }
        *last = Some(Instant::now());
        self.0.refresh.send_modify(|n| *n += 1);
        Ok(())
    }

    /// Runs `site` as soon as it does not run already, whatever it said of when
    /// to come back.
    pub fn run_now(&self, site: &str) {
        self.wanted().insert(site.to_owned());
        self.0.want.send_modify(|n| *n += 1);
    }

    fn wanted(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.0.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Each run that ends from now on.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.0.notices.subscribe()
    }

    /// What is known of every site's runs.
    pub fn runs(&self) -> BTreeMap<String, SiteRuns> {
        self.runs_lock().clone()
    }

    fn runs_lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, SiteRuns>> {
        self.0.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs sites until `stop`; returns when every site's task has ended.
    pub async fn run(self, stop: CancellationToken) {
        let mut plugins = self.0.parts.registry.changes();
        let mut tasks = JoinSet::new();
        let mut running: BTreeMap<String, tokio::task::AbortHandle> = BTreeMap::new();
        loop {
            let (sites, keys) = (self.0.parts.sites.clone(), self.0.parts.registry.keys());
            let reloaded = tokio::task::spawn_blocking(move || sites.reload(&keys)).await;
            if matches!(reloaded, Ok(true)) {
                let parts = &self.0.parts;
                let way = |site: &str| Some(parts.sites.get(site)?.egress.clone());
                parts.catalog.govern(way);
                self.0.sites_changed.send_modify(|n| *n += 1);
            }
            while tasks.try_join_next().is_some() {}
            running.retain(|_, task| !task.is_finished());
            for site in self
                .0
                .parts
                .sites
                .all()
                .into_iter()
                .filter(|site| site.enabled)
            {
                if !running.contains_key(&site.key) {
                    let task = self.clone().site(site.key.clone(), stop.clone());
                    running.insert(site.key.clone(), tasks.spawn(task));
                }
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(self.0.poll) => {}
                _ = plugins.changed() => {}
            }
        }
        // Runs end by their own deadlines; a dropped call is not an ended one.
        while tasks.join_next().await.is_some() {}
    }

    /// One site's task: ends when the site is gone, disabled, or at `stop`.
    async fn site(self, key: String, stop: CancellationToken) {
        let inner = &self.0;
        let parts = &inner.parts;
        let mut refresh = inner.refresh.subscribe();
        let mut plugins = parts.registry.changes();
        let mut sites = inner.sites_changed.subscribe();
        let mut want = inner.want.subscribe();
        let mut failures = 0;
        let mut standing = Standing::default();
        let mut check_at = Instant::now() + inner.health_interval;
        while let Some(site) = parts.sites.get(&key).filter(|site| site.enabled) {
            let Some((generation, number)) = parts.registry.current(&site.plugin) else {
                // Its plugin was taken away, or is not there yet.
                parts.catalog.publish(&key, Vec::new());
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = plugins.changed() => {}
                    _ = sites.changed() => {}
                }
                continue;
            };
            // Asked for during the run means: after it.
            refresh.mark_unchanged();
            let hint = (inner.hint)();
            let mut run = run::once(parts, &inner.places, &site, &generation, number, &hint).await;
            standing
                .follow(parts, &site, &generation, &hint, &mut run)
                .await;
            failures = if run.failed() { failures + 1 } else { 0 };
            let wait = run.wait(&site, failures, &inner.config, parts.clock.now());
            let not_before = run.not_before();
            let next = Instant::now() + wait;
            let whole = Duration::from_secs(wait.as_secs());
            let next_at = parts.clock.now().checked_add(whole).ok();
            let notice = Notice {
                key: key.clone(),
                outcome: run.last.outcome,
            };
            let known = SiteRuns {
                last: Some(run.last),
                next: next_at,
                standing: standing.clone(),
            };
            self.runs_lock().insert(key.clone(), known);
            // Without readers nobody has to know.
            let _ = inner.notices.send(notice);

            // Until the next run, keep the streams' health fresh.
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep_until(next) => break,
                    _ = want.changed() => if self.wanted().remove(&key) {
                        break;
                    },
                    _ = refresh.changed() => match not_before {
                        // The site said when to come back; viewers wait, too.
                        Some(until) if Instant::now() < until => {}
                        _ => break,
                    },
                    _ = plugins.changed() => {
                        let now = parts.registry.current(&site.plugin).map(|(_, number)| number);
                        if now != Some(number) { break }
                    }
                    _ = sites.changed() => {
                        let now = parts.sites.get(&key);
                        if now.is_none_or(|now| !Arc::ptr_eq(&now, &site)) { break }
                    }
                    () = tokio::time::sleep_until(check_at) => {
                        let entries = parts.catalog.snapshot().of_site(&key);
                        let checked = tokio::select! {
                            () = stop.cancelled() => return,
                            checked = parts.checker.check_all(entries) => checked,
                        };
                        parts.catalog.set_health(checked);
                        check_at = Instant::now() + inner.health_interval;
                    }
                }
            }
        }
        parts.catalog.publish(&key, Vec::new());
        self.runs_lock().remove(&key);
    }
}
