//! Origins that do not answer are left alone for a while, so that an origin which
//! is gone is neither waited for by every viewer nor hammered by us when it
//! returns.
//!
//! So many failures in a row with no answer between (`net.breaker.failures`) open
//! an origin's breaker: a fetch fails at once. When the wait is over one fetch is
//! let through, and the next one only after another wait, twice as long, whatever
//! became of the first: a probe that hangs, or that its caller gives up, holds up
//! nobody. Any answer closes it, whatever its status.
//!
//! What one site cannot reach another may reach, and what one site's pages and
//! playlists make fail must fail for no other: each way out has [`Breakers`] of its
//! own. Bounded by
//! [`MAX_ORIGINS`], of which only those are remembered that fail.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::error::FetchError;
use super::guard::origin;
use crate::config;
use crate::metrics::Metrics;

/// Origins that failed last time. Beyond it the one that was asked longest ago is
/// forgotten.
const MAX_ORIGINS: usize = 1024;

/// The breakers of one way out.
#[derive(Debug)]
pub(super) struct Breakers {
    config: config::OriginBreaker,
    metrics: Metrics,
    /// How many of them there are: where nothing fails, nobody takes the lock.
    count: AtomicUsize,
    failing: Mutex<HashMap<String, Failing>>,
}

/// An origin whose last request brought no answer.
#[derive(Clone, Copy, Debug)]
struct Failing {
    /// In a row.
    failures: usize,
    asked: Instant,
    /// Nobody is let through before, where it is open.
    until: Instant,
    /// The next wait.
    wait: Duration,
}

/// One request that was let through. Dropped without a word, it says nothing of
/// the origin.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    breakers: &'a Breakers,
    url: &'a Url,
}

// === impl Breakers ===

impl Breakers {
    pub(super) fn new(config: config::OriginBreaker, metrics: Metrics) -> Self {
        Self {
            config,
            metrics,
            count: AtomicUsize::new(0),
            failing: Mutex::default(),
        }
    }

    /// Whether the origin of `url` may be asked now. Nothing is let through yet: a
    /// place may have to be waited for first.
    pub(super) fn judge(&self, url: &Url, now: Instant) -> Result<(), FetchError> {
        if self.count.load(Relaxed) == 0 {
            return Ok(());
        }
        let failing = self.failing().get(&origin(url)).copied();
        failing.map_or(Ok(()), |failing| self.is_due(failing, now))
    }

    /// Lets a request to the origin of `url` through, or not.
    pub(super) fn enter<'a>(&'a self, url: &'a Url, now: Instant) -> Result<Pass<'a>, FetchError> {
        if self.count.load(Relaxed) > 0
            && let Some(failing) = self.failing().get_mut(&origin(url))
        {
            self.is_due(*failing, now)?;
            if self.is_open(failing) {
                self.hold(failing, now);
            }
        }
        Ok(Pass {
            breakers: self,
            url,
        })
    }

    fn is_open(&self, failing: &Failing) -> bool {
        failing.failures >= self.config.failures
    }

    fn is_due(&self, failing: Failing, now: Instant) -> Result<(), FetchError> {
        let left = failing.until.saturating_duration_since(now);
        if self.is_open(&failing) && !left.is_zero() {
            return Err(FetchError::Down(left));
        }
        Ok(())
    }

    /// Until after its wait, or a little earlier: what failed together shall not
    /// come back together. The next wait is longer.
    fn hold(&self, failing: &mut Failing, now: Instant) {
        let shorter = rand::random_range(0.8..=1.0);
        failing.asked = now;
        failing.until = now + failing.wait.mul_f64(shorter);
        failing.wait = (failing.wait * 2).min(self.config.wait_max);
    }

    fn failed(&self, url: &Url, now: Instant) {
        let origin = origin(url);
        let mut all = self.failing();
        if all.len() >= MAX_ORIGINS && !all.contains_key(&origin) {
            let oldest = all.iter().min_by_key(|(_, failing)| failing.asked);
            if let Some(oldest) = oldest.map(|(origin, _)| origin.clone()) {
                all.remove(&oldest);
            }
        }
        let failing = all.entry(origin.clone()).or_insert(Failing {
            failures: 0,
            asked: now,
            until: now,
            wait: self.config.wait,
        });
        failing.asked = now;
        // Of those that were on their way when it opened nobody needs to know.
        if !self.is_open(failing) {
            failing.failures += 1;
            if self.is_open(failing) {
                self.hold(failing, now);
                self.metrics.limit("net.breaker.failures");
                tracing::info!(origin, "does not answer and is left alone for a while");
            }
        }
        self.count.store(all.len(), Relaxed);
    }

    fn answered(&self, url: &Url) {
        if self.count.load(Relaxed) == 0 {
            return;
        }
        let origin = origin(url);
        let mut all = self.failing();
        if all.remove(&origin).is_some_and(|was| self.is_open(&was)) {
            tracing::info!(origin, "answers again");
        }
        self.count.store(all.len(), Relaxed);
    }

    fn failing(&self) -> MutexGuard<'_, HashMap<String, Failing>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Pass ===

impl Pass<'_> {
    /// What came of it, if anything: an answer says that somebody is there, and
    /// what was not asked of the origin says nothing.
    pub(super) fn ended<T>(self, result: &Result<T, FetchError>, now: Instant) {
        match result {
            Ok(_) | Err(FetchError::HeadersTooLarge) => self.breakers.answered(self.url),
            Err(
                FetchError::Connect
                | FetchError::Tls
                | FetchError::Timeout(_)
                | FetchError::Protocol(_),
            ) => self.breakers.failed(self.url, now),
            Err(
                // Whether it is there nobody was asked.
                FetchError::Dns
                | FetchError::Denied(_)
                | FetchError::Down(_)
                | FetchError::TooManyRedirects
                | FetchError::BodyTooLarge(_)
                | FetchError::Busy
                | FetchError::Budget,
            ) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lookups::tests::config;
    use super::*;

    fn breakers() -> Breakers {
        Breakers::new(config("").breaker, Metrics::new())
    }

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    const GONE: Result<(), FetchError> = Err(FetchError::Connect);

    /// Asks once; whether it was let through.
    fn ask(breakers: &Breakers, url: &Url, now: Instant, comes: &Result<(), FetchError>) -> bool {
        let judged = breakers.judge(url, now);
        match judged.and_then(|()| breakers.enter(url, now)) {
            Ok(pass) => {
                pass.ended(comes, now);
                true
            }
            Err(FetchError::Down(left)) => {
                assert!(left <= breakers.config.wait_max);
                false
            }
            Err(error) => panic!("{error}"),
        }
    }

    const TICK: Duration = Duration::from_millis(100);

    #[test]
    fn one_that_is_gone_a_minute_is_probed_a_few_times_and_soon_found_again() {
        let (breakers, gone) = (breakers(), url("https://a.test/live.m3u8"));
        let mut now = Instant::now();
        for _ in 0..5 {
            assert!(ask(&breakers, &gone, now, &GONE), "not yet open");
        }
        let mut probes = 0;
        for _ in 0..600 {
            probes += usize::from(ask(&breakers, &gone, now, &GONE));
            // Another is asked as ever.
            assert!(ask(&breakers, &url("https://b.test/"), now, &Ok(())));
            now += TICK;
        }
        assert!((5..=12).contains(&probes), "{probes} probes");
        let returned = now;
        while !ask(&breakers, &gone, now, &Ok(())) {
            now += TICK;
        }
        assert!(now - returned < Duration::from_secs(10));
        assert!(ask(&breakers, &gone, now, &GONE), "closed, not half open");
        assert_eq!(breakers.metrics.limit_hits("net.breaker.failures"), 1);
    }

    #[test]
    fn only_failures_in_a_row_count_and_only_those_of_the_origin() {
        let (breakers, flaky) = (breakers(), url("https://a.test/"));
        let now = Instant::now();
        let ask = |url: &Url, comes: Result<(), FetchError>| ask(&breakers, url, now, &comes);
        let counted = [
            FetchError::Connect,
            FetchError::Tls,
            FetchError::Timeout("net.first_byte_timeout"),
            FetchError::Protocol(String::new()),
        ];
        for _ in 0..3 {
            for error in &counted {
                assert!(ask(&flaky, Err(error.clone())));
            }
            assert!(ask(&flaky, Ok(())), "an answer between");
        }
        let own = super::super::guard::Denied::Own;
        for error in [
            FetchError::Busy,
            FetchError::Budget,
            // Of a name nobody could say where it is.
            FetchError::Dns,
            FetchError::Denied(own),
        ] {
            for _ in 0..10 {
                assert!(ask(&flaky, Err(error.clone())));
            }
        }
        for error in counted.into_iter().chain([FetchError::Connect]) {
            assert!(ask(&flaky, Err(error)));
        }
        assert!(!ask(&flaky, Ok(())));
        // An origin is a scheme, a host and a port.
        for same in ["https://A.test:443/x?y", "https://a.test./"] {
            assert!(!ask(&url(same), Ok(())), "{same}");
        }
        for other in ["http://a.test/", "https://a.test:8443/", "https://b.test/"] {
            assert!(ask(&url(other), Ok(())), "{other}");
        }
    }

    #[test]
    fn a_probe_that_hangs_or_is_given_up_holds_up_nobody() {
        let (breakers, gone) = (breakers(), url("https://a.test/"));
        let mut now = Instant::now();
        for _ in 0..5 {
            ask(&breakers, &gone, now, &GONE);
        }
        for probe in 0..10 {
            let began = now;
            let given_up = loop {
                match breakers.enter(&gone, now) {
                    Ok(probe) => break probe,
                    Err(_) => now += TICK,
                }
            };
            assert!(now - began <= Duration::from_secs(8), "probe {probe}");
            assert!(breakers.enter(&gone, now).is_err(), "one at a time");
            let _: Pass<'_> = given_up;
        }
        // What was on its way when it opened closes it as well.
        let late = Pass {
            breakers: &breakers,
            url: &gone,
        };
        late.ended(&Ok(()), now);
        assert!(ask(&breakers, &gone, now, &Ok(())));
    }

    #[test]
    fn the_table_is_bounded_and_what_answers_is_not_in_it() {
        let breakers = breakers();
        let of = |n: usize| url(&format!("https://{n}.test/"));
        let mut now = Instant::now();
        for n in 0..MAX_ORIGINS + 10 {
            for _ in 0..5 {
                ask(&breakers, &of(n), now, &GONE);
            }
            now += Duration::from_micros(10);
        }
        assert_eq!(breakers.failing().len(), MAX_ORIGINS);
        assert!(ask(&breakers, &of(0), now, &Ok(())), "forgotten");
        for n in 10..MAX_ORIGINS + 10 {
            breakers.answered(&of(n));
        }
        assert_eq!(breakers.count.load(Relaxed), 0);
        assert!(breakers.failing().is_empty());
    }
}
