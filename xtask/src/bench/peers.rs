//! The proxies that the relay is measured beside, in `target/bench`. One that
//! cannot be had is not run; the others are.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use xshell::cmd;

use crate::apt;
use crate::process::quietly;
use crate::workspace::Workspace;

const MEDIAFLOW: &str = "mediaflow-proxy==2.4.9";
const HLS_PROXY: &str = "@warren-bank/hls-proxy@3.6.6";

/// Installs what is not there yet; returns the directory.
pub(super) fn ensure(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let dir = workspace.target.join("bench");
    fs::create_dir_all(&dir)?;
    let attempts = [
        ("nginx", nginx(workspace)),
        (
            MEDIAFLOW,
            once(&dir, "mediaflow", MEDIAFLOW, || mediaflow(workspace, &dir)),
        ),
        (
            HLS_PROXY,
            once(&dir, "hls-proxy", HLS_PROXY, || hls_proxy(workspace, &dir)),
        ),
    ];
    for (peer, attempt) in attempts {
        if let Err(error) = attempt {
            println!("bench: {peer} will not be run: {error:#}");
        }
    }
    Ok(dir)
}

fn once(
    dir: &Path,
    name: &str,
    version: &str,
    install: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let stamp = dir.join(format!("{name}.installed"));
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == version) {
        return Ok(());
    }
    println!("bench: installing {version}");
    install()?;
    Ok(fs::write(stamp, version)?)
}

fn nginx(workspace: &Workspace) -> anyhow::Result<()> {
    if apt::in_path("nginx") || Path::new("/usr/sbin/nginx").is_file() {
        return Ok(());
    }
    apt::install(&workspace.shell()?, "nginx", &["nginx-light"])
}

fn mediaflow(workspace: &Workspace, dir: &Path) -> anyhow::Result<()> {
    let sh = workspace.shell()?;
    let venv = dir.join("venv");
    quietly(cmd!(sh, "python3 -m venv --clear {venv}")).context("python3-venv is missing")?;
    let python = venv.join("bin/python");
    let quiet = ["--disable-pip-version-check", "--quiet"];
    quietly(cmd!(sh, "{python} -m pip install {quiet...} {MEDIAFLOW}"))
}

fn hls_proxy(workspace: &Workspace, dir: &Path) -> anyhow::Result<()> {
    let sh = workspace.shell()?;
    let quiet = [
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
        "--ignore-scripts",
    ];
    quietly(cmd!(
        sh,
        "npm install --prefix {dir} {quiet...} {HLS_PROXY}"
    ))
}
