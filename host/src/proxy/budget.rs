//! `relay.in_flight`: what all bodies on their way hold in memory, together.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use slab::Slab;

use crate::config;
use crate::metrics::Metrics;

/// Bytes of all flights.
#[derive(Debug)]
pub(super) struct Budget {
    held: AtomicU64,
    most: u64,
    all: Mutex<Slab<Weak<dyn Trim>>>,
    metrics: Metrics,
}

/// Who holds a share.
pub(super) trait Trim: std::fmt::Debug + Send + Sync {
    /// Lets go of what it can do without. Must not wait.
    fn trim(&self);
}

/// One's part of the budget.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    id: usize,
}

/// How much is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pressed {
    /// Somewhat.
    Over,
    /// Twice what there may be: nobody is spared.
    Hard,
}

impl Budget {
    pub(super) fn new(config: &config::Relay, metrics: Metrics) -> Self {
        Self {
            held: AtomicU64::new(0),
            most: config.in_flight.as_u64(),
            all: Mutex::default(),
            metrics,
        }
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(super) fn share(self: &Arc<Self>, of: Weak<dyn Trim>) -> Share {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        Share {
            budget: self.clone(),
            id: all.insert(of),
        }
    }
}

impl Share {
    pub(super) fn take(&self, bytes: u64) {
        self.budget.held.fetch_add(bytes, Relaxed);
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.budget.metrics.in_flight(bytes);
    }

    pub(super) fn give_back(&self, bytes: u64) {
        self.budget.held.fetch_sub(bytes, Relaxed);
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.budget.metrics.in_flight(-bytes);
    }

    /// `None` within the budget.
    pub(super) fn pressure(&self) -> Option<Pressed> {
        let (held, most) = (self.budget.held.load(Relaxed), self.budget.most);
        match held {
            held if held <= most => None,
            held if held <= most.saturating_mul(2) => Some(Pressed::Over),
            _ => Some(Pressed::Hard),
        }
    }

    /// What nobody polls, nobody else trims: bodies that have ended, or whose
    /// readers stand still.
    pub(super) fn relieve_others(&self) {
        if self.pressure().is_none() {
            return;
        }
        let Ok(all) = self.budget.all.try_lock() else {
            return;
        };
        // One may end here, and takes its share out of the list.
        let others: Vec<_> = all.iter().filter_map(|(_, one)| one.upgrade()).collect();
        drop(all);
        others.iter().for_each(|one| one.trim());
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let all = &self.budget.all;
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(self.id);
    }
}
