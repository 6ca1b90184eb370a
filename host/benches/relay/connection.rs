//! A viewer's connection: requests by hand, and bodies that the kernel throws
//! away (`MSG_TRUNC`, see tcp(7)), which spares the copy.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::net::RecvFlags;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::{TcpSocket, TcpStream};

/// What is thrown away at once at most.
const GULP: usize = 1 << 20;

/// What a viewer's kernel holds for it. Left to itself it grows to many megabytes
/// each, and hundreds of viewers of long segments take more memory than TCP may
/// have (`tcp_mem`): then the kernel drops what arrives, and everybody waits for it
/// to be sent again.
const BUFFER: u32 = 256 << 10;

thread_local! {
    /// Where it goes, had the kernel to write it anywhere.
    static NOWHERE: RefCell<Vec<u8>> = RefCell::new(vec![0; GULP]);
}

pub(crate) struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    /// Read and not used yet.
    ahead: Vec<u8>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    /// From the request to the first byte of the body.
    pub(crate) first_byte: Duration,
    length: Length,
}

#[derive(Clone, Copy)]
enum Length {
    Known(u64),
    Chunked,
    UntilClose,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(BUFFER)?;
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            address,
            ahead: Vec::new(),
        })
    }

    /// Up to the first byte of the body; [`Connection::discard`] or
    /// [`Connection::read`] must follow.
    pub(crate) async fn ask(&mut self, path: &str) -> Result<Answer> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nuser-agent: bench\r\naccept: */*\r\n\r\n",
            self.address
        );
        let asked = Instant::now();
        self.stream.write_all(request.as_bytes()).await?;
        let end = loop {
            if let Some(end) = find(&self.ahead, b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let head = std::str::from_utf8(&self.ahead[..end])?.to_ascii_lowercase();
        self.ahead.drain(..end);
        let status = head.get(9..12).context("no status")?.parse()?;
        let field = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim_start_matches(':').trim())
        };
        let length = match (field("transfer-encoding"), field("content-length")) {
            (Some(_), _) => Length::Chunked,
            (None, Some(length)) => Length::Known(length.parse()?),
            _ => Length::UntilClose,
        };
        if self.ahead.is_empty() && !matches!(length, Length::Known(0)) {
            self.more().await?;
        }
        Ok(Answer {
            status,
            first_byte: asked.elapsed(),
            length,
        })
    }

    /// The rest of the answer; `count` hears of its bytes as they arrive.
    pub(crate) async fn discard(
        &mut self,
        answer: &Answer,
        mut count: impl FnMut(u64),
    ) -> Result<()> {
        match answer.length {
            Length::Known(length) => self.skip(length, &mut count).await,
            Length::Chunked => loop {
                let length = self.chunk().await?;
                self.skip(length, &mut count).await?;
                self.skip(2, &mut |_| {}).await?;
                if length == 0 {
                    return Ok(());
                }
            },
            Length::UntilClose => bail!("a body that ends with its connection"),
        }
    }

    /// The rest of the answer, kept.
    pub(crate) async fn read(&mut self, answer: &Answer) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        match answer.length {
            Length::Known(length) => self.take(usize::try_from(length)?, &mut body).await?,
            Length::Chunked => loop {
                let length = self.chunk().await?;
                self.take(usize::try_from(length)?, &mut body).await?;
                self.skip(2, &mut |_| {}).await?;
                if length == 0 {
                    break;
                }
            },
            Length::UntilClose => while self.stream.read_buf(&mut self.ahead).await? > 0 {},
        }
        if let Length::UntilClose = answer.length {
            body.append(&mut self.ahead);
        }
        Ok(body)
    }

    async fn more(&mut self) -> Result<()> {
        self.ahead.reserve(16 << 10);
        let read = self.stream.read_buf(&mut self.ahead).await?;
        ensure!(read > 0, "the connection ended early");
        Ok(())
    }

    /// The length of the next chunk (RFC 9112, section 7.1).
    async fn chunk(&mut self) -> Result<u64> {
        let end = loop {
            if let Some(end) = find(&self.ahead, b"\r\n") {
                break end;
            }
            self.more().await?;
        };
        let line = std::str::from_utf8(&self.ahead[..end])?;
        let length = u64::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)?;
        self.ahead.drain(..end + 2);
        Ok(length)
    }

    async fn take(&mut self, length: usize, body: &mut Vec<u8>) -> Result<()> {
        while self.ahead.len() < length {
            self.more().await?;
        }
        body.extend(self.ahead.drain(..length));
        Ok(())
    }

    async fn skip(&mut self, length: u64, count: &mut impl FnMut(u64)) -> Result<()> {
        let here = usize::try_from(length)?.min(self.ahead.len());
        self.ahead.drain(..here);
        count(here as u64);
        let mut left = length - here as u64;
        while left > 0 {
            let most = usize::try_from(left)?.min(GULP);
            let gulp = || {
                NOWHERE.with_borrow_mut(|nowhere| {
                    let gone =
                        rustix::net::recv(&self.stream, &mut nowhere[..most], RecvFlags::TRUNC);
                    Ok(gone?.1)
                })
            };
            let gone = self.stream.async_io(Interest::READABLE, gulp).await?;
            ensure!(gone > 0, "the body ended early");
            count(gone as u64);
            left -= gone as u64;
        }
        Ok(())
    }
}

/// One request on a connection of its own.
pub(crate) async fn fetch(address: SocketAddr, path: &str) -> Result<(u16, Vec<u8>)> {
    let mut connection = Connection::open(address).await?;
    let answer = connection.ask(path).await?;
    let body = connection.read(&answer).await?;
    Ok((answer.status, body))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
