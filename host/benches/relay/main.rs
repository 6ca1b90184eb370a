//! The relay beside its peers, on loopback, against one origin.
//!
//! Run by `cargo xtask bench relay`, which installs the peers. Everybody is
//! started anew for each round and measured in turn, so that what else the
//! machine does hits all alike; figures are medians of the rounds. Origin and
//! viewers share the cores with what is measured and say what they took. The
//! origin hands out pages of a file, the viewers throw away what arrives
//! without copying it, so that most of the time is the server's in between.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]
#![allow(clippy::disallowed_methods, reason = "measures a service from outside")]

mod cells;
mod configurations;
mod connection;
mod live;
mod origin;
mod peers;
mod report;
mod stats;
mod targets;
mod usage;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;

use peers::Peer;

#[derive(Parser)]
struct Arguments {
    /// A short run, for development: its figures say little.
    #[arg(long)]
    quick: bool,
    /// Only these.
    #[arg(long = "peer", value_enum, value_name = "PEER")]
    peers: Vec<Peer>,
    /// Only with so many viewers.
    #[arg(long, value_name = "N")]
    viewers: Vec<usize>,
    /// Only segments of so many bytes.
    #[arg(long, value_name = "BYTES")]
    size: Vec<usize>,
    #[arg(long)]
    rounds: Option<usize>,
    /// How long each measure takes, after as long a warm-up at most.
    #[arg(long)]
    seconds: Option<f64>,
    /// How long the live stream is watched; 0 leaves it out.
    #[arg(long)]
    live: Option<u64>,
    /// Another build of the service.
    #[arg(long, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_f1-streams"))]
    program: PathBuf,
    /// Where the peers are installed.
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    installed: PathBuf,
    /// Where the tables go, besides the terminal.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Serves what the others fetch, until its standard input ends.
    #[arg(long, hide = true)]
    origin: bool,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What is run.
struct Plan {
    quick: bool,
    peers: Vec<Peer>,
    viewers: Vec<usize>,
    sizes: Vec<usize>,
    rounds: usize,
    warm_up: Duration,
    measure: Duration,
    live: Duration,
}

impl From<&Arguments> for Plan {
    fn from(arguments: &Arguments) -> Self {
        let quick = arguments.quick;
        let or = |given: &[usize], full: &[usize], short: &[usize]| match (given, quick) {
            ([], true) => short.to_vec(),
            ([], false) => full.to_vec(),
            _ => given.to_vec(),
        };
        let seconds = arguments.seconds.unwrap_or(if quick { 0.7 } else { 2.0 });
        let measure = Duration::from_secs_f64(seconds);
        Self {
            quick,
            peers: match &arguments.peers[..] {
                [] => Peer::ALL.to_vec(),
                chosen => chosen.to_vec(),
            },
            viewers: or(&arguments.viewers, &[1, 8, 64, 512], &[8, 64]),
            sizes: or(
                &arguments.size,
                &[200_000, 4_000_000],
                &[200_000, 4_000_000],
            ),
            rounds: arguments.rounds.unwrap_or(if quick { 1 } else { 3 }),
            warm_up: measure / 3,
            measure,
            live: Duration::from_secs(arguments.live.unwrap_or(if quick { 8 } else { 30 })),
        }
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    usage::allow_many_files()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    if arguments.origin {
        return runtime.block_on(origin::serve());
    }
    runtime.block_on(run(&arguments))
}

async fn run(arguments: &Arguments) -> Result<()> {
    let plan = Plan::from(arguments);
    let begun = usage::load();
    let mut rounds = cells::Rounds::default();
    let mut absent = BTreeMap::new();
    let mut streams = Vec::new();
    for round in 0..plan.rounds {
        // Hundreds of viewers of long segments leave connections behind whose
        // windows the kernel has made small for good.
        let dir = tempfile::tempdir()?;
        let origin = peers::Origin::start().await?;
        let mut servers = Vec::new();
        for peer in &plan.peers {
            match peers::start(*peer, arguments, &origin, dir.path()).await {
                Ok(server) => servers.push(server),
                Err(error) => {
                    println!("{peer}: not run: {error:#}");
                    absent.insert(*peer, format!("{error:#}"));
                }
            }
        }
        if round == 0 && !plan.live.is_zero() {
            for server in servers.iter().filter(|server| server.peer.is_shared()) {
                streams.push(live::watch(&plan, &origin, server).await?);
            }
        }
        rounds.measure(&plan, round, &origin, &servers).await?;
    }
    let figures = rounds.figures();
    let absent: Vec<_> = absent.into_iter().collect();
    let mut text = report::facts(arguments, &plan, begun, &absent);
    text += &targets::table(&figures, &streams);
    text += &report::tables(&figures);
    text += &report::live(&streams);
    println!("\n{text}");
    if let Some(file) = &arguments.write {
        std::fs::write(file, text)?;
    }
    Ok(())
}
