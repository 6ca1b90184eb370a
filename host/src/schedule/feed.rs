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
    /// Until when it asked to be left alone, also before this process began.
    pub(super) quiet_until: Option<Timestamp>,
}

// === impl Feed ===

impl Feed {
    /// One that this process has not asked yet.
    pub(super) fn new(quiet_until: Option<Timestamp>) -> Self {
        Self {
            error: None,
            polled_at: None,
            last: pace::Last::Good,
            jitter: 1.0,
            quiet_until,
        }
    }

    /// Another instance has asked it, at `at`.
    pub(super) fn heard(&mut self, at: Timestamp) {
        self.polled_at = self.polled_at.max(Some(at));
        (self.error, self.last) = (None, pace::Last::Good);
        self.jitter = pace::jitter();
    }

    /// Notes how a poll ended. Who wants quiet and does not say for how long has it for
    /// an `interval`.
    pub(super) fn close(&mut self, error: Option<SourceError>, interval: Duration, now: Timestamp) {
        self.last = match (&error, self.last) {
            (None, _) => pace::Last::Good,
            (Some(error), _) if error.wants_quiet() => pace::Last::ToldOff,
            (Some(_), pace::Last::Failed(times)) => pace::Last::Failed(times.saturating_add(1)),
            (Some(_), _) => pace::Last::Failed(1),
        };
        let told = error.as_ref().and_then(|error| {
            let quiet = error.wants_quiet().then_some(interval);
            error.retry_after().or(quiet)
        });
        self.quiet_until = told.and_then(|wait| now.checked_add(wait.min(LONGEST)).ok());
        self.error = error;
        self.polled_at = Some(now);
        self.jitter = pace::jitter();
    }

    /// How long until it is asked again; zero before the first time, unless it asked
    /// for quiet.
    pub(super) fn wait(&self, interval: Duration, now: Timestamp) -> Duration {
        let since =
            |from: Timestamp, to: Timestamp| Duration::try_from(to.duration_since(from)).ok();
        let told = self.quiet_until.and_then(|until| since(now, until));
        // From further away than that the clock was set back since.
        let told = told.filter(|told| *told <= LONGEST).unwrap_or_default();
        let Some(passed) = self.polled_at.map(|polled_at| since(polled_at, now)) else {
            return told;
        };
        let Some(passed) = passed else {
            // The clock was set back, and how long ago that was nobody knows.
            return told;
        };
        let wait = pace::wait(self.last, interval).mul_f64(self.jitter);
        wait.saturating_sub(passed).max(told)
    }
}
