//! `bench`: what it costs, measured on this machine with a release build.

mod peers;
mod relay;

use clap::Subcommand;
use xshell::cmd;

use crate::build_plugins::{self, Which};
use crate::toolchain::Toolchain;
use crate::workspace::{Workspace, cargo};

/// What can be measured.
#[derive(Subcommand)]
pub(crate) enum Subject {
    /// Loading, calling and holding plugins.
    Plugins,
    /// Rewriting playlists.
    Playlist,
    /// Bytes through the relay, beside other proxies; writes docs/benchmarks.md.
    Relay(relay::Arguments),
}

pub(crate) fn run(
    workspace: &Workspace,
    toolchain: Option<Toolchain>,
    subject: &Subject,
) -> anyhow::Result<()> {
    match subject {
        Subject::Plugins => {
            for key in ["direct", "owncast"] {
                build_plugins::run(workspace, toolchain, Which::One(key))?;
            }
            bench(workspace, "plugins")
        }
        Subject::Playlist => bench(workspace, "playlist"),
        Subject::Relay(arguments) => relay::run(workspace, arguments),
    }
}

fn bench(workspace: &Workspace, name: &str) -> anyhow::Result<()> {
    let (sh, cargo) = (workspace.shell()?, cargo());
    Ok(cmd!(sh, "{cargo} bench -p f1-streams --bench {name}")
        .quiet()
        .run()?)
}
