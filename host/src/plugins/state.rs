//! A site's small state: survives calls, swaps and restarts, and is a cache
//! that may be dropped at any time.
//!
//! Bounded by `plugins.limits.state` over keys and values, and
//! `plugins.limits.state_entries`. Written to
//! `data_dir/state/<site>.json` after a call that changed it, one write at a
//! time; a file that cannot be read is an empty state.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::files;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Entry {
    /// Base64.
    value: String,
    /// Milliseconds since the Unix epoch.
    expires: Option<i64>,
}

/// One site's entries; clones share them.
#[derive(Clone, Debug)]
pub(super) struct State(Arc<Inner>);

struct Inner {
    /// Replaces the file. `None`: it ends with the process.
    write: Option<Write>,
    kept: Mutex<Kept>,
}

/// May hang as long as the file system does.
type Write = Box<dyn Fn(&[u8]) -> io::Result<()> + Send + Sync>;

#[derive(Default)]
struct Kept {
    entries: BTreeMap<String, Entry>,
    /// Not yet written.
    changed: bool,
    /// Being written: what changes meanwhile is written after it.
    saving: bool,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("State")
    }
}

/// What one site may keep.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quota {
    /// Of all keys and values.
    pub(super) bytes: u64,
    pub(super) entries: usize,
}

/// Which of them one more entry would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    Bytes,
    Entries,
}

/// Larger files are somebody else's and are ignored.
const MAX_FILE: u64 = 4 << 20;

/// Of what stands in base64 here.
fn decoded_length(base64: &str) -> usize {
    let padding = base64.bytes().rev().take_while(|b| *b == b'=').count();
    (base64.len() / 4 * 3).saturating_sub(padding)
}

impl State {
    pub(super) fn open(path: PathBuf) -> Self {
        let entries = files::read_own(&path, MAX_FILE)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Self::with(
            entries,
            Some(Box::new(move |bytes| files::write(&path, bytes))),
        )
    }

    fn with(entries: BTreeMap<String, Entry>, write: Option<Write>) -> Self {
        let kept = Kept {
            entries,
            ..Kept::default()
        };
        Self(Arc::new(Inner {
            write,
            kept: Mutex::new(kept),
        }))
    }

    /// Written by `write`.
    #[cfg(test)]
    pub(super) fn written_by(
        write: impl Fn(&[u8]) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::with(BTreeMap::new(), Some(Box::new(write)))
    }

    /// Written nowhere; `values` are base64 and do not expire.
    pub(super) fn in_memory(values: &BTreeMap<String, String>) -> Self {
        let entry = |(key, value): (&String, &String)| {
            let value = value.clone();
            let expires = None;
            (key.clone(), Entry { value, expires })
        };
        Self::with(values.iter().map(entry).collect(), None)
    }

    /// What has not expired: base64 of each value.
    pub(super) fn values(&self, now_ms: i64) -> BTreeMap<String, String> {
        let kept = self.lock();
        let live = kept
            .entries
            .iter()
            .filter(|(_, entry)| entry.expires.is_none_or(|at| at > now_ms));
        live.map(|(key, entry)| (key.clone(), entry.value.clone()))
            .collect()
    }

    pub(super) fn get(&self, key: &str, now_ms: i64) -> Option<Vec<u8>> {
        let kept = self.lock();
        let entry = kept.entries.get(key)?;
        if entry.expires.is_some_and(|at| at <= now_ms) {
            return None;
        }
        STANDARD.decode(&entry.value).ok()
    }

    pub(super) fn set(
        &self,
        key: &str,
        value: &[u8],
        expires: Option<i64>,
        now_ms: i64,
        quota: Quota,
    ) -> Result<(), Full> {
        let mut kept = self.lock();
        kept.entries
            .retain(|_, entry| entry.expires.is_none_or(|at| at > now_ms));
        let others: usize = kept
            .entries
            .iter()
            .filter(|(other, _)| *other != key)
            .map(|(other, entry)| other.len() + decoded_length(&entry.value))
            .sum();
        if (others + key.len() + value.len()) as u64 > quota.bytes {
            return Err(Full::Bytes);
        }
        if !kept.entries.contains_key(key) && kept.entries.len() >= quota.entries {
            return Err(Full::Entries);
        }
        let entry = Entry {
            value: STANDARD.encode(value),
            expires,
        };
        kept.entries.insert(key.to_owned(), entry);
        kept.changed = true;
        Ok(())
    }

    pub(super) fn delete(&self, key: &str) {
        let mut kept = self.lock();
        kept.changed |= kept.entries.remove(key).is_some();
    }

    /// Writes what changed, off the runtime, and waits for it no longer than
    /// `wait`: a mount that hangs must not hold up what needs none. Where an
    /// earlier write is still under way, that takes it along, unwaited for.
    /// `false` where the write goes on.
    pub(super) async fn save(&self, wait: Duration) -> bool {
        if !self.begin() {
            return true;
        }
        let this = self.clone();
        let saving = tokio::task::spawn_blocking(move || this.write());
        match tokio::time::timeout(wait, saving).await {
            Ok(Ok(Err(error))) => {
                tracing::warn!(%error, "a site's state could not be written");
            }
            Ok(_) => {}
            Err(_) => {
                tracing::warn!("a site's state is still being written: does data_dir hang?");
                return false;
            }
        }
        true
    }

    /// Whether there is something to write and nobody writes.
    fn begin(&self) -> bool {
        let mut kept = self.lock();
        let begins = self.0.write.is_some() && kept.changed && !kept.saving;
        kept.saving |= begins;
        begins
    }

    /// Until nothing is left to write. Blocking; after [`State::begin`].
    fn write(&self) -> io::Result<()> {
        loop {
            let bytes = {
                let mut kept = self.lock();
                if !std::mem::take(&mut kept.changed) {
                    kept.saving = false;
                    return Ok(());
                }
                serde_json::to_vec(&kept.entries)
            };
            let written = match (bytes, &self.0.write) {
                (Ok(bytes), Some(write)) => write(&bytes),
                (Err(error), _) => Err(error.into()),
                (Ok(_), None) => Ok(()),
            };
            if let Err(error) = written {
                let mut kept = self.lock();
                (kept.changed, kept.saving) = (true, false);
                return Err(error);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn state_survives_a_restart_expires_and_is_bounded() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("state/a.json");
        let state = State::open(path.clone());
        let quota = Quota {
            bytes: 100,
            entries: 2,
        };
        assert_eq!(state.set("token", b"abc", None, 0, quota), Ok(()));
        assert_eq!(state.set("short", b"x", Some(10), 0, quota), Ok(()));
        let big = state.set("short", &[0; 200], None, 0, quota);
        assert_eq!(big, Err(Full::Bytes));
        // To the last byte, whatever padding it has where it lies: 9 and 91.
        assert_eq!(state.set("token", b"abcd", None, 0, quota), Ok(()));
        assert_eq!(state.set("short", &[0; 86], None, 0, quota), Ok(()));
        let more = state.set("short", &[0; 87], None, 0, quota);
        assert_eq!(more, Err(Full::Bytes));
        assert_eq!(state.set("short", b"x", Some(10), 0, quota), Ok(()));
        assert_eq!(state.set("token", b"abc", None, 0, quota), Ok(()));
        let third = state.set("third", b"x", None, 0, quota);
        assert_eq!(third, Err(Full::Entries));
        assert_eq!(
            state.set("token", b"abc", None, 0, quota),
            Ok(()),
            "a known one"
        );
        assert!(state.save(LONG).await);
        let again = State::open(path.clone());
        assert_eq!(again.get("token", 50).as_deref(), Some(&b"abc"[..]));
        assert_eq!(again.get("short", 9).as_deref(), Some(&b"x"[..]));
        assert_eq!(again.get("short", 10), None);
        again.delete("token");
        assert!(again.save(LONG).await);
        assert_eq!(State::open(path.clone()).get("token", 0), None);
        std::fs::write(&path, b"{broken").expect("written");
        assert_eq!(State::open(path.clone()).get("token", 0), None);
        // Another's, by a link.
        let other = State::open(dir.path().join("state/b.json"));
        assert_eq!(other.set("token", b"b", None, 0, quota), Ok(()));
        assert!(other.save(LONG).await);
        std::fs::remove_file(&path).expect("removed");
        std::os::unix::fs::symlink("b.json", &path).expect("linked");
        assert_eq!(State::open(path).get("token", 0), None);
    }

    #[tokio::test]
    async fn a_write_that_hangs_is_one_write_and_takes_later_changes_along() {
        let (begun, writes) = std::sync::mpsc::channel();
        let (free, gate) = std::sync::mpsc::channel::<()>();
        let gate = Mutex::new(gate);
        let state = State::written_by(move |bytes| {
            begun.send(bytes.to_vec()).expect("the test lives");
            let gate = gate.lock().expect("one at a time");
            gate.recv().map_err(io::Error::other)
        });
        let quota = Quota {
            bytes: 100,
            entries: 10,
        };
        for (key, written) in [("first", false), ("second", true), ("third", true)] {
            assert_eq!(state.set(key, b"x", None, 0, quota), Ok(()));
            // Only the first waits.
            let wait = if written {
                LONG
            } else {
                Duration::from_millis(50)
            };
            assert_eq!(state.save(wait).await, written, "{key}");
        }
        assert!(writes.recv().is_ok() && writes.try_recv().is_err());
        free.send(()).expect("a write waits");
        let last = writes.recv().expect("written again");
        let last = String::from_utf8(last).expect("JSON");
        assert!(last.contains("second") && last.contains("third"), "{last}");
        // One that fails is tried again after the next call.
        drop(free);
        while state.lock().saving {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(state.save(LONG).await);
        assert!(writes.try_recv().is_ok());
    }
}
