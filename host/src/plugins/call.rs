//! One call into a guest: a fresh store, its budgets, and how it ended.
//!
//! A call runs in a task of its own, on the guests' own threads. It ends by
//! returning or by a trap, not by dropping its future (only the end of the
//! process does that): whoever waits for it may go away, the call goes on to its
//! deadline. The store is looked at every tick, yields to the runtime, and traps
//! when its time is over; waits in the host end by the same deadline. A panic of
//! the host in that task is a fault of the plugin that brought it out, and harms
//! nothing else.

mod classify;
mod exports;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::instrument::WithSubscriber;
use wasmtime::Store;

pub use self::exports::Hint;
use super::asked::Asked;
use super::bindings::{Extractor, ExtractorPre};
use super::capabilities::Outbound;
use super::compile::Compiler;
use super::engine::{Engine, World};
use super::journal::Journal;
use super::meters::{Limiter, Meters, Time};
use super::outcome::Used;
pub(super) use super::outcome::{CallError, RunError};
use super::scrub::Scrubber;
use super::site::Site;
use super::state::State;
use super::transcript::Transcript;
use super::trust::Trust;
use super::validate::Door;
use super::wasi::Wasi;
use crate::clock::Clock;
use crate::config::{self, PluginLimits};
use crate::metrics::Metrics;
use crate::net::Tape;

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
    pub(super) compiler: Compiler,
    pub(super) trust: Trust,
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
    /// Where its hops are noted.
    tape: Option<Tape>,
}

/// A call under way: its store, and its place among `plugins.max_calls`.
struct Running {
    store: Store<Call>,
    stack: bytesize::ByteSize,
    permit: OwnedSemaphorePermit,
}

impl Host {
    /// Starts an engine. `plugins.max_calls` bounds the calls that run at once,
    /// and with `limits.memory` the memory of all guests.
    pub fn new(config: &config::Config, clock: Clock, metrics: Metrics) -> wasmtime::Result<Self> {
        let engine = Engine::new(&config.plugins)?;
        Ok(Self {
            compiler: Compiler::new(&engine, config, metrics.clone()),
            engine,
            trust: Trust::new(&config.plugins),
            permits: Arc::new(Semaphore::new(config.plugins.max_calls)),
            config: Arc::new(config.plugins.clone()),
            clock,
            metrics,
            calls: TaskTracker::new(),
            seed: None,
        })
    }

    /// The same host, with guests for which everything random repeats itself.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The same host at another time.
    #[must_use]
    pub fn at(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Where the plugin's guests live.
    pub(super) fn world(&self, plugin: &str) -> &World {
        self.engine.of(self.config.limits_of(plugin).stack)
    }

    /// Runs `work` in a task of its own, with a store for `caller`.
    async fn run<T, E, F>(
        &self,
        caller: Caller,
        work: impl FnOnce(Running) -> F,
    ) -> (Result<T, E>, Used, Transcript)
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
        let (journal, time) = (call.journal.clone(), call.clock.now());
        let running = Running {
            stack: call.limits.stack,
            store: self.store(call),
            permit,
        };
        // What it logs goes where its caller's lines go.
        let work = work(running).with_current_subscriber();
        let task = self.calls.spawn_on(work, self.engine.threads());
        let result = match task.await {
            Ok(result) => result,
            Err(error) => {
                let why = journal.scrubber().cut(&panic_text(error), 512);
                Err(RunError::Panicked(why).into())
            }
        };
        journal.finish();
        let (log, attachments) = journal.take();
        let transcript = Transcript {
            time,
            log,
            attachments,
            ..Transcript::default()
        };
        (result, meters.used(began.elapsed()), transcript)
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
        // What a call is told of the time does not depend on how fast it is.
        let clock = self.clock.standing();
        let tape = caller.tape;
        let outbound = caller.site.map(|site| Outbound {
            egress: match tape {
                Some(tape) => site.egress.recording(tape),
                None => site.egress.clone(),
            },
            site,
            asked: caller.asked,
            limits: limits.clone(),
            metrics: self.metrics.clone(),
            meters: meters.clone(),
            parallel: Semaphore::new(limits.parallel),
            deadline: time.deadline,
            runtime: Handle::current(),
        });
        Call {
            outbound: outbound.map(Arc::new),
            secrets: caller.secrets,
            clock,
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
        let engine = &self.engine.of(call.limits.stack).wasm;
        let mut store = Store::new(engine, call);
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

    /// Ends the guest: its memory and its place are free for others. Only then
    /// is kept what it left for `site`, and what a slow disk does is the site's
    /// own matter.
    async fn end(self, state: &State) -> Call {
        let call = self.store.into_data();
        drop(self.permit);
        if !state.save(call.limits.state_wait).await {
            call.metrics.limit("plugins.limits.state_wait");
        }
        call
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
