//! `schedule.json` in the data directory: what was last fetched, for the next
//! start, and `schedule.json.previous`, what it was before.
//!
//! Written whole or not at all. The directory may be on NFS and others may write
//! to it, so what is read back is capped and checked like an answer from
//! outside. A file that is unusable is put aside, not deleted; the one before it
//! serves, and the next write does not need it.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::check::Flaw;
use super::merge::Change;
use super::model::Season;
use super::report::{Report, Source};
use crate::files;

const NAME: &str = "schedule.json";
const PREVIOUS: &str = "schedule.json.previous";
/// One file is kept aside, the newest that was unusable.
const ASIDE: &str = "schedule.json.bad";
/// A season takes about 40 kB.
const MAX_SIZE: u64 = 4 * 1024 * 1024;
/// Last year's, this year's and next year's.
pub(super) const MAX_SEASONS: usize = 3;
/// Rises when an older program could misread what is written.
const VERSION: u32 = 2;
/// Changes kept; the oldest go.
pub(super) const HISTORY: usize = 200;

/// Why the stored schedule could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file system said no.
    #[error("the stored schedule could not be read: {}", .0.kind())]
    Io(#[source] io::Error),
    /// A directory, a pipe, a device.
    #[error("the stored schedule is not a regular file")]
    NotAFile,
    /// Larger than anything that was written.
    #[error("the stored schedule is too large")]
    TooLarge,
    /// Half a file, or something else's.
    #[error("the stored schedule is malformed")]
    Malformed(#[source] serde_json::Error),
    /// Written by a newer program.
    #[error("the stored schedule has version {0}, which this program does not know")]
    Version(u32),
    /// Readable, and not a season.
    #[error("the stored schedule is unusable: {0}")]
    Flawed(#[from] Flaw),
}

/// The directory of one `schedule.json`.
#[derive(Clone, Debug)]
pub(super) struct Store {
    dir: PathBuf,
}

/// What one start leaves to the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// By year, no year twice; those that somebody fetched.
    pub(super) seasons: Vec<Season>,
    /// What each source last said of each of them.
    #[serde(default)]
    pub(super) reports: Vec<Report>,
    #[serde(default)]
    pub(super) history: Vec<Change>,
    /// Until when a source asked to be left alone.
    #[serde(default)]
    pub(super) quiet_until: BTreeMap<Source, Timestamp>,
}

#[derive(Serialize)]
struct Stored<'k> {
    version: u32,
    #[serde(flatten)]
    kept: &'k Kept,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

// === impl Store ===

impl Store {
    pub(super) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    /// What was stored; nothing where nothing was yet. With an error, what was stored
    /// before. Blocks.
    pub(super) fn load(&self) -> (Kept, Option<LoadError>) {
        let error = match self.read(NAME) {
            Ok(kept) => return (kept, None),
            // Nothing was stored, or a write broke off before it was there again.
            Err(LoadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error @ (LoadError::Io(_) | LoadError::NotAFile)) => Some(error),
            Err(error) => {
                let aside = fs::rename(self.dir.join(NAME), self.dir.join(ASIDE));
                tracing::warn!(%error, source = ?std::error::Error::source(&error), kept = aside.is_ok(), "the stored schedule is put aside");
                Some(error)
            }
        };
        (self.read(PREVIOUS).unwrap_or_default(), error)
    }

    /// Replaces what is stored, and keeps that as the previous one. Blocks until it is
    /// on disk.
    pub(super) fn save(&self, kept: &Kept) -> io::Result<()> {
        let stored = Stored {
            version: VERSION,
            kept,
        };
        let text = serde_json::to_vec_pretty(&stored)?;
        let path = self.dir.join(NAME);
        if let Ok(before) = files::read_own(&path, MAX_SIZE) {
            files::write_in_place(&self.dir.join(PREVIOUS), &before)?;
        }
        files::write_in_place(&path, &text)
    }

    /// What is stored, and the hash of it, where that is another than `seen`. What cannot
    /// be read is nothing: the next write replaces it. Blocks.
    pub(super) fn read_other(&self, seen: u64) -> Option<(Kept, u64)> {
        let text = files::read_own(&self.dir.join(NAME), MAX_SIZE).ok()?;
        let mut hash = DefaultHasher::new();
        text.hash(&mut hash);
        let hash = hash.finish();
        if hash == seen {
            return None;
        }
        Some((parse(&text).ok()?, hash))
    }

    fn read(&self, name: &str) -> Result<Kept, LoadError> {
        let read = files::read_own(&self.dir.join(name), MAX_SIZE);
        let text = read.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput => LoadError::NotAFile,
            io::ErrorKind::FileTooLarge => LoadError::TooLarge,
            _ => LoadError::Io(error),
        })?;
        parse(&text)
    }
}

fn parse(text: &[u8]) -> Result<Kept, LoadError> {
    let Version { version } = serde_json::from_slice(text).map_err(LoadError::Malformed)?;
    if !(1..=VERSION).contains(&version) {
        return Err(LoadError::Version(version));
    }
    check(serde_json::from_slice(text).map_err(LoadError::Malformed)?)
}

fn check(mut kept: Kept) -> Result<Kept, LoadError> {
    let Kept {
        seasons,
        reports,
        history,
        quiet_until: _,
    } = &mut kept;
    if seasons.len() > MAX_SEASONS || reports.len() > 2 * MAX_SEASONS || history.len() > HISTORY {
        return Err(Flaw::TooMany("store").into());
    }
    seasons.sort_by_key(|season| season.year);
    if seasons.windows(2).any(|pair| pair[0].year == pair[1].year) {
        return Err(Flaw::Duplicate("year".to_owned()).into());
    }
    for season in seasons {
        season.check()?;
        season.sort();
    }
    for report in reports {
        report.check()?;
    }
    for change in history {
        change.check()?;
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::super::bundled;
    use super::*;

    fn kept() -> Kept {
        let fetched_at = Some("2026-05-01T00:00:00Z".parse().expect("a time"));
        Kept {
            seasons: vec![Season {
                fetched_at,
                ..bundled::season()
            }],
            ..Kept::default()
        }
    }

    /// What loads without an error.
    fn loaded(store: &Store) -> Kept {
        let (kept, error) = store.load();
        assert!(error.is_none(), "{error:?}");
        kept
    }

    #[test]
    fn what_is_saved_is_loaded_and_what_was_before_is_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        assert_eq!(loaded(&store), Kept::default());
        store.save(&kept()).expect("saved");
        assert_eq!(loaded(&store), kept());
        store.save(&Kept::default()).expect("saved again");
        assert_eq!(loaded(&store), Kept::default());
        let names = fs::read_dir(dir.path()).expect("listed");
        let mut names: Vec<_> = names.map(|e| e.expect("entry").file_name()).collect();
        names.sort();
        assert_eq!(names, [NAME, PREVIOUS], "no temporary file stays");
        // A write that broke off between the two.
        fs::remove_file(dir.path().join(NAME)).expect("removed");
        assert_eq!(loaded(&store), kept());
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let dir = tempfile::tempdir().expect("a directory");
        Store::new(dir.path()).save(&kept()).expect("saved");
        let gone = Store::new(&dir.path().join("missing"));
        assert!(gone.save(&Kept::default()).is_err());
        assert_eq!(loaded(&Store::new(dir.path())), kept());
    }

    #[test]
    fn what_the_version_before_stored_is_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let text = r#"{"version":1,"seasons":[{"year":2026,"fetched_at":"2026-05-01T00:00:00Z",
            "events":[{"id":"2026-miami","name":"Miami Grand Prix","round":4,
            "circuit":{"id":"miami","name":"A","locality":"B","country":"C"},
            "sessions":[{"kind":"race","start":"2026-05-03T17:00:00Z","end":null,
            "date":"2026-05-03","moved_from":"2026-05-03T20:00:00Z",
            "changed_at":"2026-05-03T12:00:00Z","doubtful":false,"missing_since":null}]}]}]}"#;
        fs::write(dir.path().join(NAME), text).expect("written");
        let kept = loaded(&Store::new(dir.path()));
        let race = &kept.seasons[0].events[0].sessions[0];
        assert_eq!(
            race.previous_start,
            Some("2026-05-03T20:00:00Z".parse().expect("a time"))
        );
        assert_eq!(race.sequence, 0);
    }

    fn check_bad(text: &[u8], expect: fn(&LoadError) -> bool) {
        for previous in [Kept::default(), kept()] {
            let dir = tempfile::tempdir().expect("a directory");
            let store = Store::new(dir.path());
            store.save(&previous).expect("saved");
            fs::rename(dir.path().join(NAME), dir.path().join(PREVIOUS)).expect("renamed");
            fs::write(dir.path().join(NAME), text).expect("written");
            let (served, error) = store.load();
            assert!(error.as_ref().is_some_and(expect), "{error:?}");
            assert_eq!(served, previous, "the copy before it serves");
            assert_eq!(fs::read(dir.path().join(ASIDE)).expect("kept aside"), text);
            assert_eq!(loaded(&store), previous);
            store.save(&kept()).expect("saved over it");
            assert_eq!(loaded(&store), kept());
        }
    }

    #[test]
    fn unusable_files_are_typed_and_put_aside() {
        let malformed = |e: &LoadError| matches!(e, LoadError::Malformed(_));
        let flawed = |e: &LoadError| matches!(e, LoadError::Flawed(_));
        check_bad(b"", malformed);
        check_bad(b"\0\0\0\0", malformed);
        check_bad(b"<html>", malformed);
        check_bad(b"[]", malformed);
        check_bad(br#"{"version":1,"seasons":5}"#, malformed);
        check_bad(br#"{"version":3,"seasons":[]}"#, |e| {
            matches!(e, LoadError::Version(3))
        });
        check_bad(&vec![b' '; MAX_SIZE as usize + 1], |e| {
            matches!(e, LoadError::TooLarge)
        });
        let whole = serde_json::to_string(&Stored {
            version: VERSION,
            kept: &kept(),
        })
        .expect("JSON");
        check_bad(&whole.as_bytes()[..whole.len() / 2], malformed);
        for (from, to) in [
            ("\"year\":2026", "\"year\":32000"),
            ("2026-sepang", "2026-suzuka"),
            ("\"id\":\"sepang\"", "\"id\":\"../sepang\""),
            ("Suzuka Circuit", "Suzuka\\u0007Circuit"),
            ("practice2", "practice1"),
            ("2026-11-22T04:00:00Z", "9999-11-22T04:00:00Z"),
        ] {
            let text = whole.replace(from, to);
            assert_ne!(text, whole, "{from}");
            check_bad(text.as_bytes(), flawed);
        }
    }

    #[test]
    fn what_is_no_file_is_not_opened() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir(dir.path().join(NAME)).expect("made");
        let store = Store::new(dir.path());
        assert!(matches!(store.load().1, Some(LoadError::NotAFile)));
        fs::remove_dir(dir.path().join(NAME)).expect("removed");
        let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
        let made = rustix::fs::mknodat(rustix::fs::CWD, dir.path().join(NAME), kind, mode, 0);
        made.expect("a pipe");
        assert!(
            matches!(store.load().1, Some(LoadError::NotAFile)),
            "and no wait"
        );
        fs::remove_file(dir.path().join(NAME)).expect("removed");
        // A schedule, and not ours.
        let theirs = tempfile::tempdir().expect("a directory");
        Store::new(theirs.path()).save(&kept()).expect("saved");
        let link = std::os::unix::fs::symlink(theirs.path().join(NAME), dir.path().join(NAME));
        link.expect("linked");
        assert!(matches!(store.load().1, Some(LoadError::Io(_))));
    }
}
