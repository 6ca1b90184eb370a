//! SHA-256 of files by path and bytes: a checkout changes times, not contents.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

/// A sum over what something is made from.
#[derive(Default)]
pub(crate) struct Sum(Sha256);

impl Sum {
    /// Every file below `dir`, except what lies in it under one of these names.
    pub(crate) fn tree(mut self, dir: &Path, except: &[&str]) -> anyhow::Result<Self> {
        for file in files(dir, except)? {
            let bytes = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
            self.0
                .update(file.strip_prefix(dir)?.as_os_str().as_encoded_bytes());
            self.0.update((bytes.len() as u64).to_le_bytes());
            self.0.update(bytes);
        }
        Ok(self)
    }

    pub(crate) fn text(mut self, text: &str) -> Self {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
        self
    }

    /// Hexadecimal.
    pub(crate) fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// Of one file's bytes, hexadecimal.
pub(crate) fn of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The files below a directory in the order of their paths, except what lies in
/// it under one of these names, and what Python caches anywhere.
pub(crate) fn files(dir: &Path, except: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(at) = dirs.pop() {
        for entry in fs::read_dir(&at).with_context(|| format!("reading {}", at.display()))? {
            let entry = entry?;
            let name = entry.file_name();
            if (at == dir && except.iter().any(|no| name == *no)) || name == "__pycache__" {
                continue;
            }
            match entry.file_type()? {
                kind if kind.is_dir() => dirs.push(entry.path()),
                _ => files.push(entry.path()),
            }
        }
    }
    files.sort();
    Ok(files)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_follows_sources_and_nothing_else() {
        let dir = tempfile::tempdir().expect("a directory");
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, text).expect("written");
        };
        let now = || {
            let sum = Sum::default().tree(dir.path(), &["build", "node_modules"]);
            sum.expect("a digest").finish()
        };
        write("src/a.ts", "one");
        let first = now();
        write("build/index.html", "x");
        write("node_modules/m/index.js", "x");
        assert_eq!(now(), first);
        write("src/a.ts", "one");
        assert_eq!(now(), first);
        write("src/build/b.ts", "");
        let second = now();
        assert_ne!(second, first);
        write("src/a.ts", "two");
        assert_ne!(now(), second);
    }
}
