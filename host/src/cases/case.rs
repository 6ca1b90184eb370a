//! One case: a directory with the call, the site, what was recorded, and what
//! is expected.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::exchanges::Written;
use super::pretty::pretty;
use crate::config;
use crate::files;
use crate::net::Exchange;
use crate::plugins::{Before, Hint};

/// Of each of the small files.
const MAX_FILE: u64 = 1 << 20;
const MAX_EXCHANGES: u64 = 32 << 20;

/// Which function of the guest is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// What streams there are.
    #[default]
    Extract,
    /// Whether the site is shaped as expected.
    Probe,
}

/// A recorded call, as the files of its directory say.
#[derive(Clone, Debug)]
pub struct Case {
    /// The directory's name.
    pub name: String,
    /// Where its files are.
    pub dir: PathBuf,
    /// What is called.
    pub call: CallKind,
    /// When it happens: the clock stands still there.
    pub time: Timestamp,
    /// What it is called with.
    pub hint: Hint,
    /// What the site knew from calls before.
    pub before: Before,
    /// On which site.
    pub site: config::Site,
    /// What it asked and got, in order.
    pub exchanges: Arc<[Exchange]>,
    /// `None` until an author accepted an outcome.
    pub expected: Option<Value>,
}

/// `case.toml`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    call: CallKind,
    time: Timestamp,
    #[serde(default, skip_serializing_if = "WrittenHint::is_empty")]
    hint: WrittenHint,
    #[serde(default, skip_serializing_if = "Before::is_empty")]
    before: Before,
}

/// A [`Hint`] for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenHint {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    starts_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ends_at: Option<Timestamp>,
}

// === impl Case ===

impl Case {
    /// Reads a case's directory. Blocking.
    pub fn load(dir: &Path, plugin: &config::Key) -> Result<Self, String> {
        let name = dir.file_name().unwrap_or_default().to_string_lossy();
        let File {
            call,
            time,
            hint,
            before,
        } = toml::from_str(&text(dir, "case.toml", MAX_FILE)?)
            .map_err(|error| format!("case.toml: {}", error.message()))?;
        // A site of the plugin's own name: a plugin in another language has the
        // same cases.
        let named = dir.join(format!("{plugin}.toml"));
        let site = config::load_site(&named, &text(dir, "site.toml", MAX_FILE)?)
            .map_err(|error| format!("site.toml: {error}"))?;
        let expected = match text(dir, "expected.json", MAX_FILE) {
            Err(_) if !dir.join("expected.json").exists() => None,
            text => Some(
                serde_json::from_str(&text?).map_err(|error| format!("expected.json: {error}"))?,
            ),
        };
        Ok(Self {
            name: name.into_owned(),
            dir: dir.to_owned(),
            call,
            time,
            hint: hint.into(),
            before,
            site,
            exchanges: exchanges(dir)?.into(),
            expected,
        })
    }

    /// Every case below `dir`, by name; each with what is wrong with it.
    /// Blocking.
    pub fn load_all(
        dir: &Path,
        plugin: &config::Key,
    ) -> std::io::Result<Vec<(String, Result<Self, String>)>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            if path.is_dir() {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                found.push((name.into_owned(), Self::load(&path, plugin)));
            }
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(found)
    }

    /// Writes a new case's directory, of which `site` is the text of
    /// `site.toml`. Blocking.
    pub(super) fn write(&self, site: &str) -> std::io::Result<()> {
        let file = File {
            call: self.call,
            time: self.time,
            hint: WrittenHint::from(&self.hint),
            before: self.before.clone(),
        };
        let file = toml::to_string(&file).map_err(std::io::Error::other)?;
        let mut bodies: Vec<(String, Bytes)> = Vec::new();
        let hops = self.exchanges.iter().enumerate();
        let written: Vec<_> = hops
            .map(|(index, exchange)| {
                Written::beside(exchange, index, &mut |name, body| bodies.push((name, body)))
            })
            .collect();
        for (name, body) in bodies {
            files::write_shared(&self.dir.join(name), &body)?;
        }
        let exchanges = pretty(&written)?;
        files::write_shared(&self.dir.join("exchanges.json"), exchanges.as_bytes())?;
        files::write_shared(&self.dir.join("site.toml"), site.as_bytes())?;
        files::write_shared(&self.dir.join("case.toml"), file.as_bytes())
    }

    /// Accepts an outcome. Blocking.
    pub(super) fn expect(&self, outcome: &Value) -> std::io::Result<()> {
        let text = pretty(outcome)?;
        files::write_shared(&self.dir.join("expected.json"), text.as_bytes())
    }
}

fn exchanges(dir: &Path) -> Result<Vec<Exchange>, String> {
    let written: Vec<Written> = serde_json::from_str(&text(dir, "exchanges.json", MAX_EXCHANGES)?)
        .map_err(|error| format!("exchanges.json: {error}"))?;
    let hops = written.into_iter().enumerate();
    hops.map(|(index, hop)| {
        hop.read(Some(dir))
            .map_err(|error| format!("exchanges.json, entry {}: {error}", index + 1))
    })
    .collect()
}

fn text(dir: &Path, name: &str, max: u64) -> Result<String, String> {
    let bytes = files::read(&dir.join(name), max).map_err(|error| format!("{name}: {error}"))?;
    String::from_utf8(bytes).map_err(|_| format!("{name}: not UTF-8"))
}

// === impl WrittenHint ===

impl WrittenHint {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl From<WrittenHint> for Hint {
    fn from(hint: WrittenHint) -> Self {
        let millis = |at: Timestamp| u64::try_from(at.as_millisecond()).ok();
        Self {
            session: hint.session,
            session_name: hint.session_name,
            event_name: hint.event_name,
            starts_at: hint.starts_at.and_then(millis),
            ends_at: hint.ends_at.and_then(millis),
        }
    }
}

impl From<&Hint> for WrittenHint {
    fn from(hint: &Hint) -> Self {
        let time = |ms: u64| Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok();
        Self {
            session: hint.session.clone(),
            session_name: hint.session_name.clone(),
            event_name: hint.event_name.clone(),
            starts_at: hint.starts_at.and_then(time),
            ends_at: hint.ends_at.and_then(time),
        }
    }
}
