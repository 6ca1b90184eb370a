//! The testbed's only reader of time.
//!
//! Two times: the wall clock, for the log and the schedule, and the stream's
//! clock, which a test may set ahead. The stream's time line is a function of
//! the stream's clock alone, so a restarted testbed goes on where it was.

#![allow(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the time"
)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// Reads the wall clock and the stream's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    stream_offset: Duration,
}

impl Clock {
    pub(crate) fn new(stream_offset: Duration) -> Self {
        Self { stream_offset }
    }

    /// Now, by the wall clock.
    pub(crate) fn now(self) -> Timestamp {
        Timestamp::now()
    }

    /// Microseconds since 1970, by the wall clock.
    pub(crate) fn micros(self) -> i64 {
        self.now().as_microsecond()
    }

    /// Since 1970, by the wall clock.
    pub(crate) fn wall(self) -> Duration {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
    }

    /// Since 1970, by the stream's clock.
    pub(crate) fn stream(self) -> Duration {
        self.wall() + self.stream_offset
    }
}
