//! What a poll makes of a directory.
//!
//! A changed file is read once it looks the same twice, `plugins.settle`
//! apart. What was handed on is read once more a little later: on a file system
//! whose times are coarse, a file overwritten at once looks the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::disk::{Disk, Place, is_the_files};
use super::look::{Files, Look, digest_of};
use super::signals::Asked;
use super::{DirectoryStatus, EXTENSION, Event};
use crate::clock::Clock;
use crate::config;
use crate::metrics::Metrics;
use crate::plugins::text::clean;

/// The coarsest times of a file system that is in use (FAT), and some.
const COARSE: Duration = Duration::from_secs(3);
/// Names looked through for those that are known; more are another purpose.
const NAMES: usize = 65_536;
const EMPTY: &str = "it is empty, as when a mount is gone: what was loaded stays until the files \
                     are back or an operator reloads all";

pub(super) struct Poller<D> {
    files: Files<D>,
    path: PathBuf,
    config: config::Plugins,
    pub(super) clock: Clock,
    metrics: Metrics,
    pub(super) status: Arc<Mutex<DirectoryStatus>>,
    events: tokio::sync::mpsc::Sender<Event>,
    pub(super) coarse: Duration,
    /// What was last handed on, by file name.
    pub(super) known: BTreeMap<String, Known>,
    /// Since when files are not there.
    missed: BTreeMap<String, Instant>,
    /// Files that went all at once: they are not taken for removed.
    lost: BTreeSet<String>,
    /// Where the last usable poll looked.
    place: Option<Place>,
    /// The last poll was usable, and there was something.
    found: bool,
    /// Wishes stay until a poll could do them. Of every file:
    all_again: bool,
    /// Of single files; `true`: an operator's.
    again: BTreeMap<String, bool>,
}

pub(super) struct Known {
    look: Look,
    digest: Option<String>,
    /// When it is read once more.
    doubted: Option<Instant>,
}

/// The entries that are looked at.
struct Listing {
    files: BTreeMap<String, Look>,
    /// Of all that are there, looked at or not.
    names: BTreeSet<String>,
    /// There are more names: what is not among them may be there.
    cut: bool,
}

impl<D: Disk> Poller<D> {
    pub(super) fn new(
        disk: D,
        path: PathBuf,
        config: &config::Plugins,
        (clock, metrics): (Clock, Metrics),
        events: tokio::sync::mpsc::Sender<Event>,
    ) -> Self {
        let status = DirectoryStatus {
            path: path.clone(),
            error: None,
            checked_at: None,
            busy_since: None,
        };
        Self {
            files: Files::new(disk, config),
            path,
            config: config.clone(),
            clock,
            metrics,
            status: Arc::new(Mutex::new(status)),
            events,
            coarse: COARSE,
            known: BTreeMap::new(),
            missed: BTreeMap::new(),
            lost: BTreeSet::new(),
            place: None,
            found: false,
            all_again: false,
            again: BTreeMap::new(),
        }
    }

    /// Plugins that were there at another start: before the first poll.
    pub(super) fn remember(&mut self, keys: Vec<String>) {
        let unseen = |key| {
            let known = Known {
                look: Look::none(),
                digest: None,
                doubted: None,
            };
            (format!("{key}{EXTENSION}"), known)
        };
        self.known.extend(keys.into_iter().map(unseen));
    }

    pub(super) fn interval(&self) -> Duration {
        self.config.poll
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn ask(&mut self, asked: Asked) {
        self.all_again |= asked.reload;
        for (name, forced) in asked.again {
            *self.again.entry(name).or_default() |= forced;
        }
    }

    /// The first poll is through.
    pub(super) fn started(&self) -> Option<()> {
        let found = self.found;
        self.events.blocking_send(Event::Started { found }).ok()
    }

    /// `None`: nobody listens any more. `true`: the path leads elsewhere now.
    pub(super) fn poll(&mut self) -> Option<bool> {
        let now = self.clock.now();
        self.status(|status| status.busy_since = Some(now));
        let listing = self.list();
        let error = match &listing {
            Err(error) => Some(error.to_string()),
            Ok(listing) if self.is_suspect(listing) => Some(EMPTY.to_owned()),
            Ok(_) => None,
        };
        let usable = error.is_none();
        self.found = usable && listing.as_ref().is_ok_and(|l| !l.names.is_empty());
        let done = match listing {
            Ok(listing) if usable => {
                self.keep_the_lost(&listing);
                self.compare(&listing)
            }
            _ => Some(()),
        };
        let error = error.or_else(|| self.told_of_the_lost());
        self.say(&error);
        let now = self.clock.now();
        self.status(|status| {
            status.error = error;
            status.checked_at = Some(now);
            status.busy_since = None;
        });
        done.map(|()| self.files.disk.moved())
    }

    /// Nothing is there any more, and it is not the directory of before or no
    /// operator says that this is all.
    fn is_suspect(&self, listing: &Listing) -> bool {
        let another = self.place.is_some() && self.place != self.files.disk.place();
        let emptied = listing.names.is_empty() && !self.known.is_empty();
        emptied && (another || !self.all_again)
    }

    fn compare(&mut self, listing: &Listing) -> Option<()> {
        let all_again = std::mem::take(&mut self.all_again);
        let mut again = std::mem::take(&mut self.again);
        let mut changed = Vec::new();
        for (name, look) in &listing.files {
            let asked = again.remove(name);
            let forced = all_again || asked == Some(true);
            let known = self.known.get(name).map(|known| known.look);
            if forced || asked.is_some() || known != Some(*look) {
                changed.push((name, *look, forced));
            }
        }
        // A file may be away while it is replaced: its wish stays.
        again.retain(|name, _| self.known.contains_key(name));
        self.again = again;
        if !changed.is_empty() {
            std::thread::sleep(self.config.settle);
        }
        for (name, look, forced) in changed {
            self.hand_on(name, look, forced)?;
        }
        self.doubt(&listing.files)?;
        // Else the next poll takes it for a mount that is gone.
        let patience = match listing.names.is_empty() {
            true => Duration::ZERO,
            false => self.config.poll,
        };
        self.forget(listing, patience)
    }

    /// Another file system is in the place, or another directory with none of
    /// the known files: a mount that went away and what lay under it.
    fn keep_the_lost(&mut self, listing: &Listing) {
        let now = self.files.disk.place();
        let before = self.place;
        self.place = now.or(before);
        if self.all_again {
            // An operator says that what is there is all.
            self.lost.clear();
            return;
        }
        self.lost.retain(|name| !listing.names.contains(name));
        let (Some(before), Some(now)) = (before, now) else {
            return;
        };
        let keys = || self.known.keys().filter(|name| is_key(name));
        let none_left = || !keys().any(|name| listing.names.contains(name));
        if before.device != now.device || (before != now && none_left()) {
            let gone = keys().filter(|name| !listing.names.contains(*name));
            self.lost = gone.chain(&self.lost).cloned().collect();
        }
    }

    fn told_of_the_lost(&self) -> Option<String> {
        let first = key_of(self.lost.first()?);
        Some(format!(
            "{} files went all at once, as when a mount is gone, {first} among them: \
             they stay loaded until they are back or an operator reloads all",
            self.lost.len()
        ))
    }

    /// The entries in question, at most `plugins.max_files`: those that are
    /// known first, so that a flood of names hides none of them.
    fn list(&mut self) -> std::io::Result<Listing> {
        let (mut names, cut) = self.files.disk.names(NAMES)?;
        let most = self.config.max_files;
        if names.len() > most {
            self.metrics.limit("plugins.max_files");
            tracing::warn!(limit = most, "more files than plugins.max_files");
        }
        let mut files = BTreeMap::new();
        // Those that are away have their places until they are forgotten.
        let away = self.known.keys().filter(|name| !names.contains(*name));
        let (keys_away, others_away): (Vec<_>, Vec<_>) = away.partition(|name| is_key(name));
        let (keys_away, others_away) = (keys_away.len(), others_away.len());
        let places = most.saturating_sub(keys_away);
        let (keys, others): (Vec<&String>, Vec<&String>) =
            names.iter().partition(|name| is_key(name));
        let mut gone = Vec::new();
        for name in self.known_first(keys).into_iter().take(places) {
            match self.files.look(name) {
                Ok(look) => drop(files.insert(name.clone(), look)),
                // Gone between the two looks.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    gone.push(name.clone());
                }
                Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => {
                    files.insert(name.clone(), Look::none());
                }
                // The mount's: nothing of this poll counts.
                Err(error) => return Err(error),
            }
        }
        // Names that are none are shown where there is place, and not looked at.
        let left = places.saturating_sub(files.len() + others_away);
        for name in self.known_first(others).into_iter().take(left) {
            files.insert(name.clone(), Look::none());
        }
        names.retain(|name| !gone.contains(name));
        Ok(Listing { files, names, cut })
    }

    fn known_first<'a>(&self, mut names: Vec<&'a String>) -> Vec<&'a String> {
        names.sort_by_key(|name| !self.known.contains_key(*name));
        names
    }

    fn hand_on(&mut self, name: &str, look: Look, forced: bool) -> Option<()> {
        let key = key_of(name);
        let read = if !is_key(name) {
            Err("the name must be [a-z0-9][a-z0-9-]{0,62}.wasm".to_owned())
        } else if !look.file.regular {
            Err("not a regular file".to_owned())
        } else {
            match self.files.read(name, look) {
                Ok(Some(content)) => Ok(content),
                // Still being written: the next poll looks again.
                Ok(None) => return self.later(name, forced),
                Err(error) if is_the_files(&error) => Err(self.why(&error)),
                // The mount's trouble (EIO, ESTALE), not the file's.
                Err(error) => {
                    tracing::warn!(file = clean(name, 80), %error, "plugin file");
                    return self.later(name, forced);
                }
            }
        };
        let known = Known {
            look,
            digest: read.as_ref().ok().map(digest_of),
            doubted: read.is_ok().then(|| Instant::now() + self.coarse),
        };
        self.known.insert(name.to_owned(), known);
        let event = match read {
            Ok(content) => Event::File {
                key,
                content,
                forced,
            },
            Err(why) => Event::Unusable { key, why },
        };
        self.send(event)
    }

    /// Waits for the loader; that is no trouble of the directory's.
    fn send(&self, event: Event) -> Option<()> {
        self.status(|status| status.busy_since = None);
        let sent = self.events.blocking_send(event).ok();
        let now = self.clock.now();
        self.status(|status| status.busy_since = Some(now));
        sent
    }

    fn later(&mut self, name: &str, forced: bool) -> Option<()> {
        *self.again.entry(name.to_owned()).or_default() |= forced;
        Some(())
    }

    /// Reads once more what was handed on a while ago and looks the same.
    fn doubt(&mut self, files: &BTreeMap<String, Look>) -> Option<()> {
        let now = Instant::now();
        let due = self.known.iter_mut().filter_map(|(name, known)| {
            let due = known.doubted.take_if(|at| *at <= now)?;
            (files.get(name) == Some(&known.look)).then(|| (name.clone(), known.look, due))
        });
        for (name, look, _) in due.collect::<Vec<_>>() {
            let read = self.files.read(&name, look);
            let Some(known) = self.known.get_mut(&name) else {
                continue;
            };
            match read {
                Ok(Some(content)) if known.digest.as_ref() != Some(&digest_of(&content)) => {
                    self.hand_on(&name, look, false)?;
                }
                Ok(_) => {}
                // The mount's trouble: the doubt stays.
                Err(_) => known.doubted = Some(now + self.coarse),
            }
        }
        Some(())
    }

    /// A file is gone once it was not there for as long as `patience`, a whole
    /// poll interval: polls may follow each other at once, and a file may be
    /// away while it is replaced.
    fn forget(&mut self, listing: &Listing, patience: Duration) -> Option<()> {
        let Listing { files, names, cut } = listing;
        // Of names that are none only what is shown is remembered.
        let there = |name: &String| match is_key(name) {
            true => *cut || names.contains(name) || self.lost.contains(name),
            false => files.contains_key(name),
        };
        self.missed.retain(|name, _| !there(name));
        let absent = self.known.keys().filter(|name| !there(name));
        let absent: Vec<String> = absent.cloned().collect();
        for name in absent {
            let since = self.missed.entry(name.clone()).or_insert_with(Instant::now);
            if since.elapsed() >= patience {
                self.missed.remove(&name);
                self.known.remove(&name);
                let key = key_of(&name);
                self.send(Event::Gone { key })?;
            }
        }
        Some(())
    }

    fn why(&self, error: &std::io::Error) -> String {
        if error.kind() == std::io::ErrorKind::FileTooLarge {
            self.metrics.limit("plugins.max_file");
            return format!("larger than plugins.max_file = {}", self.config.max_file);
        }
        error.to_string()
    }

    fn say(&self, error: &Option<String>) {
        let before = self.status(|status| status.error.clone());
        let path = self.path.display();
        match (before, error) {
            (before, Some(error)) if before.as_ref() != Some(error) => {
                tracing::warn!(%path, error, "plugins directory");
            }
            (Some(_), None) => tracing::info!(%path, "plugins directory is back"),
            _ => {}
        }
    }

    fn status<T>(&self, change: impl FnOnce(&mut DirectoryStatus) -> T) -> T {
        change(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn is_key(name: &str) -> bool {
    let stem = name.strip_suffix(EXTENSION);
    stem.is_some_and(|stem| stem.parse::<config::Key>().is_ok())
}

/// The key, or a name that is none, fit to be shown: escaped, so that it does
/// not look like another one's, and quoted where it would all the same.
fn key_of(name: &str) -> String {
    let stem = name.strip_suffix(EXTENSION).unwrap_or(name);
    let shown = clean(&stem.escape_debug().to_string(), 80);
    let is_another = shown != stem && shown.parse::<config::Key>().is_ok();
    if is_another {
        return clean(&format!("{stem:?}"), 80);
    }
    shown
}
