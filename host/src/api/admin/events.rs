//! What happens to plugins and sites, as server-sent events.
//!
//! An event says what was added to a story or how a run ended; the rest is
//! asked for. A reader that is too slow misses
//! some and is told to look at everything (`"key": null`); how many readers
//! there are is bounded by `server.event_streams`.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use serde_json::json;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::super::App;
use super::Admin;
use crate::answer::Failure;

/// Proxies end what says nothing for longer.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(in super::super) async fn events(_: Admin, State(app): State<App>) -> Response {
    let Ok(place) = app.event_streams.clone().try_acquire_owned() else {
        app.parts.metrics.limit("server.event_streams");
        let message = "server.event_streams are open already";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return Failure::new(status, "too_many", message).into_response();
    };
    let plugins = app.parts.registry.notices();
    let sites = app.parts.scheduler.notices();
    let stop = app.parts.stop.clone();
    let state = (plugins, sites, stop, place);
    let stream = futures::stream::unfold(state, |(mut plugins, mut sites, stop, place)| async {
        let event = tokio::select! {
            // The end of the service is the end of the stream.
            () = stop.cancelled() => return None,
            notice = next(&mut plugins) => Event::default().event("plugins").data(match notice? {
                Some(notice) => json!({
                    "key": notice.key,
                    "kind": notice.kind,
                    "message": notice.message,
                    "digest": notice.digest,
                    "version": notice.version,
                }),
                None => json!({ "key": null }),
            }.to_string()),
            notice = next(&mut sites) => Event::default().event("sites").data(match notice? {
                Some(notice) => json!({ "key": notice.key, "outcome": notice.outcome }),
                None => json!({ "key": null, "outcome": null }),
            }.to_string()),
        };
        Some((Ok::<_, Infallible>(event), (plugins, sites, stop, place)))
    });
    let alive = KeepAlive::new().interval(KEEP_ALIVE);
    (
        [(CACHE_CONTROL, "no-store")],
        Sse::new(stream).keep_alive(alive),
    )
        .into_response()
}

/// `Some(None)`: some were missed. `None`: there will be no more.
async fn next<T: Clone>(notices: &mut Receiver<T>) -> Option<Option<T>> {
    match notices.recv().await {
        Ok(notice) => Some(Some(notice)),
        Err(RecvError::Lagged(_)) => Some(None),
        Err(RecvError::Closed) => None,
    }
}
