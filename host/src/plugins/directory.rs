//! Watching the plugins directory.
//!
//! A thread of its own polls the directory and compares size, times and inode
//! of its files; `notify` only hastens the next poll on local disks, because
//! inotify does not see what another client of a network mount writes. A
//! changed file is read once it looks the same twice, `plugins.settle` apart.
//! A directory that cannot be read, or is suddenly empty, changes nothing: a
//! mount that went away must not unload what works.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use notify::Watcher;

use crate::clock::Clock;
use crate::config;
use crate::files;
use crate::metrics::Metrics;

const EXTENSION: &str = ".wasm";

/// What a poll found out.
#[derive(Debug)]
pub(super) enum Event {
    /// New or changed, and settled. `forced`: an operator asked to load again.
    File {
        key: String,
        bytes: Arc<[u8]>,
        forced: bool,
    },
    /// A file that is not even read.
    Unusable { file: String, why: String },
    /// Not there for a poll interval.
    Gone { key: String },
    /// The first poll is through; whether it found any file.
    Started { found: bool },
}

impl Event {
    /// The plugin's key, or a name that is none.
    pub(super) fn key(&self) -> &str {
        match self {
            Self::File { key, .. } | Self::Gone { key } => key,
            Self::Unusable { file, .. } => file.strip_suffix(EXTENSION).unwrap_or(file),
            Self::Started { .. } => "",
        }
    }
}

/// What changes when a file is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    size: u64,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl From<&std::fs::Metadata> for Stamp {
    fn from(meta: &std::fs::Metadata) -> Self {
        Self {
            size: meta.size(),
            inode: meta.ino(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
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
    /// The last poll's time.
    pub checked_at: Option<Timestamp>,
}

/// What the thread waits for besides time.
#[derive(Debug)]
struct Signals {
    /// Holds one: signals that come while the thread is busy are one signal.
    wake: SyncSender<()>,
    reload: AtomicBool,
    stop: AtomicBool,
}

impl Signals {
    fn raise(&self) {
        // Full means that it will wake anyway.
        let _ = self.wake.try_send(());
    }
}

/// The watched directory; dropping it ends the thread.
#[derive(Debug)]
pub struct Directory {
    signals: Arc<Signals>,
    status: Arc<Mutex<DirectoryStatus>>,
}

impl Directory {
    /// Starts polling; events go to `events`, a bounded channel: a loader that
    /// is busy slows the poller, nothing piles up.
    pub(super) fn watch(
        path: PathBuf,
        config: &config::Plugins,
        clock: Clock,
        metrics: Metrics,
        events: tokio::sync::mpsc::Sender<Event>,
    ) -> std::io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let signals = Arc::new(Signals {
            wake,
            reload: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let poller = Poller::new(path, config, clock, metrics, events);
        let status = poller.status.clone();
        let (thread, raised) = (
            std::thread::Builder::new().name("plugins-poll".into()),
            signals.clone(),
        );
        thread.spawn(move || poller.run(&woken, &raised))?;
        Ok(Self { signals, status })
    }

    /// Polls now and loads every file again, changed or not.
    pub fn reload(&self) {
        self.signals.reload.store(true, Ordering::Relaxed);
        self.signals.raise();
    }

    /// The last poll.
    pub fn status(&self) -> DirectoryStatus {
        self.status
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.signals.stop.store(true, Ordering::Relaxed);
        self.signals.raise();
    }
}

struct Poller {
    path: PathBuf,
    config: config::Plugins,
    clock: Clock,
    metrics: Metrics,
    status: Arc<Mutex<DirectoryStatus>>,
    events: tokio::sync::mpsc::Sender<Event>,
    /// What was last handed on, by file name.
    known: BTreeMap<String, Stamp>,
    /// Since when files are not there.
    missed: BTreeMap<String, Instant>,
    /// An operator asked; stays until a poll could do it.
    forced: bool,
}

/// A listing of the directory.
struct Listing {
    files: BTreeMap<String, Stamp>,
    /// Not more than `plugins.max_files` were looked at.
    cut: bool,
}

impl Poller {
    fn new(
        path: PathBuf,
        config: &config::Plugins,
        clock: Clock,
        metrics: Metrics,
        events: tokio::sync::mpsc::Sender<Event>,
    ) -> Self {
        let status = DirectoryStatus {
            path: path.clone(),
            error: None,
            checked_at: None,
        };
        Self {
            path,
            config: config.clone(),
            clock,
            metrics,
            status: Arc::new(Mutex::new(status)),
            events,
            known: BTreeMap::new(),
            missed: BTreeMap::new(),
            forced: false,
        }
    }

    fn run(mut self, woken: &Receiver<()>, signals: &Arc<Signals>) {
        let mut watcher = None;
        let mut started = false;
        while !signals.stop.load(Ordering::Relaxed) {
            if watcher.is_none() {
                watcher = self.hasten(signals.clone());
            }
            self.forced |= signals.reload.swap(false, Ordering::Relaxed);
            if self.poll().is_none() {
                return;
            }
            if !started {
                let found = !self.known.is_empty();
                if self.events.blocking_send(Event::Started { found }).is_err() {
                    return;
                }
                started = true;
            }
            // Either way the next poll is due.
            let _ = woken.recv_timeout(self.config.poll);
        }
    }

    fn hasten(&self, signals: Arc<Signals>) -> Option<notify::RecommendedWatcher> {
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                if event.is_ok_and(|event| !event.kind.is_access()) {
                    signals.raise();
                }
            })
            .ok()?;
        watcher
            .watch(&self.path, notify::RecursiveMode::NonRecursive)
            .ok()?;
        Some(watcher)
    }

    /// `None`: nobody listens any more.
    fn poll(&mut self) -> Option<()> {
        let listing = self.list();
        let error = match &listing {
            Err(error) => Some(error.to_string()),
            Ok(listing) if listing.files.is_empty() && !self.known.is_empty() => {
                Some("it is empty, as when a mount is gone: what was loaded stays".to_owned())
            }
            Ok(_) => None,
        };
        let usable = error.is_none();
        {
            let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
            if error.is_some() && status.error != error {
                tracing::warn!(path = %self.path.display(), error, "plugins directory");
            }
            if error.is_none() && status.error.is_some() {
                tracing::info!(path = %self.path.display(), "plugins directory is back");
            }
            status.error = error;
            status.checked_at = Some(self.clock.now());
        }
        let Ok(Listing { files, cut }) = listing else {
            return Some(());
        };
        if !usable {
            return Some(());
        }
        let forced = std::mem::take(&mut self.forced);
        let changed: Vec<_> = files
            .iter()
            .filter(|(name, stamp)| forced || self.known.get(*name) != Some(stamp))
            .collect();
        if !changed.is_empty() {
            std::thread::sleep(self.config.settle);
        }
        for (name, stamp) in changed {
            self.hand_on(name, *stamp, forced)?;
        }
        // What was not looked at is not known to be gone.
        if cut { Some(()) } else { self.forget(&files) }
    }

    /// `*.wasm` in the directory; other names are somebody else's.
    fn list(&self) -> std::io::Result<Listing> {
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if name.starts_with('.') || !name.ends_with(EXTENSION) {
                continue;
            }
            if files.len() >= self.config.max_files {
                self.metrics.limit("plugins.max_files");
                tracing::warn!(
                    limit = self.config.max_files,
                    "more files than plugins.max_files"
                );
                return Ok(Listing { files, cut: true });
            }
            // Of the entry itself: links are not followed.
            if let Ok(meta) = entry.metadata() {
                files.insert(name, Stamp::from(&meta));
            }
        }
        Ok(Listing { files, cut: false })
    }

    fn hand_on(&mut self, name: &str, stamp: Stamp, forced: bool) -> Option<()> {
        let key = name.strip_suffix(EXTENSION).unwrap_or(name);
        let event = if key.parse::<config::Key>().is_err() {
            let why = "the name must be [a-z0-9][a-z0-9-]{0,62}.wasm".into();
            Event::Unusable {
                file: super::validate::clean(name, 80),
                why,
            }
        } else {
            match read_settled(&self.path.join(name), stamp, self.config.max_file.as_u64()) {
                Ok(Some(bytes)) => Event::File {
                    key: key.to_owned(),
                    bytes: bytes.into(),
                    forced,
                },
                // Still being written: the next poll looks again, and an
                // operator's wish stays.
                Ok(None) => {
                    self.forced |= forced;
                    return Some(());
                }
                Err(error) => {
                    let ours = matches!(
                        error.kind(),
                        ErrorKind::FileTooLarge | ErrorKind::InvalidInput
                    ) || error.raw_os_error()
                        == Some(rustix::io::Errno::LOOP.raw_os_error());
                    if error.kind() == ErrorKind::FileTooLarge {
                        self.metrics.limit("plugins.max_file");
                    }
                    if !ours {
                        // The mount's trouble (EIO, ESTALE), not the file's.
                        tracing::warn!(file = name, %error, "plugin file");
                        return Some(());
                    }
                    Event::Unusable {
                        file: name.to_owned(),
                        why: error.to_string(),
                    }
                }
            }
        };
        self.known.insert(name.to_owned(), stamp);
        self.events.blocking_send(event).ok()
    }

    /// A file is gone once it was not there for a whole poll interval: polls
    /// may follow each other at once, and a file may be away while it is
    /// replaced.
    fn forget(&mut self, files: &BTreeMap<String, Stamp>) -> Option<()> {
        self.missed.retain(|name, _| !files.contains_key(name));
        let absent = self.known.keys().filter(|name| !files.contains_key(*name));
        let absent: Vec<String> = absent.cloned().collect();
        for name in absent {
            let since = self.missed.entry(name.clone()).or_insert_with(Instant::now);
            if since.elapsed() >= self.config.poll {
                self.missed.remove(&name);
                self.known.remove(&name);
                let key = name.strip_suffix(EXTENSION).unwrap_or(&name).to_owned();
                self.events.blocking_send(Event::Gone { key }).ok()?;
            }
        }
        Some(())
    }
}

/// The content, if the file is the same before and after reading.
fn read_settled(path: &Path, stamp: Stamp, max: u64) -> std::io::Result<Option<Vec<u8>>> {
    let mut file = files::open_regular(path)?;
    if Stamp::from(&file.metadata()?) != stamp {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    (&mut file).take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(std::io::Error::new(
            std::io::ErrorKind::FileTooLarge,
            format!("larger than plugins.max_file = {max} bytes"),
        ));
    }
    Ok((Stamp::from(&file.metadata()?) == stamp).then_some(bytes))
}

#[cfg(test)]
mod tests;
