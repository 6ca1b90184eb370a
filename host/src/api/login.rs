//! Logging in and out, and who is logged in.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::header::{CACHE_CONTROL, ORIGIN, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use super::App;
use crate::answer::Failure;
use crate::auth::{Asker, Auth, LOGIN_COOKIE, PAGE_HEADER, Who};
use crate::config::Viewers;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    token: String,
}

/// What the page needs to know before it asks for anything.
#[derive(Serialize)]
struct Session {
    /// `auth.viewers`.
    viewers: &'static str,
    /// May watch.
    viewer: bool,
    admin: bool,
    /// As the operator or the proxy in front calls the viewer.
    name: Option<String>,
    /// There is an admin interface.
    has_admin: bool,
}

pub(super) async fn session(
    State(app): State<App>,
    Extension(asker): Extension<Asker>,
) -> Response {
    answer(&app.parts.auth, &asker)
}

/// `{"token":"…"}` from our page: no other may log somebody in.
pub(super) async fn login(
    State(app): State<App>,
    parts: Parts,
    body: Bytes,
) -> Result<Response, Failure> {
    from_our_page(&parts.headers)?;
    let login: Login = serde_json::from_slice(&body).map_err(|_| {
        let message = "a login is {\"token\":\"…\"}";
        Failure::new(StatusCode::BAD_REQUEST, "bad_request", message)
    })?;
    let (auth, token) = (&app.parts.auth, login.token.trim().as_bytes());
    let asker = auth.check(token, &parts.extensions)?;
    let Some((cookie, age)) = auth.cookie(token) else {
        let message = "this token is not valid, or no longer";
        return Err(Failure::new(
            StatusCode::UNAUTHORIZED,
            "token_wrong",
            message,
        ));
    };
    let cookie = set_cookie(&cookie, age.as_secs(), &parts.headers);
    Ok(([(SET_COOKIE, cookie)], answer(auth, &asker)).into_response())
}

/// Ends the login in this browser.
pub(super) async fn logout(headers: HeaderMap) -> Result<Response, Failure> {
    from_our_page(&headers)?;
    let cookie = set_cookie("", 0, &headers);
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response())
}

fn answer(auth: &Auth, asker: &Asker) -> Response {
    let session = Session {
        viewers: match auth.viewers() {
            Viewers::Loopback => "loopback",
            Viewers::Token => "token",
            Viewers::Forward => "forward",
            Viewers::Open => "open",
        },
        viewer: asker.who != Who::Nobody,
        admin: asker.who == Who::Admin,
        name: asker.name.as_deref().map(str::to_owned),
        has_admin: auth.has_admin(),
    };
    ([(CACHE_CONTROL, "no-store")], Json(session)).into_response()
}

fn from_our_page(headers: &HeaderMap) -> Result<(), Failure> {
    match headers.contains_key(PAGE_HEADER) {
        true => Ok(()),
        false => Err(Failure::not_our_page()),
    }
}

/// Only this host's own pages send it, and no script reads it. A browser that has
/// the page by TLS sends it by TLS alone.
fn set_cookie(value: &str, age: u64, headers: &HeaderMap) -> HeaderValue {
    let origin = headers.get(ORIGIN).map(HeaderValue::as_bytes);
    let by_tls = origin.is_some_and(|origin| origin.starts_with(b"https:"));
    let secure = if by_tls { "; Secure" } else { "" };
    let name = LOGIN_COOKIE;
    let text = format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::try_from(text).expect("base64url, digits and words of ours")
}
