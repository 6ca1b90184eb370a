//! Site B: behind a log-in form, with a JSON API whose addresses are signed
//! and soon expire.
//!
//! `GET /login` sets a visitor's cookie and carries a form token; a POST with
//! both and the right user and password is answered with a session's cookie;
//! `GET /api/streams?page=N` answers members only, two streams a page. Each
//! stream's address opens on the CDN until the second its answer names, with
//! this site's Referer and Origin, and never after.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Query, State},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Info, clock::Clock, cookies::cookie, tickets::Tickets};

/// Who may log in.
pub const USER: &str = "viewer";
/// With which password: one that a form must encode.
pub const PASSWORD: &str = "pit & paddock=50%";

/// The form has three short fields.
const FORM_LIMIT: usize = 4_096;

/// Streams of one page of the API.
const PAGE: usize = 2;

/// What the site shows: an id, a title, a language, a height, and whether it is
/// on.
const STREAMS: [(&str, &str, &str, u32, bool); 4] = [
    ("world", "World feed", "en", 360, true),
    ("soon", "Podium", "en", 360, false),
    ("onboard", "On board", "en", 180, true),
    ("monde", "Le direct", "fr", 360, true),
];

/// What the site's handlers share.
#[derive(Debug, Clone)]
pub(crate) struct SiteB {
    tickets: Arc<Tickets>,
    cdn: String,
    clock: Clock,
    signed_for: Duration,
}

impl SiteB {
    pub(crate) fn new(
        info: &Info,
        tickets: Arc<Tickets>,
        clock: Clock,
        signed_for: Duration,
    ) -> Self {
        Self {
            tickets,
            cdn: info.cdn.clone(),
            clock,
            signed_for,
        }
    }
}

/// The log-in form, the API and a page in front.
pub(crate) fn router(site: SiteB) -> Router {
    let log_in = get(form)
        .post(log_in)
        .layer(DefaultBodyLimit::max(FORM_LIMIT));
    Router::new()
        .route("/", get(async || Html(FRONT_PAGE)))
        .route("/login", log_in)
        .route("/api/streams", get(streams))
        .with_state(site)
}

async fn form(State(site): State<SiteB>) -> Response {
    let (visit, token) = site.tickets.open_form();
    let cookie = format!("visit={visit}; Path=/; HttpOnly");
    ([(header::SET_COOKIE, cookie)], Html(form_page(&token, ""))).into_response()
}

async fn log_in(State(site): State<SiteB>, headers: HeaderMap, body: Bytes) -> Response {
    let fields: HashMap<_, _> = url::form_urlencoded::parse(&body).collect();
    let field = |name| fields.get(name).map_or("", |value| &**value);
    let visit = cookie(&headers, "visit").unwrap_or_default();
    if !site.tickets.close_form(&visit, field("_csrf")) {
        return (
            StatusCode::FORBIDDEN,
            Html(form_page("", "This form is old.")),
        )
            .into_response();
    }
    if field("user") != USER || field("password") != PASSWORD {
        // As most sites do: the form again, and no status that says why.
        let (visit, token) = site.tickets.open_form();
        let cookie = format!("visit={visit}; Path=/; HttpOnly");
        let page = form_page(&token, "Wrong user or password.");
        return ([(header::SET_COOKIE, cookie)], Html(page)).into_response();
    }
    let member = site.tickets.admit_member();
    let cookie = format!("member={member}; Path=/; HttpOnly; SameSite=Lax");
    ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
}

#[derive(Deserialize)]
struct Which {
    #[serde(default)]
    page: usize,
}

async fn streams(
    State(site): State<SiteB>,
    Query(which): Query<Which>,
    headers: HeaderMap,
) -> Response {
    let member = cookie(&headers, "member").unwrap_or_default();
    if !site.tickets.is_member(&member) {
        let refusal = json!({ "error": "log in first", "login": "/login" });
        return (StatusCode::UNAUTHORIZED, Json(refusal)).into_response();
    }
    // Pages count from 1.
    let skipped = which.page.saturating_sub(1).saturating_mul(PAGE);
    let shown = STREAMS.iter().skip(skipped).take(PAGE);
    let shown: Vec<Value> = shown
        .map(|&(id, title, language, height, live)| {
            let expires = (site.clock.wall() + site.signed_for).as_secs();
            let signed = || {
                let ticket = site.tickets.sign(expires);
                format!("{}/live/{ticket}/master.m3u8", site.cdn)
            };
            json!({
                "id": id,
                "title": title,
                "language": language,
                "height": height,
                "live": live,
                "url": live.then(signed),
                "expires": live.then_some(expires),
            })
        })
        .collect();
    let page = which.page.max(1);
    let more = STREAMS.len() > page.saturating_mul(PAGE);
    let next = more.then(|| format!("/api/streams?page={}", page + 1));
    Json(json!({ "streams": shown, "next": next })).into_response()
}

fn form_page(token: &str, message: &str) -> String {
    format!(
        r#"<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Log in</title></head>
<body>
  <form id="login" action="/login" method="post">
    <p class="message">{message}</p>
    <input type="hidden" name="_csrf" value="{token}">
    <label>User <input name="user" autocomplete="username"></label>
    <label>Password <input name="password" type="password" autocomplete="current-password"></label>
    <button>Log in</button>
  </form>
</body>
</html>
"#
    )
}

const FRONT_PAGE: &str = r#"<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Site B</title></head>
<body><main id="streams"></main><script src="/app.js"></script></body>
</html>
"#;
