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
        match files::read_own(&self.path(key), MAX_RECORD) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Record::default()),
            Err(error) => Err(error),
        }
    }

    /// Adds to what is on disk, which another replica may have written.
    /// `by_hand`: an operator disabled or enabled it here.
    pub(super) fn write(&self, key: &str, record: Record, by_hand: bool) -> io::Result<()> {
        let known = self.read(key)?;
        let disabled = match by_hand {
            true => record.disabled,
            false => known.disabled,
        };
        let approved = match (&known.approved, record.approved) {
            (Some(before), Some(more)) => Some(more.and(before)),
            (before, more) => more.or_else(|| before.clone()),
        };
        let record = Record { disabled, approved };
        if known == record {
            return Ok(());
        }
        files::write(&self.path(key), &serde_json::to_vec_pretty(&record)?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_takes_back_nothing_that_another_decided() {
        let dir = tempfile::tempdir().expect("tempdir");
        let decisions = Decisions {
            dir: dir.path().join("plugins"),
        };
        let record = |disabled, hosts: &[&str]| Record {
            disabled,
            approved: (!hosts.is_empty()).then(|| Grant {
                hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
                ..Grant::default()
            }),
        };
        // (what one replica knows, by hand, then on disk)
        for (mine, by_hand, expect) in [
            (record(true, &[]), true, record(true, &[])),
            (record(false, &["a"]), false, record(true, &["a"])),
            (record(false, &["b"]), false, record(true, &["a", "b"])),
            (record(false, &[]), true, record(false, &["a", "b"])),
            (record(true, &[]), false, record(false, &["a", "b"])),
        ] {
            decisions
                .write("k", mine.clone(), by_hand)
                .expect("written");
            assert_eq!(decisions.read("k").expect("read"), expect, "{mine:?}");
        }
    }

    #[test]
    fn a_link_is_no_record_and_is_not_written_over() {
        let dir = tempfile::tempdir().expect("tempdir");
        let decisions = Decisions {
            dir: dir.path().to_owned(),
        };
        std::fs::write(dir.path().join("theirs"), "{}").expect("written");
        std::os::unix::fs::symlink("theirs", decisions.path("k")).expect("linked");
        assert!(decisions.read("k").is_err());
        let disabled = Record {
            disabled: true,
            ..Record::default()
        };
        assert!(decisions.write("k", disabled, true).is_err());
        let theirs = std::fs::read_to_string(dir.path().join("theirs"));
        assert_eq!(theirs.expect("read"), "{}");
    }
}
