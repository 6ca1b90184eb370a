//! Watching the plugins directory.
//!
//! A thread of its own polls the directory over its descriptor ([`disk`]) and
//! compares what changes when a file is written to ([`poller`]); `notify` only
//! hastens the next poll on local disks, because inotify does not see what
//! another client of a network mount writes. Where signatures are asked for, one
//! that comes or changes is a change of its file. A directory that cannot be read,
//! is suddenly empty, or does not answer, changes nothing: a mount that went
//! away must not unload what works.

mod disk;
mod look;
mod poller;
mod signals;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use notify::Watcher;

use self::disk::{Disk, Folder};
use self::poller::Poller;
pub(super) use self::signals::Signals;
use super::trust::Content;
use crate::clock::Clock;
use crate::config;
use crate::metrics::Metrics;

const EXTENSION: &str = ".wasm";

/// What a poll found out.
#[derive(Debug)]
pub(super) enum Event {
    /// New or changed, and settled. `forced`: an operator asked to load again.
    File {
        key: String,
        content: Content,
        forced: bool,
    },
    /// Something that is not even read. The key may be none.
    Unusable { key: String, why: String },
    /// Not there for a poll interval.
    Gone { key: String },
    /// The first poll is through; whether it found any file.
    Started { found: bool },
}

impl Event {
    /// The plugin's key, or a name that is none.
    pub(super) fn key(&self) -> &str {
        match self {
            Self::File { key, .. } | Self::Unusable { key, .. } | Self::Gone { key } => key,
            Self::Started { .. } => "",
        }
    }
}

/// How the directory looks.
#[derive(Clone, Debug, serde::Serialize)]
pub struct DirectoryStatus {
    /// As configured.
    pub path: PathBuf,
    /// Why the last poll changed nothing.
    pub error: Option<String>,
    /// When the last poll ended.
    pub checked_at: Option<Timestamp>,
    /// When the poll under way began.
    #[serde(skip)]
    busy_since: Option<Timestamp>,
}

/// A poll that takes longer is waiting for a mount that does not answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The watched directory; dropping it ends the thread.
#[derive(Debug)]
pub struct Directory {
    signals: Arc<Signals>,
    status: Arc<Mutex<DirectoryStatus>>,
    clock: Clock,
    patience: Duration,
}

impl Directory {
    /// Starts polling; events go to `events`, a bounded channel: a loader that
    /// is busy slows the poller, nothing piles up. `before` are the keys that
    /// there is something of: one without a file is gone.
    pub(super) fn watch(
        path: PathBuf,
        before: Vec<String>,
        config: &config::Plugins,
        signals: Arc<Signals>,
        (clock, metrics): (Clock, Metrics),
        events: tokio::sync::mpsc::Sender<Event>,
    ) -> std::io::Result<Self> {
        let disk = Folder::new(path.clone());
        let mut poller = Poller::new(disk, path, config, (clock, metrics), events);
        poller.remember(before);
        Self::start(poller, signals, PATIENCE)
    }

    fn start<D: Disk + 'static>(
        poller: Poller<D>,
        signals: Arc<Signals>,
        patience: Duration,
    ) -> std::io::Result<Self> {
        let (status, clock) = (poller.status.clone(), poller.clock.clone());
        let raised = signals.clone();
        let thread = std::thread::Builder::new().name("plugins-poll".into());
        thread.spawn(move || run(poller, &raised))?;
        Ok(Self {
            signals,
            status,
            clock,
            patience,
        })
    }

    /// Polls now and loads every file again, changed or not.
    pub fn reload(&self) {
        self.signals.raise(|asked| asked.reload = true);
    }

    /// The last poll, or the one that does not end.
    pub fn status(&self) -> DirectoryStatus {
        let status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        let mut status = status.clone();
        let waited = |since: Timestamp| {
            Duration::try_from(self.clock.now().duration_since(since)).unwrap_or_default()
        };
        if let Some(since) = status.busy_since.filter(|s| waited(*s) >= self.patience) {
            status.error = Some(format!(
                "it does not answer since {since}: what was loaded stays"
            ));
        }
        status
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.signals.raise(|asked| asked.stop = true);
    }
}

fn run<D: Disk>(mut poller: Poller<D>, signals: &Arc<Signals>) {
    let mut watcher = None;
    let mut first = true;
    let mut most = Duration::ZERO;
    loop {
        let asked = signals.wait(most);
        if asked.stop {
            return;
        }
        most = poller.interval();
        poller.ask(asked);
        let Some(moved) = poller.poll() else {
            // Nobody listens any more.
            return;
        };
        if moved || watcher.is_none() {
            watcher = hasten(poller.path(), signals.clone());
        }
        if std::mem::take(&mut first) && poller.started().is_none() {
            return;
        }
    }
}

fn hasten(path: &std::path::Path, signals: Arc<Signals>) -> Option<notify::RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            signals.raise(|_| ());
        }
    })
    .ok()?;
    watcher
        .watch(path, notify::RecursiveMode::NonRecursive)
        .ok()?;
    Some(watcher)
}
