//! Site A and the two redirecting hosts between it and the CDN.
//!
//! The page carries a form token and sets a session cookie; a POST with both,
//! and with the header that scripts send, is answered with a packed script;
//! the address in it leads over two redirects to the CDN. Each step's secret
//! comes from the step before and from nowhere else ([`Tickets`]).

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, State},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::json;

use crate::{
    Info,
    cookies::cookie,
    packer,
    tickets::{Page, Target, Tickets},
};

/// The form has two short fields.
const FORM_LIMIT: usize = 4_096;

/// What the site and the redirecting hosts share.
#[derive(Debug, Clone)]
pub(crate) struct Sites {
    tickets: Arc<Tickets>,
    go: String,
    edge: String,
    cdn: String,
}

impl Sites {
    pub(crate) fn new(info: &Info, tickets: Arc<Tickets>) -> Self {
        Self {
            tickets,
            go: info.go.clone(),
            edge: info.edge.clone(),
            cdn: info.cdn.clone(),
        }
    }
}

/// The event pages and the player's endpoint.
pub(crate) fn site_router(sites: Sites) -> Router {
    Router::new()
        .route("/event/{name}", get(event))
        .route(
            "/api/player",
            post(player).layer(DefaultBodyLimit::max(FORM_LIMIT)),
        )
        .fallback(async || not_found())
        .with_state(sites)
}

/// The first redirect.
pub(crate) fn go_router(sites: Sites) -> Router {
    Router::new()
        .route("/go/{random}", get(go))
        .with_state(sites)
}

/// The second redirect.
pub(crate) fn edge_router(sites: Sites) -> Router {
    Router::new()
        .route("/e/{random}", get(edge))
        .with_state(sites)
}

async fn event(
    State(sites): State<Sites>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let target = match name.as_str() {
        "live" => Target::Live,
        "metadata" => Target::Metadata,
        "private" => Target::Private,
        "loopback" => Target::Loopback,
        "changed" => return Html(CHANGED_PAGE).into_response(),
        "challenge" => return (StatusCode::FORBIDDEN, Html(CHALLENGE_PAGE)).into_response(),
        _ => return not_found(),
    };
    let session = sites.tickets.session(cookie(&headers, "session"));
    let page = sites.tickets.open_page(&session, target);
    let cookie = format!("session={session}; Path=/; HttpOnly");
    (
        [
            (header::SET_COOKIE, cookie),
            (header::CACHE_CONTROL, "no-store".into()),
        ],
        Html(event_page(&page)),
    )
        .into_response()
}

async fn player(State(sites): State<Sites>, headers: HeaderMap, form: Bytes) -> Response {
    let form: HashMap<_, _> = url::form_urlencoded::parse(&form).collect();
    let redeemed = || {
        // Browsers send the header from the site's own script only.
        if headers.get("x-requested-with")?.as_bytes() != b"XMLHttpRequest" {
            return None;
        }
        let session = cookie(&headers, "session")?;
        sites
            .tickets
            .redeem(form.get("_token")?, &session, form.get("event")?)
    };
    let Some(target) = redeemed() else {
        return forbidden();
    };
    let stream = match target {
        Target::Live => format!("{}/go/{}", sites.go, sites.tickets.start_walk()),
        Target::Metadata => "http://169.254.169.254/latest/master.m3u8".to_owned(),
        Target::Private => "http://10.0.0.7:8080/live.m3u8".to_owned(),
        Target::Loopback => "http://127.0.0.1:8080/x.m3u8".to_owned(),
    };
    Json(json!({
        "status": "ok",
        "title": "Simulated Grand Prix, live",
        "streams": [{
            "id": "main",
            "name": "World feed",
            "lang": "en",
            "height": 360,
            "config": packer::player_script(&BASE64_STANDARD.encode(stream)),
        }],
    }))
    .into_response()
}

async fn go(State(sites): State<Sites>, Path(random): Path<String>) -> Response {
    match sites.tickets.walk(&random) {
        Some(next) => found(format!("{}/e/{next}", sites.edge)),
        None => forbidden(),
    }
}

async fn edge(State(sites): State<Sites>, Path(random): Path<String>) -> Response {
    match sites.tickets.arrive(&random) {
        Some(live) => found(format!("{}/live/{live}/master.m3u8", sites.cdn)),
        None => forbidden(),
    }
}

fn found(location: String) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, location)]).into_response()
}

fn forbidden() -> Response {
    (
        StatusCode::FORBIDDEN,
        Html("<!doctype html><title>403</title><h1>Forbidden</h1>"),
    )
        .into_response()
}

fn not_found() -> Response {
    (
        StatusCode::NOT_FOUND,
        Html("<!doctype html><title>404</title><h1>No such event</h1>"),
    )
        .into_response()
}

fn event_page(page: &Page) -> String {
    let Page { token, event } = page;
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width">
  <meta name="csrf-token" content="{token}">
  <title>Simulated Grand Prix, live</title>
</head>
<body>
  <main>
    <h1>Simulated Grand Prix</h1>
    <div id="player" class="player" data-event="{event}" data-endpoint="/api/player"></div>
  </main>
  <script>
    const player = document.getElementById("player");
    const token = document.querySelector('meta[name="csrf-token"]').content;
    fetch(player.dataset.endpoint, {{
      method: "POST",
      headers: {{ "X-Requested-With": "XMLHttpRequest" }},
      body: new URLSearchParams({{ event: player.dataset.event, _token: token }}),
    }}).then((answer) => answer.json()).then((answer) => (0, eval)(answer.streams[0].config));
  </script>
</body>
</html>
"#
    )
}

/// The site after a redesign: a page that no longer has what it had.
const CHANGED_PAGE: &str = r#"<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Simulated Grand Prix, live</title></head>
<body><main><h1>Simulated Grand Prix</h1><div id="app" data-page="event"></div></main></body>
</html>
"#;

/// What a bot check in front of the site answers instead of the page.
const CHALLENGE_PAGE: &str = r#"<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Just a moment...</title></head>
<body>
  <h1>Checking your browser before you go on</h1>
  <form id="challenge-form" method="post"><noscript>Please turn JavaScript on and reload the page.</noscript></form>
</body>
</html>
"#;
