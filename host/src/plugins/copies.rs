//! Copies of plugins that proved themselves, on local disk: the last good
//! version of each, the one before it, and what is known of them.
//!
//! `cache_dir/plugins/<key>.wasm`, `<key>.previous.wasm` and `<key>.json`. Two
//! files a plugin, so bounded by `plugins.max_files` and `max_file`. Whatever
//! is wrong with a copy means that there is none. Where signatures are asked for,
//! a copy's is `<key>.<SHA-256 of the copy>.minisig`: named by content, it goes with
//! the copy however that is renamed, and is never another's. Blocking.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::lifecycle::{Kept, Quarantined};
use super::load::digest;
use super::trust::{Content, MAX_SIGNATURE, SIGNATURE, Signature};
use crate::config;
use crate::files;

/// The content of a file that may become a copy.
#[derive(Debug)]
pub(super) struct Staged {
    bytes: Bytes,
    signature: Signature,
}

/// Beside the copies and gone with this value, or in memory where the disk does
/// not take it.
#[derive(Debug)]
enum Bytes {
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
    /// Signatures are asked for.
    signed: bool,
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
            signed: config.plugins.trust == config::Trust::Signed,
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

    pub(super) fn stage(&self, content: Content) -> Staged {
        let Content { bytes, signature } = content;
        let staged = files::stage(&self.dir, &bytes);
        let bytes = staged.map_or(Bytes::Memory(bytes), Bytes::Disk);
        Staged { bytes, signature }
    }

    /// What a process that was ended left behind: not what another one, on
    /// the same directory, has staged.
    pub(super) fn sweep(&self) {
        files::sweep(&self.dir, LEFT);
    }

    pub(super) fn keep_staged(&self, key: &str, staged: &Staged) -> io::Result<()> {
        let bytes = match &staged.bytes {
            Bytes::Disk(path) => files::read_own(path, self.max_file)?.into(),
            Bytes::Memory(bytes) => bytes.clone(),
        };
        let signature = staged.signature.clone();
        self.keep(key, &Content { bytes, signature })
    }

    pub(super) fn good(&self, key: &str) -> Option<Content> {
        self.read(key, "wasm")
    }

    pub(super) fn previous(&self, key: &str) -> Option<Content> {
        self.read(key, "previous.wasm")
    }

    fn read(&self, key: &str, what: &str) -> Option<Content> {
        let bytes: Arc<[u8]> = files::read_own(&self.path(key, what), self.max_file)
            .ok()?
            .into();
        let signature = match self.signed {
            true => files::read_own(&self.signature(key, &digest(&bytes)), MAX_SIGNATURE)
                .map_or(Signature::Missing, Signature::new),
            false => Signature::Missing,
        };
        Some(Content { bytes, signature })
    }

    /// `content` is the good copy from now on; another one that was becomes the
    /// previous. At every moment there is a good one, with its signature.
    pub(super) fn keep(&self, key: &str, content: &Content) -> io::Result<()> {
        self.sign(key, content)?;
        let (good, previous) = (self.path(key, "wasm"), self.path(key, "previous.wasm"));
        match self.good(key) {
            Some(old) if old.bytes == content.bytes => return Ok(()),
            Some(old) => files::write(&previous, &old.bytes)?,
            None => {}
        }
        files::write(&good, &content.bytes)?;
        if !self.signed {
            return Ok(());
        }
        let both = [self.good(key), self.previous(key)].into_iter().flatten();
        let names: Vec<_> = both
            .map(|copy| self.signature(key, &digest(&copy.bytes)))
            .collect();
        self.remove_signatures(key, |path| !names.iter().any(|name| name == path));
        Ok(())
    }

    /// The signature of a copy's bytes, whichever copy it is.
    pub(super) fn sign(&self, key: &str, content: &Content) -> io::Result<()> {
        match &content.signature {
            Signature::Text(text) if self.signed => {
                let path = self.signature(key, &digest(&content.bytes));
                files::write(&path, text.as_bytes())
            }
            _ => Ok(()),
        }
    }

    fn remove_signatures(&self, key: &str, unwanted: impl Fn(&PathBuf) -> bool) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let name = entry.file_name();
            // A key has no dot: no other plugin's begins like this.
            let of_key = name.to_str().and_then(|name| name.strip_prefix(key));
            let is_one =
                of_key.is_some_and(|rest| rest.starts_with('.') && rest.ends_with(SIGNATURE));
            if is_one && unwanted(&entry.path()) {
                // It only takes room.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// The previous copy is the good one again.
    pub(super) fn keep_previous(&self, key: &str) -> io::Result<()> {
        fs::rename(self.path(key, "previous.wasm"), self.path(key, "wasm"))?;
        fs::File::open(&self.dir)?.sync_all()
    }

    pub(super) fn forget(&self, key: &str) {
        for what in ["wasm", "previous.wasm", "json"] {
            // It may never have been there.
            let _ = fs::remove_file(self.path(key, what));
        }
        self.remove_signatures(key, |_| true);
    }

    /// Without a copy to go back to, notes about copies mean nothing.
    pub(super) fn notes(&self, key: &str) -> Notes {
        let read = files::read_own(&self.path(key, "json"), MAX_NOTES);
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

    fn signature(&self, key: &str, digest: &str) -> PathBuf {
        self.path(key, &format!("{digest}{SIGNATURE}"))
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
            signed: false,
        };
        let good = |key| copies.good(key).map(|copy| copy.bytes.to_vec());
        let previous = |key| copies.previous(key).map(|copy| copy.bytes.to_vec());
        copies.keep("a", &content(b"1", "")).expect("kept");
        assert_eq!(previous("a"), None);
        copies.keep("a", &content(b"2", "")).expect("kept");
        copies
            .keep("a", &content(b"2", ""))
            .expect("the same again");
        assert_eq!(previous("a").as_deref(), Some(&b"1"[..]));
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
        let staged = copies.stage(content(b"3", ""));
        let Bytes::Disk(path) = &staged.bytes else {
            panic!("not in memory");
        };
        let path = path.to_path_buf();
        copies.keep_staged("b", &staged).expect("kept");
        assert_eq!(good("b").as_deref(), Some(&b"3"[..]));
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
        assert_eq!(good("a").as_deref(), Some(&b"1"[..]));
        assert_eq!(previous("a"), None);
        copies.forget("a");
        assert_eq!((good("a"), copies.notes("a")), (None, Notes::default()));
    }

    #[test]
    fn a_signature_goes_with_its_copy_and_with_no_other() {
        let dir = tempfile::tempdir().expect("tempdir");
        let copies = Copies {
            dir: dir.path().join("plugins"),
            max_file: 100,
            max_files: 8,
            signed: true,
        };
        let signature = |copy: Option<Content>| copy.expect("a copy").signature;
        let text = |text: &str| Signature::Text(text.into());
        for (bytes, of) in [(b"1", "one"), (b"2", "two"), (b"3", "three")] {
            copies.keep("a", &content(bytes, of)).expect("kept");
        }
        copies.keep("ab", &content(b"1", "of ab")).expect("kept");
        assert_eq!(signature(copies.good("a")), text("three"));
        assert_eq!(signature(copies.previous("a")), text("two"));
        let count = || {
            let names = fs::read_dir(&copies.dir).expect("listed").flatten();
            names
                .filter(|entry| entry.file_name().to_string_lossy().ends_with(SIGNATURE))
                .count()
        };
        assert_eq!(count(), 3, "two of a, one of ab");
        copies.keep_previous("a").expect("back");
        assert_eq!(signature(copies.good("a")), text("two"));
        // Signed anew.
        copies.sign("a", &content(b"2", "again")).expect("signed");
        assert_eq!(signature(copies.good("a")), text("again"));
        // Somebody changed the copy: the signature is not this one's.
        fs::write(copies.path("a", "wasm"), b"x").expect("written");
        assert_eq!(signature(copies.good("a")), Signature::Missing);
        fs::remove_file(copies.path("a", "wasm")).expect("removed");
        fs::write(copies.dir.join("theirs"), b"x").expect("written");
        std::os::unix::fs::symlink("theirs", copies.path("a", "wasm")).expect("linked");
        assert!(copies.good("a").is_none(), "a link is no copy");
        copies.forget("a");
        assert_eq!(count(), 1);
        assert_eq!(signature(copies.good("ab")), text("of ab"));
    }

    fn content(bytes: &[u8], signature: &str) -> Content {
        let signature = match signature {
            "" => Signature::Missing,
            text => Signature::Text(text.into()),
        };
        let bytes = bytes.into();
        Content { bytes, signature }
    }
}
