//! The control port: the log and the faults for tests in another process.
//! It is reached by address and is not part of the simulated internet.

use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    routing::get,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    Info,
    faults::{FaultStore, Faults},
    log::{Request, RequestLog, Role},
};

#[derive(Clone)]
struct Controls {
    info: Info,
    log: RequestLog,
    faults: FaultStore,
}

#[derive(Deserialize)]
struct Which {
    role: Option<Role>,
}

/// `/info`, `/log`, `/log/count` and `/faults`.
pub(crate) fn router(info: Info, log: RequestLog, faults: FaultStore) -> Router {
    Router::new()
        .route(
            "/info",
            get(async |State(controls): State<Controls>| Json(controls.info)),
        )
        .route("/log", get(read_log).delete(clear_log))
        .route("/log/count", get(count_log))
        .route(
            "/faults",
            get(read_faults).post(change_faults).delete(clear_faults),
        )
        .with_state(Controls { info, log, faults })
}

async fn read_log(
    State(controls): State<Controls>,
    Query(which): Query<Which>,
) -> Json<Vec<Request>> {
    Json(controls.log.entries(which.role))
}

async fn count_log(State(controls): State<Controls>, Query(which): Query<Which>) -> Json<Value> {
    let count = match which.role {
        Some(role) => controls.log.entries(Some(role)).len(),
        None => controls.log.len(),
    };
    Json(json!({ "count": count, "dropped": controls.log.dropped() }))
}

async fn clear_log(State(controls): State<Controls>) -> StatusCode {
    controls.log.clear();
    StatusCode::NO_CONTENT
}

async fn read_faults(State(controls): State<Controls>) -> Json<Faults> {
    Json(controls.faults.get())
}

/// Changes the named faults and leaves the others; `null` takes a status back.
async fn change_faults(
    State(controls): State<Controls>,
    Json(changes): Json<Map<String, Value>>,
) -> Result<Json<Faults>, (StatusCode, String)> {
    let refuse = |error: serde_json::Error| (StatusCode::BAD_REQUEST, error.to_string());
    let mut all = serde_json::to_value(controls.faults.get()).map_err(refuse)?;
    if let Some(all) = all.as_object_mut() {
        all.extend(changes);
    }
    let faults: Faults = serde_json::from_value(all).map_err(refuse)?;
    controls.faults.set(faults.clone());
    Ok(Json(faults))
}

async fn clear_faults(State(controls): State<Controls>) -> StatusCode {
    controls.faults.set(Faults::default());
    StatusCode::NO_CONTENT
}
