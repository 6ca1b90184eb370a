//! What the admin does to plugins and sites.
//!
//! An action goes on when the one who asked goes away. Bounded by the limits
//! of what it does: `plugins.compile.time`, the calls' wall times.

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::CONNECTION;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::super::App;
use super::{Admin, view};
use crate::answer::Failure;
use crate::config;
use crate::plugins::{Act, Content, Impossible, MAX_SIGNATURE, Signature, UploadError};

/// What the operator saw and decided about.
#[derive(serde::Deserialize)]
pub(in super::super) struct Seen {
    digest: Option<String>,
}

pub(in super::super) async fn reload_all(_: Admin, State(app): State<App>) -> Response {
    app.parts.directory.reload();
    queued()
}

pub(in super::super) async fn act(
    _: Admin,
    State(app): State<App>,
    Path((key, action)): Path<(String, String)>,
    Query(seen): Query<Seen>,
) -> Result<Response, Failure> {
    let act = match action.as_str() {
        "reload" => Act::Reload,
        "rollback" => Act::Rollback,
        "approve" => Act::Approve {
            digest: seen.digest.ok_or_else(|| {
                let message = "?digest= says which version is approved";
                Failure::new(StatusCode::BAD_REQUEST, "digest_missing", message)
            })?,
        },
        "disable" => Act::Disable,
        "enable" => Act::Enable,
        _ => {
            let message = "actions are reload, rollback, approve, disable and enable";
            return Err(Failure::new(StatusCode::NOT_FOUND, "not_found", message));
        }
    };
    let saved = app.parts.loader.act(&key, act).await?;
    let plugin = view::one(&app, &key).ok_or(Impossible::NoSuchPlugin)?;
    Ok(Json(json!({ "plugin": plugin, "saved": saved })).into_response())
}

pub(in super::super) async fn story(
    _: Admin,
    State(app): State<App>,
    Path(key): Path<String>,
) -> Result<Response, Failure> {
    let story = app.parts.registry.story(&key);
    let events = story.ok_or(Impossible::NoSuchPlugin)?;
    Ok(Json(json!({ "events": events })).into_response())
}

pub(in super::super) async fn run_site(
    _: Admin,
    State(app): State<App>,
    Path(key): Path<String>,
) -> Result<Response, Failure> {
    let Some(site) = app.parts.sites.get(&key) else {
        let message = "there is no such site";
        return Err(Failure::new(StatusCode::NOT_FOUND, "no_such_site", message));
    };
    if !site.enabled {
        let message = "its site file says enabled = false";
        return Err(Failure::new(StatusCode::CONFLICT, "site_disabled", message));
    }
    app.parts.scheduler.run_now(&key);
    Ok(queued())
}

/// The file's whole way to a loaded plugin comes first: nothing that would be
/// refused is written.
pub(in super::super) async fn upload(
    _: Admin,
    State(app): State<App>,
    Path(key): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match take(&app, &key, &headers, body).await {
        Ok(taken) => taken,
        // Of a body that was not read to its end the rest would be taken for
        // the next request.
        Err(failure) => ([(CONNECTION, "close")], failure).into_response(),
    }
}

/// The `.minisig` of the file that is uploaded, in base64: its lines do not fit
/// into a header.
const SIGNATURE_HEADER: &str = "minisign-signature";

fn signature(headers: &HeaderMap) -> Result<Signature, Failure> {
    let Some(value) = headers.get(SIGNATURE_HEADER) else {
        return Ok(Signature::Missing);
    };
    let decoded = STANDARD.decode(value).ok();
    let fits = decoded.filter(|bytes| bytes.len() as u64 <= MAX_SIGNATURE);
    fits.map(Signature::new).ok_or_else(|| {
        let message = "Minisign-Signature must be the text of the .minisig file in base64";
        Failure::new(StatusCode::BAD_REQUEST, "signature", message)
    })
}

async fn take(app: &App, key: &str, headers: &HeaderMap, body: Body) -> Result<Response, Failure> {
    if key.parse::<config::Key>().is_err() {
        let message = "a plugin's key is [a-z0-9][a-z0-9-]{0,62}";
        return Err(Failure::new(
            StatusCode::NOT_FOUND,
            "no_such_plugin",
            message,
        ));
    }
    let signature = signature(headers)?;
    let reading = to_bytes(body, app.max_file);
    let bytes = match tokio::time::timeout(app.upload_time, reading).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => {
            return Err(Failure::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "the file is larger than plugins.max_file, or was cut off",
            ));
        }
        Err(_) => {
            let message = "the file did not come within plugins.compile.time";
            return Err(Failure::new(
                StatusCode::REQUEST_TIMEOUT,
                "timeout",
                message,
            ));
        }
    };
    let (loader, directory) = (&app.parts.loader, &app.parts.directory);
    let bytes = bytes[..].into();
    let content = Content { bytes, signature };
    let info = loader.upload(key, content, directory).await?;
    let taken = json!({ "digest": info.digest, "version": info.version, "size": info.size });
    Ok(Json(taken).into_response())
}

fn queued() -> Response {
    (StatusCode::ACCEPTED, Json(json!({ "queued": true }))).into_response()
}

impl From<Impossible> for Failure {
    fn from(why: Impossible) -> Self {
        let status = match why {
            Impossible::NoSuchPlugin => StatusCode::NOT_FOUND,
            _ => StatusCode::CONFLICT,
        };
        Self::new(status, why.code(), why.to_string())
    }
}

impl From<UploadError> for Failure {
    fn from(error: UploadError) -> Self {
        let message = error.to_string();
        match error {
            UploadError::Refused(why) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, why.code(), message)
            }
            UploadError::Directory(why) => {
                let full = matches!(
                    why.kind(),
                    std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
                );
                let status = if full {
                    StatusCode::INSUFFICIENT_STORAGE
                } else {
                    StatusCode::CONFLICT
                };
                Self::new(status, "directory_unwritable", message)
            }
        }
    }
}
