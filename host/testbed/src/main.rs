//! The testbed as a process: binds, prints one line of JSON that says where
//! everything is, and runs until it is told to stop. Nothing else goes to
//! standard output; messages go to standard error.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::Context as _;
use clap::Parser;
use f1_streams_testbed::{Options, Testbed};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

/// A simulated internet for f1-streams, on loopback.
#[derive(Debug, Parser)]
struct Arguments {
    /// Address of the sites and the CDN.
    #[arg(long, default_value = "127.0.0.2")]
    sites_ip: IpAddr,
    /// Address of the schedule APIs.
    #[arg(long, default_value = "127.0.0.3")]
    schedule_ip: IpAddr,
    /// Address and port of the control port [default: a free port of --sites-ip].
    #[arg(long)]
    control: Option<SocketAddr>,
    /// Seconds by which the stream's clock is ahead of the wall clock.
    #[arg(long, default_value_t = 0)]
    stream_clock_offset: u64,
    /// Also end when standard input closes, as it does when a parent dies.
    #[arg(long)]
    exit_with_stdin: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();

    // Handlers first: whoever has read the line below may signal at once.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let testbed = Testbed::start(Options {
        sites_ip: arguments.sites_ip,
        schedule_ip: arguments.schedule_ip,
        control: arguments.control,
        stream_clock_offset: Duration::from_secs(arguments.stream_clock_offset),
        ..Options::default()
    })
    .await?;
    announce(&testbed).context("printing the addresses")?;

    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = stdin_closed(), if arguments.exit_with_stdin => {}
    }
    Ok(())
}

fn announce(testbed: &Testbed) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", serde_json::to_string(testbed.info())?)?;
    stdout.flush()?;
    Ok(())
}

/// A thread of its own: a blocked read of standard input would hold up the
/// end of the runtime.
async fn stdin_closed() {
    let (closed, wait) = oneshot::channel();
    std::thread::spawn(move || {
        let mut sink = [0; 256];
        while matches!(std::io::stdin().read(&mut sink), Ok(n) if n > 0) {}
        let _ = closed.send(());
    });
    let _ = wait.await;
}
