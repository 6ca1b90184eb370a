//! The frontend's packages and its build. Each is made again only when what it
//! is made from has changed.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use xshell::cmd;

use crate::digest::Sum;
use crate::process::quietly;
use crate::workspace::Workspace;

/// The oldest line that the frontend's tools run on.
const NODE: (u32, u32) = (20, 19);

/// Made by tools, or no part of the build.
const NOT_SOURCE: [&str; 5] = [
    "node_modules",
    "build",
    ".svelte-kit",
    "e2e",
    "test-results",
];

/// Installs packages and builds, each where it is needed.
pub(crate) fn ensure(workspace: &Workspace) -> anyhow::Result<()> {
    check_node(workspace)?;
    install(workspace)?;
    build(workspace)
}

/// Runs one of the frontend's scripts.
pub(crate) fn script(
    workspace: &Workspace,
    name: &str,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> anyhow::Result<()> {
    let sh = workspace.shell()?;
    sh.change_dir(workspace.frontend());
    let command = cmd!(sh, "npm run --silent {name} -- {arguments...}");
    command.envs(environment.iter().copied()).quiet().run()?;
    Ok(())
}

/// An error that says how to get Node, where there is none that will do.
pub(crate) fn check_node(workspace: &Workspace) -> anyhow::Result<()> {
    let sh = workspace.shell()?;
    let found = cmd!(sh, "node --version")
        .quiet()
        .ignore_stderr()
        .read()
        .unwrap_or_default();
    let mut parts = found
        .trim_start_matches('v')
        .split('.')
        .map_while(|part| part.parse().ok());
    let version: (u32, u32) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if version < NODE {
        let found = if found.is_empty() { "none" } else { &found };
        bail!(
            "Node {}.{} or newer is needed and {found} was found; see https://nodejs.org/en/download",
            NODE.0,
            NODE.1
        );
    }
    Ok(())
}

fn install(workspace: &Workspace) -> anyhow::Result<()> {
    let dir = workspace.frontend();
    let modified = |path: PathBuf| fs::metadata(path).and_then(|found| found.modified());
    let wanted = modified(dir.join("package-lock.json")).context("frontend/package-lock.json")?;
    // npm writes this file last.
    if modified(dir.join("node_modules/.package-lock.json")).is_ok_and(|done| done >= wanted) {
        return Ok(());
    }
    println!("setup: npm ci in frontend");
    let sh = workspace.shell()?;
    sh.change_dir(&dir);
    quietly(cmd!(sh, "npm ci --no-audit --no-fund --loglevel=error"))
}

fn build(workspace: &Workspace) -> anyhow::Result<()> {
    let dir = workspace.frontend();
    let stamp = workspace.target.join("frontend.stamp");
    let sources = Sum::default().tree(&dir, &NOT_SOURCE)?.finish();
    let built = fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == sources);
    if built && dir.join("build/index.html").is_file() {
        return Ok(());
    }
    println!("setup: building the frontend");
    let sh = workspace.shell()?;
    sh.change_dir(&dir);
    quietly(cmd!(sh, "npm run --silent build"))?;
    fs::create_dir_all(&workspace.target)?;
    fs::write(stamp, sources)?;
    Ok(())
}
