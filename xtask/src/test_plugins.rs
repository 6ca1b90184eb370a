//! `test-plugins`: every plugin's recorded cases, played back by the service's
//! own binary against the component that ships.

use std::path::PathBuf;

use anyhow::bail;
use xshell::cmd;

use crate::build_plugins::{self, Which};
use crate::toolchain::Toolchain;
use crate::workspace::{Workspace, cargo};

pub(crate) fn run(
    workspace: &Workspace,
    toolchain: Option<Toolchain>,
    key: Option<&str>,
    update: bool,
) -> anyhow::Result<()> {
    build_plugins::run(workspace, toolchain, key.map_or(Which::All, Which::One))?;
    program(workspace)?;
    play(workspace, key, update)
}

/// Plays the cases of what has been built.
pub(crate) fn play(workspace: &Workspace, key: Option<&str>, update: bool) -> anyhow::Result<()> {
    let sh = workspace.shell()?;
    let program = workspace.target.join("debug/f1-streams");
    let update = update.then_some("--update");
    let mut failed = Vec::new();
    for plugin in workspace.select(key)? {
        let (file, cases) = (workspace.component(&plugin.key), &plugin.cases);
        if !cases.is_dir() {
            println!("– {} has no cases", plugin.key);
            continue;
        }
        println!("\n{}", plugin.key);
        let played = cmd!(
            sh,
            "{program} test-plugin {file} --cases {cases} {update...}"
        )
        .quiet()
        .run();
        if played.is_err() {
            failed.push(plugin.key.as_str());
        }
    }
    if !failed.is_empty() {
        bail!("cases failed of {}", failed.join(", "));
    }
    Ok(())
}

/// The service's binary.
pub(crate) fn program(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let sh = workspace.shell()?;
    let (cargo, but) = (cargo(), workspace.without_plugins());
    cmd!(sh, "{cargo} build --workspace {but...}")
        .quiet()
        .run()?;
    Ok(workspace.target.join("debug/f1-streams"))
}
