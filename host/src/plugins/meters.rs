//! What a call may use of time and memory, and what it has used so far.
//!
//! The meters are shared with whoever waits for the call, so that what it used
//! is known even where it ended by a panic.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use wasmtime::{ResourceLimiter, UpdateDeadline};

use super::engine::TICK;
use super::outcome::Used;
use crate::config::PluginLimits;

/// Counts of one call.
#[derive(Debug, Default)]
pub(super) struct Meters {
    /// Ticks of the guest's own computing.
    ticks: AtomicU64,
    /// The most memory so far, in bytes.
    memory: AtomicUsize,
    pub(super) requests: AtomicUsize,
    pub(super) bytes: AtomicU64,
}

impl Meters {
    pub(super) fn used(&self, wall: Duration) -> Used {
        let ticks = u32::try_from(self.ticks.load(Relaxed)).unwrap_or(u32::MAX);
        Used {
            wall,
            cpu: TICK * ticks,
            memory: self.memory.load(Relaxed) as u64,
            requests: self.requests.load(Relaxed) as u64,
            bytes: self.bytes.load(Relaxed),
        }
    }
}

/// Which time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Wall,
    Cpu,
}

/// The time of one call.
#[derive(Debug)]
pub(super) struct Time {
    pub(super) deadline: Instant,
    cpu: Duration,
    /// The host was busy for the guest since the last tick was counted.
    waited: bool,
    pub(super) over: Option<Over>,
    meters: Arc<Meters>,
}

impl Time {
    pub(super) fn new(wall: Duration, cpu: Duration, meters: Arc<Meters>) -> Self {
        Self {
            deadline: Instant::now() + wall,
            cpu,
            waited: false,
            over: None,
            meters,
        }
    }

    /// Called when the guest computes and a tick has passed.
    pub(super) fn tick(&mut self) -> UpdateDeadline {
        if Instant::now() >= self.deadline {
            self.over = Some(Over::Wall);
            return UpdateDeadline::Interrupt;
        }
        // The first tick after a wait passed while the guest waited.
        if !std::mem::take(&mut self.waited) {
            let ticks = self.meters.ticks.fetch_add(1, Relaxed) + 1;
            if TICK * u32::try_from(ticks).unwrap_or(u32::MAX) > self.cpu {
                self.over = Some(Over::Cpu);
                return UpdateDeadline::Interrupt;
            }
        }
        UpdateDeadline::Yield(1)
    }

    /// Waits for the guest, at most to its deadline: then the call ends here.
    pub(super) async fn bound<T>(
        &mut self,
        waiting: impl Future<Output = T>,
    ) -> wasmtime::Result<T> {
        let began = Instant::now();
        let result = timeout_at(self.deadline, waiting).await;
        self.waited_since(began);
        result.map_err(|_| {
            self.over = Some(Over::Wall);
            wasmtime::Error::msg("the call's time is over")
        })
    }

    /// As if so much of it had gone by.
    pub(super) fn pass(&mut self, by: Duration) -> wasmtime::Result<()> {
        let now = Instant::now();
        self.deadline = self.deadline.checked_sub(by).unwrap_or(now);
        if self.deadline > now {
            return Ok(());
        }
        self.over = Some(Over::Wall);
        Err(wasmtime::Error::msg("the call's time is over"))
    }

    /// The guest waited for the host until now.
    pub(super) fn waited_since(&mut self, began: Instant) {
        self.waited |= began.elapsed() >= TICK;
    }

    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// Refuses growth beyond the limits and remembers that it did: a guest turns
/// a refused growth into a trap of its own.
#[derive(Debug)]
pub(super) struct Limiter {
    limits: Arc<PluginLimits>,
    meters: Arc<Meters>,
    /// Bytes of all memories. A growth that was granted and then failed counts,
    /// too: giving it back would let a guest deceive us, since wasmtime reports
    /// failures that it never asked about.
    memory: usize,
    /// Elements of all tables.
    elements: usize,
    /// What was refused: a limit's key.
    pub(super) refused: Option<&'static str>,
}

impl Limiter {
    pub(super) fn new(limits: Arc<PluginLimits>, meters: Arc<Meters>) -> Self {
        Self {
            limits,
            meters,
            memory: 0,
            elements: 0,
            refused: None,
        }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        max: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let memory = self.memory.saturating_add(desired.saturating_sub(current));
        if memory as u64 > self.limits.memory.as_u64() {
            self.refused = Some("plugins.limits.memory");
            return Ok(false);
        }
        if max.is_some_and(|max| desired > max) {
            return Ok(false);
        }
        self.memory = memory;
        self.meters.memory.fetch_max(memory, Relaxed);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        max: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let elements = self
            .elements
            .saturating_add(desired.saturating_sub(current));
        if elements > self.limits.table_elements {
            self.refused = Some("plugins.limits.table_elements");
            return Ok(false);
        }
        if max.is_some_and(|max| desired > max) {
            return Ok(false);
        }
        self.elements = elements;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.limits.instances
    }

    fn tables(&self) -> usize {
        self.limits.tables
    }

    fn memories(&self) -> usize {
        self.limits.memories
    }
}
