//! `build-plugins`: every plugin from source to `target/plugins/KEY.wasm`, in
//! whichever language, and the list of them in `plugins.lock` beside.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::digest::{self, Sum};
use crate::language::Language;
use crate::lock::{Entry, Lock};
use crate::stage::NOT_SOURCE;
use crate::toolchain::Toolchain;
use crate::workspace::{Build, Plugin, Workspace};
use crate::{component, javascript, python};

/// Which of them.
#[derive(Clone, Copy)]
pub(crate) enum Which<'k> {
    All,
    In(Language),
    One(&'k str),
}

/// Builds and lists them; what has not changed is not built again.
pub(crate) fn run(
    workspace: &Workspace,
    toolchain: Option<Toolchain>,
    which: Which<'_>,
) -> anyhow::Result<()> {
    let selected = select(workspace, which)?;
    let dir = workspace.target.join("plugins");
    fs::create_dir_all(&dir)?;
    cargo(workspace, toolchain, &selected)?;

    for plugin in &selected {
        match plugin.build {
            Build::Cargo { .. } => {}
            Build::Js => unless_built(workspace, plugin, javascript::build)?,
            Build::Python => unless_built(workspace, plugin, python::build)?,
        }
    }
    list(workspace, &selected, &dir.join("plugins.lock"))
}

fn list(workspace: &Workspace, selected: &[&Plugin], lock_file: &Path) -> anyhow::Result<()> {
    let mut lock = Lock::read(lock_file);
    lock.keep(|key| workspace.plugins.iter().any(|plugin| plugin.key == key));
    println!(
        "{:<20} {:<8} {:<7} {:>9}  sha256",
        "plugin", "version", "lang", "bytes"
    );
    for plugin in selected {
        let Plugin { key, version, .. } = plugin;
        let component = fs::read(workspace.component(key))?;
        let (size, digest) = (component.len(), digest::of(&component));
        let language = plugin.language().name();
        println!("{key:<20} {version:<8} {language:<7} {size:>9}  {digest}");
        let entry = Entry {
            version: version.clone(),
            language: language.into(),
            size: size as u64,
            digest,
        };
        lock.set(key, entry);
    }
    lock.write(lock_file)
}

fn select<'w>(workspace: &'w Workspace, which: Which<'_>) -> anyhow::Result<Vec<&'w Plugin>> {
    let Which::In(language) = which else {
        return workspace.select(match which {
            Which::One(key) => Some(key),
            _ => None,
        });
    };
    let all = workspace.select(None)?.into_iter();
    let selected: Vec<_> = all.filter(|plugin| plugin.language() == language).collect();
    ensure!(!selected.is_empty(), "no plugin in {}", language.name());
    Ok(selected)
}

/// All plugins in Rust at once: they share what they are built on.
fn cargo(
    workspace: &Workspace,
    toolchain: Option<Toolchain>,
    selected: &[&Plugin],
) -> anyhow::Result<()> {
    let modules = selected.iter().filter_map(|plugin| match &plugin.build {
        Build::Cargo { module } => Some((plugin.key.as_str(), module)),
        _ => None,
    });
    let modules: Vec<_> = modules.collect();
    if modules.is_empty() {
        return Ok(());
    }
    let toolchain = Toolchain::ensure(&workspace.shell()?, toolchain)?;
    let keys: Vec<_> = modules.iter().map(|(key, _)| *key).collect();
    let built = toolchain
        .build(workspace, &keys)
        .context("building plugins")?;
    for (key, module) in modules {
        let path = built.join(format!("{module}.wasm"));
        let module = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let component = component::encode(&module).with_context(|| key.to_owned())?;
        component::check(&component).with_context(|| key.to_owned())?;
        component::place(&workspace.component(key), &component)?;
    }
    Ok(())
}

/// Cargo knows what it has built; here a stamp says what a component was made
/// from and which it is: these builds take seconds, and none gives the same
/// bytes twice.
fn unless_built(
    workspace: &Workspace,
    plugin: &Plugin,
    build: impl Fn(&Workspace, &Plugin, &Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (key, language) = (&plugin.key, plugin.language().name());
    let dir = workspace.target.join("guests").join(language);
    fs::create_dir_all(&dir)?;
    let stamp = dir.join(format!("{key}.stamp"));
    let (sources, place) = (sources(workspace, plugin)?, workspace.component(key));
    let made = |component: &[u8]| format!("{sources} {}", digest::of(component));
    let is_built = fs::read(&place).is_ok_and(|component| {
        fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == made(&component))
    });
    if is_built {
        return Ok(());
    }
    let out = dir.join(format!("{key}.wasm"));
    build(workspace, plugin, &out).with_context(|| format!("building {key}"))?;
    let component = fs::read(&out)?;
    component::check(&component).with_context(|| key.clone())?;
    component::place(&place, &component)?;
    fs::remove_file(&out)?;
    fs::write(stamp, made(&component))?;
    Ok(())
}

fn sources(workspace: &Workspace, plugin: &Plugin) -> anyhow::Result<String> {
    let (sdk, tools) = match plugin.language() {
        Language::Js => (javascript::sdk(workspace), javascript::tools()),
        _ => (python::sdk(workspace), python::tools()),
    };
    let sum = Sum::default()
        .tree(&plugin.dir, &NOT_SOURCE)?
        .tree(&sdk, &NOT_SOURCE)?
        .tree(&workspace.root.join("wit"), &["frozen"])?;
    Ok(sum.text(&tools).finish())
}
