//! How long a site is left alone, by how its last run ended.

use std::time::Duration;

use crate::plugins::{CallError, ExtractError};

/// How a run ended, as far as the next one cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Streams, or nothing live: the site works.
    Answer,
    /// Soon again: such trouble is often over at once.
    Network,
    /// It asks to be left alone, maybe until a time.
    RateLimited(Option<Duration>),
    /// It refuses: asking often makes it worse.
    Blocked,
    /// Only an operator can help; changing the site file or the plugin wakes
    /// the site anyway.
    BadConfig,
    /// A changed page, a fault, anything else.
    Trouble,
    /// The plugin's breaker is open so long.
    BreakerOpen(Duration),
}

/// The first wait after trouble of the network.
const SOON: Duration = Duration::from_secs(15);
/// A site that refuses is left alone so many times its interval.
const REFUSED: u32 = 4;

impl After {
    pub(super) fn of(error: Option<&CallError>) -> Self {
        match error {
            None => Self::Answer,
            Some(CallError::Run(_)) => Self::Trouble,
            Some(CallError::Guest(error)) => match error {
                ExtractError::NotFound => Self::Answer,
                ExtractError::Network(_) => Self::Network,
                ExtractError::RateLimited(asked) => Self::RateLimited(*asked),
                ExtractError::Blocked(_) => Self::Blocked,
                ExtractError::BadConfig(_) => Self::BadConfig,
                ExtractError::LayoutChanged(_)
                | ExtractError::Protected
                | ExtractError::Other(_) => Self::Trouble,
            },
        }
    }
}

/// The wait after the `failures`th failure in a row (0 where it was none).
/// `longest` is `extraction.backoff_max`; a site whose interval is longer is
/// run no more often for that.
pub(super) fn pause(
    after: After,
    failures: u32,
    interval: Duration,
    longest: Duration,
) -> Duration {
    let longest = longest.max(interval);
    let doubling = |first: Duration| {
        let times = failures.saturating_sub(1).min(16);
        first.saturating_mul(1 << times).min(longest)
    };
    match after {
        After::Answer => interval,
        After::Network => doubling(SOON.min(interval)),
        After::RateLimited(asked) => doubling(interval).max(asked.unwrap_or_default().min(longest)),
        After::Blocked => doubling(interval.saturating_mul(REFUSED)),
        After::BadConfig => longest,
        After::Trouble => doubling(interval),
        After::BreakerOpen(left) => left,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_trouble_has_a_pace_of_its_own() {
        let seconds = Duration::from_secs;
        let asked = |s| After::RateLimited(Some(seconds(s)));
        // (how it ended, failures in a row, seconds): every 2 minutes, at most
        // 30.
        let cases = [
            (After::Answer, 0, 120),
            (After::Network, 1, 15),
            (After::Network, 2, 30),
            (After::Network, 5, 240),
            (After::Network, 9, 1800),
            (After::RateLimited(None), 1, 120),
            (asked(60), 1, 120),
            (asked(600), 1, 600),
            (asked(86_400), 1, 1800),
            (asked(60), 3, 480),
            (After::Blocked, 1, 480),
            (After::Blocked, 2, 960),
            (After::Blocked, 3, 1800),
            (After::BadConfig, 1, 1800),
            (After::Trouble, 1, 120),
            (After::Trouble, 2, 240),
            (After::Trouble, 3, 480),
            (After::Trouble, 5, 1800),
            (After::Trouble, u32::MAX, 1800),
            (After::BreakerOpen(seconds(7)), 6, 7),
        ];
        for (after, failures, expected) in cases {
            let wait = pause(after, failures, seconds(120), seconds(1800));
            assert_eq!(wait, seconds(expected), "{after:?} {failures}");
        }
        // A slow site is never run more often for its failures but the network's.
        let slow = |after| pause(after, 3, seconds(7200), seconds(1800));
        assert_eq!(slow(After::Trouble), seconds(7200));
        assert_eq!(slow(After::BadConfig), seconds(7200));
        assert_eq!(slow(After::Network), seconds(60));
    }
}
