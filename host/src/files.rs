//! Files that must be whole or absent: read with a cap, written beside and
//! renamed.
//!
//! Blocking; `data_dir` may be a network mount, so never on the runtime's own
//! threads.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Reads at most `max` bytes; a longer file is an error, never cut, and so is what
/// is no file: a pipe would hold the thread until somebody writes. Links are
/// followed, as Kubernetes' secrets are made of them.
pub(crate) fn read(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)?;
    if !file.metadata()?.is_file() {
        let what = "not a regular file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    file.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("longer than {max} bytes"),
        ));
    }
    Ok(bytes)
}

/// Replaces `path` by `bytes`: old or new after a crash, never half. The
/// directory is made where it is missing; the file is readable by its owner
/// alone, because cookies, keys and tokens go this way.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = parent(path)?;
    fs::create_dir_all(dir)?;
    let mut file = tempfile::Builder::new().prefix(".tmp-").tempfile_in(dir)?;
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
        .prefix(".tmp-")
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
        .prefix(".tmp-")
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    File::open(dir)?.sync_all()
}

/// A file of `dir` that is gone when what is returned is dropped.
pub(crate) fn stage(dir: &Path, bytes: &[u8]) -> io::Result<tempfile::TempPath> {
    fs::create_dir_all(dir)?;
    let mut file = tempfile::Builder::new().prefix(".tmp-").tempfile_in(dir)?;
    file.write_all(bytes)?;
    Ok(file.into_temp_path())
}

/// Makes `path` with `bytes` unless it exists: two instances that start at
/// once on one directory agree on one file. `true` where this call made it.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let dir = parent(path)?;
    fs::create_dir_all(dir)?;
    // Written beside and linked, so that nobody reads a half-written key.
    let mut file = tempfile::Builder::new().prefix(".tmp-").tempfile_in(dir)?;
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
    let flags =
        rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ));
    }
    Ok(file)
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
