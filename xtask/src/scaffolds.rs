//! That `new-plugin` keeps its word: in each language a new plugin is built and
//! passes its first case, without another edit, with the programs that are built
//! already. Rust's has to lie among the
//! members, so all of them do while it lasts.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::build_plugins::{self, Which};
use crate::language::Language;
use crate::new_plugin::scaffold;
use crate::test_plugins;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, toolchain: Option<Toolchain>) -> anyhow::Result<()> {
    for language in [Language::Rust, Language::Js, Language::Python] {
        let key = format!("scaffold-{}", language.name());
        let scratch = Scratch::new(workspace, &key)?;
        scaffold(&workspace.root.join("plugins"), &key, language)?;
        // As the next command would find it.
        let workspace = Workspace::find()?;
        build_plugins::run(&workspace, toolchain, Which::One(&key))
            .and_then(|()| test_plugins::play(&workspace, Some(&key), false))
            .with_context(|| format!("a new plugin in {}", language.name()))?;
        drop(scratch);
    }
    Ok(())
}

/// A plugin for a while; what it leaves is cleared, also after an interrupted
/// run.
struct Scratch {
    files: Vec<PathBuf>,
    lock: (PathBuf, Vec<u8>),
}

impl Scratch {
    fn new(workspace: &Workspace, key: &str) -> anyhow::Result<Self> {
        let lock = workspace.root.join("Cargo.lock");
        let content = fs::read(&lock).context("Cargo.lock")?;
        let scratch = Self {
            files: vec![
                workspace.root.join("plugins").join(key),
                workspace.component(key),
            ],
            lock: (lock, content),
        };
        scratch.clear();
        Ok(scratch)
    }

    fn clear(&self) {
        for path in &self.files {
            let _ = fs::remove_dir_all(path);
            let _ = fs::remove_file(path);
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.clear();
        let (path, content) = &self.lock;
        if fs::read(path).is_ok_and(|now| now != *content) {
            let _ = fs::write(path, content);
        }
    }
}
