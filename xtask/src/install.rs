//! `install`: a plugin into the plugins directory of a service, which picks it
//! up by itself, with the signature that lies beside it. Never seen half-written:
//! beside, sync, rename.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::build_plugins::{self, Which};
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{component, digest};

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
    build_plugins::run(workspace, toolchain, Which::One(key))?;
    let path = to.join(format!("{key}.wasm"));
    let component = fs::read(workspace.component(key))?;
    // Before the file: it is looked for when the file is seen.
    let signature = workspace.component(key).with_extension("wasm.minisig");
    match fs::read(&signature) {
        Ok(text) => component::place(&path.with_extension("wasm.minisig"), &text)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| signature.display().to_string()),
    }
    component::place(&path, &component)?;
    println!("\ninstalled {}", path.display());
    println!("sha256    {}", digest::of(&component));
    println!("A service that watches this directory takes it within a poll (plugins.poll, 5 s).");
    println!("What became of it: /admin, or the log line that names this digest.");
    Ok(())
}
