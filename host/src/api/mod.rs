//! Routes: the embedded page, the API, the admin, playback, operations.
//!
//! Handlers read memory and answer; nothing here fetches, extracts or waits.
//! The one exception is playback, whose handlers are `proxy`'s.

mod admin;
mod diagnostics;
mod feeds;
mod login;
mod streams;
mod ui;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::{FromRef, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use url::Url;

use crate::answer::Failure;
use crate::auth::{self, Auth};
use crate::cases::Diagnostics;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config::{Config, Grants};
use crate::extraction::Scheduler;
use crate::metrics::Metrics;
use crate::plugins::{Directory, Loader, Registry, Sites};
use crate::proxy::Proxy;
use crate::schedule::Schedule;
use crate::server::{Accepted, protect};

/// What the routes are made from.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Streams.
    pub catalog: Catalog,
    /// Sessions.
    pub schedule: Schedule,
    /// Runs.
    pub scheduler: Scheduler,
    /// Plugins.
    pub registry: Registry,
    /// Sites.
    pub sites: Sites,
    /// The plugins directory.
    pub directory: Arc<Directory>,
    /// Playback.
    pub proxy: Proxy,
    /// Who may do what.
    pub auth: Auth,
    /// Wall-clock time.
    pub clock: Clock,
    /// Does what operators want of plugins.
    pub loader: Loader,
    /// Counters.
    pub metrics: Metrics,
    /// Ends streams that have no end of their own.
    pub stop: CancellationToken,
    /// What was kept of failures.
    pub diagnostics: Diagnostics,
    /// Whether the service should get traffic.
    pub ready: Ready,
}

/// Whether the service should get traffic; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Ready(Arc<AtomicBool>);

impl Ready {
    /// Not while draining.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }
}

#[derive(Clone)]
struct App {
    parts: Parts,
    poll_seconds: u64,
    grants: Grants,
    max_file: usize,
    /// For a plugin's file to come in.
    upload_time: Duration,
    event_streams: Arc<Semaphore>,
    /// The page's `Content-Security-Policy`.
    page_policy: HeaderValue,
    /// Where feeds' own links lead, if not where they were asked for.
    public_url: Option<Url>,
    channels: usize,
}

impl FromRef<App> for Catalog {
    fn from_ref(app: &App) -> Self {
        app.parts.catalog.clone()
    }
}

impl FromRef<App> for Schedule {
    fn from_ref(app: &App) -> Self {
        app.parts.schedule.clone()
    }
}

impl FromRef<App> for Scheduler {
    fn from_ref(app: &App) -> Self {
        app.parts.scheduler.clone()
    }
}

impl FromRef<App> for Ready {
    fn from_ref(app: &App) -> Self {
        app.parts.ready.clone()
    }
}

/// All routes of the main listener.
pub fn router(parts: Parts, config: &Config, accepted: Accepted) -> Router {
    let poll_seconds = config.plugins.poll.as_secs();
    let (proxy, auth) = (parts.proxy.clone(), parts.auth.clone());
    let metrics = parts.metrics.clone();
    let app = App {
        parts,
        poll_seconds,
        grants: config.plugins.grants,
        max_file: usize::try_from(config.plugins.max_file.as_u64()).unwrap_or(usize::MAX),
        upload_time: config.plugins.compile.time,
        event_streams: Arc::new(Semaphore::new(config.server.event_streams)),
        page_policy: ui::policy(config.server.public_media_url.as_ref()),
        public_url: config.server.public_url.clone(),
        channels: config.guide.channels,
    };
    let max_body = usize::try_from(config.server.max_body.as_u64()).unwrap_or(usize::MAX);
    let viewers = Router::new()
        .route("/api/schedule", get(schedule))
        .route("/api/streams", get(streams::list))
        .route("/api/streams/refresh", post(streams::refresh))
        .route("/schedule.ics", get(feeds::calendar))
        .route("/playlist.m3u", get(feeds::playlist))
        .route("/epg.xml", get(feeds::listings))
        .with_state(app.clone());
    let for_viewers = axum::middleware::from_fn_with_state(auth.clone(), auth::gate);
    let answers = Router::new()
        .route("/login", post(login::login))
        .route("/logout", post(login::logout))
        .route("/api/session", get(login::session))
        .route("/api/admin/plugins", get(admin::plugins))
        .route("/api/admin/plugins/reload", post(admin::reload_all))
        .route("/api/admin/plugins/{key}/events", get(admin::story))
        .route("/api/admin/sites", get(admin::sites))
        .route("/api/admin/schedule", get(admin::schedule))
        .route("/api/admin/sites/{key}/run", post(admin::run_site))
        .route("/api/admin/events", get(admin::events))
        .route("/api/admin/diagnostics", get(diagnostics::list))
        .route("/api/admin/diagnostics/{name}", get(diagnostics::bundle))
        .route(
            "/api/admin/sites/{key}/attachments/{n}",
            get(diagnostics::attachment),
        )
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .fallback(ui::page)
        .with_state(app.clone())
        .merge(viewers.route_layer(for_viewers.clone()))
        // Not for playback: a blocking reload or a long segment is no hang.
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            config.server.handler_timeout,
        ))
        .layer(RequestBodyLimitLayer::new(max_body));
    // Bounded by what they do: to compile, or to try on a site, takes time.
    let long = Router::new()
        .route("/api/admin/plugins/{key}", put(admin::upload))
        .route("/api/admin/plugins/{key}/{action}", post(admin::act))
        .with_state(app);
    let routes = proxy
        .clone()
        .entries()
        .route_layer(for_viewers)
        .merge(proxy.links())
        .merge(answers)
        .merge(long);
    // Around the router: who asks may stand in the path.
    let identify = axum::middleware::from_fn_with_state(auth, Auth::identify);
    Router::new()
        .fallback_service(routes)
        .layer(identify)
        .layer(CatchPanicLayer::custom(|_| {
            Failure::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "this should not have happened",
            )
            .into_response()
        }))
        .layer(axum::middleware::map_response_with_state(
            metrics,
            in_one_shape,
        ))
        .layer(axum::middleware::from_fn_with_state(accepted, protect))
}

/// Errors that a layer or the router made have no body, or text: they get the
/// shape that all errors have.
async fn in_one_shape(State(metrics): State<Metrics>, response: Response) -> Response {
    let status = response.status();
    // Ours, or the page that says "not found" to people.
    let said = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/json" || kind == "text/html");
    if said || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (code, message) = match status {
        StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "this route has other methods"),
        StatusCode::PAYLOAD_TOO_LARGE => {
            metrics.limit("server.max_body");
            ("too_large", "the request is larger than server.max_body")
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            metrics.limit("server.handler_timeout");
            ("timeout", "no answer within server.handler_timeout")
        }
        _ => ("bad_request", "this request cannot be understood"),
    };
    let mut failure = Failure::new(status, code, message).into_response();
    if let Some(allow) = response.headers().get(ALLOW) {
        failure.headers_mut().insert(ALLOW, allow.clone());
    }
    failure
}

async fn schedule(State(schedule): State<Schedule>) -> Response {
    (
        [(http::header::CACHE_CONTROL, "no-cache")],
        Json(schedule.document()),
    )
        .into_response()
}

/// Alive: the process answers.
async fn healthz() -> Response {
    Json(serde_json::json!({ "status": "ok" })).into_response()
}

/// Wants traffic: up and not draining. A site, a mount or a plugin that is
/// down never makes it unready: then all replicas would leave at once.
async fn readyz(State(ready): State<Ready>) -> Response {
    if ready.0.load(Ordering::Relaxed) {
        Json(serde_json::json!({ "status": "ok" })).into_response()
    } else {
        Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "draining",
            "the service is starting or stopping",
        )
        .into_response()
    }
}
