//! Many viewers of one live stream, at its own pace: each asks for the playlist
//! twice a segment and fetches each new segment once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::task::JoinSet;

use crate::Plan;
use crate::cells::{Tally, watch as watch_segment};
use crate::connection::{Connection, fetch};
use crate::origin::{LIVE_PACE, VARIANTS};
use crate::peers::{Asked, Origin, Peer, Server};
use crate::stats::quantile;

const VIEWERS: usize = 512;

/// What it came to.
pub(crate) struct Stream {
    pub(crate) peer: Peer,
    pub(crate) viewers: usize,
    /// That anybody was given, over all variants.
    pub(crate) segments: u64,
    pub(crate) segment_fetches: u64,
    pub(crate) playlist_fetches: u64,
    pub(crate) answers: u64,
    pub(crate) failures: u64,
    pub(crate) first_byte_p50: f64,
    pub(crate) first_byte_p99: f64,
    pub(crate) idle_memory: u64,
    pub(crate) peak_memory: u64,
    /// Cores that the server kept busy.
    pub(crate) server: f64,
}

pub(crate) async fn watch(plan: &Plan, origin: &Origin, server: &Server) -> Result<Stream> {
    println!("live, {VIEWERS} viewers, {:?}, {}", plan.live, server.peer);
    let mut playlists = Vec::new();
    for variant in 0..VARIANTS {
        playlists.push(
            server
                .sealed(&format!("/live/{:?}-{variant}.m3u8", server.peer))
                .await?,
        );
    }
    // One viewer has been here: what is made once is made.
    fetch(server.address, &playlists[0]).await?;
    let idle_memory = server.tree.resident()?;
    server.tree.forget_peak()?;
    let before = origin.asked().await?;
    let cpu = server.tree.cpu()?;
    let tally = Arc::new(Tally::default());
    let until = Instant::now() + plan.live;
    let mut watching = JoinSet::new();
    for viewer in 0..VIEWERS {
        let playlist = playlists[viewer % VARIANTS].clone();
        let (tally, address) = (tally.clone(), server.address);
        watching.spawn(async move {
            // They did not come at the same moment.
            tokio::time::sleep(LIVE_PACE * viewer as u32 / VIEWERS as u32 / 2).await;
            let mut last = None;
            while Instant::now() < until {
                if view(address, &playlist, &mut last, until, &tally)
                    .await
                    .is_err()
                {
                    tally.failures.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        });
    }
    // Everybody is done soon after the end, unless the server is not.
    let patience = plan.live + 2 * LIVE_PACE;
    let all = async { while watching.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(patience, all).await;
    let after = origin.asked().await?;
    let cpu = server.tree.cpu()? - cpu;
    let peak_memory = server.tree.peak()?;
    watching.shutdown().await;
    let since = |field: fn(&Asked) -> u64| field(&after) - field(&before);
    let mut first_bytes = std::mem::take(&mut *tally.first_bytes());
    let mut first =
        |share| quantile(&mut first_bytes, share).map_or(f64::NAN, |at| at.as_secs_f64());
    Ok(Stream {
        peer: server.peer,
        viewers: VIEWERS,
        segments: since(|asked| asked.live_names),
        segment_fetches: since(|asked| asked.live_segments),
        playlist_fetches: since(|asked| asked.playlists),
        answers: tally.answers.load(Ordering::Relaxed),
        failures: tally.failures.load(Ordering::Relaxed),
        first_byte_p50: first(0.5),
        first_byte_p99: first(0.99),
        idle_memory,
        peak_memory,
        server: cpu.as_secs_f64() / plan.live.as_secs_f64(),
    })
}

async fn view(
    address: SocketAddr,
    playlist: &str,
    last: &mut Option<u64>,
    until: Instant,
    tally: &Tally,
) -> Result<()> {
    let mut connection = Connection::open(address).await?;
    while Instant::now() < until {
        let asked = Instant::now();
        let answer = connection.ask(playlist).await?;
        let body = connection.read(&answer).await?;
        ensure!(answer.status == 200, "status {}", answer.status);
        for (number, segment) in segments(&String::from_utf8(body)?)? {
            // A viewer begins with the newest but two.
            if last.is_none_or(|last| number > last) {
                watch_segment(&mut connection, &segment, tally).await?;
                *last = Some(number);
            }
        }
        tokio::time::sleep((LIVE_PACE / 2).saturating_sub(asked.elapsed())).await;
    }
    Ok(())
}

/// The last three, with their numbers.
fn segments(text: &str) -> Result<Vec<(u64, String)>> {
    let first = text
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:"));
    let first: u64 = first.context("no number")?.trim().parse()?;
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let all: Vec<_> = (first..).zip(lines.map(str::to_owned)).collect();
    let from = all.len().saturating_sub(3);
    Ok(all[from..].to_vec())
}
