//! Watching the plugins directory.
//!
//! A thread of its own polls the directory and compares size, times and inode
//! of its files; `notify` only hastens the next poll on local disks, because
//! inotify does not see what another client of a network mount writes. A
//! changed file is read once it looks the same twice, `plugins.settle` apart.
//! A directory that cannot be read, or is suddenly empty, changes nothing: a
//! mount that went away must not unload what works.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use notify::Watcher;

use crate::clock::Clock;
use crate::config;
use crate::files;

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
    /// Gone at two polls in a row.
    Gone { key: String },
    /// The first poll is through; whether it found any file.
    Started { found: bool },
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

enum Wake {
    Changed,
    Reload,
    Stop,
}

/// The watched directory; dropping it ends the thread.
#[derive(Debug)]
pub struct Directory {
    wake: Sender<Wake>,
    status: Arc<Mutex<DirectoryStatus>>,
}

impl Directory {
    /// Starts polling; events go to `events`, a bounded channel: a loader that
    /// is busy slows the poller, nothing piles up.
    pub(super) fn watch(
        path: PathBuf,
        config: &config::Plugins,
        clock: Clock,
        events: tokio::sync::mpsc::Sender<Event>,
    ) -> std::io::Result<Self> {
        let (wake, woken) = channel();
        let status = Arc::new(Mutex::new(DirectoryStatus {
            path: path.clone(),
            error: None,
            checked_at: None,
        }));
        let poller = Poller {
            path,
            config: config.clone(),
            clock,
            status: status.clone(),
            events,
            known: BTreeMap::new(),
            missed: BTreeMap::new(),
        };
        let hasten = wake.clone();
        std::thread::Builder::new()
            .name("plugins-poll".into())
            .spawn(move || poller.run(&woken, hasten))?;
        Ok(Self { wake, status })
    }

    /// Polls now and loads every file again, changed or not.
    pub fn reload(&self) {
        // The thread ends only with this handle.
        let _ = self.wake.send(Wake::Reload);
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
        let _ = self.wake.send(Wake::Stop);
    }
}

struct Poller {
    path: PathBuf,
    config: config::Plugins,
    clock: Clock,
    status: Arc<Mutex<DirectoryStatus>>,
    events: tokio::sync::mpsc::Sender<Event>,
    /// What was last handed on, by file name.
    known: BTreeMap<String, Stamp>,
    /// Files that were not there at the last poll.
    missed: BTreeMap<String, u32>,
}

impl Poller {
    fn run(mut self, woken: &Receiver<Wake>, hasten: Sender<Wake>) {
        let mut watcher = None;
        let mut forced = false;
        let mut started = false;
        loop {
            if watcher.is_none() {
                watcher = self.hasten(hasten.clone());
            }
            if self.poll(forced).is_none() {
                return;
            }
            if !started {
                let found = !self.known.is_empty();
                if self.events.blocking_send(Event::Started { found }).is_err() {
                    return;
                }
            }
            started = true;
            forced = false;
            match woken.recv_timeout(self.config.poll) {
                Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Wake::Reload) => forced = true,
                Ok(Wake::Changed) | Err(RecvTimeoutError::Timeout) => {}
            }
            // One poll serves everything that was signalled meanwhile.
            while let Ok(wake) = woken.try_recv() {
                match wake {
                    Wake::Stop => return,
                    Wake::Reload => forced = true,
                    Wake::Changed => {}
                }
            }
        }
    }

    fn hasten(&self, wake: Sender<Wake>) -> Option<notify::RecommendedWatcher> {
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                if event.is_ok_and(|event| !event.kind.is_access()) {
                    let _ = wake.send(Wake::Changed);
                }
            })
            .ok()?;
        watcher
            .watch(&self.path, notify::RecursiveMode::NonRecursive)
            .ok()?;
        Some(watcher)
    }

    /// `None`: nobody listens any more.
    fn poll(&mut self, forced: bool) -> Option<()> {
        let listing = self.list();
        let error = match &listing {
            Err(error) => Some(error.to_string()),
            Ok(files) if files.is_empty() && !self.known.is_empty() => {
                Some("the directory is empty; the loaded plugins stay".to_owned())
            }
            Ok(_) => None,
        };
        let usable = error.is_none();
        {
            let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
            if error.is_some() && status.error != error {
                tracing::warn!(path = %self.path.display(), error, "plugins directory");
            }
            status.error = error;
            status.checked_at = Some(self.clock.now());
        }
        let files = match listing {
            Ok(files) if usable => files,
            _ => return Some(()),
        };
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
        self.forget(&files)
    }

    /// `*.wasm` in the directory; other names are somebody else's.
    fn list(&self) -> std::io::Result<BTreeMap<String, Stamp>> {
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if name.starts_with('.') || !name.ends_with(".wasm") {
                continue;
            }
            if files.len() >= self.config.max_files {
                tracing::warn!(
                    limit = self.config.max_files,
                    "more plugin files than plugins.max_files"
                );
                break;
            }
            // Of the entry itself: links are not followed.
            if let Ok(meta) = entry.metadata() {
                files.insert(name, Stamp::from(&meta));
            }
        }
        Ok(files)
    }

    fn hand_on(&mut self, name: &str, stamp: Stamp, forced: bool) -> Option<()> {
        let key = name.trim_end_matches(".wasm");
        let event = if key.parse::<config::Key>().is_err() {
            Event::Unusable {
                file: super::validate::clean(name, 80),
                why: "the name must be [a-z0-9][a-z0-9-]{0,62}.wasm".into(),
            }
        } else {
            match read_settled(&self.path.join(name), stamp, self.config.max_file.as_u64()) {
                Ok(Some(bytes)) => Event::File {
                    key: key.to_owned(),
                    bytes: bytes.into(),
                    forced,
                },
                // Still being written: the next poll looks again.
                Ok(None) => return Some(()),
                Err(error) => Event::Unusable {
                    file: name.to_owned(),
                    why: error.to_string(),
                },
            }
        };
        self.known.insert(name.to_owned(), stamp);
        self.events.blocking_send(event).ok()
    }

    fn forget(&mut self, files: &BTreeMap<String, Stamp>) -> Option<()> {
        self.missed.retain(|name, _| !files.contains_key(name));
        let absent: Vec<String> = self
            .known
            .keys()
            .filter(|name| !files.contains_key(*name))
            .cloned()
            .collect();
        for name in absent {
            let polls = self.missed.entry(name.clone()).or_default();
            *polls += 1;
            if *polls >= 2 {
                self.missed.remove(&name);
                self.known.remove(&name);
                let key = name.trim_end_matches(".wasm").to_owned();
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
