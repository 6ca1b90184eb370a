//! What went over the wire, hop by hop: noted on a [`Tape`] while it happens,
//! and played back by a [`Replay`] instead of opening a socket. Guard, rules,
//! jar, redirects and budgets stand above both and know neither.
//!
//! A tape is bounded in bytes: what comes beyond is marked as cut.

mod replay;
#[cfg(test)]
mod tests;

use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use bytesize::ByteSize;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use super::error::FetchError;
use super::request::Request;

pub use replay::{Missed, Replay};

/// One hop: what was asked, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// As it was sent.
    pub method: Method,
    /// Without fragment.
    pub url: Url,
    /// On a tape, all that were sent. For a replay, those that must be sent.
    pub headers: HeaderMap,
    /// Empty where there was none.
    pub body: Bytes,
    /// What came.
    pub answer: Answer,
}

impl Exchange {
    /// Whether the tape had no room for all of it.
    pub fn is_cut(&self) -> bool {
        matches!(self.answer, Answer::Response { cut: true, .. })
    }
}

/// What came of a hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A response with any status.
    Response {
        /// Any status.
        status: StatusCode,
        /// As the origin sent them.
        headers: HeaderMap,
        /// As far as somebody read it: of a redirect that is nothing.
        body: Bytes,
        /// The tape had no room for all of it.
        cut: bool,
    },
    /// No usable response.
    Failed(Failure),
}

/// Why a hop brought no response, as far as the party that fetches can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The name has no address.
    Dns,
    /// Nobody there.
    Connect,
    /// The handshake failed.
    Tls,
    /// No answer, or not all of it, in time.
    Timeout,
    /// It broke off, or was not HTTP.
    Protocol,
    /// The guard refused the address behind the name.
    Denied,
}

const FAILURES: [(Failure, &str); 6] = [
    (Failure::Dns, "dns"),
    (Failure::Connect, "connect"),
    (Failure::Tls, "tls"),
    (Failure::Timeout, "timeout"),
    (Failure::Protocol, "protocol"),
    (Failure::Denied, "denied"),
];

impl Failure {
    /// Its word in a recording.
    pub fn code(self) -> &'static str {
        let word = FAILURES.iter().find(|(failure, _)| *failure == self);
        word.map_or("protocol", |(_, word)| word)
    }

    fn of(error: &FetchError) -> Self {
        match error {
            FetchError::Denied(_) => Self::Denied,
            FetchError::Dns => Self::Dns,
            FetchError::Connect | FetchError::Busy | FetchError::Down(_) => Self::Connect,
            FetchError::Tls => Self::Tls,
            FetchError::Timeout(_) => Self::Timeout,
            FetchError::TooManyRedirects
            | FetchError::HeadersTooLarge
            | FetchError::BodyTooLarge(_)
            | FetchError::Budget
            | FetchError::Protocol(_) => Self::Protocol,
        }
    }
}

impl FromStr for Failure {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = FAILURES.iter().find(|(_, word)| *word == text);
        known.map(|(failure, _)| *failure).ok_or_else(|| {
            let words = FAILURES.map(|(_, word)| word).join(", ");
            format!("{text:?} is none of {words}")
        })
    }
}

/// Notes the hops of one call; clones share it.
#[derive(Clone, Debug)]
pub struct Tape(Arc<Mutex<Notes>>);

#[derive(Debug)]
struct Notes {
    /// Bytes that may still be noted.
    room: u64,
    hops: Vec<Hop>,
}

#[derive(Debug)]
struct Hop {
    exchange: Exchange,
    body: BytesMut,
    /// Somebody waits for the head or for a piece of the body.
    waiting: bool,
}

/// One hop's place on a tape.
#[derive(Clone, Debug)]
pub(super) struct Note {
    tape: Tape,
    index: usize,
}

// === impl Tape ===

impl Tape {
    /// An empty one for at most `room` bytes of headers and bodies.
    pub fn new(room: ByteSize) -> Self {
        let room = room.as_u64();
        Self(Arc::new(Mutex::new(Notes {
            room,
            hops: Vec::new(),
        })))
    }

    /// What is on it, in the order in which the hops began. A hop that
    /// somebody gave up waiting for has timed out.
    pub fn take(&self) -> Vec<Exchange> {
        let hops = std::mem::take(&mut self.lock().hops);
        let finished = hops.into_iter().map(|mut hop| {
            if hop.waiting {
                hop.exchange.answer = Answer::Failed(Failure::Timeout);
            }
            if let Answer::Response { body, .. } = &mut hop.exchange.answer {
                *body = hop.body.freeze();
            }
            hop.exchange
        });
        finished.collect()
    }

    pub(super) fn note(&self, request: &Request, headers: &HeaderMap) -> Note {
        let mut notes = self.lock();
        let mut url = request.url.clone();
        url.set_fragment(None);
        let (headers, _) = notes.fit_headers(headers);
        let exchange = Exchange {
            method: request.method.clone(),
            url,
            headers,
            body: notes.fit(&request.body),
            answer: Answer::Failed(Failure::Timeout),
        };
        notes.hops.push(Hop {
            exchange,
            body: BytesMut::new(),
            waiting: true,
        });
        Note {
            tape: self.clone(),
            index: notes.hops.len() - 1,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Notes> {
        // Every change is one step that cannot panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notes {
    /// As much of `bytes` as there is room for.
    fn fit(&mut self, bytes: &Bytes) -> Bytes {
        let fits = usize::try_from(self.room)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        self.room -= fits as u64;
        bytes.slice(..fits)
    }

    /// All of them or none; whether they fit.
    fn fit_headers(&mut self, headers: &HeaderMap) -> (HeaderMap, bool) {
        let bytes = headers
            .iter()
            .map(|(name, value)| (name.as_str().len() + value.len()) as u64)
            .sum();
        match self.room.checked_sub(bytes) {
            Some(left) => {
                self.room = left;
                (headers.clone(), true)
            }
            None => (HeaderMap::new(), false),
        }
    }
}

// === impl Note ===

impl Note {
    pub(super) fn answered(&self, status: StatusCode, headers: &HeaderMap) {
        self.change(|notes, index| {
            let (headers, fits) = notes.fit_headers(headers);
            let hop = &mut notes.hops[index];
            hop.waiting = false;
            hop.exchange.answer = Answer::Response {
                status,
                headers,
                body: Bytes::new(),
                cut: !fits,
            };
        });
    }

    pub(super) fn failed(&self, error: &FetchError) {
        let failure = Failure::of(error);
        self.change(|notes, index| {
            notes.hops[index].waiting = false;
            notes.hops[index].exchange.answer = Answer::Failed(failure);
        });
    }

    /// Somebody waits for a piece of the body.
    pub(super) fn reading(&self) {
        self.change(|notes, index| notes.hops[index].waiting = true);
    }

    /// What that brought.
    pub(super) fn read(&self, piece: &Result<Option<Bytes>, FetchError>) {
        let bytes = match piece {
            Ok(None) => return self.change(|notes, index| notes.hops[index].waiting = false),
            Ok(Some(bytes)) => bytes,
            Err(error) => return self.failed(error),
        };
        self.change(|notes, index| {
            let noted = notes.fit(bytes);
            let hop = &mut notes.hops[index];
            hop.waiting = false;
            hop.body.extend_from_slice(&noted);
            if let Answer::Response { cut, .. } = &mut hop.exchange.answer {
                *cut |= noted.len() < bytes.len();
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Notes, usize)) {
        let mut notes = self.tape.lock();
        // Taken meanwhile: whoever reads on is no longer of interest.
        if self.index < notes.hops.len() {
            change(&mut notes, self.index);
        }
    }
}
