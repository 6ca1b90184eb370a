//! One site file: which plugin, with what, and where it may go.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use toml::{Table, Value};
use url::Url;

use super::authorities::Authorities;
use super::header::is_reserved_header;
use super::key::Key;
use super::pattern::HostPattern;
use super::proxy::Proxy;
use super::secret::Secret;
use super::sites::SiteError;
use super::{schema, text, value};

const KEYS: &[&str] = &[
    "plugin",
    "enabled",
    "base_url",
    "interval",
    "allow_hosts",
    "allow_addresses",
    "ca_file",
    "proxy",
    "headers",
    "settings",
    "secrets",
];

/// A configured use of a plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// The file's stem.
    pub key: Key,
    /// What the file says.
    pub config: SiteConfig,
}

/// What a site file says, resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteConfig {
    /// The plugin that extracts it; without the line, the one of the site's key.
    pub plugin: Key,
    /// Whether it is run. On without the line.
    pub enabled: bool,
    /// Where the site is. Its path ends in `/` only where the file says so.
    pub base_url: Option<Url>,
    /// How often it is run, if not every `extraction.interval`.
    pub interval: Option<Duration>,
    /// Where its plugin may go besides the origin of `base_url`.
    pub allow_hosts: Vec<HostPattern>,
    /// Exceptions to the deny list of addresses, for this site's fetches alone.
    pub allow_addresses: Vec<IpNet>,
    /// Trusted beside the built-in authorities, by this site's fetches alone.
    pub authorities: Authorities,
    /// Where this site's fetches go out, all of them and nobody else's.
    pub proxy: Option<Proxy>,
    /// Added to every request of this site's plugin. `Debug` hides the values.
    pub headers: HeaderMap,
    /// The site's own document.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// By name.
    pub secrets: BTreeMap<String, Secret>,
}

/// Reads a site file's text. Values in files of their own (`{ file = "…" }` in
/// `[secrets]`, `ca_file`) are read as well, from the site file's directory.
pub fn load_site(path: &Path, text: &str) -> Result<Site, SiteError> {
    let stem = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    let key: Key = stem.parse().map_err(SiteError::BadName)?;
    let found = schema::flatten(text, &|_| true)
        .map_err(|(line, message)| SiteError::Invalid(vec![format!("line {line}: {message}")]))?;

    let mut problems = Vec::new();
    let mut table = Table::new();
    for found in found {
        let (name, line) = (found.key, found.line);
        if !KEYS.contains(&&*name) {
            let nearest = schema::nearest(&name, KEYS.iter().copied()).unwrap_or_default();
            problems.push(format!(
                "line {line}: {name}: no such key; the nearest is {nearest}"
            ));
            continue;
        }
        // Each key alone, so that one bad value hides no other.
        let alone = Table::from_iter([(name.clone(), found.value.clone())]);
        if let Err(error) = Raw::deserialize(alone) {
            problems.push(format!("line {line}: {name}: {}", error.message()));
            continue;
        }
        table.insert(name, found.value);
    }
    let directory = path.parent().unwrap_or(Path::new("."));
    match Raw::deserialize(table) {
        Ok(raw) if problems.is_empty() => {
            let config = raw.resolve(&key, directory)?;
            Ok(Site { key, config })
        }
        Ok(_) => Err(SiteError::Invalid(problems)),
        Err(error) => {
            problems.push(error.message().to_owned());
            Err(SiteError::Invalid(problems))
        }
    }
}

// === impl Site ===

impl Site {
    /// The site of a plugin that no site file uses.
    pub fn assumed(plugin: &Key) -> Self {
        let (key, config) = (plugin.clone(), SiteConfig::without_lines(plugin));
        Self { key, config }
    }
}

// === impl SiteConfig ===

impl SiteConfig {
    fn without_lines(key: &Key) -> Self {
        Self {
            plugin: key.clone(),
            enabled: true,
            base_url: None,
            interval: None,
            allow_hosts: Vec::new(),
            allow_addresses: Vec::new(),
            authorities: Authorities::default(),
            proxy: None,
            headers: HeaderMap::new(),
            settings: serde_json::Map::new(),
            secrets: BTreeMap::new(),
        }
    }

    /// What the operator lets the plugin reach: the origin of `base_url`, and
    /// `allow_hosts`.
    pub fn grants(&self) -> Vec<HostPattern> {
        let own = self.base_url.as_ref().and_then(HostPattern::of);
        own.into_iter()
            .chain(self.allow_hosts.iter().cloned())
            .collect()
    }

    /// What the plugin reads with `config.get-json`: `[settings]`, and `base_url`
    /// as the file has it, without a `/` at its end.
    pub fn document(&self) -> serde_json::Value {
        let mut document = self.settings.clone();
        if let Some(url) = &self.base_url {
            let text = url.as_str().trim_end_matches('/').to_owned();
            document.insert("base_url".to_owned(), text.into());
        }
        document.into()
    }
}

// === the file's form ===

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    plugin: Option<Key>,
    enabled: Option<bool>,
    #[serde(default, deserialize_with = "site_url")]
    base_url: Option<Url>,
    #[serde(default, deserialize_with = "value::duration_or_none")]
    interval: Option<Duration>,
    #[serde(default)]
    allow_hosts: Vec<HostPattern>,
    #[serde(default, deserialize_with = "value::networks")]
    allow_addresses: Vec<IpNet>,
    #[serde(default, deserialize_with = "value::path_or_none")]
    ca_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "value::parsed_or_none")]
    proxy: Option<Proxy>,
    #[serde(default, deserialize_with = "headers")]
    headers: HeaderMap,
    #[serde(default, deserialize_with = "settings")]
    settings: serde_json::Map<String, serde_json::Value>,
    #[serde(default, deserialize_with = "secrets")]
    secrets: BTreeMap<String, RawSecret>,
}

enum RawSecret {
    Here(Secret),
    File(PathBuf),
}

impl Raw {
    fn resolve(self, key: &Key, directory: &Path) -> Result<SiteConfig, SiteError> {
        let mut problems = Vec::new();
        let mut secrets = BTreeMap::new();
        for (name, raw) in self.secrets {
            match raw {
                RawSecret::Here(secret) => {
                    secrets.insert(name, secret);
                }
                RawSecret::File(path) => match text::read_value(&directory.join(&path)) {
                    Ok(text) => {
                        secrets.insert(name, Secret::new(text));
                    }
                    Err(error) => {
                        problems.push(format!("secrets.{name}: {}: {error}", path.display()));
                    }
                },
            }
        }
        let authorities = match &self.ca_file {
            Some(path) => Authorities::read(&directory.join(path)).unwrap_or_else(|error| {
                problems.push(format!("ca_file: {}: {error}", path.display()));
                Authorities::default()
            }),
            None => Authorities::default(),
        };
        if !problems.is_empty() {
            return Err(SiteError::Invalid(problems));
        }
        Ok(SiteConfig {
            plugin: self.plugin.unwrap_or_else(|| key.clone()),
            enabled: self.enabled.unwrap_or(true),
            base_url: self.base_url,
            interval: self.interval,
            allow_hosts: self.allow_hosts,
            allow_addresses: self.allow_addresses,
            authorities,
            proxy: self.proxy,
            headers: self.headers,
            settings: self.settings,
            secrets,
        })
    }
}

fn site_url<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Url>, D::Error> {
    let text = String::deserialize(d)?;
    if text.is_empty() {
        return Ok(None);
    }
    value::http_url(&text).map(Some).map_err(D::Error::custom)
}

fn headers<'de, D: Deserializer<'de>>(d: D) -> Result<HeaderMap, D::Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in Table::deserialize(d)? {
        let header: HeaderName = name
            .parse()
            .map_err(|_| D::Error::custom(format!("{name:?} is not a header's name")))?;
        if is_reserved_header(&header) {
            let message = format!("{header} can't be set: the client makes it itself");
            return Err(D::Error::custom(message));
        }
        // The value is not repeated: it may be a credential.
        let mut value = value
            .as_str()
            .and_then(|text| HeaderValue::from_str(text).ok())
            .ok_or_else(|| D::Error::custom(format!("{header}: not a header's value")))?;
        value.set_sensitive(true);
        if headers.insert(header.clone(), value).is_some() {
            return Err(D::Error::custom(format!("{header} stands twice")));
        }
    }
    Ok(headers)
}

fn secrets<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<String, RawSecret>, D::Error> {
    let read = |(name, value)| match value {
        Value::String(text) => Ok((name, RawSecret::Here(Secret::new(text)))),
        Value::Table(table) => match (table.len(), table.get("file")) {
            (1, Some(Value::String(path))) => Ok((name, RawSecret::File(path.into()))),
            _ => Err(D::Error::custom(format!(
                "{name} has other keys than `file`"
            ))),
        },
        _ => Err(D::Error::custom(format!(
            "{name} must be a text or {{ file = \"…\" }}"
        ))),
    };
    Table::deserialize(d)?.into_iter().map(read).collect()
}

fn settings<'de, D: Deserializer<'de>>(
    d: D,
) -> Result<serde_json::Map<String, serde_json::Value>, D::Error> {
    json_map(Table::deserialize(d)?).map_err(D::Error::custom)
}

fn json_map(table: Table) -> Result<serde_json::Map<String, serde_json::Value>, String> {
    let pair = |(name, value)| Ok((name, json(value)?));
    table.into_iter().map(pair).collect()
}

/// JSON has no dates and no infinities: the first become text, the second are
/// refused rather than turned into null.
fn json(value: Value) -> Result<serde_json::Value, String> {
    Ok(match value {
        Value::String(text) => text.into(),
        Value::Integer(number) => number.into(),
        Value::Float(number) => serde_json::Number::from_f64(number)
            .ok_or_else(|| format!("{number} can't be passed to a plugin"))?
            .into(),
        Value::Boolean(flag) => flag.into(),
        Value::Datetime(time) => time.to_string().into(),
        Value::Array(items) => {
            let items: Result<Vec<_>, _> = items.into_iter().map(json).collect();
            items?.into()
        }
        Value::Table(table) => json_map(table)?.into(),
    })
}
