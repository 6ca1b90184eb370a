//! `install`: a plugin into the plugins directory of a service, which picks it
//! up by itself. Never seen half-written: beside, sync, rename.

use std::fs;
use std::path::Path;

use anyhow::ensure;

use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{build_plugins, component};

pub(crate) fn run(
    workspace: &Workspace,
    toolchain: Option<Toolchain>,
    key: &str,
    to: &Path,
) -> anyhow::Result<()> {
    // A directory made here would hide a mount that is missing.
    ensure!(
        to.is_dir(),
        "{} is no directory: make it, or start the service once",
        to.display()
    );
    build_plugins::run(workspace, toolchain, Some(key))?;
    let path = to.join(format!("{key}.wasm"));
    component::place(&path, &fs::read(workspace.component(key))?)?;
    println!("installed {}", path.display());
    Ok(())
}
