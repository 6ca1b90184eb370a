//! Where things are, as Cargo sees it: the root, the target directory and the
//! plugins, be they members or directories with a manifest of their own.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use xshell::{Shell, cmd};

use crate::digest;
use crate::language::Language;
use crate::manifest;

/// Where a plugin's cases are, unless its manifest says otherwise.
pub(crate) const TESTS: &str = "tests";

/// The project on this machine.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    /// By key.
    pub(crate) plugins: Vec<Plugin>,
}

/// A member under `plugins/` whose library is a cdylib, or a directory there
/// with a `plugin.toml`.
#[derive(Debug)]
pub(crate) struct Plugin {
    /// Its package's name, which is also its file's stem.
    pub(crate) key: String,
    pub(crate) version: String,
    pub(crate) build: Build,
    pub(crate) dir: PathBuf,
    /// The directory of its cases, which can be another plugin's.
    pub(crate) cases: PathBuf,
}

/// How it is built.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Build {
    Cargo {
        /// The stem of the module that Cargo writes.
        module: String,
    },
    Js,
    Python,
}

impl Plugin {
    pub(crate) fn language(&self) -> Language {
        match self.build {
            Build::Cargo { .. } => Language::Rust,
            Build::Js => Language::Js,
            Build::Python => Language::Python,
        }
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
}

impl Workspace {
    pub(crate) fn find() -> anyhow::Result<Self> {
        let sh = Shell::new()?;
        sh.change_dir(env!("CARGO_MANIFEST_DIR"));
        let cargo = cargo();
        let json = cmd!(sh, "{cargo} metadata --no-deps --format-version 1")
            .quiet()
            .read()?;
        let metadata: Metadata = serde_json::from_str(&json).context("reading cargo metadata")?;
        let below = metadata.workspace_root.join("plugins");
        let members = metadata.packages.into_iter();
        let mut plugins: Vec<_> = members
            .filter_map(|package| plugin(package, &below))
            .collect();
        plugins.extend(manifest::plugins(&below)?);
        plugins.sort_by(|a, b| a.key.cmp(&b.key));
        if let Some(twice) = plugins.windows(2).find(|two| two[0].key == two[1].key) {
            bail!("two plugins have the key {}", twice[0].key);
        }
        Ok(Self {
            root: metadata.workspace_root,
            target: metadata.target_directory,
            plugins,
        })
    }

    /// A shell at the root.
    pub(crate) fn shell(&self) -> anyhow::Result<Shell> {
        let sh = Shell::new()?;
        sh.change_dir(&self.root);
        Ok(sh)
    }

    /// One plugin, or all of them.
    pub(crate) fn select(&self, key: Option<&str>) -> anyhow::Result<Vec<&Plugin>> {
        let wanted = |plugin: &&Plugin| key.is_none_or(|key| plugin.key == key);
        let selected: Vec<_> = self.plugins.iter().filter(wanted).collect();
        let all: Vec<_> = self
            .plugins
            .iter()
            .map(|plugin| plugin.key.as_str())
            .collect();
        let what = key.unwrap_or("any");
        ensure!(
            !selected.is_empty(),
            "no plugin {what}; there are: {}",
            all.join(", ")
        );
        Ok(selected)
    }

    /// Where a built plugin is.
    pub(crate) fn component(&self, key: &str) -> PathBuf {
        self.target.join("plugins").join(format!("{key}.wasm"))
    }

    pub(crate) fn frontend(&self) -> PathBuf {
        self.root.join("frontend")
    }

    /// The files of plugins, their SDKs, their tools and templates that end so.
    pub(crate) fn sources(&self, extensions: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for dir in ["plugins", "xtask/tools", "xtask/templates"] {
            files.extend(digest::files(&self.root.join(dir), &[])?);
        }
        let wanted = |file: &PathBuf| {
            let extension = file.extension().and_then(|name| name.to_str());
            extension.is_some_and(|name| extensions.contains(&name))
        };
        files.retain(wanted);
        Ok(files)
    }

    /// The plugins that are members.
    pub(crate) fn members(&self) -> impl Iterator<Item = &str> {
        let members = self.plugins.iter();
        let members = members.filter(|plugin| plugin.language() == Language::Rust);
        members.map(|plugin| plugin.key.as_str())
    }

    /// `--exclude` for each plugin: a cdylib for the host's own target has
    /// exports that its linker does not take, and no test.
    pub(crate) fn without_plugins(&self) -> Vec<String> {
        let keys = self.members().map(str::to_owned);
        keys.flat_map(|key| ["--exclude".into(), key]).collect()
    }
}

/// The Cargo that runs this, so that a chosen tool chain stays chosen.
pub(crate) fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".into())
}

fn plugin(package: Package, below: &Path) -> Option<Plugin> {
    if !package.manifest_path.starts_with(below) {
        return None;
    }
    let is_module = |target: &&Target| target.crate_types.iter().any(|kind| kind == "cdylib");
    let library = package.targets.iter().find(is_module)?;
    let dir = package.manifest_path.parent()?.to_owned();
    Some(Plugin {
        build: Build::Cargo {
            module: library.name.replace('-', "_"),
        },
        key: package.name,
        version: package.version,
        cases: dir.join(TESTS),
        dir,
    })
}
