//! Reading small text files whole, with a cap and without waiting: a FIFO or a
//! device in a file's place is refused, not opened for ever.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::ConfigError;

const MAX_CONFIG: u64 = 1024 * 1024;
const MAX_VALUE: u64 = 64 * 1024;

pub(super) fn read_config(path: &Path) -> Result<String, ConfigError> {
    read_text(path, MAX_CONFIG)
        .map_err(|error| ConfigError::one(format!("{}: {error}", path.display())))
}

/// A value out of a file of its own: the line end that editors leave is not
/// part of it.
pub(super) fn read_value(path: &Path) -> io::Result<String> {
    let mut text = read_text(path, MAX_VALUE)?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(text)
}

pub(super) fn read_text(path: &Path, cap: u64) -> io::Result<String> {
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nonblock)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(cap + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > cap {
        let kind = io::ErrorKind::FileTooLarge;
        return Err(io::Error::new(kind, format!("larger than {cap} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8"))
}
