//! How long until the next poll. Polite: every few hours, hourly near a
//! session, quickly again after a failure and less quickly after each further
//! one, and not at all quickly where the source asked for quiet.

use std::time::Duration;

/// A session this near makes the polls more frequent.
pub(super) const NEAR: Duration = Duration::from_hours(48);
/// After the first failure; doubled by each further one.
const FIRST_RETRY: Duration = Duration::from_mins(2);
/// The source's limit is four requests a second; whatever is configured, we
/// stay below one.
const SHORTEST: Duration = Duration::from_secs(1);
/// Polls of many deployments must not fall on the same second.
const JITTER: std::ops::RangeInclusive<f64> = 0.9..=1.1;

/// How the last poll ended, as far as the next one's time goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    Good,
    /// This many polls in a row failed.
    Failed(u32),
    /// The last poll was told to stay away.
    ToldOff,
}

/// From the end of one poll to the begin of the next, before jitter.
pub(super) fn wait(last: Last, interval: Duration) -> Duration {
    let retry = match last {
        Last::Good | Last::ToldOff => interval,
        Last::Failed(times) => FIRST_RETRY
            .saturating_mul(2u32.saturating_pow(times.saturating_sub(1)))
            .min(interval),
    };
    retry.max(SHORTEST)
}

/// A factor for one wait, kept until the next poll so that asking twice gives
/// the same answer.
pub(super) fn jitter() -> f64 {
    rand::random_range(JITTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_back_off_up_to_the_interval() {
        let hour = Duration::from_hours(1);
        let minutes = |last| wait(last, hour).as_secs() / 60;
        assert_eq!(minutes(Last::Good), 60);
        assert_eq!(minutes(Last::Failed(1)), 2);
        assert_eq!(minutes(Last::Failed(2)), 4);
        assert_eq!(minutes(Last::Failed(5)), 32);
        assert_eq!(minutes(Last::Failed(6)), 60);
        assert_eq!(minutes(Last::Failed(u32::MAX)), 60);
        assert_eq!(minutes(Last::ToldOff), 60);
        assert_eq!(wait(Last::Failed(1), Duration::ZERO), SHORTEST);
        assert_eq!(wait(Last::Good, Duration::ZERO), SHORTEST);
    }

    #[test]
    fn jitter_is_bounded() {
        for _ in 0..1000 {
            assert!(JITTER.contains(&jitter()));
        }
    }
}
