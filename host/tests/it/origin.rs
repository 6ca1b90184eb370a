//! Origins made by hand, whose every byte and pause a test decides, and links to
//! them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use f1_streams::config::Config;
use f1_streams::playlist::Variables;
use f1_streams::proxy::{Kind, Link, Links};
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::house::House;

/// An origin that answers one request a connection, as told.
pub(crate) struct Origin {
    address: SocketAddr,
    asks: Arc<Mutex<Vec<Ask>>>,
}

/// A request as the origin got it.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// Path and query.
    pub(crate) target: String,
    /// The head, in lower case.
    pub(crate) head: String,
    /// How many came before it.
    pub(crate) number: usize,
}

/// What the origin does next; after the last one it closes.
#[derive(Clone)]
pub(crate) enum Step {
    Send(Vec<u8>),
    /// So many times the same.
    Repeat(Vec<u8>, usize),
    Wait(Duration),
    /// Until the test opens it.
    Gate(Gate),
    /// Breaks the connection with a reset.
    Reset,
}

/// Holds origins back until it is opened.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Semaphore>);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    pub(crate) fn open(&self) {
        self.0.close();
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.is_closed()
    }
}

impl Ask {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1);
        let mut fields = lines.filter_map(|line| line.split_once(": "));
        fields
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// What is asked of `length` bytes: the first and the last one.
    pub(crate) fn range(&self, length: usize) -> Option<(usize, usize)> {
        let range = self.header("range")?.strip_prefix("bytes=")?;
        let (first, last) = range.split_once('-')?;
        let end = length - 1;
        if first.is_empty() {
            let suffix: usize = last.parse().ok()?;
            return Some((length - suffix.min(length), end));
        }
        let last = last.parse().map_or(end, |last: usize| last.min(end));
        Some((first.parse().ok()?, last))
    }
}

impl Origin {
    /// On an address that every house may fetch from.
    pub(crate) async fn new(answer: impl Fn(&Ask) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::at(("127.0.0.3", 0), answer).await
    }

    pub(crate) async fn at(
        place: (&str, u16),
        answer: impl Fn(&Ask) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(place).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asks = Arc::new(Mutex::new(Vec::new()));
        let (answer, seen) = (Arc::new(answer), asks.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, seen) = (answer.clone(), seen.clone());
                tokio::spawn(async move {
                    let _ = serve(stream, &seen, |ask| answer(ask)).await;
                });
            }
        });
        Self { address, asks }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its address and port.
    pub(crate) fn authority(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn asks(&self) -> Vec<Ask> {
        self.asks.lock().unwrap().clone()
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.asks.lock().unwrap().len()
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: &Mutex<Vec<Ask>>,
    answer: impl Fn(&Ask) -> Vec<Step>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let ask = {
        let mut seen = seen.lock().unwrap();
        let head = head.to_lowercase();
        let number = seen.len();
        seen.push(Ask {
            target,
            head,
            number,
        });
        seen[number].clone()
    };
    for step in answer(&ask) {
        match step {
            Step::Send(bytes) => stream.write_all(&bytes).await?,
            Step::Repeat(bytes, times) => {
                for _ in 0..times {
                    stream.write_all(&bytes).await?;
                }
            }
            Step::Wait(time) => tokio::time::sleep(time).await,
            Step::Gate(gate) => drop(gate.0.acquire().await),
            Step::Reset => {
                stream.set_zero_linger()?;
                return Ok(());
            }
        }
    }
    stream.shutdown().await
}

/// A head with these fields, and the connection's end.
pub(crate) fn head(status: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    for (name, value) in fields {
        head += &format!("{name}: {value}\r\n");
    }
    (head + "\r\n").into_bytes()
}

/// A whole answer with its length.
pub(crate) fn whole(status: &str, fields: &[(&str, &str)], body: &[u8]) -> Vec<Step> {
    let length = body.len().to_string();
    let fields = [fields, &[("Content-Length", &length)]].concat();
    vec![Step::Send(head(status, &fields)), Step::Send(body.to_vec())]
}

pub(crate) fn ok(body: &[u8]) -> Vec<Step> {
    whole("200 OK", &[], body)
}

pub(crate) fn playlist(text: &str) -> Vec<Step> {
    whole(
        "200 OK",
        &[("Content-Type", "application/vnd.apple.mpegurl")],
        text.as_bytes(),
    )
}

/// As an honest origin answers: with the range that is asked for.
pub(crate) fn honest(ask: &Ask, fields: &[(&str, &str)], body: &[u8]) -> Vec<Step> {
    let total = body.len();
    let Some((first, last)) = ask.range(total) else {
        return whole("200 OK", fields, body);
    };
    if first >= total {
        let range = format!("bytes */{total}");
        let fields = [fields, &[("Content-Range", &range)]].concat();
        return whole("416 Range Not Satisfiable", &fields, b"");
    }
    let range = format!("bytes {first}-{last}/{total}");
    let fields = [fields, &[("Content-Range", &range)]].concat();
    whole("206 Partial Content", &fields, &body[first..=last])
}

/// MPEG-TS packets, no two of them alike.
pub(crate) fn packets(count: usize) -> Vec<u8> {
    let packet = |n: usize| {
        let mut packet = [0x80 | (n % 127) as u8; 188];
        packet[0] = 0x47;
        packet[1..5].copy_from_slice(&u32::try_from(n).unwrap().to_be_bytes());
        packet
    };
    (0..count).flat_map(packet).collect()
}

/// A link as only the holder of the key can make it.
pub(crate) fn sealed(house: &House, kind: Kind, url: &str) -> String {
    let config = Config::from_toml("", house.dir.path())
        .unwrap()
        .config
        .links;
    let links = Links::open(&config.key_file, config.lifetime, config.bucket).unwrap();
    let expires = links.expiry(jiff::Timestamp::now());
    links.path(&Link::Resource {
        stream: String::new(),
        kind,
        url: url.to_owned(),
        expires,
        variables: Variables::default(),
    })
}

pub(crate) async fn code(house: &House, path: &str) -> (StatusCode, String) {
    let response = house.get(path).await;
    let status = response.status();
    let body: serde_json::Value =
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default();
    (
        status,
        body["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    )
}
