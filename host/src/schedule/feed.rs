//! How one source is doing, and when it is asked again.

use std::time::Duration;

use jiff::Timestamp;

use super::pace;
use super::source::SourceError;

/// Whatever a source asks for, it is asked again after a day.
const LONGEST: Duration = Duration::from_hours(24);

#[derive(Clone, Debug)]
pub(super) struct Feed {
    /// What went wrong last, if nothing went right since.
    pub(super) error: Option<SourceError>,
    /// When the last poll of this process ended.
    polled_at: Option<Timestamp>,
    last: pace::Last,
    jitter: f64,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            error: None,
            polled_at: None,
            last: pace::Last::Good,
            jitter: 1.0,
        }
    }
}

// === impl Feed ===

impl Feed {
    /// Notes how a poll ended.
    pub(super) fn close(&mut self, error: Option<SourceError>, now: Timestamp) {
        self.last = match (&error, self.last) {
            (None, _) => pace::Last::Good,
            (Some(error), _) if error.wants_quiet() => pace::Last::ToldOff,
            (Some(_), pace::Last::Failed(times)) => pace::Last::Failed(times.saturating_add(1)),
            (Some(_), _) => pace::Last::Failed(1),
        };
        self.error = error;
        self.polled_at = Some(now);
        self.jitter = pace::jitter();
    }

    /// How long until it is asked again; zero before the first time.
    pub(super) fn wait(&self, interval: Duration, now: Timestamp) -> Duration {
        let Some(polled_at) = self.polled_at else {
            return Duration::ZERO;
        };
        let told = self.error.as_ref().and_then(SourceError::retry_after);
        let told = told.unwrap_or_default().min(LONGEST);
        if now < polled_at {
            // The clock was set back, and how long ago that was nobody knows.
            return Duration::ZERO;
        }
        let wait = pace::wait(self.last, interval)
            .mul_f64(self.jitter)
            .max(told);
        let passed = Duration::try_from(now.duration_since(polled_at)).unwrap_or_default();
        wait.saturating_sub(passed)
    }
}
