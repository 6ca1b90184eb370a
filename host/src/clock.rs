//! The only reader of wall-clock time.
//!
//! Everything that compares or prints a time asks a [`Clock`] that was passed
//! to it, so that tests can set the time. Waiting is not time: sleeps and
//! deadlines use tokio's monotonic clock.

#![allow(clippy::disallowed_methods, reason = "the one home of the time of day")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{Timestamp, Unit};

/// A source of wall-clock time; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still until [`Clock::set`] moves it.
    pub fn fixed(at: Timestamp) -> Self {
        Self(Some(Arc::new(AtomicI64::new(at.as_millisecond()))))
    }

    /// The same time, standing still from now on; a fixed clock is itself.
    pub fn standing(&self) -> Self {
        match &self.0 {
            None => Self::fixed(self.now()),
            Some(_) => self.clone(),
        }
    }

    /// Moves a fixed clock, for all its clones; the system's clock ignores it.
    pub fn set(&self, at: Timestamp) {
        if let Some(fixed) = &self.0 {
            fixed.store(at.as_millisecond(), Ordering::Relaxed);
        }
    }

    /// Moves a fixed clock on, for all its clones; the system's clock goes by
    /// itself.
    pub fn advance(&self, by: std::time::Duration) {
        if let Some(fixed) = &self.0 {
            let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            fixed.fetch_add(millis, Ordering::Relaxed);
        }
    }

    /// Now, UTC.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            // Milliseconds are what APIs and logs show.
            None => Timestamp::now()
                .round(Unit::Millisecond)
                .unwrap_or_default(),
            Some(fixed) => Timestamp::from_millisecond(fixed.load(Ordering::Relaxed))
                .unwrap_or(Timestamp::UNIX_EPOCH),
        }
    }
}
