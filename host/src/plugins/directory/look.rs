//! A plugin's file, and the signature beside it where one is asked for: how they
//! look, and what they hold once they look the same twice.

use super::disk::{Disk, Stamp, is_the_files};
use crate::config;
use crate::plugins::load::digest;
use crate::plugins::trust::{Content, MAX_SIGNATURE, SIGNATURE, Signature};

pub(super) struct Files<D> {
    pub(super) disk: D,
    /// Bytes of a plugin's file.
    max_file: u64,
    /// Whether signatures count.
    signed: bool,
}

/// How a file looks, and the signature beside it where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) file: Stamp,
    signature: Option<Stamp>,
}

// === impl Files ===

impl<D: Disk> Files<D> {
    pub(super) fn new(disk: D, config: &config::Plugins) -> Self {
        Self {
            disk,
            max_file: config.max_file.as_u64(),
            signed: config.trust == config::Trust::Signed,
        }
    }

    pub(super) fn look(&mut self, name: &str) -> std::io::Result<Look> {
        let file = self.disk.look(name)?;
        let signature = self.look_beside(name)?;
        Ok(Look { file, signature })
    }

    fn look_beside(&mut self, name: &str) -> std::io::Result<Option<Stamp>> {
        if !self.signed {
            return Ok(None);
        }
        match self.disk.look(&beside(name)) {
            Ok(stamp) => Ok(Some(stamp)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `None`: one of the two is still being written, or has just come.
    pub(super) fn read(&mut self, name: &str, look: Look) -> std::io::Result<Option<Content>> {
        let Some(bytes) = self.disk.read(name, look.file, self.max_file)? else {
            return Ok(None);
        };
        let unusable = |why: &str| Signature::Unusable(why.to_owned());
        let signature = match look.signature {
            None if self.look_beside(name)?.is_some() => return Ok(None),
            None => Signature::Missing,
            Some(stamp) if !stamp.regular => unusable("it is not a regular file"),
            Some(stamp) => match self.disk.read(&beside(name), stamp, MAX_SIGNATURE) {
                Ok(Some(bytes)) => Signature::new(bytes),
                Ok(None) => return Ok(None),
                Err(error) => match error.kind() {
                    std::io::ErrorKind::NotFound => return Ok(None),
                    std::io::ErrorKind::FileTooLarge => unusable("it is longer than any is"),
                    _ if is_the_files(&error) => unusable(&error.to_string()),
                    _ => return Err(error),
                },
            },
        };
        let bytes = bytes.into();
        Ok(Some(Content { bytes, signature }))
    }
}

// === impl Look ===

impl Look {
    /// Of a name that is not looked at.
    pub(super) fn none() -> Self {
        let file = Stamp {
            size: 0,
            inode: 0,
            modified: (0, 0),
            changed: (0, 0),
            regular: false,
        };
        Self {
            file,
            signature: None,
        }
    }
}

fn beside(name: &str) -> String {
    format!("{name}{SIGNATURE}")
}

/// Of the file and its signature.
pub(super) fn digest_of(content: &Content) -> String {
    let signature = match &content.signature {
        Signature::Text(text) => digest(text.as_bytes()),
        Signature::Missing | Signature::Unusable(_) => String::new(),
    };
    digest(&content.bytes) + &signature
}
