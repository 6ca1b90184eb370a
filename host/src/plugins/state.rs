//! A site's small state: survives calls, swaps and restarts, and is a cache
//! that may be dropped at any time.
//!
//! Bounded by `plugins.limits.state` over keys and values, and
//! `plugins.limits.state_entries`. Written to
//! `data_dir/state/<site>.json` after a call that changed it; a file that
//! cannot be read is an empty state.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

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

#[derive(Debug)]
struct Inner {
    /// `None`: it ends with the process.
    path: Option<PathBuf>,
    entries: Mutex<(BTreeMap<String, Entry>, bool)>,
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

impl State {
    pub(super) fn open(path: PathBuf) -> Self {
        let entries = files::read(&path, MAX_FILE)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Self(Arc::new(Inner {
            path: Some(path),
            entries: Mutex::new((entries, false)),
        }))
    }

    /// Written nowhere; `values` are base64 and do not expire.
    pub(super) fn in_memory(values: &BTreeMap<String, String>) -> Self {
        let entry = |(key, value): (&String, &String)| {
            let value = value.clone();
            let expires = None;
            (key.clone(), Entry { value, expires })
        };
        Self(Arc::new(Inner {
            path: None,
            entries: Mutex::new((values.iter().map(entry).collect(), false)),
        }))
    }

    /// What has not expired: base64 of each value.
    pub(super) fn values(&self, now_ms: i64) -> BTreeMap<String, String> {
        let entries = self.lock();
        let live = entries
            .0
            .iter()
            .filter(|(_, entry)| entry.expires.is_none_or(|at| at > now_ms));
        live.map(|(key, entry)| (key.clone(), entry.value.clone()))
            .collect()
    }

    pub(super) fn get(&self, key: &str, now_ms: i64) -> Option<Vec<u8>> {
        let entries = self.lock();
        let entry = entries.0.get(key)?;
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
        let mut entries = self.lock();
        entries
            .0
            .retain(|_, entry| entry.expires.is_none_or(|at| at > now_ms));
        let others: usize = entries
            .0
            .iter()
            .filter(|(other, _)| *other != key)
            .map(|(other, entry)| other.len() + entry.value.len() / 4 * 3)
            .sum();
        if (others + key.len() + value.len()) as u64 > quota.bytes {
            return Err(Full::Bytes);
        }
        if !entries.0.contains_key(key) && entries.0.len() >= quota.entries {
            return Err(Full::Entries);
        }
        let entry = Entry {
            value: STANDARD.encode(value),
            expires,
        };
        entries.0.insert(key.to_owned(), entry);
        entries.1 = true;
        Ok(())
    }

    pub(super) fn delete(&self, key: &str) {
        let mut entries = self.lock();
        entries.1 |= entries.0.remove(key).is_some();
    }

    /// Writes what changed since the last time. Blocking.
    pub(super) fn save(&self) -> std::io::Result<()> {
        let Some(path) = &self.0.path else {
            return Ok(());
        };
        let bytes = {
            let mut entries = self.lock();
            if !std::mem::take(&mut entries.1) {
                return Ok(());
            }
            serde_json::to_vec(&entries.0)?
        };
        files::write(path, &bytes).inspect_err(|_| self.lock().1 = true)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (BTreeMap<String, Entry>, bool)> {
        self.0
            .entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_survives_a_restart_expires_and_is_bounded() {
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
        let third = state.set("third", b"x", None, 0, quota);
        assert_eq!(third, Err(Full::Entries));
        assert_eq!(
            state.set("token", b"abc", None, 0, quota),
            Ok(()),
            "a known one"
        );
        state.save().expect("saved");
        let again = State::open(path.clone());
        assert_eq!(again.get("token", 50).as_deref(), Some(&b"abc"[..]));
        assert_eq!(again.get("short", 9).as_deref(), Some(&b"x"[..]));
        assert_eq!(again.get("short", 10), None);
        again.delete("token");
        again.save().expect("saved");
        assert_eq!(State::open(path.clone()).get("token", 0), None);
        std::fs::write(&path, b"{broken").expect("written");
        assert_eq!(State::open(path).get("token", 0), None);
    }
}
