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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use slab::Slab;

use super::budget::{Budget, Pressed, Share};
use super::fetch::Listed;
use super::source::Source;
use super::window::{Kept, Segment};
use crate::metrics::Metrics;
use crate::net::FetchError;

/// Pieces smaller than this are put together as they come: each costs memory
/// beside its bytes, and may hold a larger buffer alive.
const SMALL: usize = 16 << 10;
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
    share: Share,
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
    source: Option<Source>,
    pieces: VecDeque<Bytes>,
    /// Where the first piece begins, and the last one ends.
    base: u64,
    length: u64,
    /// How it ended.
    end: Option<Result<(), FetchError>>,
    /// Where all of it is, since it ended.
    there: Option<Arc<Segment>>,
    readers: Slab<Reading>,
    /// The reader whom the source wakes.
    driver: Option<usize>,
    was_read: bool,
}

/// A reader, as the flight knows it.
#[derive(Debug)]
struct Reading {
    at: u64,
    waker: Option<Waker>,
}

/// What a reader gets.
#[derive(Debug)]
pub(super) enum Piece {
    Bytes(Bytes),
    /// All of it is here now.
    Whole(Arc<Segment>),
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
        source: Source,
        budget: &Arc<Budget>,
        kept: Option<Kept>,
        listed: Listed,
    ) -> Arc<Self> {
        let length = first + read.iter().map(|piece| piece.len() as u64).sum::<u64>();
        let this = Arc::new_cyclic(|this: &Weak<Self>| Self {
            first,
            until,
            share: budget.share(this.clone()),
            metrics: budget.metrics().clone(),
            body: Mutex::new(Body {
                source: Some(source),
                pieces: read.into(),
                base: first,
                length,
                end: None,
                there: None,
                readers: Slab::new(),
                driver: None,
                was_read: false,
            }),
            kept,
            _listed: listed,
        });
        this.share.take(length - first);
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
        let mut body = self.lock();
        body.was_read = true;
        let id = body.readers.insert(Reading { at, waker: None });
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
                let whole = body.there.clone();
                return Poll::Ready(Ok(whole.map_or(Piece::Gone, Piece::Whole)));
            }
            if let Some(piece) = body.piece(at) {
                let reading = &mut body.readers[id];
                reading.at += piece.len() as u64;
                reading.waker = None;
                self.relieve(&mut body);
                return Poll::Ready(Ok(Piece::Bytes(piece)));
            }
            match &body.end {
                Some(Ok(())) => return Poll::Ready(Ok(Piece::End)),
                Some(Err(error)) => return Poll::Ready(Err(error.clone())),
                None => {}
            }
            // One who waits is woken by the source, and wakes the others.
            let driven = body.driver.filter(|driver| *driver != id);
            if driven.is_some() || self.advance(&mut body, cx).is_pending() {
                body.driver = driven.or(Some(id));
                match &mut body.readers[id].waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    empty @ None => *empty = Some(cx.waker().clone()),
                }
                return Poll::Pending;
            }
            // One who is far ahead passes over what nobody needs.
            self.relieve(&mut body);
        }
    }

    /// One more piece of the source, for all.
    fn advance(&self, body: &mut Body, cx: &mut Context<'_>) -> Poll<()> {
        let Some(source) = &mut body.source else {
            return Poll::Ready(());
        };
        let Poll::Ready(came) = source.poll(cx) else {
            return Poll::Pending;
        };
        match came {
            Ok(Some(piece)) => {
                self.share.take(piece.len() as u64);
                body.length += piece.len() as u64;
                body.push(piece);
                self.settle(body);
            }
            Ok(None) => self.land(body),
            Err(error) => body.finish(Err(error)),
        }
        body.wake_all();
        Poll::Ready(())
    }

    /// Nobody asks for more once all that was promised is there.
    fn settle(&self, body: &mut Body) {
        if self.until.is_some_and(|until| body.length >= until) {
            self.land(body);
        }
    }

    /// It has ended. Where the window takes it, readers go on from there, and
    /// hold nothing in memory that the window does not.
    fn land(&self, body: &mut Body) {
        body.finish(Ok(()));
        let is_whole = body.base == self.first && self.until.is_none_or(|end| end == body.length);
        let Some(kept) = self.kept.as_ref().filter(|_| is_whole) else {
            return;
        };
        body.there = kept.put(&body.pieces, body.length - self.first);
        if body.there.is_some() {
            self.share.give_back(body.length - body.base);
            body.base = body.length;
            body.pieces.clear();
        }
    }

    /// The budget is used up: what every reader has had goes, and so does what
    /// slow readers have not; of this flight first.
    fn relieve(&self, body: &mut Body) {
        if self.share.pressure().is_some() {
            self.trim(body);
            self.share.relieve_others();
        }
    }

    fn trim(&self, body: &mut Body) {
        let Some(pressure) = self.share.pressure() else {
            return;
        };
        let at = || body.readers.iter().map(|(_, reading)| reading.at);
        let unread = if body.was_read {
            body.length
        } else {
            body.base
        };
        let (had, lead) = (at().min().unwrap_or(unread), at().max().unwrap_or(unread));
        let close = match pressure {
            _ if body.end.is_some() => 0,
            Pressed::Hard => 0,
            Pressed::Over => CLOSE,
        };
        let mut freed = 0;
        while let Some(piece) = body.pieces.front() {
            let end = body.base + piece.len() as u64;
            if end > had {
                // The one who is ahead has what comes next.
                if end > lead || body.length - end < close {
                    break;
                }
                self.metrics.limit("relay.in_flight");
            }
            freed += piece.len() as u64;
            body.base = end;
            body.pieces.pop_front();
        }
        self.share.give_back(freed);
    }
}

impl super::budget::Trim for Flight {
    fn trim(&self) {
        if let Ok(mut body) = self.body.try_lock() {
            Self::trim(self, &mut body);
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let body = self.body.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.share.give_back(body.length - body.base);
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

    /// The newest piece. Small ones are put together, so that there are few, and
    /// each byte is copied a few times at most.
    fn push(&mut self, mut piece: Bytes) {
        while let Some(last) = self.pieces.back()
            && last.len() <= 2 * piece.len()
            && last.len() + piece.len() <= SMALL
        {
            let mut both = BytesMut::with_capacity(last.len() + piece.len());
            both.extend_from_slice(last);
            both.extend_from_slice(&piece);
            piece = both.freeze();
            self.pieces.pop_back();
        }
        self.pieces.push_back(piece);
    }

    fn finish(&mut self, end: Result<(), FetchError>) {
        self.source = None;
        self.end = Some(end);
    }

    fn wake_all(&mut self) {
        self.driver = None;
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
        let nobody = body.readers.iter().all(|(_, other)| other.waker.is_none());
        if let Some(source) = body.source.as_mut().filter(|_| nobody) {
            source.rest();
        }
        // The source may wake this one alone: somebody else asks it now.
        body.wake_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pieces_are_few_and_lose_nothing() {
        let mut body = Body {
            source: None,
            pieces: VecDeque::new(),
            base: 0,
            length: 0,
            end: None,
            there: None,
            readers: Slab::new(),
            driver: None,
            was_read: false,
        };
        let bytes: Vec<u8> = (0..200_000u32).map(|n| n.to_le_bytes()[0]).collect();
        for byte in bytes.chunks(1) {
            body.push(Bytes::copy_from_slice(byte));
        }
        assert!(body.pieces.len() < 64, "{}", body.pieces.len());
        assert!(body.pieces.iter().flatten().eq(&bytes));
        // A large one stays as it came.
        let large = Bytes::from(vec![1; 300_000]);
        let at = large.as_ptr();
        body.push(large);
        assert_eq!(body.pieces.back().map(|piece| piece.as_ptr()), Some(at));
    }
}
