//! How many wrong tokens one client may try.
//!
//! Each counts once: who guesses sends others every time, and an app that was not
//! told of a token's end sends the same for ever, and must lock nobody out.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;

use super::token::Sent;
use crate::answer::Failure;
use crate::metrics::Metrics;
use crate::server::household;

const WINDOW: Duration = Duration::from_secs(60);
/// Clients that are counted; who was counted longest ago is forgotten first.
const CLIENTS: u64 = 4096;

#[derive(Debug)]
pub(super) struct Attempts {
    max: usize,
    /// Since the first that was wrong: at most `max` of each client.
    wrong: moka::sync::Cache<Option<IpAddr>, Arc<Mutex<BTreeSet<Sent>>>>,
    metrics: Metrics,
}

impl Attempts {
    pub(super) fn new(max: usize, metrics: Metrics) -> Self {
        Self {
            max,
            wrong: moka::sync::Cache::builder()
                .max_capacity(CLIENTS)
                .time_to_live(WINDOW)
                .build(),
            metrics,
        }
    }

    /// Whether what `client` sends is looked at. Right tokens are refused, too:
    /// otherwise a limit would only tell which those are.
    pub(super) fn may(&self, client: Option<IpAddr>) -> Result<(), Failure> {
        let wrong = self.wrong.get(&client.map(household));
        let count = |wrong: &Mutex<BTreeSet<Sent>>| {
            wrong.lock().unwrap_or_else(PoisonError::into_inner).len()
        };
        if wrong.is_none_or(|wrong| count(&wrong) < self.max) {
            return Ok(());
        }
        self.metrics.limit("auth.attempts");
        let message = "too many wrong tokens came from this address: try again in a minute";
        Err(Failure {
            retry_after: Some(WINDOW.as_secs()),
            ..Failure::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", message)
        })
    }

    pub(super) fn failed(&self, client: Option<IpAddr>, sent: Sent) {
        let wrong = self.wrong.get_with(client.map(household), Arc::default);
        let mut wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.len() < self.max && wrong.insert(sent) {
            tracing::info!(?client, "a token that is not valid, or no longer");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_so_many_and_a_network_is_one() {
        let attempts = Attempts::new(2, Metrics::new());
        let ip = |text: &str| Some(text.parse().expect("an address"));
        let [one, two] = [&b"one"[..], b"two"].map(Sent::new);
        for _ in 0..9 {
            attempts.failed(ip("2001:db8::1"), one);
            assert!(attempts.may(ip("2001:db8::2")).is_ok(), "the same again");
        }
        attempts.failed(ip("2001:db8::3"), two);
        let refused = attempts.may(ip("2001:db8::4")).expect_err("two were wrong");
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        for other in ["2001:db8:0:1::1", "192.0.2.1"] {
            assert!(attempts.may(ip(other)).is_ok(), "{other}");
        }
        attempts.failed(ip("192.0.2.1"), one);
        attempts.failed(ip("::ffff:192.0.2.1"), two);
        assert!(attempts.may(ip("192.0.2.1")).is_err());
        assert!(attempts.may(ip("192.0.2.2")).is_ok());
        assert_eq!(attempts.metrics.limit_hits("auth.attempts"), 2);
    }
}
