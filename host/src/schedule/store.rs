//! `schedule.json` in the data directory: what was last fetched, for the next
//! start.
//!
//! Written whole or not at all. The directory may be on NFS and others may write
//! to it, so what is read back is capped and checked like an answer from
//! outside. A file that is unusable is put aside, not deleted, and the next
//! write does not need it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::check::Flaw;
use super::model::Season;
use crate::files;

const NAME: &str = "schedule.json";
/// One file is kept aside, the newest that was unusable.
const ASIDE: &str = "schedule.json.bad";
/// A season takes about 40 kB.
const MAX_SIZE: u64 = 4 * 1024 * 1024;
/// Last year's, this year's and next year's.
pub(super) const MAX_SEASONS: usize = 3;
/// Rises when an older program could misread what is written.
const VERSION: u32 = 1;

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

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    seasons: Vec<Season>,
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

    /// The stored seasons; none where nothing was stored yet. Blocks.
    pub(super) fn load(&self) -> Result<Vec<Season>, LoadError> {
        match self.read() {
            Err(LoadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error @ (LoadError::Io(_) | LoadError::NotAFile)) => Err(error),
            Err(error) => {
                let aside = fs::rename(self.dir.join(NAME), self.dir.join(ASIDE));
                tracing::warn!(%error, source = ?std::error::Error::source(&error), kept = aside.is_ok(), "the stored schedule is put aside");
                Err(error)
            }
            Ok(seasons) => Ok(seasons),
        }
    }

    /// Replaces what is stored. Blocks until it is on disk.
    pub(super) fn save(&self, seasons: &[Season]) -> io::Result<()> {
        let stored = Stored {
            version: VERSION,
            seasons: seasons.to_vec(),
        };
        let text = serde_json::to_vec_pretty(&stored)?;
        files::write_in_place(&self.dir.join(NAME), &text)
    }

    fn read(&self) -> Result<Vec<Season>, LoadError> {
        let read = files::read_own(&self.dir.join(NAME), MAX_SIZE);
        let text = read.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput => LoadError::NotAFile,
            io::ErrorKind::FileTooLarge => LoadError::TooLarge,
            _ => LoadError::Io(error),
        })?;
        let Version { version } = serde_json::from_slice(&text).map_err(LoadError::Malformed)?;
        if version != VERSION {
            return Err(LoadError::Version(version));
        }
        let stored: Stored = serde_json::from_slice(&text).map_err(LoadError::Malformed)?;
        check(stored.seasons)
    }
}

fn check(mut seasons: Vec<Season>) -> Result<Vec<Season>, LoadError> {
    if seasons.len() > MAX_SEASONS {
        return Err(Flaw::TooMany("store").into());
    }
    seasons.sort_by_key(|season| season.year);
    if seasons.windows(2).any(|pair| pair[0].year == pair[1].year) {
        return Err(Flaw::Duplicate("year".to_owned()).into());
    }
    for season in &mut seasons {
        season.check()?;
        season.sort();
    }
    Ok(seasons)
}

#[cfg(test)]
mod tests {
    use super::super::bundled;
    use super::*;

    fn seasons() -> Vec<Season> {
        let fetched_at = Some("2026-05-01T00:00:00Z".parse().expect("a time"));
        vec![Season {
            fetched_at,
            ..bundled::season()
        }]
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        assert_eq!(store.load().expect("nothing yet"), []);
        store.save(&seasons()).expect("saved");
        assert_eq!(store.load().expect("loaded"), seasons());
        store.save(&[]).expect("saved again");
        assert_eq!(store.load().expect("loaded again"), []);
        let names: Vec<_> = fs::read_dir(dir.path())
            .expect("listed")
            .map(|e| e.expect("entry").file_name())
            .collect();
        assert_eq!(names, [NAME], "no temporary file stays");
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let dir = tempfile::tempdir().expect("a directory");
        Store::new(dir.path()).save(&seasons()).expect("saved");
        let gone = Store::new(&dir.path().join("missing"));
        assert!(gone.save(&[]).is_err());
        assert_eq!(Store::new(dir.path()).load().expect("loaded"), seasons());
    }

    fn check_bad(text: &[u8], expect: fn(&LoadError) -> bool) {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        fs::write(dir.path().join(NAME), text).expect("written");
        let error = store.load().expect_err("unusable");
        assert!(expect(&error), "{error:?}");
        assert_eq!(fs::read(dir.path().join(ASIDE)).expect("kept aside"), text);
        assert_eq!(store.load().expect("nothing left"), []);
        store.save(&seasons()).expect("saved over it");
        assert_eq!(store.load().expect("loaded"), seasons());
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
        check_bad(br#"{"version":2,"seasons":[]}"#, |e| {
            matches!(e, LoadError::Version(2))
        });
        check_bad(&vec![b' '; MAX_SIZE as usize + 1], |e| {
            matches!(e, LoadError::TooLarge)
        });
        let whole = serde_json::to_string(&Stored {
            version: 1,
            seasons: seasons(),
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
        assert!(matches!(store.load(), Err(LoadError::NotAFile)));
        fs::remove_dir(dir.path().join(NAME)).expect("removed");
        let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
        let made = rustix::fs::mknodat(rustix::fs::CWD, dir.path().join(NAME), kind, mode, 0);
        made.expect("a pipe");
        assert!(
            matches!(store.load(), Err(LoadError::NotAFile)),
            "and no wait"
        );
        fs::remove_file(dir.path().join(NAME)).expect("removed");
        // A schedule, and not ours.
        let theirs = tempfile::tempdir().expect("a directory");
        Store::new(theirs.path()).save(&seasons()).expect("saved");
        let link = std::os::unix::fs::symlink(theirs.path().join(NAME), dir.path().join(NAME));
        link.expect("linked");
        assert!(matches!(store.load(), Err(LoadError::Io(_))));
    }
}
