//! The only code that touches the directory: thin, so that tests can put a
//! mount that hangs or lies in its place. Blocking.
//!
//! Everything goes over the directory's descriptor: a rename of the directory
//! under a poll mixes nothing. Files are opened without following links and
//! without blocking, and must be regular files.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, openat, stat, statat};
use rustix::io::Errno;

use super::EXTENSION;

/// What a poll needs of a directory.
pub(super) trait Disk: Send {
    /// Names that end in `.wasm` and do not begin with a dot, and whether there
    /// were more than `most`. What is not UTF-8 in them is replaced: such a
    /// name can be shown, and nothing else.
    fn names(&mut self, most: usize) -> io::Result<(BTreeSet<String>, bool)>;
    /// Of the entry itself: links are not followed. Only for names of keys.
    fn look(&mut self, name: &str) -> io::Result<Stamp>;
    /// The content, if the file looks like `stamp` before and after reading.
    fn read(&mut self, name: &str, stamp: Stamp, max: u64) -> io::Result<Option<Vec<u8>>>;
    /// Whether the path has led to another directory since the last question.
    fn moved(&mut self) -> bool;
    /// Which directory was listed last.
    fn place(&self) -> Option<Place>;
}

/// A directory, whatever its path. An open one keeps its inode to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Another file system is another mount.
    pub(super) device: u64,
    pub(super) inode: u64,
}

/// What changes when a file is written to. The time of the last change of the
/// inode cannot be set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) size: u64,
    pub(super) inode: u64,
    pub(super) modified: (i64, i64),
    pub(super) changed: (i64, i64),
    pub(super) regular: bool,
}

/// A real directory, by its path.
pub(super) struct Folder {
    path: PathBuf,
    open: Option<(OwnedFd, Place)>,
    moved: bool,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            open: None,
            moved: false,
        }
    }

    /// The directory that the path leads to now.
    fn descriptor(&mut self) -> io::Result<&OwnedFd> {
        let now = Place::of(&stat(&self.path)?);
        let open = match self.open.take() {
            Some((fd, known)) if known == now => (fd, known),
            _ => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let fd = openat(CWD, &self.path, flags, Mode::empty())?;
                self.moved = true;
                let opened = Place::of(&rustix::fs::fstat(&fd)?);
                (fd, opened)
            }
        };
        Ok(&self.open.insert(open).0)
    }

    fn opened(&self) -> io::Result<&OwnedFd> {
        let missing = || io::Error::from(ErrorKind::NotFound);
        self.open.as_ref().map(|(fd, _)| fd).ok_or_else(missing)
    }
}

impl Disk for Folder {
    fn names(&mut self, most: usize) -> io::Result<(BTreeSet<String>, bool)> {
        let listed = self.descriptor().and_then(|fd| list(fd, most));
        if listed.is_err() {
            // A stale handle gets no better.
            self.open = None;
        }
        listed
    }

    fn look(&mut self, name: &str) -> io::Result<Stamp> {
        let found = statat(self.opened()?, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(Stamp::of(&found))
    }

    fn read(&mut self, name: &str, stamp: Stamp, max: u64) -> io::Result<Option<Vec<u8>>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = File::from(openat(self.opened()?, name, flags, Mode::empty())?);
        let same = |file: &File| file.metadata().map(|meta| Stamp::from(&meta) == stamp);
        if !same(&file)? {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        (&mut file).take(max + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > max {
            return Err(ErrorKind::FileTooLarge.into());
        }
        Ok(same(&file)?.then_some(bytes))
    }

    fn moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    fn place(&self) -> Option<Place> {
        self.open.as_ref().map(|(_, place)| *place)
    }
}

impl From<&std::fs::Metadata> for Stamp {
    fn from(meta: &std::fs::Metadata) -> Self {
        Self {
            size: meta.size(),
            inode: meta.ino(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
            regular: meta.is_file(),
        }
    }
}

impl Place {
    #[allow(clippy::unnecessary_cast, reason = "the types differ by target")]
    fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
        }
    }
}

impl Stamp {
    #[allow(clippy::unnecessary_cast, reason = "the types differ by target")]
    fn of(stat: &Stat) -> Self {
        Self {
            size: stat.st_size as u64,
            inode: stat.st_ino as u64,
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
            regular: FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile,
        }
    }
}

fn list(fd: &OwnedFd, most: usize) -> io::Result<(BTreeSet<String>, bool)> {
    let mut names = BTreeSet::new();
    for entry in Dir::read_from(fd)? {
        let entry = entry?;
        // What is not UTF-8 is shown, and never opened by that name.
        let name = entry.file_name().to_string_lossy();
        if name.starts_with('.') || !name.ends_with(EXTENSION) {
            continue;
        }
        if names.len() >= most {
            return Ok((names, true));
        }
        names.insert(name.into_owned());
    }
    Ok((names, false))
}

/// Whether an error says something of the file itself, and not of the mount.
pub(super) fn is_the_files(error: &io::Error) -> bool {
    let of_kind = matches!(
        error.kind(),
        ErrorKind::FileTooLarge | ErrorKind::InvalidInput | ErrorKind::PermissionDenied
    );
    // A link; a socket or a device without a driver; a name that is none.
    let by_number = [Errno::LOOP, Errno::NXIO, Errno::NODEV, Errno::NAMETOOLONG];
    of_kind
        || by_number
            .iter()
            .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
