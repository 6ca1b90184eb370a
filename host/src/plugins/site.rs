//! A site as its plugin's calls see it: what the operator configured and what
//! survives between calls.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::HeaderMap;
use url::Url;

use super::asked::Asked;
use super::state::State;
use super::transcript::Before;
use crate::config::{self, HostPattern};
use crate::net::{Egress, FetchError, Jar, Net};

/// One configured use of a plugin.
#[derive(Debug)]
pub struct Site {
    /// The site file's stem.
    pub key: String,
    /// The plugin's key.
    pub plugin: String,
    /// Disabled sites are listed and never run.
    pub enabled: bool,
    /// Own interval, or the scheduler's.
    pub interval: Option<Duration>,
    /// What the operator wrote.
    pub file: config::Site,
    /// What `config.get-json` shows: the settings and `base_url`.
    pub(super) document: serde_json::Value,
    pub(super) secrets: BTreeMap<String, config::Secret>,
    /// Sent with every request of this site's plugin.
    pub(super) headers: HeaderMap,
    /// The origin of `base_url` and `allow_hosts`; empty where the operator
    /// named neither.
    pub(super) granted: Vec<HostPattern>,
    /// The site's way out, with its own allowed addresses.
    pub egress: Egress,
    /// The site's cookies.
    pub jar: Jar,
    pub(super) state: State,
}

impl Site {
    /// Builds what a site file says.
    pub fn new(site: &config::Site, net: &Net, state_dir: &Path) -> Result<Self, FetchError> {
        let egress = net.egress(net.site_policy(site))?;
        let state = State::open(state_dir.join(format!("{}.json", site.key)));
        Ok(Self::with(site, egress, state))
    }

    /// A site that is not the service's: a recorded one, or one to record. It
    /// begins with what was kept `before` and keeps nothing on disk.
    pub fn apart(site: &config::Site, egress: Egress, before: &Before) -> Self {
        let site = Self::with(site, egress, State::in_memory(&before.state));
        for (url, line) in &before.cookies {
            if let Ok(url) = Url::parse(url) {
                site.jar.set(&url, line);
            }
        }
        site
    }

    fn with(site: &config::Site, egress: Egress, state: State) -> Self {
        let config = &site.config;
        Self {
            key: site.key.to_string(),
            plugin: config.plugin.to_string(),
            enabled: config.enabled,
            interval: config.interval,
            file: site.clone(),
            document: config.document(),
            secrets: config.secrets.clone(),
            headers: config.headers.clone(),
            granted: config.grants(),
            egress,
            jar: Jar::default(),
            state,
        }
    }

    /// What it keeps from calls so far.
    pub(super) fn before(&self, now: jiff::Timestamp) -> Before {
        Before {
            state: self.state.values(now.as_millisecond()),
            cookies: self.jar.lines(),
        }
    }

    /// The texts of all its secrets, what its proxy is told among them.
    pub(super) fn secret_texts(&self) -> impl Iterator<Item = &str> {
        let proxy = self.file.config.proxy.iter();
        let secrets = self.secrets.values().map(config::Secret::reveal);
        secrets.chain(proxy.flat_map(config::Proxy::secret_texts))
    }

    /// Whether the operator named what its plugin may reach.
    pub(super) fn has_grants(&self) -> bool {
        !self.granted.is_empty()
    }

    /// Whether this site's plugin may fetch `url`: what the plugin asks for
    /// intersected with what the operator grants. With nothing granted by
    /// name, what was asked for by name is granted: all of it under
    /// `grants = "declared"`, what was approved of it under `"explicit"`.
    pub(super) fn grants(&self, asked: &Asked, url: &Url) -> bool {
        let by_name = asked.hosts.iter().any(|host| host.matches(url));
        if self.granted.is_empty() {
            by_name && asked.may_name(url)
        } else {
            (asked.any || by_name) && self.granted.iter().any(|host| host.matches(url))
        }
    }
}

/// All sites: the configured ones and one assumed for each plugin that no
/// site names. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sites(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    state_dir: PathBuf,
    net: Net,
    current: ArcSwap<Current>,
    /// One reload at a time, so that no site is made twice.
    reloading: Mutex<()>,
}

#[derive(Debug, Default)]
struct Current {
    files: Vec<config::Site>,
    sites: BTreeMap<String, Arc<Site>>,
    errors: BTreeMap<String, String>,
}

impl Sites {
    /// `data_dir` holds `sites/` and `state/`.
    pub fn new(data_dir: &Path, net: Net) -> Self {
        Self(Arc::new(Inner {
            dir: data_dir.join("sites"),
            state_dir: data_dir.join("state"),
            net,
            current: ArcSwap::default(),
            reloading: Mutex::default(),
        }))
    }

    /// Reads the site files again and assumes a site for each of `plugins`
    /// that none of them names. Sites whose file did not change keep cookies
    /// and state; a broken or vanished directory changes nothing. Returns
    /// whether anything changed. Reads files: call it off the runtime.
    pub fn reload(&self, plugins: &[String]) -> bool {
        let reloading = self.0.reloading.lock();
        let _one = reloading.unwrap_or_else(PoisonError::into_inner);
        let before = self.0.current.load_full();
        let (mut files, problems) = config::load_sites(&self.0.dir);
        let mut errors: BTreeMap<String, String> = problems
            .into_iter()
            .map(|(path, error)| (stem(&path), error.to_string()))
            .collect();
        // As with plugins, a directory that is suddenly empty is a mount that
        // went away.
        let configured = |site: &config::Site| *site != config::Site::assumed(&site.key);
        if files.is_empty() && errors.is_empty() && before.files.iter().any(configured) {
            errors.insert(
                stem(&self.0.dir),
                "it is empty, as when a mount is gone: the sites stay".into(),
            );
        }
        // Last good stays: of a file that broke, and of a directory that went.
        let directory_lost = errors.contains_key(&stem(&self.0.dir));
        for old in &before.files {
            let key = old.key.as_str();
            let unknown = directory_lost || errors.contains_key(key);
            if unknown && !files.iter().any(|file| file.key == old.key) {
                files.push(old.clone());
            }
        }
        for plugin in plugins {
            let used = files
                .iter()
                .any(|f| f.config.plugin.as_str() == plugin || f.key.as_str() == plugin);
            if let Ok(key) = plugin.parse()
                && !used
                && !errors.contains_key(plugin)
            {
                files.push(config::Site::assumed(&key));
            }
        }
        let mut sites = BTreeMap::new();
        for file in &files {
            let key = file.key.to_string();
            let unchanged = before.files.contains(file);
            let site = match before.sites.get(&key).filter(|_| unchanged) {
                Some(site) => site.clone(),
                None => match Site::new(file, &self.0.net, &self.0.state_dir) {
                    Ok(site) => Arc::new(site),
                    Err(error) => {
                        errors.insert(key, error.to_string());
                        continue;
                    }
                },
            };
            sites.insert(key, site);
        }
        if files == before.files && errors == before.errors {
            return false;
        }
        for (key, error) in errors
            .iter()
            .filter(|(key, error)| before.errors.get(*key) != Some(error))
        {
            tracing::warn!(file = key, error, "sites");
        }
        self.0.current.store(Arc::new(Current {
            files,
            sites,
            errors,
        }));
        true
    }

    /// Every site, by key.
    pub fn all(&self) -> Vec<Arc<Site>> {
        self.0.current.load().sites.values().cloned().collect()
    }

    /// One site.
    pub fn get(&self, key: &str) -> Option<Arc<Site>> {
        self.0.current.load().sites.get(key).cloned()
    }

    /// The sites that use `plugin`.
    pub fn of_plugin(&self, plugin: &str) -> Vec<Arc<Site>> {
        self.0
            .current
            .load()
            .sites
            .values()
            .filter(|s| s.plugin == plugin)
            .cloned()
            .collect()
    }

    /// Site files that were refused, by key, with the reason.
    pub fn errors(&self) -> BTreeMap<String, String> {
        self.0.current.load().errors.clone()
    }
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .map(|s| s.to_string_lossy().into_owned())
        .unwrap_or_default()
}
