//! The admin's routes, behind a bearer token. Without a configured token file
//! they are absent: 404, never open.

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest;
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode, request};
use serde::Serialize;
use subtle::ConstantTimeEq;

use super::App;
use super::diagnostics::Trouble;
use crate::answer::Failure;
use crate::extraction::{LastRun, SiteRuns};
use crate::files;
use crate::plugins::{DirectoryStatus, PluginStatus};

/// The admin's token, as a digest.
#[derive(Clone, Debug)]
pub struct AdminToken(Arc<[u8]>);

/// 32 bytes in base64url.
const MIN_TOKEN: usize = 32;

impl AdminToken {
    /// Reads the token file, or makes it on first start.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        if !path.exists() {
            let mut token = [0; 32];
            aws_lc_rs::rand::fill(&mut token)
                .map_err(|_| std::io::Error::other("no random numbers"))?;
            let text = format!("{}\n", URL_SAFE_NO_PAD.encode(token));
            if files::create(path, text.as_bytes())? {
                tracing::info!(path = %path.display(), "admin token made");
            }
        }
        let text = files::read(path, 4096)?;
        let token = text.trim_ascii();
        if token.len() < MIN_TOKEN {
            return Err(std::io::Error::other(format!(
                "the token is shorter than {MIN_TOKEN} characters"
            )));
        }
        Ok(Self(sha256(token)))
    }

    fn is(&self, token: &[u8]) -> bool {
        self.0.ct_eq(&sha256(token)).into()
    }
}

/// Of equal length whatever was sent, so that comparing tells nothing.
fn sha256(bytes: &[u8]) -> Arc<[u8]> {
    digest::digest(&digest::SHA256, bytes).as_ref().into()
}

/// Proof that the request carries the admin's token.
pub(super) struct Admin;

impl FromRequestParts<App> for Admin {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut request::Parts, app: &App) -> Result<Self, Response> {
        let Some(expected) = &app.parts.admin else {
            return Err(
                Failure::new(StatusCode::NOT_FOUND, "not_found", "there is nothing here")
                    .into_response(),
            );
        };
        let sent = parts
            .headers
            .get(AUTHORIZATION)
            .map(HeaderValue::as_bytes)
            .unwrap_or_default();
        match sent.split_at_checked(7) {
            Some((scheme, token))
                if scheme.eq_ignore_ascii_case(b"bearer ") && expected.is(token.trim_ascii()) =>
            {
                Ok(Self)
            }
            _ => {
                let failure = Failure::new(
                    StatusCode::UNAUTHORIZED,
                    "unauthorized",
                    "the admin's token is needed: Authorization: Bearer …",
                );
                let mut response = failure.into_response();
                response
                    .headers_mut()
                    .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                Err(response)
            }
        }
    }
}

#[derive(Serialize)]
struct Overview {
    poll_seconds: u64,
    directory: DirectoryStatus,
    plugins: Vec<Plugin>,
}

#[derive(Serialize)]
struct Plugin {
    #[serde(flatten)]
    status: PluginStatus,
    name: Option<String>,
    version: Option<String>,
    digest: Option<String>,
    size: Option<u64>,
    hosts: Vec<String>,
    sites: Vec<Site>,
}

#[derive(Serialize)]
struct Site {
    key: String,
    enabled: bool,
    /// Why its file was refused; what worked before, works on.
    error: Option<String>,
    last_run: Option<LastRun>,
    next_run_at: Option<jiff::Timestamp>,
    #[serde(flatten)]
    trouble: Trouble,
}

pub(super) async fn plugins(_: Admin, State(app): State<App>) -> Response {
    let parts = &app.parts;
    let mut statuses = parts.registry.status();
    // Sites whose plugin is not there must be seen, too.
    for site in parts.sites.all() {
        if !statuses.iter().any(|status| status.key == site.plugin) {
            statuses.push(PluginStatus::missing(&site.plugin));
        }
    }
    statuses.sort_by(|a, b| a.key.cmp(&b.key));
    let runs = parts.scheduler.runs();
    let errors = parts.sites.errors();
    let site = |key: &str, enabled| {
        let known = runs.get(key).cloned().unwrap_or_default();
        let trouble = Trouble::from(&known);
        let SiteRuns { last, next, .. } = known;
        Site {
            key: key.to_owned(),
            enabled,
            error: errors.get(key).cloned(),
            last_run: last,
            next_run_at: next,
            trouble,
        }
    };
    let plugins = statuses.into_iter().map(|status| {
        let used = parts.sites.of_plugin(&status.key);
        let mut sites: Vec<_> = used
            .iter()
            .map(|used| site(&used.key, used.enabled))
            .collect();
        // A file that never worked is shown under the plugin of its name.
        if used.is_empty() && errors.contains_key(&status.key) {
            sites.push(site(&status.key, false));
        }
        let info = status.info.clone();
        Plugin {
            name: info.as_ref().map(|info| info.name.clone()),
            version: info.as_ref().map(|info| info.version.clone()),
            digest: info.as_ref().map(|info| info.digest.clone()),
            size: info.as_ref().map(|info| info.size),
            hosts: info.map(|info| info.hosts).unwrap_or_default(),
            sites,
            status,
        }
    });
    let overview = Overview {
        poll_seconds: app.poll_seconds,
        directory: parts.directory.status(),
        plugins: plugins.collect(),
    };
    ([(CACHE_CONTROL, "no-store")], Json(overview)).into_response()
}

pub(super) async fn reload(_: Admin, State(app): State<App>) -> Response {
    app.parts.directory.reload();
    (
        StatusCode::ACCEPTED,
        Json(serde_json::json!({ "queued": true })),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_made_once_and_a_short_one_is_refused() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("admin.token");
        let first = AdminToken::open(&path).expect("made");
        let text = std::fs::read_to_string(&path).expect("read");
        assert!(first.is(text.trim().as_bytes()));
        assert!(!first.is(b"another"));
        assert!(
            AdminToken::open(&path)
                .expect("read")
                .is(text.trim().as_bytes())
        );
        std::fs::write(&path, "short").expect("written");
        assert!(AdminToken::open(&path).is_err());
    }
}
