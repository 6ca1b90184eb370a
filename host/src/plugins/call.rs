//! One call into a guest: a fresh store, its budgets, and how it ended.
//!
//! A call runs in a task of its own and ends by returning or by a trap, not by
//! dropping its future (only the end of the process does that): whoever waits
//! for it may go away, the call goes on to its deadline. The store is looked at
//! every tick, yields to the runtime, and traps when its time is over; waits in
//! the host end by the same deadline. A panic of the host in that task is a
//! fault of the plugin that brought it out, and harms nothing else.

mod classify;

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use wasmtime::Store;

use super::bindings::f1_streams::extractor::types as wit;
use super::bindings::{Extractor, ExtractorPre};
use super::capabilities::Outbound;
use super::engine::Engine;
use super::journal::Journal;
use super::load::Generation;
use super::meters::{Limiter, Meters, Time};
pub(super) use super::outcome::{CallError, RunError};
use super::outcome::{Ended, Used};
use super::scrub::Scrubber;
use super::site::{Asked, Site};
use super::state::State;
use super::stream::Extraction;
use super::text::clean;
use super::validate::{Described, Door};
use super::wasi::Wasi;
use crate::clock::Clock;
use crate::config::{self, PluginLimits};
use crate::metrics::Metrics;

/// The session the host is interested in.
#[derive(Clone, Debug, Default)]
pub struct Hint {
    /// Id in the schedule.
    pub session: Option<String>,
    /// As people write it.
    pub event_name: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub starts_at: Option<u64>,
    /// Milliseconds since the Unix epoch.
    pub ends_at: Option<u64>,
}

/// What the imports of one call work with.
pub(super) struct Call {
    /// `None` in `describe`, where every import of ours traps.
    pub(super) outbound: Option<Arc<Outbound>>,
    pub(super) secrets: Arc<[String]>,
    pub(super) limits: Arc<PluginLimits>,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) journal: Journal,
    pub(super) time: Time,
    pub(super) wasi: Wasi,
    /// `describe` called an import.
    pub(super) impure: bool,
    limiter: Limiter,
}

/// What every call of one host shares; cheap to clone.
#[derive(Clone, Debug)]
pub struct Host {
    pub(super) engine: Engine,
    config: Arc<config::Plugins>,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    permits: Arc<Semaphore>,
    calls: TaskTracker,
    seed: Option<u64>,
}

/// Whom a call is made for.
struct Caller {
    plugin: String,
    site: Option<Arc<Site>>,
    asked: Arc<Asked>,
    secrets: Arc<[String]>,
}

/// A call under way: its store, and its place among `plugins.max_calls`.
struct Running {
    store: Store<Call>,
    stack: bytesize::ByteSize,
    _permit: OwnedSemaphorePermit,
}

impl Host {
    /// `max_calls` bounds the calls that run at once, and with
    /// `limits.memory` the memory of all guests.
    pub fn new(engine: Engine, config: &config::Plugins, clock: Clock, metrics: Metrics) -> Self {
        Self {
            engine,
            permits: Arc::new(Semaphore::new(config.max_calls)),
            config: Arc::new(config.clone()),
            clock,
            metrics,
            calls: TaskTracker::new(),
            seed: None,
        }
    }

    /// The same host, with guests for which everything random repeats itself.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// `describe` of a component that is being loaded.
    pub(super) async fn describe(
        &self,
        pre: &ExtractorPre<Call>,
        plugin: &str,
    ) -> Result<Described, RunError> {
        let caller = Caller {
            plugin: plugin.to_owned(),
            site: None,
            asked: Arc::default(),
            secrets: Arc::default(),
        };
        let pre = pre.clone();
        let ended = self
            .run(caller, |mut running| async move {
                let guest = running.instantiate(&pre).await?;
                let info = guest
                    .f1_streams_extractor_metadata()
                    .call_describe(&mut running.store)
                    .await;
                let info = running.answer(info)?;
                running
                    .store
                    .data()
                    .door()
                    .described(info)
                    .map_err(RunError::InvalidOutput)
            })
            .await;
        ended.0
    }

    /// Runs `work` in a task of its own, with a store for `caller`.
    async fn run<T, E, F>(
        &self,
        caller: Caller,
        work: impl FnOnce(Running) -> F,
    ) -> (Result<T, E>, Used)
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<RunError> + Send + 'static,
    {
        if self.permits.available_permits() == 0 {
            self.metrics.limit("plugins.max_calls");
        }
        // Waits at most for other calls' deadlines.
        let permits = self.permits.clone().acquire_owned().await;
        let permit = permits.expect("the semaphore is never closed");
        let began = Instant::now();
        let meters = Arc::new(Meters::default());
        let call = self.call(caller, meters.clone());
        let journal = call.journal.clone();
        let running = Running {
            store: self.store(call),
            stack: self.config.stack,
            _permit: permit,
        };
        let task = self.calls.spawn(work(running));
        let result = match task.await {
            Ok(result) => result,
            Err(error) => {
                let why = journal.scrubber().cut(&panic_text(error), 512);
                Err(RunError::Panicked(why).into())
            }
        };
        journal.finish();
        (result, meters.used(began.elapsed()))
    }

    fn call(&self, caller: Caller, meters: Arc<Meters>) -> Call {
        let limits = Arc::new(self.config.limits_of(&caller.plugin));
        let wall = match caller.site {
            Some(_) => limits.wall,
            None => limits.describe,
        };
        let site = caller.site.as_deref();
        let scrubber = Scrubber::new(site.into_iter().flat_map(Site::secret_texts));
        let journal = Journal::new(
            site.map_or("", |site| &site.key),
            &caller.plugin,
            limits.clone(),
            self.metrics.clone(),
            scrubber,
        );
        let time = Time::new(wall, limits.cpu, meters.clone());
        let outbound = caller.site.map(|site| Outbound {
            site,
            asked: caller.asked,
            limits: limits.clone(),
            metrics: self.metrics.clone(),
            meters: meters.clone(),
            parallel: Semaphore::new(limits.parallel),
            deadline: time.deadline,
        });
        Call {
            outbound: outbound.map(Arc::new),
            secrets: caller.secrets,
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            wasi: Wasi::new(&limits, &self.clock, &journal, self.seed),
            journal,
            time,
            impure: false,
            limiter: Limiter::new(limits.clone(), meters),
            limits,
        }
    }

    fn store(&self, call: Call) -> Store<Call> {
        let copied = usize::try_from(call.limits.copied.as_u64()).unwrap_or(usize::MAX);
        let handles = call.limits.handles;
        let mut store = Store::new(&self.engine.wasm, call);
        store.limiter(|call| &mut call.limiter);
        store.set_hostcall_fuel(copied);
        store.set_max_component_handles(handles);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| Ok(store.data_mut().time.tick()));
        store
    }
}

impl Call {
    /// Where what this call returns is checked.
    fn door(&self) -> Door<'_> {
        Door {
            limits: &self.limits,
            metrics: &self.metrics,
            scrubber: self.journal.scrubber(),
        }
    }
}

impl Running {
    async fn instantiate(&mut self, pre: &ExtractorPre<Call>) -> Result<Extractor, RunError> {
        let guest = pre.instantiate_async(&mut self.store).await;
        guest.map_err(|error| classify::instantiation(&error, self.store.data(), self.stack))
    }

    /// What an export returned, or how it failed.
    fn answer<T>(&self, answer: wasmtime::Result<T>) -> Result<T, RunError> {
        answer.map_err(|error| classify::run(&error, self.store.data(), self.stack))
    }

    /// Ends the guest: its memory and its place are free for others.
    fn end(self) -> Call {
        self.store.into_data()
    }
}

impl Generation {
    /// The live streams that this plugin finds on `site`.
    pub async fn extract(
        &self,
        host: &Host,
        site: &Arc<Site>,
        hint: &Hint,
    ) -> Result<Extraction, CallError> {
        self.extract_in_full(host, site, hint).await.result
    }

    /// As [`Generation::extract`], with what the call used.
    pub async fn extract_in_full(
        &self,
        host: &Host,
        site: &Arc<Site>,
        hint: &Hint,
    ) -> Ended<Extraction> {
        let (pre, site, hint) = (self.pre.clone(), site.clone(), wit::SessionHint::from(hint));
        let work = |mut running: Running| {
            let site = site.clone();
            async move {
                let guest = running.instantiate(&pre).await?;
                let answer = guest
                    .f1_streams_extractor_extraction()
                    .call_extract(&mut running.store, &hint)
                    .await;
                save(&site.state).await;
                let answer = running.answer(answer)?;
                // Neither the guest's memory nor its place is needed to check
                // what it returned, and checking may wait for name servers.
                let call = running.end();
                let door = call.door();
                let records = answer.map_err(|error| door.error(error))?;
                let checked = door.extraction(records, &site).await;
                Ok(checked.map_err(RunError::InvalidOutput)?)
            }
        };
        self.ended(host, &site, work).await
    }

    /// Is `site` reachable and shaped as this plugin expects?
    pub async fn probe(&self, host: &Host, site: &Arc<Site>) -> Result<(), CallError> {
        let (pre, state) = (self.pre.clone(), site.state.clone());
        let work = |mut running: Running| async move {
            let guest = running.instantiate(&pre).await?;
            let answer = guest
                .f1_streams_extractor_extraction()
                .call_probe(&mut running.store)
                .await;
            save(&state).await;
            let answer = running.answer(answer)?;
            Ok(answer.map_err(|error| running.store.data().door().error(error))?)
        };
        self.ended(host, site, work).await.result
    }

    async fn ended<T, F>(
        &self,
        host: &Host,
        site: &Arc<Site>,
        work: impl FnOnce(Running) -> F,
    ) -> Ended<T>
    where
        F: Future<Output = Result<T, CallError>> + Send + 'static,
        T: Send + 'static,
    {
        let caller = Caller {
            plugin: self.info.key.clone(),
            site: Some(site.clone()),
            asked: self.asked.clone(),
            secrets: self.secrets.clone(),
        };
        let (result, used) = host.run(caller, work).await;
        let outcome = result.as_ref().map_or_else(CallError::code, |_| "ok");
        host.metrics.called(&self.info.key, outcome);
        tracing::debug!(
            target: "plugin",
            site = site.key,
            plugin = self.info.key,
            outcome,
            wall_ms = used.wall.as_millis(),
            cpu_ms = used.cpu.as_millis(),
            memory = used.memory,
            requests = used.requests,
            bytes = used.bytes,
            "call"
        );
        Ended { result, used }
    }
}

impl From<&Hint> for wit::SessionHint {
    fn from(hint: &Hint) -> Self {
        Self {
            session: hint.session.clone(),
            event_name: hint.event_name.clone(),
            starts_at: hint.starts_at,
            ends_at: hint.ends_at,
            languages: Vec::new(),
            extra: Vec::new(),
        }
    }
}

async fn save(state: &State) {
    let state = state.clone();
    let saved = tokio::task::spawn_blocking(move || state.save()).await;
    if let Ok(Err(error)) = saved {
        tracing::warn!(%error, "a site's state could not be written");
    }
}

/// What a panicking task said.
fn panic_text(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else {
        return "the runtime has ended".into();
    };
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a word".into())
}
