//! The configuration as everything else sees it: plain, resolved, with units.
//!
//! What a field means, its unit and what happens at its limit stand in
//! `defaults.toml`, once. There is no `Default` here: the defaults are that
//! file's, too. What a value may be is in its type and its reader (`value`).

#![allow(missing_docs, reason = "defaults.toml documents every key, once")]

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use http::HeaderName;
use ipnet::IpNet;
use serde::Deserialize;
use url::Url;

use super::key::Key;
use super::limits::{self, LimitOverride, PluginLimits};
use super::secret::Secret;
use super::value;

/// All of it. Paths are absolute.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(deserialize_with = "value::path")]
    pub data_dir: PathBuf,
    #[serde(deserialize_with = "value::path")]
    pub cache_dir: PathBuf,
    /// The program that compiles plugins: this one. No key.
    #[serde(skip, default = "value::own_program")]
    pub program: PathBuf,
    pub server: Server,
    pub metrics: Metrics,
    pub auth: Auth,
    pub net: Net,
    pub links: Links,
    pub plugins: Plugins,
    pub extraction: Extraction,
    pub health: Health,
    pub relay: Relay,
    pub schedule: Schedule,
    pub guide: Guide,
    pub webhook: Webhook,
    pub log: Log,
    pub redis: Redis,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    #[serde(deserialize_with = "value::socket")]
    pub listen: SocketAddr,
    /// Its path ends in `/`, so that `join` appends to it.
    #[serde(deserialize_with = "value::base_url_or_none")]
    pub public_url: Option<Url>,
    /// As `public_url`.
    #[serde(deserialize_with = "value::base_url_or_none")]
    pub public_media_url: Option<Url>,
    /// Lower case, without port.
    #[serde(deserialize_with = "value::host_names")]
    pub hosts: Vec<String>,
    #[serde(deserialize_with = "value::networks")]
    pub trusted_proxies: Vec<IpNet>,
    #[serde(deserialize_with = "value::count")]
    pub max_connections: usize,
    #[serde(deserialize_with = "value::count")]
    pub max_connections_per_client: usize,
    #[serde(deserialize_with = "value::count")]
    pub requests_per_client: usize,
    #[serde(deserialize_with = "value::duration")]
    pub header_timeout: Duration,
    #[serde(deserialize_with = "value::duration")]
    pub idle_timeout: Duration,
    #[serde(deserialize_with = "value::duration")]
    pub handler_timeout: Duration,
    #[serde(deserialize_with = "value::duration")]
    pub write_timeout: Duration,
    #[serde(deserialize_with = "value::duration_or_zero")]
    pub drain: Duration,
    #[serde(deserialize_with = "value::size")]
    pub max_body: ByteSize,
    #[serde(deserialize_with = "value::count")]
    pub event_streams: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    #[serde(deserialize_with = "value::socket_or_none")]
    pub listen: Option<SocketAddr>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    #[serde(deserialize_with = "value::parsed")]
    pub viewers: Viewers,
    #[serde(deserialize_with = "value::path")]
    pub viewer_tokens_file: PathBuf,
    #[serde(deserialize_with = "value::duration")]
    pub poll: Duration,
    #[serde(deserialize_with = "value::header_name")]
    pub forward_header: HeaderName,
    #[serde(deserialize_with = "value::networks")]
    pub forward_proxies: Vec<IpNet>,
    #[serde(deserialize_with = "value::duration")]
    pub session: Duration,
    #[serde(deserialize_with = "value::count")]
    pub attempts: usize,
    /// `None`: the admin interface is off.
    #[serde(deserialize_with = "value::path_or_none")]
    pub admin_token_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewers {
    Loopback,
    Token,
    Forward,
    Open,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Net {
    #[serde(deserialize_with = "value::networks")]
    pub allow_addresses: Vec<IpNet>,
    #[serde(deserialize_with = "value::networks")]
    pub deny_addresses: Vec<IpNet>,
    /// Empty: every port.
    #[serde(deserialize_with = "value::ports")]
    pub ports: Vec<u16>,
    /// Names in lower case.
    #[serde(deserialize_with = "value::host_table")]
    pub hosts: BTreeMap<String, IpAddr>,
    #[serde(deserialize_with = "value::duration")]
    pub connect_timeout: Duration,
    #[serde(deserialize_with = "value::duration")]
    pub first_byte_timeout: Duration,
    #[serde(deserialize_with = "value::duration")]
    pub total_timeout: Duration,
    #[serde(deserialize_with = "value::duration")]
    pub read_timeout: Duration,
    #[serde(deserialize_with = "value::count_or_zero")]
    pub redirects: usize,
    #[serde(deserialize_with = "value::count")]
    pub per_origin: usize,
    #[serde(deserialize_with = "value::count")]
    pub held_per_origin: usize,
    #[serde(deserialize_with = "value::count")]
    pub max_requests: usize,
    /// A second.
    #[serde(deserialize_with = "value::count")]
    pub rate_per_origin: usize,
    /// A second; zero for as many as come.
    #[serde(deserialize_with = "value::size_or_zero")]
    pub bytes_per_origin: ByteSize,
    #[serde(deserialize_with = "value::count")]
    pub lookups: usize,
    #[serde(deserialize_with = "value::duration_or_zero")]
    pub dns_ttl: Duration,
    #[serde(deserialize_with = "value::size")]
    pub max_url: ByteSize,
    #[serde(deserialize_with = "value::size")]
    pub max_headers: ByteSize,
    #[serde(deserialize_with = "value::user_agent")]
    pub user_agent: String,
    pub breaker: OriginBreaker,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OriginBreaker {
    #[serde(deserialize_with = "value::count")]
    pub failures: usize,
    #[serde(deserialize_with = "value::duration")]
    pub wait: Duration,
    #[serde(deserialize_with = "value::duration")]
    pub wait_max: Duration,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Links {
    #[serde(deserialize_with = "value::path")]
    pub key_file: PathBuf,
    #[serde(deserialize_with = "value::duration")]
    pub poll: Duration,
    #[serde(deserialize_with = "value::duration")]
    pub lifetime: Duration,
    #[serde(deserialize_with = "value::duration")]
    pub bucket: Duration,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plugins {
    #[serde(deserialize_with = "value::duration")]
    pub poll: Duration,
    #[serde(deserialize_with = "value::duration_or_zero")]
    pub settle: Duration,
    #[serde(deserialize_with = "value::parsed")]
    pub grants: Grants,
    #[serde(deserialize_with = "value::parsed")]
    pub trust: Trust,
    /// Lower case.
    #[serde(deserialize_with = "value::digests")]
    pub pins: Vec<String>,
    #[serde(deserialize_with = "value::signers")]
    pub signers: Vec<minisign_verify::PublicKey>,
    #[serde(deserialize_with = "value::size")]
    pub max_file: ByteSize,
    #[serde(deserialize_with = "value::count")]
    pub max_files: usize,
    #[serde(deserialize_with = "value::count")]
    pub max_calls: usize,
    pub breaker: Breaker,
    pub compile: Compile,
    pub diagnostics: Diagnostics,
    pub limits: PluginLimits,
    /// By the plugin's key.
    #[serde(rename = "override", deserialize_with = "limits::overrides")]
    pub overrides: BTreeMap<Key, LimitOverride>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Breaker {
    #[serde(deserialize_with = "value::count")]
    pub faults: usize,
    #[serde(deserialize_with = "value::duration")]
    pub wait: Duration,
    #[serde(deserialize_with = "value::duration")]
    pub wait_max: Duration,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compile {
    #[serde(deserialize_with = "value::size")]
    pub memory: ByteSize,
    #[serde(deserialize_with = "value::size")]
    pub output: ByteSize,
    #[serde(deserialize_with = "value::duration")]
    pub time: Duration,
    #[serde(deserialize_with = "value::count")]
    pub concurrency: usize,
    #[serde(deserialize_with = "value::size_or_zero")]
    pub cache: ByteSize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Diagnostics {
    #[serde(deserialize_with = "value::size")]
    pub size: ByteSize,
    #[serde(deserialize_with = "value::count_or_zero")]
    pub count: usize,
    #[serde(deserialize_with = "value::count")]
    pub per_site: usize,
    #[serde(deserialize_with = "value::duration")]
    pub wait: Duration,
    #[serde(deserialize_with = "value::count")]
    pub queue: usize,
    #[serde(deserialize_with = "value::count")]
    pub learned: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// With whatever token it holds. `None`: nobody is told.
    #[serde(deserialize_with = "value::secret_url_or_none")]
    pub url: Option<Secret>,
    /// Empty: the URL says it.
    pub topic: String,
    #[serde(deserialize_with = "value::networks")]
    pub allow_addresses: Vec<IpNet>,
    #[serde(deserialize_with = "value::duration")]
    pub timeout: Duration,
    #[serde(deserialize_with = "value::count_or_zero")]
    pub retries: usize,
    #[serde(deserialize_with = "value::duration_or_zero")]
    pub interval: Duration,
    #[serde(deserialize_with = "value::count")]
    pub queue: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grants {
    Declared,
    Explicit,
}

/// Which files may become code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    Any,
    Pinned,
    Signed,
}

impl Plugins {
    /// The limits of a call into the plugin `key`.
    pub fn limits_of(&self, key: &str) -> PluginLimits {
        match self.overrides.get(key) {
            Some(own) => self.limits.with(own),
            None => self.limits.clone(),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extraction {
    #[serde(deserialize_with = "value::duration")]
    pub interval: Duration,
    /// 0 to 1.
    #[serde(deserialize_with = "value::share")]
    pub jitter: f64,
    #[serde(deserialize_with = "value::count")]
    pub concurrency: usize,
    #[serde(deserialize_with = "value::duration_or_zero")]
    pub refresh_cooldown: Duration,
    #[serde(deserialize_with = "value::duration")]
    pub backoff_max: Duration,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    #[serde(deserialize_with = "value::duration")]
    pub interval: Duration,
    #[serde(deserialize_with = "value::duration")]
    pub timeout: Duration,
    #[serde(deserialize_with = "value::count")]
    pub concurrency: usize,
    #[serde(deserialize_with = "value::count")]
    pub per_minute: usize,
    #[serde(deserialize_with = "value::size")]
    pub segment_bytes: ByteSize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relay {
    #[serde(deserialize_with = "value::size_or_zero")]
    pub window: ByteSize,
    #[serde(deserialize_with = "value::duration")]
    pub idle: Duration,
    #[serde(deserialize_with = "value::duration")]
    pub keep: Duration,
    #[serde(deserialize_with = "value::size")]
    pub in_flight: ByteSize,
    #[serde(deserialize_with = "value::size")]
    pub texts: ByteSize,
    #[serde(deserialize_with = "value::size")]
    pub seen: ByteSize,
    #[serde(deserialize_with = "value::duration")]
    pub refused: Duration,
    #[serde(deserialize_with = "value::size")]
    pub skip: ByteSize,
    #[serde(deserialize_with = "value::duration")]
    pub hold: Duration,
    #[serde(deserialize_with = "value::size")]
    pub playlist: ByteSize,
    #[serde(deserialize_with = "value::count")]
    pub playlist_lines: usize,
    #[serde(deserialize_with = "value::size")]
    pub playlist_line: ByteSize,
    #[serde(deserialize_with = "value::size")]
    pub playlist_output: ByteSize,
    #[serde(deserialize_with = "value::size_or_zero")]
    pub variables: ByteSize,
    #[serde(deserialize_with = "value::duration")]
    pub playlist_timeout: Duration,
    /// Per second.
    #[serde(deserialize_with = "value::size_or_zero")]
    pub min_rate: ByteSize,
    #[serde(deserialize_with = "value::duration")]
    pub min_rate_window: Duration,
    #[serde(deserialize_with = "value::count")]
    pub rewriting: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Its path ends in `/`, so that `join` appends to it.
    #[serde(deserialize_with = "value::base_url")]
    pub jolpica_url: Url,
    /// Its path ends in `/`, too.
    #[serde(deserialize_with = "value::base_url")]
    pub openf1_url: Url,
    #[serde(deserialize_with = "value::duration")]
    pub interval: Duration,
    #[serde(deserialize_with = "value::duration")]
    pub interval_near: Duration,
    #[serde(deserialize_with = "value::size")]
    pub max_body: ByteSize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guide {
    #[serde(deserialize_with = "value::count")]
    pub channels: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    #[serde(deserialize_with = "value::log_filter")]
    pub filter: String,
    #[serde(deserialize_with = "value::parsed")]
    pub format: LogFormat,
    #[serde(deserialize_with = "value::count_or_zero")]
    pub per_second: usize,
    #[serde(deserialize_with = "value::count")]
    pub burst: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// Always `None` in this version.
    #[serde(deserialize_with = "value::no_redis")]
    pub url: Option<Secret>,
}
