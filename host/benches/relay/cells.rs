//! One measure: so many viewers of segments of one size at one server, for a
//! while; and all of them, in turn.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use crate::Plan;
use crate::connection::Connection;
use crate::peers::{Origin, Peer, Server};
use crate::stats::{median, quantile};
use crate::usage::own_cpu;

/// Segments that the viewers of a stream go through together.
const SHARED: usize = 16;
/// A pause after what should not happen, so that it does not become a flood.
const PAUSE: Duration = Duration::from_millis(20);
/// The longest wait for a server's first answer, and for its rest after it was
/// measured: work on answers that were cut off must not count against the next.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(100);

/// By bytes of a segment and number of viewers.
pub(crate) type Figures = BTreeMap<(usize, usize), BTreeMap<Peer, Figure>>;

/// What a measure came to. Not a number: there was nothing to tell it from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) bytes_per_second: f64,
    pub(crate) cpu_per_gb: f64,
    pub(crate) first_byte_p50: f64,
    pub(crate) first_byte_p99: f64,
    pub(crate) peak_memory: f64,
    /// Fetches at the origin, from the beginning of the warm-up.
    pub(crate) fetches: f64,
    /// Answers from the beginning of the warm-up, whole or not.
    pub(crate) answers: f64,
    pub(crate) failures: f64,
    /// Cores that each kept busy.
    pub(crate) server: f64,
    pub(crate) origin: f64,
    pub(crate) viewers: f64,
}

impl Figure {
    /// Bytes per second of every core that they kept busy together: what it is
    /// worth where others took part of the cores.
    pub(crate) fn bytes_per_core(&self) -> f64 {
        self.bytes_per_second / (self.server + self.origin + self.viewers)
    }

    fn median_of(rounds: &[Self]) -> Self {
        let of = |field: fn(&Self) -> f64| median(rounds.iter().map(field));
        Self {
            bytes_per_second: of(|figure| figure.bytes_per_second),
            cpu_per_gb: of(|figure| figure.cpu_per_gb),
            first_byte_p50: of(|figure| figure.first_byte_p50),
            first_byte_p99: of(|figure| figure.first_byte_p99),
            peak_memory: of(|figure| figure.peak_memory),
            fetches: of(|figure| figure.fetches),
            answers: of(|figure| figure.answers),
            failures: of(|figure| figure.failures),
            server: of(|figure| figure.server),
            origin: of(|figure| figure.origin),
            viewers: of(|figure| figure.viewers),
        }
    }
}

/// What viewers count together.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) bytes: AtomicU64,
    pub(crate) answers: AtomicU64,
    pub(crate) failures: AtomicU64,
    first_bytes: Mutex<Vec<Duration>>,
}

impl Tally {
    pub(crate) fn first_bytes(&self) -> MutexGuard<'_, Vec<Duration>> {
        self.first_bytes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What every round came to.
#[derive(Default)]
pub(crate) struct Rounds(BTreeMap<(usize, usize, Peer), Vec<Figure>>);

impl Rounds {
    /// Measures all `servers` in turn, once.
    pub(crate) async fn measure(
        &mut self,
        plan: &Plan,
        round: usize,
        origin: &Origin,
        servers: &[Server],
    ) -> Result<()> {
        for (size, viewers) in cells(plan) {
            for server in servers {
                let figure = one(plan, origin, server, (size, viewers), round).await?;
                println!(
                    "round {} of {}, {:>3} kB, {viewers:>3} viewers, {:<23} {:>7.0} MB/s {:>7.2} CPU s/GB",
                    round + 1,
                    plan.rounds,
                    size / 1000,
                    server.peer.to_string(),
                    figure.bytes_per_second / 1e6,
                    figure.cpu_per_gb,
                );
                let key = (size, viewers, server.peer);
                self.0.entry(key).or_default().push(figure);
            }
        }
        Ok(())
    }

    /// The medians.
    pub(crate) fn figures(&self) -> Figures {
        let mut figures = Figures::new();
        for ((size, viewers, peer), rounds) in &self.0 {
            let cell = figures.entry((*size, *viewers)).or_default();
            cell.insert(*peer, Figure::median_of(rounds));
        }
        figures
    }
}

fn cells(plan: &Plan) -> impl Iterator<Item = (usize, usize)> {
    let sizes = plan.sizes.iter();
    sizes.flat_map(|size| plan.viewers.iter().map(|viewers| (*size, *viewers)))
}

async fn one(
    plan: &Plan,
    origin: &Origin,
    server: &Server,
    (size, viewers): (usize, usize),
    round: usize,
) -> Result<Figure> {
    // Who shares goes through the same new segments together; who does not has
    // one of his own, over and over.
    let paths: Vec<Vec<String>> = if server.peer.is_shared() {
        let prefix = format!("s{round}-{viewers}-");
        vec![server.paths(size, &prefix, SHARED).await?; viewers]
    } else {
        let paths = server.paths(size, "v", viewers).await?;
        paths.into_iter().map(|path| vec![path]).collect()
    };
    let tally = Arc::new(Tally::default());
    let before = origin.asked().await?;
    server.tree.forget_peak()?;
    let mut watching = JoinSet::new();
    for paths in paths {
        let (tally, address) = (tally.clone(), server.address);
        watching.spawn(async move {
            loop {
                if view(address, &paths, &tally).await.is_err() {
                    tally.failures.fetch_add(1, Ordering::Relaxed);
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
    tokio::time::sleep(plan.warm_up).await;
    let began = Instant::now();
    while tally.answers.load(Ordering::Relaxed) == 0 && began.elapsed() < PATIENCE {
        tokio::time::sleep(LOOK).await;
    }
    tally.first_bytes().clear();
    let taken = || -> Result<_> {
        let bytes = tally.bytes.load(Ordering::Relaxed);
        let (server, origin) = (server.tree.cpu()?, origin.tree.cpu()?);
        Ok((Instant::now(), bytes, server, origin, own_cpu()?))
    };
    let from = taken()?;
    tokio::time::sleep(plan.measure).await;
    let to = taken()?;
    let mut first_bytes = std::mem::take(&mut *tally.first_bytes());
    let peak_memory = server.tree.peak()? as f64;
    let after = origin.asked().await?;
    watching.shutdown().await;
    rest(server).await?;

    let seconds = (to.0 - from.0).as_secs_f64();
    let bytes = (to.1 - from.1) as f64;
    let cores = |from: Duration, to: Duration| (to - from).as_secs_f64() / seconds;
    let is_origin = server.peer == Peer::Origin;
    let mut first =
        |share| quantile(&mut first_bytes, share).map_or(f64::NAN, |at| at.as_secs_f64());
    Ok(Figure {
        bytes_per_second: bytes / seconds,
        cpu_per_gb: (to.2 - from.2).as_secs_f64() / (bytes / 1e9),
        first_byte_p50: first(0.5),
        first_byte_p99: first(0.99),
        peak_memory,
        fetches: (after.segments - before.segments) as f64,
        answers: tally.answers.load(Ordering::Relaxed) as f64,
        failures: tally.failures.load(Ordering::Relaxed) as f64,
        server: if is_origin { 0.0 } else { cores(from.2, to.2) },
        origin: cores(from.3, to.3),
        viewers: cores(from.4, to.4),
    })
}

/// Waits until the server does next to nothing.
async fn rest(server: &Server) -> Result<()> {
    let began = Instant::now();
    let mut cpu = server.tree.cpu()?;
    while began.elapsed() < PATIENCE {
        tokio::time::sleep(LOOK).await;
        let now = server.tree.cpu()?;
        if now.saturating_sub(cpu) <= LOOK / 10 {
            break;
        }
        cpu = now;
    }
    Ok(())
}

/// One connection's life.
async fn view(address: std::net::SocketAddr, paths: &[String], tally: &Tally) -> Result<()> {
    let mut connection = Connection::open(address).await?;
    for path in paths.iter().cycle() {
        watch(&mut connection, path, tally).await?;
    }
    Ok(())
}

/// One segment, counted.
pub(crate) async fn watch(connection: &mut Connection, path: &str, tally: &Tally) -> Result<()> {
    let answer = connection.ask(path).await?;
    anyhow::ensure!(answer.status == 200, "status {}", answer.status);
    tally.answers.fetch_add(1, Ordering::Relaxed);
    tally.first_bytes().push(answer.first_byte);
    let count = |bytes| _ = tally.bytes.fetch_add(bytes, Ordering::Relaxed);
    connection.discard(&answer, count).await
}
