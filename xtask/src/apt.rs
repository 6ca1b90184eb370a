//! Programs that are not Cargo's or npm's to install. Root on Debian gets them
//! by itself; everybody else is told the one command.

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

/// Is there a program of that name?
pub(crate) fn in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}
