//! The origin: a process of its own, so that its time is told apart.
//!
//! It answers from the pages of a file in memory (sendfile), which costs next
//! to nothing; a request's path says what is wanted:
//! `/SIZE/NAME.ts` a segment of so many bytes, `/list/SIZE/PREFIX/COUNT.m3u8` a
//! playlist of segments, `/live/VARIANT.m3u8` a live one, `/count` what was asked.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::net::SendFlags;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::{TcpListener, TcpStream};

/// The longest segment.
pub(crate) const LONGEST: usize = 8 << 20;
/// Variants of the live stream.
pub(crate) const VARIANTS: usize = 2;
/// 2 Mbit/s.
pub(crate) const LIVE_SEGMENT: usize = 500_000;
/// Length of one of its segments.
pub(crate) const LIVE_PACE: Duration = Duration::from_secs(2);
const LIVE_WINDOW: u64 = 6;

struct Shop {
    /// [`content`], [`LONGEST`] bytes of it.
    file: File,
    began: Instant,
    segments: AtomicU64,
    playlists: AtomicU64,
    /// Requests of each live segment.
    live: Mutex<HashMap<String, u64>>,
}

/// Every segment is the beginning of this: packets of MPEG-TS, no two alike.
pub(crate) fn content(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes.iter_mut().step_by(188).for_each(|byte| *byte = 0x47);
    bytes
}

/// Prints its port, serves, ends with its standard input.
pub(crate) async fn serve() -> Result<()> {
    let mut file = File::from(rustix::fs::memfd_create(
        "segments",
        rustix::fs::MemfdFlags::CLOEXEC,
    )?);
    file.write_all(&content(LONGEST))?;
    let shop = Arc::new(Shop {
        file,
        began: Instant::now(),
        segments: AtomicU64::new(0),
        playlists: AtomicU64::new(0),
        live: Mutex::default(),
    });
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let listener = socket.listen(4096)?;
    println!("{}", listener.local_addr()?.port());
    tokio::spawn(accept(listener, shop));
    tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await??;
    Ok(())
}

async fn accept(listener: TcpListener, shop: Arc<Shop>) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let shop = shop.clone();
        tokio::spawn(async move { serve_one(stream, &shop).await });
    }
}

async fn serve_one(mut stream: TcpStream, shop: &Shop) -> io::Result<()> {
    let mut request = Vec::with_capacity(4096);
    loop {
        request.clear();
        while !request.ends_with(b"\r\n\r\n") {
            if request.len() > 16 << 10 || stream.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        let path = request.split(|byte| *byte == b' ').nth(1);
        let path = path.and_then(|path| std::str::from_utf8(path).ok());
        let path = path.unwrap_or_default().to_owned();
        match segment(&path) {
            Some(size) => {
                shop.segments.fetch_add(1, Ordering::Relaxed);
                if path.contains("/live-") {
                    let mut live = shop.live.lock().unwrap_or_else(PoisonError::into_inner);
                    *live.entry(path).or_default() += 1;
                }
                send(&stream, &shop.file, size).await?;
            }
            None => {
                let (status, body) = match playlist(&path, shop) {
                    Some(body) => ("200 OK", body),
                    None => ("404 Not Found", String::new()),
                };
                let head = head(status, "application/vnd.apple.mpegurl", body.len(), 1);
                stream.write_all((head + &body).as_bytes()).await?;
            }
        }
    }
}

fn segment(path: &str) -> Option<usize> {
    let (size, name) = path.strip_prefix('/')?.split_once('/')?;
    let size = size.parse().ok()?;
    (size <= LONGEST && name.ends_with(".ts")).then_some(size)
}

fn head(status: &str, media: &str, length: usize, age: u32) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {media}\r\ncontent-length: {length}\r\n\
         cache-control: max-age={age}\r\netag: \"{length}\"\r\n\r\n"
    )
}

async fn send(stream: &TcpStream, file: &File, size: usize) -> io::Result<()> {
    let head = head("200 OK", "video/mp2t", size, 3600);
    let mut head = head.as_bytes();
    while !head.is_empty() {
        // In one packet with what follows.
        let write = || {
            Ok(rustix::net::send(
                stream,
                head,
                SendFlags::MORE | SendFlags::NOSIGNAL,
            )?)
        };
        let sent = stream.async_io(Interest::WRITABLE, write).await?;
        head = &head[sent..];
    }
    let mut offset = 0;
    while (offset as usize) < size {
        let left = size - offset as usize;
        let write = || Ok(rustix::fs::sendfile(stream, file, Some(&mut offset), left)?);
        stream.async_io(Interest::WRITABLE, write).await?;
    }
    Ok(())
}

fn playlist(path: &str, shop: &Shop) -> Option<String> {
    if path == "/count" {
        let live = shop.live.lock().unwrap_or_else(PoisonError::into_inner);
        return Some(format!(
            "{} {} {} {}",
            shop.segments.load(Ordering::Relaxed),
            shop.playlists.load(Ordering::Relaxed),
            live.len(),
            live.values().sum::<u64>()
        ));
    }
    let parts: Vec<_> = path.strip_suffix(".m3u8")?.split('/').collect();
    shop.playlists.fetch_add(1, Ordering::Relaxed);
    match parts[..] {
        ["", "list", size, prefix, count] => {
            let count = count.parse().ok()?;
            let names = (0..count).map(|n: usize| format!("/{size}/{prefix}{n}.ts"));
            Some(listed(0, names) + "#EXT-X-ENDLIST\n")
        }
        ["", "live", variant] => {
            let now = shop.began.elapsed().as_secs() / LIVE_PACE.as_secs() + LIVE_WINDOW;
            let first = now - LIVE_WINDOW;
            let name = |n| format!("/{LIVE_SEGMENT}/live-{variant}-{n}.ts");
            Some(listed(first, (first..now).map(name)))
        }
        _ => None,
    }
}

fn listed(first: u64, names: impl Iterator<Item = String>) -> String {
    let pace = LIVE_PACE.as_secs();
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:{pace}\n#EXT-X-MEDIA-SEQUENCE:{first}\n"
    );
    for name in names {
        text += &format!("#EXTINF:{pace}.0,\n{name}\n");
    }
    text
}
