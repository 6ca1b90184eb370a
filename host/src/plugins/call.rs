//! One call into a guest: a fresh store, its budgets, and how it ended.
//!
//! A run ends by returning or by a trap, not by dropping its future (only the
//! end of the process does that): the store is looked at every tick, yields to
//! the runtime, and traps at its deadline. Host calls end by the same deadline,
//! so a call ends at most one tick and one host call's own clean-up after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use tokio::time::Instant;
use wasmtime::{ResourceLimiter, Store, Trap, UpdateDeadline};

use super::bindings::f1_streams::extractor::types as wit;
use super::bindings::{Extractor, ExtractorPre};
use super::engine::Engine;
use super::load::Generation;
use super::site::{Asked, Site};
use super::state::State;
use super::validate::{self, ExtractError, Extraction};
use crate::clock::Clock;
use crate::config::PluginLimits;
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

/// How a call ended without an answer: the guest's or the host's fault, never
/// the site's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// Still running at the end of `plugins.limits.wall` (or `.describe`).
    #[error("it did not end within {0:?}")]
    Deadline(std::time::Duration),
    /// It wanted more memory, tables or instances than it may have.
    #[error("it wanted more than {0} of memory")]
    Memory(bytesize::ByteSize),
    /// It trapped; the text has the guest's frames.
    #[error("it trapped: {0}")]
    Trap(String),
    /// `describe` called an import.
    #[error("describe called an import; it must be pure")]
    Impure,
    /// It could not be instantiated.
    #[error("it could not be instantiated: {0}")]
    Instantiate(String),
    /// It returned something unusable as a whole.
    #[error("it returned something unusable: {0}")]
    InvalidOutput(String),
}

impl RunError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Deadline(_) => "deadline",
            Self::Memory(_) => "memory",
            Self::Trap(_) => "trap",
            Self::Impure => "impure",
            Self::Instantiate(_) => "instantiate",
            Self::InvalidOutput(_) => "invalid_output",
        }
    }
}

/// Why a call brought nothing usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The guest's own answer.
    #[error(transparent)]
    Guest(#[from] ExtractError),
    /// The guest failed.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl CallError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Guest(error) => error.code(),
            Self::Run(error) => error.code(),
        }
    }
}

/// What the imports of one call work with.
pub(super) struct Call {
    /// `None` in `describe`, where every import traps.
    pub(super) site: Option<Arc<Site>>,
    pub(super) plugin: String,
    pub(super) asked: Arc<Asked>,
    pub(super) secrets: Arc<[String]>,
    pub(super) limits: PluginLimits,
    pub(super) deadline: Instant,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) requests: AtomicUsize,
    pub(super) bytes: AtomicU64,
    pub(super) log_lines: usize,
    pub(super) attached: u64,
    pub(super) impure: bool,
    memory: Memory,
}

/// Refuses growth beyond the limits and remembers that it did: a guest turns
/// a refused growth into a trap of its own.
struct Memory {
    limit: usize,
    refused: bool,
}

/// Far above what one component with its adapters needs.
const MAX_TABLE_ELEMENTS: usize = 100_000;
const MAX_INSTANCES: usize = 32;
/// What a guest may copy into the host in one host call or return, in bytes;
/// wasmtime's own default is 128 MiB.
const HOSTCALL_FUEL: usize = 16 << 20;

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _max: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.refused |= desired > self.limit;
        Ok(desired <= self.limit)
    }
    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _max: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.refused |= desired > MAX_TABLE_ELEMENTS;
        Ok(desired <= MAX_TABLE_ELEMENTS)
    }
    fn instances(&self) -> usize {
        MAX_INSTANCES
    }
    fn tables(&self) -> usize {
        MAX_INSTANCES
    }
    fn memories(&self) -> usize {
        // One memory, so that the limit of a memory is the limit of the call.
        1
    }
}

/// What every call of one host shares; cheap to clone.
#[derive(Clone, Debug)]
pub struct Host {
    pub(super) engine: Engine,
    pub(super) limits: PluginLimits,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    permits: Arc<tokio::sync::Semaphore>,
}

impl Host {
    /// `max_calls` bounds the calls that run at once, and with
    /// `limits.memory` the memory of all guests.
    pub fn new(
        engine: Engine,
        config: &crate::config::Plugins,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        let permits = Arc::new(tokio::sync::Semaphore::new(config.max_calls));
        Self {
            engine,
            limits: config.limits.clone(),
            clock,
            metrics,
            permits,
        }
    }

    fn store(
        &self,
        site: Option<Arc<Site>>,
        plugin: &str,
        asked: Arc<Asked>,
        secrets: Arc<[String]>,
    ) -> Store<Call> {
        let wall = if site.is_some() {
            self.limits.wall
        } else {
            self.limits.describe
        };
        let deadline = Instant::now() + wall;
        let memory = Memory {
            limit: usize::try_from(self.limits.memory.as_u64()).unwrap_or(usize::MAX),
            refused: false,
        };
        let call = Call {
            site,
            plugin: plugin.to_owned(),
            asked,
            secrets,
            limits: self.limits.clone(),
            deadline,
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            requests: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            log_lines: 0,
            attached: 0,
            impure: false,
            memory,
        };
        let mut store = Store::new(&self.engine.wasm, call);
        store.limiter(|call| &mut call.memory);
        store.set_hostcall_fuel(HOSTCALL_FUEL);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            Ok(if Instant::now() >= deadline {
                UpdateDeadline::Interrupt
            } else {
                UpdateDeadline::Yield(1)
            })
        });
        store
    }

    /// `describe` of a component that is being loaded.
    pub(super) async fn describe(
        &self,
        pre: &ExtractorPre<Call>,
        plugin: &str,
    ) -> Result<validate::Described, RunError> {
        let mut store = self.store(None, plugin, Arc::default(), Arc::default());
        let guest = self.instantiate(&mut store, pre).await?;
        let info = guest
            .f1_streams_extractor_metadata()
            .call_describe(&mut store)
            .await;
        let info = info.map_err(|error| self.classify(&store, &error, self.limits.describe))?;
        validate::described(info, &self.limits).map_err(RunError::InvalidOutput)
    }

    async fn instantiate(
        &self,
        store: &mut Store<Call>,
        pre: &ExtractorPre<Call>,
    ) -> Result<Extractor, RunError> {
        let wall = if store.data().site.is_some() {
            self.limits.wall
        } else {
            self.limits.describe
        };
        pre.instantiate_async(&mut *store).await.map_err(|error| {
            match self.classify(store, &error, wall) {
                // Only a trap of the start function is the guest running.
                RunError::Trap(text) if error.downcast_ref::<Trap>().is_none() => {
                    RunError::Instantiate(text)
                }
                other => other,
            }
        })
    }

    fn classify(
        &self,
        store: &Store<Call>,
        error: &wasmtime::Error,
        wall: std::time::Duration,
    ) -> RunError {
        let call = store.data();
        if call.impure {
            RunError::Impure
        } else if error.downcast_ref::<Trap>() == Some(&Trap::Interrupt) {
            let described = call.site.is_none();
            self.metrics.limit(if described {
                "plugins.limits.describe"
            } else {
                "plugins.limits.wall"
            });
            RunError::Deadline(wall)
        } else if call.memory.refused {
            self.metrics.limit("plugins.limits.memory");
            RunError::Memory(self.limits.memory)
        } else {
            RunError::Trap(validate::clean(&format!("{error:#}"), 2048))
        }
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
        let result = self.extract_inner(host, site, hint).await;
        host.metrics.called(
            &self.info.key,
            result.as_ref().map_or_else(CallError::code, |_| "ok"),
        );
        result
    }

    async fn extract_inner(
        &self,
        host: &Host,
        site: &Arc<Site>,
        hint: &Hint,
    ) -> Result<Extraction, CallError> {
        let (mut store, guest, permit) = self.start(host, site).await?;
        let hint = wit::SessionHint {
            session: hint.session.clone(),
            event_name: hint.event_name.clone(),
            starts_at: hint.starts_at,
            ends_at: hint.ends_at,
            languages: Vec::new(),
            extra: Vec::new(),
        };
        let answer = guest
            .f1_streams_extractor_extraction()
            .call_extract(&mut store, &hint)
            .await;
        save(&site.state).await;
        let answer = answer.map_err(|error| host.classify(&store, &error, host.limits.wall))?;
        // Neither the guest's memory nor its place is needed to check what it
        // returned, and checking may wait for name servers.
        drop((store, permit));
        let records = answer.map_err(|error| validate::error(error, &host.limits))?;
        let checked = validate::extraction(records, site, &host.limits, &host.metrics).await;
        Ok(checked.map_err(RunError::InvalidOutput)?)
    }

    /// Is `site` reachable and shaped as this plugin expects?
    pub async fn probe(&self, host: &Host, site: &Arc<Site>) -> Result<(), CallError> {
        let (mut store, guest, _permit) = self.start(host, site).await?;
        let answer = guest
            .f1_streams_extractor_extraction()
            .call_probe(&mut store)
            .await;
        save(&site.state).await;
        let answer = answer.map_err(|error| host.classify(&store, &error, host.limits.wall))?;
        Ok(answer.map_err(|error| validate::error(error, &host.limits))?)
    }

    async fn start(
        &self,
        host: &Host,
        site: &Arc<Site>,
    ) -> Result<(Store<Call>, Extractor, tokio::sync::OwnedSemaphorePermit), RunError> {
        if host.permits.available_permits() == 0 {
            host.metrics.limit("plugins.max_calls");
        }
        // Waits at most for other calls' deadlines.
        let permit = host
            .permits
            .clone()
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let mut store = host.store(
            Some(site.clone()),
            &self.info.key,
            self.asked.clone(),
            self.secrets.clone(),
        );
        let guest = host.instantiate(&mut store, &self.pre).await?;
        Ok((store, guest, permit))
    }
}

async fn save(state: &State) {
    let state = state.clone();
    let saved = tokio::task::spawn_blocking(move || state.save()).await;
    if let Ok(Err(error)) = saved {
        tracing::warn!(%error, "a site's state could not be written");
    }
}
