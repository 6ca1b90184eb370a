//! Answers as no server would write them, straight to the socket that the
//! server holds as well. After one, the connection is over.

use std::{
    fmt::Write as _,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::{
    faults::wire::Ending,
    log::Entry,
    wire::{Answer, Raw},
};

/// Between two pieces of a body: enough that they are read one by one.
const PAUSE: Duration = Duration::from_millis(30);

/// The connection is over; what was to be said has been said.
#[derive(Debug)]
pub(super) struct Ended;

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a fault ended the connection")
    }
}

impl std::error::Error for Ended {}

/// Writes an answer and what follows it. Returns when the connection has to
/// end, or never.
pub(super) async fn send(
    socket: &TcpStream,
    answer: &Answer,
    raw: &Raw,
    with_body: bool,
    entry: &Entry,
) -> Ended {
    match attempt(socket, answer, raw, with_body, entry).await {
        Ok(()) => {}
        Err(error) => tracing::debug!(%error, "a client left a faulty answer"),
    }
    entry.finished();
    match raw.end.map(|end| end.how) {
        Some(Ending::Reset) => _ = socket.set_zero_linger(),
        // The server sees when the client leaves, and drops this.
        Some(Ending::Stall) => std::future::pending().await,
        Some(Ending::Cut) | None => {}
    }
    Ended
}

async fn attempt(
    socket: &TcpStream,
    answer: &Answer,
    raw: &Raw,
    with_body: bool,
    entry: &Entry,
) -> io::Result<()> {
    let (status, body) = (answer.response.status(), answer.response.body());
    let mut head = format!("HTTP/1.1 {status}\r\n").into_bytes();
    for (name, value) in answer.response.headers() {
        head.extend(name.as_str().as_bytes());
        head.extend(b": ");
        head.extend(value.as_bytes());
        head.extend(b"\r\n");
    }
    if raw.chunked {
        head.extend(b"transfer-encoding: chunked\r\n");
    }
    head.extend(b"connection: close\r\n\r\n");
    write(socket, &head).await?;
    if !with_body {
        return Ok(());
    }
    let until = raw.end.map_or(body.len(), |end| end.at.min(body.len()));
    let mut from = 0;
    let ends = raw.pieces.iter().copied().filter(|at| *at < until);
    for to in ends.chain([until]).filter(|to| *to > 0) {
        if from > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let piece = &body[from.min(to)..to];
        if raw.chunked {
            let mut size = String::new();
            let _ = write!(size, "{:x}\r\n", piece.len());
            write(socket, &[size.as_bytes(), piece, b"\r\n"].concat()).await?;
        } else {
            write(socket, piece).await?;
        }
        entry.sent(piece.len());
        from = to;
    }
    if raw.chunked && raw.end.is_none() {
        write(socket, b"0\r\n\r\n").await?;
    }
    Ok(())
}

async fn write(socket: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        socket.writable().await?;
        match socket.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A socket that the server and a faulty answer share.
pub(super) struct Shared(pub(super) Arc<TcpStream>);

impl AsyncRead for Shared {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(context))?;
            match self.0.try_read(into.initialize_unfilled()) {
                Ok(read) => {
                    into.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Shared {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(context))?;
            match self.0.try_write_vectored(slices) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// The last owner closes it.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
