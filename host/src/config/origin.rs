//! Where each value came from, and how the whole is shown.

use std::fmt::{self, Write};
use std::path::PathBuf;

use toml::Value;

use super::model::Config;

/// Keys whose values are never shown, not even in an error.
const SECRET_KEYS: &[&str] = &["redis.url", "webhook.url"];

/// Where values end in [`Origins::print`], where they are not longer.
const COLUMN: usize = 56;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `defaults.toml`.
    Default,
    /// The configuration file, as it was named, and the line of the key.
    File {
        /// As it was named.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// An environment variable, or the file that one names.
    Env {
        /// The variable.
        name: String,
    },
}

/// Every key with its value's origin, in the order of `defaults.toml`.
#[derive(Debug, Clone)]
pub struct Origins(Vec<Leaf>);

/// One key and its value as it was written.
#[derive(Clone)]
pub(super) struct Leaf {
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) origin: Origin,
}

pub(super) fn is_secret(key: &str) -> bool {
    SECRET_KEYS.contains(&key)
}

// === impl Origin ===

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Env { name } => f.write_str(name),
        }
    }
}

// === impl Origins ===

impl Origins {
    pub(super) fn new(leaves: Vec<Leaf>) -> Self {
        Self(leaves)
    }

    /// The origin of a key such as `server.listen`.
    pub fn of(&self, key: &str) -> Option<&Origin> {
        let leaf = self.0.iter().find(|leaf| leaf.key == key)?;
        Some(&leaf.origin)
    }

    pub(super) fn print(&self, config: &Config) -> String {
        let mut out = String::new();
        for leaf in &self.0 {
            let value = match &*leaf.key {
                // As they were resolved: where things are is what is looked for.
                "data_dir" => shown_path(Some(&config.data_dir)),
                "cache_dir" => shown_path(Some(&config.cache_dir)),
                "links.key_file" => shown_path(Some(&config.links.key_file)),
                "auth.viewer_tokens_file" => shown_path(Some(&config.auth.viewer_tokens_file)),
                "auth.admin_token_file" => shown_path(config.auth.admin_token_file.as_ref()),
                _ => leaf.shown(),
            };
            let line = format!("{} = {value}", leaf.key);
            // Writing to a string can't fail.
            let _ = writeln!(out, "{line:<COLUMN$}   # {}", leaf.origin);
        }
        out
    }
}

fn shown_path(path: Option<&PathBuf>) -> String {
    let text = path.map(|path| path.to_string_lossy().into_owned());
    Value::String(text.unwrap_or_default()).to_string()
}

// === impl Leaf ===

impl Leaf {
    fn shown(&self) -> String {
        match &self.value {
            Value::String(text) if is_secret(&self.key) && !text.is_empty() => {
                "\"(hidden)\"".to_owned()
            }
            value => value.to_string(),
        }
    }
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} # {}", self.key, self.shown(), self.origin)
    }
}
