//! Programs that are not Cargo's or npm's to install. Root on Debian gets them
//! by itself; everybody else is told the one command.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use xshell::{Shell, cmd};

use crate::process::quietly;

/// Installs Debian packages, or fails with the command that does.
pub(crate) fn install(sh: &Shell, purpose: &str, packages: &[&str]) -> anyhow::Result<()> {
    let command = format!(
        "apt-get install -y --no-install-recommends {}",
        packages.join(" ")
    );
    if !rustix::process::geteuid().is_root() || !in_path("apt-get") {
        bail!("{purpose} is missing; install it with: sudo {command}");
    }
    println!("setup: installing {purpose} ({})", packages.join(" "));
    let _env = sh.push_env("DEBIAN_FRONTEND", "noninteractive");
    let attempt = || {
        quietly(cmd!(
            sh,
            "apt-get install -y --no-install-recommends {packages...}"
        ))
    };
    // The lists are often missing in an image, and stale elsewhere.
    if attempt().is_err() {
        quietly(cmd!(sh, "apt-get update"))?;
        attempt().with_context(|| format!("{purpose} could not be installed"))?;
    }
    Ok(())
}

/// Takes one file out of a package that is not installed.
pub(crate) fn extract(sh: &Shell, package: &str, file: &str, to: &Path) -> anyhow::Result<()> {
    let dir = to.parent().context("a file needs a directory")?;
    fs::create_dir_all(dir)?;
    let dir = tempfile::tempdir_in(dir)?;
    println!("setup: taking {file} out of {package}");
    let _dir = sh.push_dir(dir.path());
    let attempt = || quietly(cmd!(sh, "apt-get download {package}"));
    if attempt().is_err() {
        quietly(cmd!(sh, "apt-get update"))?;
        attempt().with_context(|| {
            format!(
                "{package} could not be had: put {file} of it at {}",
                to.display()
            )
        })?;
    }
    let found = fs::read_dir(dir.path())?
        .flatten()
        .map(|entry| entry.path());
    let found = found.filter(|path| path.extension().is_some_and(|end| end == "deb"));
    let deb = found.last().context("apt-get downloaded nothing")?;
    quietly(cmd!(sh, "dpkg -x {deb} ."))?;
    fs::rename(dir.path().join(file), to)?;
    Ok(())
}

/// Is there a program of that name?
pub(crate) fn in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}
