//! The schedule APIs, in the shapes of Jolpica and OpenF1, over one season
//! that is made up around the moment the testbed started: see [`season`].
//! Dates only; nothing that looks like a result.

mod circuits;
mod jolpica;
mod openf1;
mod season;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, RawQuery, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::StatusCode;
use serde_json::{Value, json};

use crate::clock::Clock;
use season::Season;

#[derive(Debug)]
struct Apis {
    season: Season,
    sessions: Vec<Value>,
    meetings: Vec<Value>,
    jolpica: String,
    clock: Clock,
}

/// Both APIs over the season around now.
pub(crate) fn router(clock: Clock, jolpica: &str) -> anyhow::Result<Router> {
    let season = Season::around(clock.now())?;
    let apis = Apis {
        sessions: openf1::sessions(&season),
        meetings: openf1::meetings(&season),
        season,
        jolpica: jolpica.to_owned(),
        clock,
    };
    Ok(Router::new()
        .route("/ergast/f1/{*path}", get(races))
        .route("/v1/sessions", get(sessions))
        .route("/v1/meetings", get(meetings))
        .fallback(async || not_found())
        .with_state(Arc::new(apis)))
}

async fn races(
    State(apis): State<Arc<Apis>>,
    Path(path): Path<String>,
    Query(page): Query<jolpica::Page>,
) -> Response {
    // Endpoints end in `/` or `.json`: `2026/`, `2026.json`, `2026/races/`,
    // `2026/races.json`.
    let Some(resource) = path
        .strip_suffix('/')
        .or_else(|| path.strip_suffix(".json"))
    else {
        return not_found();
    };
    let year = match resource.strip_suffix("/races").unwrap_or(resource) {
        "current" => Some(apis.season.year),
        year => year
            .parse()
            .ok()
            .filter(|year| (1950..=2100).contains(year)),
    };
    match year {
        Some(year) => {
            Json(jolpica::races(&apis.season, year, &page, &apis.jolpica)).into_response()
        }
        None => not_found(),
    }
}

async fn sessions(State(apis): State<Arc<Apis>>, RawQuery(query): RawQuery) -> Json<Value> {
    Json(openf1::select(
        &apis.sessions,
        query.as_deref(),
        apis.clock.now(),
    ))
}

async fn meetings(State(apis): State<Arc<Apis>>, RawQuery(query): RawQuery) -> Json<Value> {
    Json(openf1::select(
        &apis.meetings,
        query.as_deref(),
        apis.clock.now(),
    ))
}

fn not_found() -> Response {
    (
        StatusCode::NOT_FOUND,
        Json(json!({ "detail": "Not found" })),
    )
        .into_response()
}

#[cfg(test)]
mod tests;
