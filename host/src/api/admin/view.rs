//! Plugins and sites as the admin sees them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use jiff::Timestamp;
use serde::Serialize;

use super::super::App;
use super::super::diagnostics::Trouble;
use super::Admin;
use crate::config::Grants;
use crate::extraction::{LastRun, SiteRuns};
use crate::plugins::{self, DirectoryStatus, PluginStatus};

#[derive(Serialize)]
struct Overview {
    poll_seconds: u64,
    directory: DirectoryStatus,
    grants: &'static str,
    plugins: Vec<Plugin>,
}

/// One plugin with the sites that use it.
#[derive(Serialize)]
pub(super) struct Plugin {
    #[serde(flatten)]
    status: PluginStatus,
    name: Option<String>,
    version: Option<String>,
    digest: Option<String>,
    size: Option<u64>,
    /// Asked for.
    hosts: Vec<String>,
    secrets: Vec<String>,
    sites: Vec<Site>,
}

#[derive(Serialize)]
struct Site {
    key: String,
    enabled: bool,
    /// Why its file was refused; what worked before, works on.
    error: Option<String>,
    last_run: Option<LastRun>,
    next_run_at: Option<Timestamp>,
    /// What its plugin may reach for it.
    granted: Vec<String>,
    #[serde(flatten)]
    trouble: Trouble,
}

#[derive(Serialize)]
struct SiteOfPlugin {
    plugin: String,
    #[serde(flatten)]
    site: Site,
}

pub(in super::super) async fn plugins(_: Admin, State(app): State<App>) -> Response {
    let overview = Overview {
        poll_seconds: app.poll_seconds,
        directory: app.parts.directory.status(),
        grants: match app.grants {
            Grants::Declared => "declared",
            Grants::Explicit => "explicit",
        },
        plugins: all(&app),
    };
    answer(&overview)
}

pub(in super::super) async fn sites(_: Admin, State(app): State<App>) -> Response {
    let of = |plugin: Plugin| {
        let key = plugin.status.key;
        plugin.sites.into_iter().map(move |site| SiteOfPlugin {
            plugin: key.clone(),
            site,
        })
    };
    let mut sites: Vec<_> = all(&app).into_iter().flat_map(of).collect();
    sites.sort_by(|a, b| a.site.key.cmp(&b.site.key));
    answer(&serde_json::json!({ "sites": sites }))
}

/// How the schedule is made, for whoever wonders why it says what it says.
pub(in super::super) async fn schedule(_: Admin, State(app): State<App>) -> Response {
    answer(&app.parts.schedule.operator_view())
}

/// `None`: nobody dropped it, and no site names it.
pub(super) fn one(app: &App, key: &str) -> Option<Plugin> {
    all(app).into_iter().find(|plugin| plugin.status.key == key)
}

fn answer(body: &impl Serialize) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// What trouble of the directory itself is called.
const DIRECTORY: &str = "sites";

fn all(app: &App) -> Vec<Plugin> {
    let parts = &app.parts;
    let mut statuses = parts.registry.status();
    // Sites whose plugin is not there must be seen, too.
    for site in parts.sites.all() {
        if !statuses.iter().any(|status| status.key == site.plugin) {
            statuses.push(PluginStatus::missing(&site.plugin));
        }
    }
    let (runs, errors) = (parts.scheduler.runs(), parts.sites.errors());
    // So must a file that never worked: nobody else says what its plugin would be.
    for key in errors.keys().filter(|key| key.as_str() != DIRECTORY) {
        let is_known = parts.sites.get(key).is_some();
        if !is_known && !statuses.iter().any(|status| status.key == *key) {
            statuses.push(PluginStatus::missing(key));
        }
    }
    statuses.sort_by(|a, b| a.key.cmp(&b.key));
    let plugin = |status: PluginStatus| {
        let used = parts.sites.of_plugin(&status.key);
        let generation = parts.registry.current(&status.key);
        let mut sites: Vec<_> = used
            .iter()
            .map(|site| {
                let granted = match &generation {
                    Some((generation, _)) => generation.reach(site),
                    None => Vec::new(),
                };
                shown(site, granted, &runs, &errors)
            })
            .collect();
        // A file that never worked is shown under the plugin of its name.
        if used.is_empty() && errors.contains_key(&status.key) {
            sites.push(shown_by(&status.key, false, Vec::new(), &runs, &errors));
        }
        let info = status.info.clone();
        Plugin {
            name: info.as_ref().map(|info| info.name.clone()),
            version: info.as_ref().map(|info| info.version.clone()),
            digest: info.as_ref().map(|info| info.digest.clone()),
            size: info.as_ref().map(|info| info.size),
            secrets: info.as_ref().map_or_else(Vec::new, |i| i.secrets.clone()),
            hosts: info.map(|info| info.hosts).unwrap_or_default(),
            sites,
            status,
        }
    };
    statuses.into_iter().map(plugin).collect()
}

type Runs = BTreeMap<String, SiteRuns>;
type Errors = BTreeMap<String, String>;

fn shown(site: &Arc<plugins::Site>, granted: Vec<String>, runs: &Runs, errors: &Errors) -> Site {
    shown_by(&site.key, site.enabled, granted, runs, errors)
}

fn shown_by(key: &str, enabled: bool, granted: Vec<String>, runs: &Runs, errors: &Errors) -> Site {
    let known = runs.get(key).cloned().unwrap_or_default();
    let trouble = Trouble::from(&known);
    let SiteRuns { last, next, .. } = known;
    Site {
        key: key.to_owned(),
        enabled,
        error: errors.get(key).cloned(),
        last_run: last,
        next_run_at: next,
        granted,
        trouble,
    }
}
