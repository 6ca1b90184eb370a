//! cargo-deny, by `deny.toml`: bans, licences and sources of all crates, also of
//! those that only fuzz; advisories against the database that is here.
//!
//! It is built from crates.io by its own lock file, once, without optimisation:
//! a minute or two, where a check takes seconds. Built files of it that others
//! offer are not taken: who made them cannot be seen.

use std::path::PathBuf;

use anyhow::Context as _;
use xshell::cmd;

use crate::process::quietly;
use crate::steps::NotRun;
use crate::workspace::{Workspace, cargo};

const VERSION: &str = "0.20.2";

/// Every lock file of crates, by its manifest.
const MANIFESTS: [&str; 2] = ["Cargo.toml", "host/fuzz/Cargo.toml"];

/// Bans, licences and sources.
pub(super) fn policy(workspace: &Workspace) -> anyhow::Result<()> {
    check(workspace, &[], &["bans", "licenses", "sources"])
}

/// Known vulnerabilities; the database is fetched where it can be.
pub(super) fn advisories(workspace: &Workspace) -> anyhow::Result<()> {
    let deny = ensure(workspace)?;
    let sh = workspace.shell()?;
    let fetched = quietly(cmd!(sh, "{deny} fetch db")).is_ok();
    if !fetched && !has_database()? {
        let why = "the advisory database is not here and cannot be fetched; where it can be: cargo xtask check";
        return Err(NotRun(why.into()).into());
    }
    let offline: &[&str] = if fetched { &[] } else { &["--offline"] };
    check(workspace, offline, &["advisories"])
}

fn check(workspace: &Workspace, how: &[&str], what: &[&str]) -> anyhow::Result<()> {
    let deny = ensure(workspace)?;
    let sh = workspace.shell()?;
    let quiet = ["--log-level", "error"];
    for manifest in MANIFESTS {
        let of = ["--manifest-path", manifest, "--config", "deny.toml"];
        cmd!(
            sh,
            "{deny} --locked {quiet...} {of...} {how...} check {what...}"
        )
        .quiet()
        .run()
        .with_context(|| format!("{}: {manifest}", what.join(", ")))?;
    }
    Ok(())
}

/// Installs it where it is not; returns its path.
fn ensure(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let dir = workspace.target.join("tools/cargo-deny");
    let program = dir.join("bin/cargo-deny");
    let sh = workspace.shell()?;
    let is_there = cmd!(sh, "{program} --version")
        .quiet()
        .ignore_stderr()
        .read()
        .is_ok_and(|said| said.ends_with(&format!(" {VERSION}")));
    if is_there {
        return Ok(program);
    }
    println!("setup: building cargo-deny {VERSION}");
    let cargo = cargo();
    let (built, lean) = (dir.join("target"), "profile.dev.debug=false");
    let install = cmd!(
        sh,
        "{cargo} install --locked --debug --force --config {lean} --root {dir} cargo-deny@{VERSION}"
    );
    quietly(install.env("CARGO_TARGET_DIR", &built)).map_err(|why| {
        eprintln!("{why:#}");
        NotRun(format!(
            "cargo-deny is not here and cannot be built; where it can be: cargo install --locked cargo-deny@{VERSION} --root {}",
            dir.display()
        ))
    })?;
    // Only needed to build it: half a gigabyte.
    std::fs::remove_dir_all(built)?;
    Ok(program)
}

/// Whether a database was fetched earlier, to where cargo-deny keeps it.
fn has_database() -> anyhow::Result<bool> {
    let home = match std::env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => {
            let home = std::env::var_os("HOME").context("neither CARGO_HOME nor HOME is set")?;
            PathBuf::from(home).join(".cargo")
        }
    };
    // It is a checkout; a lock and what was left of a failed fetch are none.
    let Ok(kept) = std::fs::read_dir(home.join("advisory-dbs")) else {
        return Ok(false);
    };
    Ok(kept.flatten().any(|one| one.path().join("crates").is_dir()))
}
