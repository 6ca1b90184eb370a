//! The frontend's packages and its build. Each is made again only when what it
//! is made from has changed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};
use xshell::cmd;

use crate::build_plugins::hex;
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

fn check_node(workspace: &Workspace) -> anyhow::Result<()> {
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
    let sources = digest(&dir)?;
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

/// Of every source's path and bytes: a checkout changes times, not contents.
fn digest(dir: &Path) -> anyhow::Result<String> {
    let mut files = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(at) = dirs.pop() {
        for entry in fs::read_dir(&at).with_context(|| format!("reading {}", at.display()))? {
            let entry = entry?;
            if at == dir && NOT_SOURCE.iter().any(|name| entry.file_name() == *name) {
                continue;
            }
            match entry.file_type()? {
                kind if kind.is_dir() => dirs.push(entry.path()),
                _ => files.push(entry.path()),
            }
        }
    }
    files.sort();
    let mut sum = Sha256::new();
    for file in files {
        let bytes = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
        sum.update(file.strip_prefix(dir)?.as_os_str().as_encoded_bytes());
        sum.update((bytes.len() as u64).to_le_bytes());
        sum.update(bytes);
    }
    Ok(hex(&sum.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_follows_sources_and_nothing_else() {
        let dir = tempfile::tempdir().expect("a directory");
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, text).expect("written");
        };
        let now = || digest(dir.path()).expect("a digest");
        write("src/a.ts", "one");
        let first = now();
        write("build/index.html", "x");
        write("node_modules/m/index.js", "x");
        assert_eq!(now(), first);
        write("src/a.ts", "one");
        assert_eq!(now(), first);
        write("src/build/b.ts", "");
        let second = now();
        assert_ne!(second, first);
        write("src/a.ts", "two");
        assert_ne!(now(), second);
    }
}
