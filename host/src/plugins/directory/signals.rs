//! What the polling thread waits for besides time.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::EXTENSION;

/// Shared by whoever asks and the thread.
#[derive(Debug, Default)]
pub(in crate::plugins) struct Signals {
    asked: Mutex<Asked>,
    woken: Condvar,
}

/// What was asked for since the last poll.
#[derive(Debug, Default)]
pub(super) struct Asked {
    now: bool,
    pub(super) stop: bool,
    /// Every file again, changed or not.
    pub(super) reload: bool,
    /// These files again; `true`: by an operator's wish.
    pub(super) again: BTreeMap<String, bool>,
}

impl Signals {
    /// Hands over `<key>.wasm` again, changed or not. `forced`: it is to be
    /// loaded even if it serves already.
    pub(in crate::plugins) fn look_again(&self, key: &str, forced: bool) {
        let file = format!("{key}{EXTENSION}");
        self.raise(|asked| *asked.again.entry(file).or_default() |= forced);
    }

    /// Signals that come while the thread is busy are one signal.
    pub(super) fn raise(&self, ask: impl FnOnce(&mut Asked)) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        ask(&mut asked);
        asked.now = true;
        self.woken.notify_one();
    }

    /// What was asked for, at the latest after `most`.
    pub(super) fn wait(&self, most: Duration) -> Asked {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .woken
            .wait_timeout_while(asked, most, |asked| !asked.now);
        let (mut asked, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *asked)
    }
}
