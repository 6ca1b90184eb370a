//! Cuts an upstream that drips: fewer than `relay.min_rate` bytes a second over
//! a window of time spent waiting for it. A viewer who reads slowly does not
//! count against the upstream.

use std::time::Duration;

use crate::config;
use crate::net::FetchError;

#[derive(Debug)]
pub(super) struct Pace {
    min_bytes: u64,
    window: Duration,
    waited: Duration,
    bytes: u64,
}

impl Pace {
    pub(super) fn new(config: &config::Relay) -> Self {
        let min_bytes = config
            .min_rate
            .as_u64()
            .saturating_mul(config.min_rate_window.as_secs());
        Self {
            min_bytes,
            window: config.min_rate_window,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    /// A piece came, after `waited`.
    pub(super) fn arrived(&mut self, bytes: usize, waited: Duration) -> Result<(), FetchError> {
        self.waited += waited;
        self.bytes += bytes as u64;
        if self.waited < self.window {
            return Ok(());
        }
        let enough = self.bytes >= self.min_bytes;
        (self.waited, self.bytes) = (Duration::ZERO, 0);
        if enough {
            Ok(())
        } else {
            Err(FetchError::Timeout("relay.min_rate"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dripping_upstream_is_cut_and_a_slow_viewer_is_not() {
        let pace = || Pace {
            min_bytes: 1000,
            window: Duration::from_secs(10),
            waited: Duration::ZERO,
            bytes: 0,
        };
        let mut dripping = pace();
        assert!(dripping.arrived(10, Duration::from_secs(9)).is_ok());
        assert!(dripping.arrived(10, Duration::from_secs(2)).is_err());
        let mut steady = pace();
        for _ in 0..20 {
            assert!(steady.arrived(600, Duration::from_secs(5)).is_ok());
        }
        // The viewer's own time never shows up here: nothing was waited for.
        let mut slow_viewer = pace();
        for _ in 0..100 {
            assert!(slow_viewer.arrived(1, Duration::ZERO).is_ok());
        }
    }
}
