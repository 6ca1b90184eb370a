//! What operators decided about a plugin: `data_dir/state/plugins/<key>.json`.
//!
//! On `data_dir`, so that it holds for every replica and outlives a machine;
//! that may be a mount that hangs, so reading has a limit, and a record that
//! cannot be read is not the same as none. Blocking.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::lifecycle::{Approved, Grant};
use crate::config;
use crate::files;

#[derive(Clone, Debug)]
pub(super) struct Decisions {
    dir: PathBuf,
}

/// One plugin's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    #[serde(default)]
    pub(super) disabled: bool,
    /// `None`: nothing was ever approved.
    #[serde(default)]
    pub(super) approved: Option<Grant>,
}

const MAX_RECORD: u64 = 256 << 10;

impl Decisions {
    pub(super) fn new(config: &config::Config) -> Self {
        Self {
            dir: config.data_dir.join("state/plugins"),
        }
    }

    pub(super) fn read(&self, key: &str) -> io::Result<Record> {
        match files::read(&self.path(key), MAX_RECORD) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Record::default()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn write(&self, key: &str, record: &Record) -> io::Result<()> {
        if self.read(key).is_ok_and(|known| known == *record) {
            return Ok(());
        }
        files::write(&self.path(key), &serde_json::to_vec_pretty(record)?)
    }

    fn path(&self, key: &str) -> PathBuf {
        self.dir.join(format!("{key}.json"))
    }
}

impl Record {
    pub(super) fn approved(self) -> Approved {
        self.approved.map_or(Approved::Never, Approved::This)
    }
}
