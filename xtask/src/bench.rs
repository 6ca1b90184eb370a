//! `bench`: what it costs, measured on this machine with a release build.

use clap::ValueEnum;
use xshell::cmd;

use crate::build_plugins::{self, Which};
use crate::toolchain::Toolchain;
use crate::workspace::{Workspace, cargo};

/// What can be measured.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Subject {
    /// Loading, calling and holding plugins.
    Plugins,
}

pub(crate) fn run(
    workspace: &Workspace,
    toolchain: Option<Toolchain>,
    subject: Subject,
) -> anyhow::Result<()> {
    let Subject::Plugins = subject;
    for key in ["direct", "owncast"] {
        build_plugins::run(workspace, toolchain, Which::One(key))?;
    }
    let (sh, cargo) = (workspace.shell()?, cargo());
    cmd!(sh, "{cargo} bench -p f1-streams --bench plugins")
        .quiet()
        .run()?;
    Ok(())
}
