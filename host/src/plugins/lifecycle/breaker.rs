//! One generation's breaker: after so many faults in a row it is not called
//! for a while, then once, and so on with a longer while each time.

use std::time::Duration;

use tokio::time::Instant;

use crate::config;

/// Closed as it is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::plugins) struct Breaker {
    /// In a row.
    pub(in crate::plugins) faults: usize,
    open: Option<Open>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Open {
    until: Instant,
    wait: Duration,
    /// A call was let through and has not ended.
    trying: bool,
}

impl Breaker {
    /// `Err`: not before then. At its time one call is let through, and the
    /// next one only after another wait.
    pub(in crate::plugins) fn admit(&mut self, now: Instant) -> Result<(), Instant> {
        match &mut self.open {
            Some(open) if now < open.until => Err(open.until),
            Some(open) => {
                open.until = now + open.wait;
                open.trying = true;
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(in crate::plugins) fn open_until(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.until)
    }

    /// A call ended by the plugin's own fault. `true`: that opened it.
    pub(super) fn fault(&mut self, now: Instant, config: &config::Breaker) -> bool {
        self.faults += 1;
        if self.faults < config.faults {
            return false;
        }
        let opened = self.open.is_none();
        let wait = match &self.open {
            None => config.wait,
            // Calls that were under way when it opened are no trial.
            Some(open) if !open.trying => return false,
            Some(open) => open.wait.saturating_mul(2),
        }
        .min(config.wait_max);
        self.open = Some(Open {
            until: now + wait,
            wait,
            trying: false,
        });
        opened
    }

    /// It answered, whatever it said. `true`: that closed it.
    pub(super) fn answer(&mut self) -> bool {
        self.faults = 0;
        self.open.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_tries_with_longer_waits_and_closes_by_an_answer() {
        let config = config::Breaker {
            faults: 3,
            wait: Duration::from_secs(30),
            wait_max: Duration::from_secs(100),
        };
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut breaker = Breaker::default();
        assert!(!breaker.fault(at(0), &config) && !breaker.fault(at(0), &config));
        assert_eq!(breaker.admit(at(0)), Ok(()));
        assert!(breaker.fault(at(0), &config), "the third opens");
        assert_eq!(breaker.admit(at(29)), Err(at(30)));
        assert!(!breaker.fault(at(1), &config), "it was under way");
        assert_eq!(
            breaker.admit(at(29)),
            Err(at(30)),
            "no trial, no longer wait"
        );
        // (trial at, its fault's next time): 60 s, then the longest wait.
        for (trial, next) in [(30, 90), (90, 190), (190, 290)] {
            assert_eq!(breaker.admit(at(trial)), Ok(()));
            assert!(breaker.admit(at(trial)).is_err(), "one call only");
            assert!(!breaker.fault(at(trial), &config), "it was open");
            assert_eq!(breaker.admit(at(next - 1)), Err(at(next)));
        }
        assert_eq!(breaker.admit(at(290)), Ok(()));
        assert!(breaker.answer(), "an answer closes it");
        assert!(!breaker.answer());
        assert_eq!(breaker.admit(at(291)), Ok(()));
        assert!(!breaker.fault(at(291), &config), "it counts from nought");
        // A trial that never ends blocks no further one.
        let mut stuck = Breaker::default();
        for _ in 0..3 {
            stuck.fault(at(0), &config);
        }
        assert_eq!(stuck.admit(at(30)), Ok(()));
        assert_eq!(stuck.admit(at(59)), Err(at(60)));
        assert_eq!(stuck.admit(at(60)), Ok(()));
    }
}
