//! `/api/streams`: the catalog as viewers see it, from memory.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use serde::Serialize;

use super::App;
use crate::catalog::{Catalog, Entry, State as Playing};
use crate::extraction::Scheduler;
use crate::plugins::{Protection, Quality};
use crate::proxy::play_path;
use crate::schedule::Schedule;

#[derive(Serialize)]
struct List {
    generated_at: jiff::Timestamp,
    /// The live or next session's id.
    session: Option<String>,
    /// Best first.
    streams: Vec<Listed>,
}

/// One stream. Nothing in it names an upstream.
#[derive(Serialize)]
struct Listed {
    id: String,
    site: String,
    label: String,
    language: Option<String>,
    quality: Quality,
    state: Playing,
    health: Health,
    protection: Protection,
    playable: bool,
    play_url: String,
    rank: i32,
    found_at: jiff::Timestamp,
}

#[derive(Serialize)]
struct Health {
    level: u8,
    checked_at: Option<jiff::Timestamp>,
    latency_ms: Option<u64>,
    reason: Option<String>,
}

pub(super) async fn list(
    State(catalog): State<Catalog>,
    State(schedule): State<Schedule>,
    State(app): State<App>,
) -> Response {
    let snapshot = catalog.snapshot();
    let list = List {
        generated_at: snapshot.generated_at,
        session: schedule.current().map(|session| session.id),
        streams: snapshot
            .streams
            .iter()
            .map(|entry| listed(entry, app.parts.proxy.prefix()))
            .collect(),
    };
    ([(CACHE_CONTROL, "no-cache")], Json(list)).into_response()
}

fn listed(entry: &Entry, prefix: &str) -> Listed {
    Listed {
        id: entry.id.clone(),
        site: entry.site.clone(),
        label: entry.stream.label.clone(),
        language: entry.stream.language.clone(),
        quality: entry.quality(),
        state: entry.health.state,
        health: Health {
            level: entry.health.level,
            checked_at: entry.health.checked_at,
            latency_ms: entry.health.latency_ms,
            reason: entry.health.reason.clone(),
        },
        protection: entry.protection(),
        playable: entry.playable(),
        play_url: format!("{prefix}{}", play_path(&entry.id)),
        rank: entry.stream.rank,
        found_at: entry.found_at,
    }
}

/// Raises a signal and answers; whatever runs, runs in the background.
pub(super) async fn refresh(State(scheduler): State<Scheduler>) -> Response {
    let retry_after = scheduler.refresh().err().map(|left| left.as_secs().max(1));
    let body =
        serde_json::json!({ "queued": retry_after.is_none(), "retry_after_seconds": retry_after });
    (StatusCode::ACCEPTED, Json(body)).into_response()
}
