//! The listener under attack: what each attack ends with, and that those who only
//! watch lose nothing by it.

mod bodies;
mod connections;
mod forwarded;
mod memory;
mod ranges;
mod requests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use f1_streams::config::Config;
use f1_streams::proxy::Kind;
use futures::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::house::{House, uri_lines};
use crate::origin::{Origin, honest, ok, packets, playlist, sealed};

/// Attackers come from an address of their own: the limits of one client are not
/// those of another.
const ATTACKER: &str = "127.0.0.9";
/// Nothing here takes so long, unless it is never done.
const LONG: Duration = Duration::from_secs(20);
const PLAYERS: usize = 20;
const SEGMENTS: usize = 8;
/// Packets of a segment: 188 kB.
const PACKETS: usize = 1000;

/// A service, and an origin with a live stream.
struct Stand {
    house: House,
    origin: Origin,
    list: String,
}

impl Stand {
    async fn new(edit: impl Fn(&mut Config) + Send + Sync + 'static) -> Self {
        let house = House::edited(edit).await;
        let segment = Arc::new(packets(PACKETS));
        let endless = segment.repeat(100);
        let origin = Origin::new(move |ask| match ask.path() {
            "/live.m3u8" => {
                let line = |n| format!("#EXTINF:2,\n/{n}.ts\n");
                let lines: String = (0..SEGMENTS).map(line).collect();
                playlist(&format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n{lines}"))
            }
            "/endless.ts" => ok(&endless),
            _ => honest(ask, &[], &segment),
        })
        .await;
        let list = sealed(&house, Kind::Playlist, &origin.url("/live.m3u8"));
        Self {
            house,
            origin,
            list,
        }
    }

    fn address(&self) -> SocketAddr {
        self.house
            .base
            .strip_prefix("http://")
            .unwrap()
            .parse()
            .unwrap()
    }

    /// `Host` of a request.
    fn host(&self) -> String {
        self.address().to_string()
    }

    async fn connect(&self) -> Client {
        Client::new(self.address(), None).await
    }

    /// What players get, each of them everything: how many bytes.
    async fn play(&self) -> usize {
        let whole = packets(PACKETS);
        let player = async || {
            let mut got = 0;
            for link in uri_lines(&self.house.text(&self.list).await) {
                let response = self.house.get(&link).await;
                let bytes = response.bytes().await.unwrap();
                assert!(bytes == whole, "{} bytes", bytes.len());
                got += bytes.len();
            }
            got
        };
        join_all((0..PLAYERS).map(|_| player())).await.iter().sum()
    }

    /// Everybody got everything.
    async fn assert_plays(&self) {
        assert_eq!(self.play().await, PLAYERS * SEGMENTS * PACKETS * 188);
    }

    fn hits(&self, limit: &'static str) -> u64 {
        self.house.metrics.limit_hits(limit)
    }

    /// A counter reaches `count`.
    async fn counts(&self, limit: &'static str, count: u64) {
        let what = format!("{count} of {limit}");
        self.house
            .wait(&what, async |_| (self.hits(limit) >= count).then_some(()))
            .await;
    }
}

/// A connection of an attacker's.
struct Client(TcpStream);

impl Client {
    /// With a receive buffer of so many bytes, if it matters.
    async fn new(to: SocketAddr, buffer: Option<u32>) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(bytes) = buffer {
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        socket
            .bind(format!("{ATTACKER}:0").parse().unwrap())
            .unwrap();
        Self(socket.connect(to).await.unwrap())
    }

    async fn send(&mut self, text: impl AsRef<[u8]>) {
        self.0.write_all(text.as_ref()).await.unwrap();
    }

    /// What comes until the connection ends, be it by a reset.
    async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(LONG, self.0.read_to_end(&mut bytes));
        let _ = read.await.expect("the connection ends");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// One answer's head.
    async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = tokio::time::timeout(LONG, self.0.read_u8());
            head.push(byte.await.expect("an answer").expect("all of its head"));
        }
        String::from_utf8(head).unwrap()
    }
}

/// The statuses of the answers in what came.
fn statuses(text: &str) -> Vec<u16> {
    let answers = text.split("HTTP/1.").skip(1);
    answers
        .map(|answer| answer[2..5].parse().unwrap())
        .collect()
}
