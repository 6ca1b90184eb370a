//! `demo`: the whole system on this machine, to look at; with `--check`, looked
//! at by a player instead.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::player;
use crate::setup::{self, Needs};
use crate::stack::{self, Stack};
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

const DEFAULT_PORT: u16 = 8080;

/// How long `--check` plays.
pub(crate) const CHECKED: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The service's port [default: 8080; with --check, a free one].
    #[arg(long)]
    port: Option<u16>,
    /// Plays ten seconds through the proxy, prints what was seen, and ends.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(
    workspace: &Workspace,
    toolchain: Option<Toolchain>,
    arguments: &Arguments,
) -> anyhow::Result<()> {
    let port = arguments
        .port
        .unwrap_or(if arguments.check { 0 } else { DEFAULT_PORT });
    // Again at the start; before minutes of building it is news.
    stack::free_port(port)?;
    setup::run(
        workspace,
        toolchain,
        Needs {
            plugins: true,
            languages: false,
            browser: false,
        },
    )?;
    stack::build(workspace, toolchain)?;
    if arguments.check {
        let stack = Stack::start(workspace, "demo-check", port)?;
        return check(&stack);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let (signalled, main) = (stop.clone(), thread::current());
    ctrlc::set_handler(move || {
        signalled.store(true, Ordering::Relaxed);
        main.unpark();
    })?;
    let mut stack = Stack::start(workspace, "demo", port)?;
    introduce(&stack);
    while !stop.load(Ordering::Relaxed) {
        stack.check()?;
        thread::park_timeout(Duration::from_millis(500));
    }
    println!("\nstopping");
    Ok(())
}

/// Plays through the proxy and says what was seen.
pub(crate) fn check(stack: &Stack) -> anyhow::Result<()> {
    let seen = || {
        let stream = player::wait_for_stream(&stack.viewer)?;
        println!("stream   {stream}");
        let played = player::play(&stack.viewer, &stream, CHECKED)?;
        println!("played   {played}");
        println!("from     {} and nowhere else", stack.viewer.base());
        Ok(())
    };
    seen().map_err(|error| stack.explain(error))
}

fn introduce(stack: &Stack) {
    let base = stack.viewer.base().as_str().trim_end_matches('/');
    let stream = "site-a.main";
    let plugins = stack.dir.join("data/plugins");
    println!(
        "
f1-streams is up, with a simulated internet behind it.

  schedule   {base}/
  watch      {base}/watch
  admin      {base}/admin       token {token}
  a player   ffmpeg -t 10 -i {base}/streams/{stream}/master.m3u8 -f null -
             vlc {base}/streams/{stream}/master.m3u8
  plugins    edit plugins/site-a, then cargo xtask install site-a --to {plugins}
  log        {log}

Ctrl-C ends it.",
        token = stack.admin_token,
        plugins = plugins.display(),
        log = stack.dir.join("host.log").display(),
    );
}
