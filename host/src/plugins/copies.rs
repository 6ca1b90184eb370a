//! Copies of plugins that proved themselves, on local disk: the last good
//! version of each, the one before it, and what is known of them.
//!
//! `cache_dir/plugins/<key>.wasm`, `<key>.previous.wasm` and `<key>.json`. Two
//! files a plugin, so bounded by `plugins.max_files` and `max_file`. Whatever
//! is wrong with a copy means that there is none. Blocking.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::lifecycle::{Kept, Quarantined};
use crate::config;
use crate::files;

/// The content of a file that may become a copy: beside the copies and gone
/// with this value, or in memory where the disk does not take it.
#[derive(Debug)]
pub(super) enum Staged {
    Disk(tempfile::TempPath),
    Memory(Arc<[u8]>),
}

/// What goes with the copies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Notes {
    /// For a start that cannot read the operators' decisions.
    #[serde(default)]
    pub(super) disabled: bool,
    #[serde(default)]
    pub(super) previous: Option<Kept>,
    #[serde(default)]
    pub(super) quarantined: Option<Quarantined>,
}

#[derive(Clone, Debug)]
pub(super) struct Copies {
    dir: PathBuf,
    max_file: u64,
    max_files: usize,
}

const MAX_NOTES: u64 = 64 << 10;
/// Longer than a version is on probation, as a rule.
const LEFT: Duration = Duration::from_hours(24);

impl Copies {
    pub(super) fn new(config: &config::Config) -> Self {
        Self {
            dir: config.cache_dir.join("plugins"),
            max_file: config.plugins.max_file.as_u64(),
            max_files: config.plugins.max_files,
        }
    }

    /// Keys of which there is a good copy.
    pub(super) fn keys(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.dir) else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter_map(|name| name.strip_suffix(".wasm").map(str::to_owned))
            .filter(|key| key.parse::<config::Key>().is_ok())
            .take(self.max_files)
            .collect()
    }

    pub(super) fn stage(&self, bytes: Arc<[u8]>) -> Staged {
        let staged = files::stage(&self.dir, &bytes);
        staged.map_or(Staged::Memory(bytes), Staged::Disk)
    }

    /// What a process that was ended left behind: not what another one, on
    /// the same directory, has staged.
    pub(super) fn sweep(&self) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let modified = entry.metadata().and_then(|meta| meta.modified());
            let is_old = modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > LEFT));
            if is_old && entry.file_name().as_encoded_bytes().starts_with(b".tmp-") {
                // It only takes room.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    pub(super) fn keep_staged(&self, key: &str, staged: &Staged) -> io::Result<()> {
        match staged {
            Staged::Disk(path) => self.keep(key, &files::read(path, self.max_file)?),
            Staged::Memory(bytes) => self.keep(key, bytes),
        }
    }

    pub(super) fn good(&self, key: &str) -> Option<Vec<u8>> {
        files::read(&self.path(key, "wasm"), self.max_file).ok()
    }

    pub(super) fn previous(&self, key: &str) -> Option<Vec<u8>> {
        files::read(&self.path(key, "previous.wasm"), self.max_file).ok()
    }

    /// `bytes` are the good copy from now on; another one that was becomes the
    /// previous. At every moment there is a good one.
    pub(super) fn keep(&self, key: &str, bytes: &[u8]) -> io::Result<()> {
        let (good, previous) = (self.path(key, "wasm"), self.path(key, "previous.wasm"));
        match self.good(key) {
            Some(old) if old == bytes => return Ok(()),
            Some(old) => files::write(&previous, &old)?,
            None => {}
        }
        files::write(&good, bytes)
    }

    /// The previous copy is the good one again.
    pub(super) fn keep_previous(&self, key: &str) -> io::Result<()> {
        fs::rename(self.path(key, "previous.wasm"), self.path(key, "wasm"))
    }

    pub(super) fn forget(&self, key: &str) {
        for what in ["wasm", "previous.wasm", "json"] {
            // It may never have been there.
            let _ = fs::remove_file(self.path(key, what));
        }
    }

    /// Without a copy to go back to, notes about copies mean nothing.
    pub(super) fn notes(&self, key: &str) -> Notes {
        let read = files::read(&self.path(key, "json"), MAX_NOTES);
        let notes = read
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok());
        let mut notes: Notes = notes.unwrap_or_default();
        if !self.path(key, "wasm").exists() {
            (notes.previous, notes.quarantined) = (None, None);
        }
        notes
    }

    pub(super) fn write_notes(&self, key: &str, notes: &Notes) -> io::Result<()> {
        if *notes == self.notes(key) {
            return Ok(());
        }
        files::write(&self.path(key, "json"), &serde_json::to_vec(notes)?)
    }

    fn path(&self, key: &str, what: &str) -> PathBuf {
        self.dir.join(format!("{key}.{what}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_before_is_kept_and_comes_back() {
        let dir = tempfile::tempdir().expect("tempdir");
        let copies = Copies {
            dir: dir.path().join("plugins"),
            max_file: 100,
            max_files: 8,
        };
        copies.keep("a", b"1").expect("kept");
        assert_eq!(copies.previous("a"), None);
        copies.keep("a", b"2").expect("kept");
        copies.keep("a", b"2").expect("the same again");
        assert_eq!(copies.previous("a").as_deref(), Some(&b"1"[..]));
        let notes = Notes {
            previous: Some(Kept {
                digest: "d1".into(),
                version: "1".into(),
            }),
            quarantined: None,
            disabled: true,
        };
        copies.write_notes("a", &notes).expect("written");
        assert_eq!(copies.notes("a"), notes);
        assert_eq!(copies.keys(), ["a"]);
        let staged = copies.stage(b"3"[..].into());
        let Staged::Disk(path) = &staged else {
            panic!("not in memory");
        };
        let path = path.to_path_buf();
        copies.keep_staged("b", &staged).expect("kept");
        assert_eq!(copies.good("b").as_deref(), Some(&b"3"[..]));
        drop(staged);
        assert!(!path.exists());
        fs::write(&path, "left behind").expect("written");
        copies.sweep();
        assert!(path.exists(), "it may be another process's");
        let file = fs::File::options().write(true).open(&path);
        let before = fs::metadata(&path).and_then(|meta| meta.modified());
        let set = file.and_then(|file| file.set_modified(before? - 2 * LEFT));
        set.expect("set");
        copies.sweep();
        assert!(!path.exists() && copies.good("b").is_some());
        copies.forget("b");
        copies.keep_previous("a").expect("back");
        assert_eq!(copies.good("a").as_deref(), Some(&b"1"[..]));
        assert_eq!(copies.previous("a"), None);
        copies.forget("a");
        assert_eq!(
            (copies.good("a"), copies.notes("a")),
            (None, Notes::default())
        );
    }
}
