//! `build-plugins`: every plugin from source to `target/plugins/KEY.wasm`.

use std::fs;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use crate::component;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

pub(crate) fn run(
    workspace: &Workspace,
    toolchain: Option<Toolchain>,
    key: Option<&str>,
) -> anyhow::Result<()> {
    let selected = workspace.select(key)?;
    let toolchain = Toolchain::ensure(&workspace.shell()?, toolchain)?;
    let keys: Vec<_> = selected.iter().map(|plugin| plugin.key.as_str()).collect();
    let modules = toolchain
        .build(workspace, &keys)
        .context("building plugins")?;
    fs::create_dir_all(workspace.target.join("plugins"))?;

    println!(
        "{:<16} {:<8} {:>9}  sha256 ({})",
        "plugin",
        "version",
        "bytes",
        toolchain.name()
    );
    for plugin in selected {
        let path = modules.join(format!("{}.wasm", plugin.module));
        let module = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let component = component::encode(&module).with_context(|| plugin.key.clone())?;
        component::place(&workspace.component(&plugin.key), &component)?;
        let (size, digest) = (component.len(), hex(&Sha256::digest(&component)));
        println!(
            "{:<16} {:<8} {size:>9}  {digest}",
            plugin.key, plugin.version
        );
    }
    Ok(())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
