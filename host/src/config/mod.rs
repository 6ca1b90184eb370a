//! Files and environment, resolved once into one [`Config`].
//!
//! Owns: every key, its default and its meaning (`defaults.toml`), the layers
//! over it (a file, then the environment), and the site files. It is the only
//! reader of the environment and of these files; nothing below it sees a raw
//! value, an empty string that means "unset", or a relative path. It opens no
//! socket and creates nothing.
//!
//! What is wrong is reported all at once, each problem with its key and the
//! line or variable that it came from, and never with a secret's value.
//!
//! Bounds: a configuration file is read to 1 MiB, a value's file to 64 KiB, a
//! site file to 256 KiB, a site directory to 256 files.

mod authorities;
mod check;
mod error;
mod header;
mod key;
mod layers;
mod limits;
mod model;
mod origin;
mod pattern;
mod proxy;
mod schema;
mod secret;
mod site;
mod sites;
#[cfg(test)]
mod tests;
mod text;
mod value;

use std::path::{Path, PathBuf};

pub use authorities::Authorities;
pub use error::{ConfigError, Problem};
pub use header::is_reserved_header;
pub use key::{BadKey, Key};
pub use limits::{LimitOverride, PluginLimits};
pub use model::{
    Auth, Breaker, Compile, Config, Diagnostics, Extraction, Grants, Health, Links, Log, LogFormat,
    Metrics, Net, OriginBreaker, Plugins, Redis, Relay, Schedule, Server, Trust, Viewers, Webhook,
};
pub use origin::{Origin, Origins};
pub use pattern::{BadPattern, HostPattern, Scheme};
pub use proxy::Proxy;
pub use secret::Secret;
pub use site::{Site, SiteConfig, load_site};
pub use sites::{SiteError, load_sites};

/// Every key with its documentation and default, as TOML.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// The file that is read from the current directory when none is named.
pub const DEFAULT_FILE: &str = "f1-streams.toml";

/// The resolved configuration, and where each of its values came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What everything else is built from.
    pub config: Config,
    /// The origin of every key's value.
    pub origins: Origins,
}

/// The process's environment. A value that is not UTF-8 keeps its place with
/// replacement characters, so that it fails where it is used, by its name.
#[allow(clippy::disallowed_methods, reason = "this is the one place")]
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| {
        (
            name.to_string_lossy().into_owned(),
            value.to_string_lossy().into_owned(),
        )
    })
}

// === impl Config ===

impl Config {
    /// Defaults, then `file` (without it [`DEFAULT_FILE`], where the current
    /// directory has one), then `env`.
    pub fn load(
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigError> {
        let directory = std::env::current_dir()
            .map_err(|error| ConfigError::one(format!("no current directory: {error}")))?;
        Self::load_in(&directory, file, env)
    }

    /// As [`Config::load`], with `directory` in the current one's place.
    pub fn load_in(
        directory: &Path,
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigError> {
        let found = match file {
            Some(path) => Some((path.to_owned(), text::read_config(&directory.join(path))?)),
            None => {
                let path = directory.join(DEFAULT_FILE);
                // A dangling link is a file that was meant to be there.
                match path.symlink_metadata() {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                    _ => Some((PathBuf::from(DEFAULT_FILE), text::read_config(&path)?)),
                }
            }
        };
        let file = found.as_ref().map(|(path, text)| (&**path, &**text));
        layers::resolve(directory, file, env)
    }

    /// Defaults and the given text, without file or environment; relative paths
    /// start at `directory`.
    pub fn from_toml(text: &str, directory: &Path) -> Result<Loaded, ConfigError> {
        let file = (Path::new("(text)"), text);
        layers::resolve(directory, Some(file), std::iter::empty())
    }

    /// Where plugins are dropped.
    pub fn plugins_dir(&self) -> PathBuf {
        self.data_dir.join("plugins")
    }

    /// Where site files are.
    pub fn sites_dir(&self) -> PathBuf {
        self.data_dir.join("sites")
    }
}

// === impl Loaded ===

impl Loaded {
    /// One line a key: `section.key = value   # origin`, secrets hidden.
    pub fn print(&self) -> String {
        self.origins.print(&self.config)
    }
}
