//! What the admin downloads to see why a site fails: bundles, and the pages
//! that the last run's plugin kept. Never shown as what they say they are.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, StatusCode};
use jiff::Timestamp;
use serde::Serialize;

use super::App;
use super::admin::Admin;
use crate::answer::Failure;
use crate::cases::{BundleInfo, Diagnostics};
use crate::extraction::{SiteRuns, Standing};

/// How a site is doing, as part of its entry in the admin's lists.
#[derive(Serialize)]
pub(super) struct Trouble {
    failing_since: Option<Timestamp>,
    last_ok_at: Option<Timestamp>,
    bundle: Option<Kept>,
    /// Of the last run.
    attachments: Vec<Attached>,
}

/// A bundle among those of its site.
#[derive(Serialize)]
struct Kept {
    name: String,
    at: Timestamp,
    bytes: u64,
}

#[derive(Serialize)]
struct Attached {
    name: String,
    media_type: String,
    bytes: usize,
}

impl From<&SiteRuns> for Trouble {
    fn from(runs: &SiteRuns) -> Self {
        let Standing {
            failing_since,
            last_ok_at,
            bundle,
            attachments,
        } = runs.standing.clone();
        let attached = attachments.iter().map(|attachment| Attached {
            name: attachment.name.clone(),
            media_type: attachment.media_type.clone(),
            bytes: attachment.data.len(),
        });
        Self {
            failing_since,
            last_ok_at,
            bundle: bundle.get().cloned().map(
                |BundleInfo {
                     name, at, bytes, ..
                 }| Kept { name, at, bytes },
            ),
            attachments: attached.collect(),
        }
    }
}

#[derive(Serialize)]
struct Bundles {
    bundles: Vec<BundleInfo>,
}

pub(super) async fn list(_: Admin, State(app): State<App>) -> Response {
    let bundles = blocking(&app, Diagnostics::list).await.unwrap_or_default();
    ([(CACHE_CONTROL, "no-store")], Json(Bundles { bundles })).into_response()
}

pub(super) async fn bundle(_: Admin, State(app): State<App>, Path(name): Path<String>) -> Response {
    let wanted = name.clone();
    match blocking(&app, move |all| all.read(&wanted)).await {
        Some(Ok(Some(text))) => download(&name, "application/json", text),
        Some(Ok(None)) => missing("no_such_bundle", "there is no such bundle"),
        // Its name is the operator's own; the cause is in the log.
        failed => {
            let error = failed.and_then(Result::err);
            tracing::warn!(bundle = name, error = ?error, "a bundle cannot be read");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Failure::new(status, "internal", "the bundle cannot be read").into_response()
        }
    }
}

pub(super) async fn attachment(
    _: Admin,
    State(app): State<App>,
    Path((site, number)): Path<(String, usize)>,
) -> Response {
    let runs = app.parts.scheduler.runs();
    let attachments = runs.get(&site).map(|runs| &runs.standing.attachments);
    match attachments.and_then(|all| all.get(number)) {
        Some(found) => download(&found.name, "application/octet-stream", found.data.clone()),
        None => missing("no_such_attachment", "the last run has no such attachment"),
    }
}

/// To be saved, whatever it is: a page of a stranger must not become one of
/// ours.
fn download(name: &str, kind: &'static str, bytes: Vec<u8>) -> Response {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || ".-_".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = name.chars().take(100).map(plain).collect();
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers: [(HeaderName, HeaderValue); 4] = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (
            CONTENT_DISPOSITION,
            HeaderValue::from_str(&disposition).unwrap_or(HeaderValue::from_static("attachment")),
        ),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, bytes).into_response()
}

fn missing(code: &'static str, message: &str) -> Response {
    Failure::new(StatusCode::NOT_FOUND, code, message).into_response()
}

/// `data_dir` may be a network mount. `None`: it panicked.
async fn blocking<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Diagnostics) -> T + Send + 'static,
) -> Option<T> {
    let diagnostics = app.parts.diagnostics.clone();
    let done = tokio::task::spawn_blocking(move || work(&diagnostics));
    done.await.ok()
}
