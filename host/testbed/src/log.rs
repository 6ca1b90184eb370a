//! What reached the simulated internet, so that tests can assert it.
//!
//! A request is noted when its head has arrived, before any fault or handler,
//! and completed as its answer goes out. Requests to the control port are not
//! noted. Bound: [`CAPACITY`] requests; the oldest go and are counted.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::request::Parts;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;

/// At about 1 kB a request this is 20 MB, and hours of a test's traffic.
pub const CAPACITY: usize = 20_000;

/// Which of the simulated parties a request reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The site with the event pages.
    SiteA,
    /// The site with the log-in form.
    SiteB,
    /// The first redirecting host.
    Go,
    /// The second redirecting host.
    Edge,
    /// The HLS origin.
    Cdn,
    /// The schedule APIs.
    Schedule,
    /// The control port (never in the log).
    Control,
}

/// One request and what became of it. Times are microseconds since 1970.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// Counts up from 0 and is never used again.
    pub sequence: u64,
    /// When the head had arrived.
    pub at: i64,
    /// Whom it reached.
    pub role: Role,
    /// The method.
    pub method: String,
    /// The `Host` header.
    pub host: Option<String>,
    /// Path and query as sent.
    pub path: String,
    /// Every header in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The answer's status; none while there is no answer, and for ever where
    /// the client left before it.
    pub status: Option<u16>,
    /// When the first byte of the body was handed to the socket's writer.
    pub first_byte_at: Option<i64>,
    /// When the body was at its end, or the client was gone.
    pub finished_at: Option<i64>,
    /// Bytes of the body handed over so far.
    pub body_bytes: u64,
}

impl Request {
    /// The first header of a name, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }
}

#[derive(Debug, Default)]
struct Kept {
    requests: VecDeque<Request>,
    next: u64,
    dropped: u64,
}

/// The shared log.
#[derive(Debug, Clone)]
pub(crate) struct RequestLog {
    kept: Arc<Mutex<Kept>>,
    clock: Clock,
}

impl RequestLog {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            kept: Arc::default(),
            clock,
        }
    }

    /// Notes a request and returns the handle to complete it with.
    pub(crate) fn note(&self, role: Role, head: &Parts) -> Entry {
        let text =
            |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let path = head
            .uri
            .path_and_query()
            .map_or("", |path| path.as_str())
            .to_owned();
        let at = self.clock.micros();
        let mut kept = self.lock();
        let sequence = kept.next;
        kept.next += 1;
        if kept.requests.len() == CAPACITY {
            kept.requests.pop_front();
            kept.dropped += 1;
        }
        kept.requests.push_back(Request {
            sequence,
            at,
            role,
            method: head.method.to_string(),
            host: head.headers.get(http::header::HOST).map(text),
            path,
            headers: head
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            status: None,
            first_byte_at: None,
            finished_at: None,
            body_bytes: 0,
        });
        drop(kept);
        Entry {
            log: self.clone(),
            sequence,
        }
    }

    /// The remembered requests, of one role or of all, oldest first.
    pub(crate) fn entries(&self, role: Option<Role>) -> Vec<Request> {
        let kept = self.lock();
        kept.requests
            .iter()
            .filter(|one| role.is_none_or(|role| one.role == role))
            .cloned()
            .collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().requests.len()
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    pub(crate) fn clear(&self) {
        let mut kept = self.lock();
        kept.requests.clear();
        kept.dropped = 0;
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Every change leaves the log consistent at each step.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One noted request, to be completed.
#[derive(Debug)]
pub(crate) struct Entry {
    log: RequestLog,
    sequence: u64,
}

impl Entry {
    pub(crate) fn answered(&self, status: u16) {
        self.change(|request, _| request.status = Some(status));
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.change(|request, now| {
            request.first_byte_at.get_or_insert(now);
            request.body_bytes += bytes as u64;
        });
    }

    pub(crate) fn finished(&self) {
        self.change(|request, now| request.finished_at = Some(now));
    }

    fn change(&self, change: impl FnOnce(&mut Request, i64)) {
        let now = self.log.clock.micros();
        let mut kept = self.log.lock();
        // Sequence numbers in the log have no gaps, so the place is known. It
        // may have been pushed out or cleared since.
        let first = kept
            .requests
            .front()
            .map_or(kept.next, |request| request.sequence);
        let place = self.sequence.checked_sub(first).map(|place| place as usize);
        if let Some(request) = place.and_then(|place| kept.requests.get_mut(place)) {
            change(request, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn head() -> Parts {
        http::Request::get("/x?y=1")
            .header("Host", "a.test")
            .body(())
            .unwrap()
            .into_parts()
            .0
    }

    #[test]
    fn the_bound_pushes_out_the_oldest_and_counts_it() {
        let log = RequestLog::new(Clock::new(Duration::ZERO));
        let first = log.note(Role::Cdn, &head());
        for _ in 0..CAPACITY {
            log.note(Role::Cdn, &head());
        }
        assert_eq!((log.len(), log.dropped()), (CAPACITY, 1));
        first.answered(200);
        let entries = log.entries(None);
        assert_eq!(entries[0].sequence, 1);
        assert!(
            entries.iter().all(|entry| entry.status.is_none()),
            "a lost entry's answer hit another"
        );
    }

    #[test]
    fn an_answer_finds_its_request_after_a_clear() {
        let log = RequestLog::new(Clock::new(Duration::ZERO));
        let old = log.note(Role::Go, &head());
        log.clear();
        let new = log.note(Role::SiteA, &head());
        old.answered(500);
        new.answered(200);
        let entries = log.entries(None);
        assert_eq!(entries.len(), 1);
        assert_eq!(
            (entries[0].status, entries[0].path.as_str()),
            (Some(200), "/x?y=1")
        );
        assert_eq!(entries[0].header("host"), Some("a.test"));
        assert!(log.entries(Some(Role::Go)).is_empty());
    }
}
