//! One upstream body on its way to everybody who reads it.
//!
//! There is no task behind it: whoever wants bytes that are not there yet asks
//! the upstream for them, and everybody else gets them, too. So nothing is
//! fetched faster than the fastest reader takes it, the only reader gets each
//! piece without a detour, and one that leaves holds up nobody.
//!
//! What has come is kept for those who join later, as long as the bytes of all
//! flights are within `relay.in_flight`; beyond it the oldest pieces go, and a
//! reader who still needs them goes on with a fetch of its own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use slab::Slab;
use tokio::time::Instant;

use super::fetch::Listed;
use super::pace::Pace;
use super::window::{Budget, Kept};
use crate::metrics::Metrics;
use crate::net::{self, FetchError};

/// Pieces smaller than this on average are put together when they are kept: a
/// piece costs a turn whatever its size, and may hold a larger buffer alive.
const PIECE: usize = 64 << 10;
/// One who is this close to the newest byte is not left behind: those who watch
/// together are never at the same byte.
const CLOSE: u64 = 512 << 10;

/// A body under way, or at its end.
#[derive(Debug)]
pub(super) struct Flight {
    /// Where its first byte is in the resource.
    first: u64,
    /// Where its last byte must end, if that is known.
    until: Option<u64>,
    budget: Arc<Budget>,
    metrics: Metrics,
    body: Mutex<Body>,
    /// Where it is kept once it is whole.
    kept: Option<Kept>,
    /// As long as it lives, others find it.
    _listed: Listed,
}

#[derive(Debug)]
struct Body {
    /// `None` once it has ended.
    source: Option<net::Response>,
    pace: Pace,
    pieces: VecDeque<Bytes>,
    /// Where the first piece begins, and the last one ends.
    base: u64,
    length: u64,
    /// How it ended.
    end: Option<Result<(), FetchError>>,
    readers: Slab<Reading>,
    /// Since when a reader waits for the source.
    waiting: Option<Instant>,
}

/// A reader, as the flight knows it.
#[derive(Debug)]
struct Reading {
    at: u64,
    waker: Option<Waker>,
}

/// What a reader gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Bytes(Bytes),
    /// The end of the body.
    End,
    /// What it needs is no longer here.
    Gone,
}

impl Flight {
    /// Of `source`, which is `first..until` of its resource, with what was read
    /// of it already.
    pub(super) fn new(
        (first, until): (u64, Option<u64>),
        read: Vec<Bytes>,
        source: net::Response,
        pace: Pace,
        budget: Arc<Budget>,
        kept: Option<Kept>,
        listed: Listed,
    ) -> Self {
        let metrics = budget.metrics().clone();
        let length = first + read.iter().map(|piece| piece.len() as u64).sum::<u64>();
        budget.take(length - first);
        let this = Self {
            first,
            until,
            budget,
            metrics,
            body: Mutex::new(Body {
                source: Some(source),
                pace,
                pieces: read.into(),
                base: first,
                length,
                end: None,
                readers: Slab::new(),
                waiting: None,
            }),
            kept,
            _listed: listed,
        };
        this.settle(&mut this.lock());
        this
    }

    /// Whether one who wants it from its first byte can still join.
    pub(super) fn is_joinable(&self) -> bool {
        let body = self.lock();
        body.base == self.first && !matches!(body.end, Some(Err(_)))
    }

    /// One more who reads it, from `at`.
    pub(super) fn read(self: &Arc<Self>, at: u64) -> Reader {
        let id = self.lock().readers.insert(Reading { at, waker: None });
        Reader {
            flight: self.clone(),
            id,
        }
    }

    /// Where what has come so far ends in the resource.
    pub(super) fn length(&self) -> u64 {
        self.lock().length
    }

    fn lock(&self) -> MutexGuard<'_, Body> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll(&self, id: usize, cx: &mut Context<'_>) -> Poll<Result<Piece, FetchError>> {
        let mut body = self.lock();
        loop {
            let at = body.readers[id].at;
            if at < body.base {
                return Poll::Ready(Ok(Piece::Gone));
            }
            if let Some(piece) = body.piece(at) {
                let reading = &mut body.readers[id];
                reading.at += piece.len() as u64;
                reading.waker = None;
                if self.budget.is_over() {
                    self.trim(&mut body);
                }
                return Poll::Ready(Ok(Piece::Bytes(piece)));
            }
            match &body.end {
                Some(Ok(())) => return Poll::Ready(Ok(Piece::End)),
                Some(Err(error)) => return Poll::Ready(Err(error.clone())),
                None => {}
            }
            if self.advance(&mut body, cx).is_pending() {
                match &mut body.readers[id].waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    empty @ None => *empty = Some(cx.waker().clone()),
                }
                return Poll::Pending;
            }
            // One who is far ahead passes over what nobody needs.
            if self.budget.is_over() {
                self.trim(&mut body);
            }
        }
    }

    /// One more piece of the source, for all.
    fn advance(&self, body: &mut Body, cx: &mut Context<'_>) -> Poll<()> {
        let Some(source) = &mut body.source else {
            return Poll::Ready(());
        };
        let Poll::Ready(came) = source.poll_chunk(cx) else {
            body.waiting.get_or_insert_with(Instant::now);
            return Poll::Pending;
        };
        let waited = body.waiting.take().map(|since| since.elapsed());
        let bytes = came
            .as_ref()
            .map_or(0, |piece| piece.as_ref().map_or(0, Bytes::len));
        let paced = body.pace.arrived(bytes, waited.unwrap_or_default());
        match (came, paced) {
            (Ok(Some(piece)), Ok(())) => {
                self.budget.take(piece.len() as u64);
                body.length += piece.len() as u64;
                body.pieces.push_back(piece);
                self.settle(body);
            }
            (Ok(Some(_)), Err(error)) | (Err(error), _) => {
                if let FetchError::Timeout(limit) = &error {
                    self.metrics.limit(limit);
                }
                body.finish(Err(error));
            }
            (Ok(None), _) => {
                body.finish(Ok(()));
                self.keep(body);
            }
        }
        body.wake_all();
        Poll::Ready(())
    }

    /// Nobody asks for more once all that was promised is there.
    fn settle(&self, body: &mut Body) {
        if self.until.is_some_and(|until| body.length >= until) {
            body.finish(Ok(()));
            self.keep(body);
        }
    }

    /// The whole of it is there.
    fn keep(&self, body: &mut Body) {
        let Some(kept) = &self.kept else { return };
        if body.base == self.first {
            kept.put(&body.pieces, body.length - self.first, PIECE);
        }
    }

    /// The budget is used up: what every reader has had goes, and so does what
    /// slow readers have not.
    fn trim(&self, body: &mut Body) {
        let had = body.readers.iter().map(|(_, reading)| reading.at).min();
        let had = had.unwrap_or(body.length);
        let mut freed = 0;
        while let Some(piece) = body.pieces.front() {
            let end = body.base + piece.len() as u64;
            if end > had {
                if body.length - end < CLOSE {
                    break;
                }
                self.metrics.limit("relay.in_flight");
            }
            freed += piece.len() as u64;
            body.base = end;
            body.pieces.pop_front();
        }
        self.budget.give_back(freed);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let body = self.body.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.budget.give_back(body.length - body.base);
    }
}

impl Body {
    /// What is there from `at`, up to the end of a piece.
    fn piece(&self, at: u64) -> Option<Bytes> {
        if at >= self.length {
            return None;
        }
        // Readers are mostly near the end.
        let mut end = self.length;
        for piece in self.pieces.iter().rev() {
            let begin = end - piece.len() as u64;
            if begin <= at {
                let skipped = usize::try_from(at - begin).unwrap_or(usize::MAX);
                return Some(piece.slice(skipped..));
            }
            end = begin;
        }
        None
    }

    fn finish(&mut self, end: Result<(), FetchError>) {
        self.source = None;
        self.end = Some(end);
    }

    fn wake_all(&mut self) {
        for (_, reading) in &mut self.readers {
            if let Some(waker) = reading.waker.take() {
                waker.wake();
            }
        }
    }
}

/// One who reads a flight.
#[derive(Debug)]
pub(super) struct Reader {
    flight: Arc<Flight>,
    id: usize,
}

impl Reader {
    /// The next piece, never empty.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Piece, FetchError>> {
        self.flight.poll(self.id, cx)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut body = self.flight.lock();
        body.readers.remove(self.id);
        // Until somebody asks again, nobody waits for the upstream.
        if body.readers.iter().all(|(_, other)| other.waker.is_none()) {
            body.waiting = None;
        }
        // The source may wake this one alone: somebody else asks it now.
        body.wake_all();
    }
}
