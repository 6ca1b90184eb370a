//! Sealed code on local disk: `cache_dir/compiled/<digest>.cwasm` and the key
//! that seals it.
//!
//! Bounded by `plugins.compile.cache`; what was used longest ago goes first.
//! Whatever is wrong with it means compiling again, never an error. Blocking.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use rustix::fs::{Timespec, Timestamps, UTIME_NOW};

use crate::files;
use crate::metrics::Metrics;

const KEY: usize = 32;

pub(super) struct Cache {
    dir: PathBuf,
    room: u64,
    key: hmac::Key,
    metrics: Metrics,
}

impl Cache {
    /// Makes directory and key where they are missing.
    pub(super) fn open(dir: &Path, room: u64, metrics: Metrics) -> io::Result<Self> {
        files::make_private(dir)?;
        files::sweep(dir, files::WRITING);
        let path = dir.join("key");
        if !path.exists() {
            let mut key = [0; KEY];
            aws_lc_rs::rand::fill(&mut key).map_err(|_| io::Error::other("no random numbers"))?;
            // Exclusively: two that start at once agree on one.
            files::create(&path, &key)?;
        }
        let file = files::open_regular(&path)?;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            return Err(io::Error::other("others may read the key; remove it"));
        }
        let key = files::whole(&file, KEY as u64)?;
        if key.len() != KEY {
            return Err(io::Error::other("the key is cut; remove it"));
        }
        Ok(Self {
            dir: dir.to_owned(),
            room,
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            metrics,
        })
    }

    pub(super) fn key(&self) -> &hmac::Key {
        &self.key
    }

    /// Marks it as used.
    pub(super) fn read(&self, digest: &str) -> Option<Vec<u8>> {
        let path = self.path(digest);
        let file = files::open_regular(&path).ok()?;
        let bytes = files::whole(&file, self.room).ok()?;
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_NOW,
        };
        let times = Timestamps {
            last_access: now,
            last_modification: now,
        };
        // Its place in the order of use is all that hangs on it.
        let _ = rustix::fs::futimens(file, &times);
        Some(bytes)
    }

    pub(super) fn write(&self, digest: &str, sealed: &[u8]) -> io::Result<()> {
        let size = sealed.len() as u64;
        if size > self.room {
            self.metrics.limit("plugins.compile.cache");
            return Err(io::Error::other("larger than plugins.compile.cache"));
        }
        self.make_room(size)?;
        files::write(&self.path(digest), sealed)
    }

    fn make_room(&self, size: u64) -> io::Result<()> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.dir)?.flatten() {
            let meta = entry.metadata()?;
            if meta.is_file() && entry.file_name() != "key" {
                let used = (meta.mtime(), meta.mtime_nsec());
                kept.push((used, meta.len(), entry.path()));
            }
        }
        kept.sort();
        let mut total: u64 = kept.iter().map(|(_, size, _)| size).sum();
        for (_, freed, path) in kept {
            if total + size <= self.room {
                break;
            }
            self.metrics.limit("plugins.compile.cache");
            // Another instance may have been faster.
            let _ = fs::remove_file(path);
            total -= freed;
        }
        Ok(())
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.dir.join(format!("{digest}.cwasm"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let dir = tempfile::tempdir().expect("tempdir");
        let open = |room| Cache::open(&dir.path().join("c"), room, Metrics::new());
        let cache = open(100).expect("opened");
        let pause = || std::thread::sleep(std::time::Duration::from_millis(15));
        for digest in ["a", "b"] {
            cache.write(digest, &[0; 40]).expect("written");
            pause();
        }
        assert!(cache.read("a").is_some());
        pause();
        cache.write("c", &[0; 40]).expect("written");
        assert!(cache.read("b").is_none(), "b was used before a");
        assert!(cache.read("a").is_some() && cache.read("c").is_some());
        assert!(cache.write("d", &[0; 101]).is_err(), "larger than all room");
        // The same key after a restart, and none that others could know.
        let path = dir.path().join("c/key");
        let key = fs::read(&path).expect("key");
        open(100).expect("again");
        assert_eq!(fs::read(&path).expect("key"), key);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
        assert!(open(100).is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
        fs::write(&path, [1; 5]).expect("cut");
        assert!(open(100).is_err());
    }
}
