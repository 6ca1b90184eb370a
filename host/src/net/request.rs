//! What is asked of an upstream, and who asks it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::time::Instant;
use url::Url;

use super::error::FetchError;
use super::places::Class;

/// What the party that fetches adds to every hop.
pub trait Rules: Send + Sync {
    /// May this party go to this URL at all?
    fn permit(&self, _url: &Url) -> Result<(), FetchError> {
        Ok(())
    }
    /// Headers for this hop.
    fn apply(&self, url: &Url, headers: &mut HeaderMap);
    /// A response of this hop arrived.
    fn received(&self, _url: &Url, _headers: &HeaderMap) {}
}

/// No headers, no cookies: the schedule, links sealed by hand.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

impl Rules for Plain {
    fn apply(&self, _url: &Url, _headers: &mut HeaderMap) {}
}

/// One outgoing request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Changed to GET by a 303, and by a 301 or 302 of a POST (RFC 9110, 15.4).
    pub method: Method,
    /// Judged again on every hop.
    pub url: Url,
    /// Sent on every hop; beyond the first origin only a few that are not its own.
    pub headers: HeaderMap,
    /// Dropped where the method changes to GET.
    pub body: Bytes,
    /// Hops to follow; 0 returns a 3xx as it is.
    pub redirects: u8,
    /// Waiting for the first byte of one hop.
    pub first_byte: Duration,
    /// The key that says how long that is.
    pub first_byte_key: &'static str,
    /// When the last hop must have answered. A request that is sent once more has
    /// the same.
    pub deadline: Instant,
    /// Waiting for the next piece of the body.
    pub read: Duration,
    /// What it takes a place among.
    pub class: Class,
}

impl Request {
    /// The origin may hold the answer for so long; `key` says so.
    pub fn hold(&mut self, held: Duration, key: &'static str) {
        self.deadline += held.saturating_sub(self.first_byte);
        (self.first_byte, self.first_byte_key) = (held, key);
        self.read = held.max(self.read);
        self.class = Class::Held;
    }

    /// When a hop that begins now must have answered, and what says so.
    pub(super) fn due(&self) -> (Instant, &'static str) {
        let due = Instant::now() + self.first_byte;
        if due <= self.deadline {
            (due, self.first_byte_key)
        } else {
            (self.deadline, "net.total_timeout")
        }
    }
}
