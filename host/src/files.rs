//! Files that must be whole or absent: read with a cap, written beside and
//! renamed.
//!
//! What an operator provides may be a link, as Kubernetes' secrets are
//! ([`read()`]). What the service wrote itself is none: where others may write
//! into its directory, a link in a file's place leads to what is theirs to choose
//! ([`read_own`]).
//!
//! Blocking; `data_dir` may be a network mount, so never on the runtime's own
//! threads.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::fs::OFlags;

/// Begins the names of files that are being written.
const UNFINISHED: &str = ".tmp-";
/// A write that takes longer is none: its process is gone.
pub(crate) const WRITING: Duration = Duration::from_hours(1);

/// Reads at most `max` bytes; a longer file is an error, never cut, and so is what
/// is no file: a pipe would hold the thread until somebody writes. Links are
/// followed.
pub(crate) fn read(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    whole(&open(path, OFlags::NONBLOCK)?, max)
}

/// As [`read()`], of what this service wrote: no link is followed.
pub(crate) fn read_own(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    whole(&open_regular(path)?, max)
}

/// What is left of an open file, as [`read()`] would.
pub(crate) fn whole(file: &File, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("longer than {max} bytes"),
        ));
    }
    Ok(bytes)
}

/// Replaces `path` by `bytes`: old or new after a crash, never half. The file is
/// its owner's alone, because cookies, keys and tokens go this way, and so is the
/// directory, where it is made here.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = parent(path)?;
    make_private(dir)?;
    let mut file = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempfile_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    File::open(dir)?.sync_all()
}

/// As [`write()`], for what is no secret and goes into a repository: readable
/// by whom the process's umask lets.
pub(crate) fn write_shared(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = parent(path)?;
    fs::create_dir_all(dir)?;
    let mut file = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(dir)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

/// As [`write()`] into a directory of the operator's: never made here, because
/// it may be a mount that is away, and the file is readable by whom the
/// process's umask lets, as one that was copied there.
pub(crate) fn write_in_place(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = parent(path)?;
    let mut file = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    File::open(dir)?.sync_all()
}

/// A file of `dir` that is gone when what is returned is dropped.
pub(crate) fn stage(dir: &Path, bytes: &[u8]) -> io::Result<tempfile::TempPath> {
    make_private(dir)?;
    let mut file = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempfile_in(dir)?;
    file.write_all(bytes)?;
    Ok(file.into_temp_path())
}

/// Makes `path` with `bytes` unless it exists: two instances that start at
/// once on one directory agree on one file. `true` where this call made it.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let dir = parent(path)?;
    fs::create_dir_all(dir)?;
    // Written beside and linked, so that nobody reads a half-written key.
    let mut file = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempfile_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => {
            File::open(dir)?.sync_all()?;
            Ok(true)
        }
        Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(e.error),
    }
}

/// Opens a regular file without following a link and without blocking on a
/// FIFO or device.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    open(path, OFlags::NOFOLLOW | OFlags::NONBLOCK)
}

fn open(path: &Path, flags: OFlags) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    if !file.metadata()?.is_file() {
        let what = "not a regular file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    Ok(file)
}

/// Makes `dir` where it is missing, for its owner alone.
pub(crate) fn make_private(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
}

/// Takes away what writes left behind whose process ended: not what another
/// one, on the same directory, is writing. It only takes room, so what cannot go
/// stays.
pub(crate) fn sweep(dir: &Path, older: Duration) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if !name.as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
            continue;
        }
        // Of the entry itself.
        let meta = entry.metadata().ok().filter(fs::Metadata::is_file);
        let modified = meta.and_then(|meta| meta.modified().ok());
        let age = modified.and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age > older) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether everybody on this machine may read a secret's file, or more than its
/// owner may write it. A group that may read is the operator's choice (a secret
/// of Kubernetes with `fsGroup`), and behind a link is a mount that is nobody
/// else's.
pub(crate) fn is_exposed(path: &Path) -> bool {
    let meta = path.symlink_metadata().ok().filter(fs::Metadata::is_file);
    meta.is_some_and(|meta| meta.permissions().mode() & 0o027 != 0)
}

fn parent(path: &Path) -> io::Result<&Path> {
    path.parent()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a file needs a directory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn create_keeps_what_is_there_and_write_replaces_it() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("sub/key");
        assert!(create(&path, b"one").expect("created"));
        assert!(!create(&path, b"two").expect("kept"));
        assert_eq!(read(&path, 3).expect("read"), b"one");
        write(&path, b"three").expect("replaced");
        assert_eq!(read(&path, 5).expect("read"), b"three");
        assert!(read(&path, 4).is_err(), "longer than the cap");
        let left = fs::read_dir(path.parent().expect("dir"))
            .expect("listed")
            .count();
        assert_eq!(left, 1, "no temporary file stays");
    }

    #[test]
    fn a_pipe_is_no_file_and_holds_nobody() {
        let dir = tempfile::tempdir().expect("tempdir");
        let (pipe, link) = (dir.path().join("pipe"), dir.path().join("link"));
        let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, kind, mode, 0).expect("a pipe");
        fs::write(dir.path().join("file"), b"one").expect("written");
        std::os::unix::fs::symlink("file", &link).expect("linked");
        let refused = read(&pipe, 3).expect_err("a pipe");
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        assert!(read(dir.path(), 3).is_err(), "a directory");
        assert_eq!(read(&link, 3).expect("followed"), b"one");
    }

    #[test]
    fn a_directory_that_is_away_is_not_made_and_the_umask_counts() {
        let dir = tempfile::tempdir().expect("tempdir");
        let away = dir.path().join("away");
        let missing = write_in_place(&away.join("a"), b"x").expect_err("no directory");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        assert!(!away.exists());
        let (ours, usual) = (dir.path().join("ours"), dir.path().join("usual"));
        write_in_place(&ours, b"x").expect("written");
        fs::write(&usual, b"x").expect("written");
        let mode = |path| fs::metadata(path).expect("there").permissions().mode();
        assert_eq!(mode(ours), mode(usual));
    }

    #[test]
    fn what_we_write_is_ours_alone_and_so_is_the_directory_that_we_make() {
        let dir = tempfile::tempdir().expect("tempdir");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        let path = dir.path().join("state/plugins/a.json");
        write(&path, b"{}").expect("written");
        for made in ["state", "state/plugins"] {
            assert_eq!(mode(&dir.path().join(made)), 0o700, "{made}");
        }
        assert_eq!(mode(&path), 0o600);
        // One that is there stays as it is, and a looser file does not.
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(path.parent().expect("dir"), open.clone()).expect("set");
        fs::set_permissions(&path, open).expect("set");
        write(&path, b"{}").expect("written");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().expect("dir")), 0o755);
        let key = dir.path().join("made/links.key");
        create(&key, b"x").expect("made");
        assert_eq!(mode(&key), 0o600);
    }

    #[test]
    fn a_link_in_place_of_what_we_wrote_leads_nowhere() {
        let dir = tempfile::tempdir().expect("tempdir");
        let (theirs, ours) = (dir.path().join("theirs"), dir.path().join("a.json"));
        fs::write(&theirs, b"{}").expect("written");
        std::os::unix::fs::symlink("theirs", &ours).expect("linked");
        assert!(read_own(&ours, 9).is_err());
        assert_eq!(read(&ours, 9).expect("an operator's"), b"{}");
        // Written over, not through.
        write(&ours, b"[]").expect("written");
        assert_eq!(fs::read(&theirs).expect("read"), b"{}");
        assert_eq!(read_own(&ours, 2).expect("read"), b"[]");
        assert!(read_own(&ours, 1).is_err(), "longer than the cap");
    }

    #[test]
    fn what_a_crash_left_goes_and_what_is_being_written_stays() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = |name: &str| dir.path().join(name);
        let old = fs::FileTimes::new().set_modified(
            fs::metadata(dir.path())
                .and_then(|m| m.modified())
                .expect("time")
                - 2 * WRITING,
        );
        for name in [".tmp-old", ".tmp-new", "a.json", ".other"] {
            let file = File::create(path(name)).expect("made");
            if name != ".tmp-new" {
                file.set_times(old).expect("set");
            }
        }
        std::os::unix::fs::symlink("a.json", path(".tmp-link")).expect("linked");
        sweep(dir.path(), WRITING);
        let left = fs::read_dir(dir.path()).expect("listed").flatten();
        let mut left: Vec<_> = left.map(|entry| entry.file_name()).collect();
        left.sort();
        assert_eq!(left, [".other", ".tmp-link", ".tmp-new", "a.json"]);
        sweep(&path("none"), WRITING);
    }

    #[test]
    fn a_secret_that_everybody_may_read_is_exposed() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("key");
        fs::write(&path, b"x").expect("written");
        for (mode, exposed) in [
            (0o600, false),
            (0o400, false),
            (0o640, false),
            (0o644, true),
            (0o620, true),
            (0o602, true),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
            assert_eq!(is_exposed(&path), exposed, "{mode:o}");
        }
        // As Kubernetes mounts a secret.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
        std::os::unix::fs::symlink("key", dir.path().join("link")).expect("linked");
        assert!(!is_exposed(&dir.path().join("link")));
    }

    #[test]
    fn links_directories_and_fifos_are_not_opened() {
        let dir = tempfile::tempdir().expect("tempdir");
        let real = dir.path().join("real");
        fs::write(&real, b"x").expect("written");
        assert!(open_regular(&real).is_ok());
        std::os::unix::fs::symlink(&real, dir.path().join("link")).expect("linked");
        assert!(open_regular(&dir.path().join("link")).is_err());
        assert!(open_regular(dir.path()).is_err());
    }
}
