//! An upstream's body. One that drips is cut: fewer than `relay.min_rate` bytes a
//! second over a window of time spent waiting for it. A viewer who reads slowly, and
//! the time that `net.bytes_per_origin` takes, do not count against the upstream.

use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::config;
use crate::metrics::Metrics;
use crate::net::{self, FetchError};

/// A body that is read as it comes.
#[derive(Debug)]
pub(super) struct Source {
    response: net::Response,
    pace: Pace,
    /// Since when somebody waits for it.
    waiting: Option<Instant>,
    /// How long, before a piece came that is held back.
    waited: Duration,
    metrics: Metrics,
}

impl Source {
    pub(super) fn new(response: net::Response, config: &config::Relay, metrics: Metrics) -> Self {
        Self {
            response,
            pace: Pace::new(config),
            waiting: None,
            waited: Duration::ZERO,
            metrics,
        }
    }

    /// The next piece, never empty; `None` at the end.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, FetchError>> {
        let Poll::Ready(came) = self.response.poll_chunk(cx) else {
            if self.response.is_held_back() {
                let since = self.since();
                self.waited += since;
            } else {
                self.waiting.get_or_insert_with(Instant::now);
            }
            return Poll::Pending;
        };
        let waited = std::mem::take(&mut self.waited) + self.since();
        let paced = came.and_then(|piece| {
            let bytes = piece.as_ref().map_or(0, Bytes::len);
            let paced = self.pace.arrived(bytes, waited);
            match piece {
                Some(_) => paced.map(|()| piece),
                None => Ok(None),
            }
        });
        Poll::Ready(paced.inspect_err(|error| {
            if let FetchError::Timeout(limit) = error {
                self.metrics.limit(limit);
            }
        }))
    }

    /// As [`Source::poll`].
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// Until it is asked again, nobody waits for it.
    pub(super) fn rest(&mut self) {
        self.waiting = None;
        self.waited = Duration::ZERO;
    }

    /// How long somebody has waited for it by now, told once.
    fn since(&mut self) -> Duration {
        self.waiting
            .take()
            .map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// What has not been read.
    pub(super) fn into_response(self) -> net::Response {
        self.response
    }
}

#[derive(Debug)]
struct Pace {
    min_bytes: u64,
    window: Duration,
    waited: Duration,
    bytes: u64,
}

impl Pace {
    fn new(config: &config::Relay) -> Self {
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
    fn arrived(&mut self, bytes: usize, waited: Duration) -> Result<(), FetchError> {
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
