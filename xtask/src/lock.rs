//! `target/plugins/plugins.lock`: what was built, by key.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

const HEAD: &str = "# What `cargo xtask build-plugins` built, by key. Digests are SHA-256.\n";

/// Its entries, in order.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Lock(BTreeMap<String, Entry>);

/// One component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) version: String,
    pub(crate) language: String,
    /// Bytes.
    pub(crate) size: u64,
    pub(crate) digest: String,
}

impl Lock {
    /// What is there; a file that cannot be read is as good as none.
    pub(crate) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        toml::from_str(&text).unwrap_or_default()
    }

    pub(crate) fn set(&mut self, key: &str, entry: Entry) {
        self.0.insert(key.to_owned(), entry);
    }

    /// Forgets what is no plugin any more.
    pub(crate) fn keep(&mut self, is_plugin: impl Fn(&str) -> bool) {
        self.0.retain(|key, _| is_plugin(key));
    }

    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = format!("{HEAD}\n{}", toml::to_string(self)?);
        fs::write(path, text).with_context(|| format!("writing {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(version: &str) -> Entry {
        Entry {
            version: version.into(),
            language: "rust".into(),
            size: 7,
            digest: "ab".into(),
        }
    }

    #[test]
    fn one_build_keeps_the_others_in_order() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("plugins.lock");
        let mut lock = Lock::read(&path);
        for key in ["b", "gone", "a"] {
            lock.set(key, entry("1.0.0"));
        }
        lock.write(&path).expect("written");
        let mut lock = Lock::read(&path);
        lock.set("b", entry("1.1.0"));
        lock.keep(|key| key != "gone");
        lock.write(&path).expect("written");
        let text = fs::read_to_string(&path).expect("the file");
        let table = |key, version| {
            format!(
                "[{key}]\nversion = \"{version}\"\nlanguage = \"rust\"\nsize = 7\ndigest = \"ab\"\n"
            )
        };
        let expected = [HEAD, &table("a", "1.0.0"), &table("b", "1.1.0")].join("\n");
        assert_eq!(text, expected);
        assert_eq!(Lock::read(&path), lock);
    }
}
