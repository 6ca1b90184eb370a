//! Plugins in JavaScript: componentize-js with what the lock file names, in
//! `target/tools/js`; nothing is installed for the machine.

use std::fs;
use std::path::{Path, PathBuf};

use xshell::cmd;

use crate::digest::Sum;
use crate::frontend;
use crate::process::quietly;
use crate::stage::Stage;
use crate::workspace::{Plugin, Workspace};

const FILES: [(&str, &str); 4] = [
    ("package.json", include_str!("../tools/js/package.json")),
    (
        "package-lock.json",
        include_str!("../tools/js/package-lock.json"),
    ),
    (".npmrc", include_str!("../tools/js/.npmrc")),
    (SCRIPT, include_str!("../tools/js/componentize.mjs")),
];
const SCRIPT: &str = "componentize.mjs";

/// Installs the tools where they are not; returns their directory.
pub(crate) fn ensure(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let dir = workspace.target.join("tools/js");
    let stamp = dir.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == tools()) {
        return Ok(dir);
    }
    frontend::check_node(workspace)?;
    println!("setup: npm ci for plugins in JavaScript");
    fs::create_dir_all(&dir)?;
    for (name, text) in FILES {
        fs::write(dir.join(name), text)?;
    }
    let sh = workspace.shell()?;
    sh.change_dir(&dir);
    let quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
    // None of them needs a script of its own to work.
    quietly(cmd!(sh, "npm ci --ignore-scripts {quiet...}"))?;
    fs::write(stamp, tools())?;
    Ok(dir)
}

/// What they are, for what is made with them.
pub(crate) fn tools() -> String {
    let all = FILES.iter();
    all.fold(Sum::default(), |sum, (_, text)| sum.text(text))
        .finish()
}

pub(crate) fn sdk(workspace: &Workspace) -> PathBuf {
    workspace.root.join("plugins/sdk-js")
}

/// By the frontend's formatter and its settings.
pub(crate) fn check_format(workspace: &Workspace) -> anyhow::Result<()> {
    let files = workspace.sources(&["js", "mjs"])?;
    let sh = workspace.shell()?;
    sh.change_dir(workspace.frontend());
    let prettier = "node_modules/prettier/bin/prettier.cjs";
    let check = cmd!(sh, "node {prettier} --config .prettierrc --check");
    quietly(check.args(files))
}

/// What of the SDK needs no host.
pub(crate) fn test(workspace: &Workspace) -> anyhow::Result<()> {
    frontend::check_node(workspace)?;
    let (sh, tests) = (workspace.shell()?, sdk(workspace).join("tests"));
    quietly(cmd!(sh, "node --test {tests}"))
}

/// Builds one plugin to a component.
pub(crate) fn build(workspace: &Workspace, plugin: &Plugin, to: &Path) -> anyhow::Result<()> {
    let tools = ensure(workspace)?;
    let (key, version) = (&plugin.key, &plugin.version);
    let manifest = format!("export const key = '{key}';\nexport const version = '{version}';\n");
    let stage = Stage::new(plugin, &sdk(workspace), ("manifest.js", &manifest))?;
    let sh = workspace.shell()?;
    sh.change_dir(stage.path());
    let (script, wit) = (tools.join(SCRIPT), workspace.root.join("wit"));
    let source = format!("{key}/plugin.js");
    quietly(cmd!(sh, "node {script} {source} {wit} {to}"))
}
