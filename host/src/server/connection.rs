//! One client's connection, and how long it may take for what.
//!
//! It brings the head of a request (`server.header_timeout`), is busy with it
//! (bounded by what answers), or waits for the next one (`server.idle_timeout`). A
//! client that does not take what it asked for is cut (`server.write_timeout`).
//! hyper's own timer knows one time for a head and for the wait before it; here a
//! head that drips ends soon, and a player that comes back does so on the same
//! connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use tokio_io_timeout::TimeoutWriter;

use super::clients::Client;
use crate::config;
use crate::metrics::Metrics;

/// What a connection is at: the lowest two bits; above them, how often that
/// changed, so that a second wait is told from the first.
#[derive(Clone, Debug, Default)]
pub(super) struct Turn(Arc<AtomicU64>);

/// Begins with the connection: one that says nothing brings a head slowly.
const HEAD: u64 = 0;
const BUSY: u64 = 1;
const IDLE: u64 = 2;

/// A connection that ends where its client takes too long.
pub(super) struct Patient {
    stream: Pin<Box<TimeoutWriter<TcpStream>>>,
    turn: Turn,
    timer: Pin<Box<Sleep>>,
    /// The turn that the timer was set for.
    set_for: Option<u64>,
    config: Arc<config::Server>,
    metrics: Metrics,
}

/// An answer; its request is over when the last byte was handed on.
pub(super) struct Answer {
    body: Body,
    _request: UnderWay,
}

/// One request of a connection, from its head to the end of its answer.
pub(super) struct UnderWay {
    turn: Turn,
    _client: Option<Client>,
}

// === impl Turn ===

impl Turn {
    fn now(&self) -> u64 {
        self.0.load(Relaxed)
    }

    fn is(&self, phase: u64) -> bool {
        self.now() & 3 == phase
    }

    fn becomes(&self, phase: u64) {
        let next = (self.now() & !3) + 4 + phase;
        self.0.store(next, Relaxed);
    }

    /// A head is there. Without a `client`, nobody's place is taken.
    pub(super) fn busy(&self, client: Option<Client>) -> UnderWay {
        self.becomes(BUSY);
        UnderWay {
            turn: self.clone(),
            _client: client,
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.turn.becomes(IDLE);
    }
}

// === impl Patient ===

impl Patient {
    pub(super) fn new(
        stream: TcpStream,
        turn: Turn,
        config: Arc<config::Server>,
        metrics: Metrics,
    ) -> Self {
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(config.write_timeout));
        Self {
            stream: Box::pin(stream),
            turn,
            timer: Box::pin(sleep(config.header_timeout)),
            set_for: None,
            config,
            metrics,
        }
    }

    /// Nothing came; whether that was for too long.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.turn.is(BUSY) {
            return Poll::Pending;
        }
        let (limit, key) = match self.turn.is(HEAD) {
            true => (self.config.header_timeout, "server.header_timeout"),
            false => (self.config.idle_timeout, "server.idle_timeout"),
        };
        let turn = self.turn.now();
        if self.set_for != Some(turn) {
            self.timer.as_mut().reset(Instant::now() + limit);
            self.set_for = Some(turn);
        }
        self.timer.as_mut().poll(cx).map(|()| {
            self.metrics.limit(key);
            Err(io::ErrorKind::TimedOut.into())
        })
    }

    /// An answer of one piece is over when hyper has it, and its client may take it for
    /// long: the wait for the next request begins with the last bytes.
    fn written(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(1..))) && self.turn.is(IDLE) {
            let until = Instant::now() + self.config.idle_timeout;
            self.timer.as_mut().reset(until);
            self.set_for = Some(self.turn.now());
        }
        self.counted(written)
    }

    fn counted<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &written
            && error.kind() == io::ErrorKind::TimedOut
        {
            self.metrics.limit("server.write_timeout");
        }
        written
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = self.stream.as_mut().poll_read(cx, buf);
        match &read {
            Poll::Pending => return self.poll_late(cx),
            Poll::Ready(_) if buf.filled().len() > before && self.turn.is(IDLE) => {
                self.turn.becomes(HEAD);
            }
            Poll::Ready(_) => {}
        }
        read
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream.as_mut().poll_write(cx, buf);
        self.written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream.as_mut().poll_write_vectored(cx, bufs);
        self.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.stream.as_mut().poll_flush(cx);
        self.counted(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_shutdown(cx)
    }
}

// === impl Answer ===

impl Answer {
    pub(super) fn new(body: Body, request: UnderWay) -> Self {
        Self {
            body,
            _request: request,
        }
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
