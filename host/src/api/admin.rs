//! The admin's routes, for who proves to be one (`auth`). Without a configured
//! token file they are absent: 404, never open.

mod actions;
mod events;
mod view;

pub(super) use actions::{act, reload_all, run_site, story, upload};
pub(super) use events::events;
pub(super) use view::{plugins, schedule, sites};

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode, request};

use super::App;
use crate::answer::Failure;
use crate::auth::{Asker, Who};

/// Proof that the admin asks.
pub(super) struct Admin;

impl FromRequestParts<App> for Admin {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut request::Parts, app: &App) -> Result<Self, Response> {
        if !app.parts.auth.has_admin() {
            let missing = Failure::new(StatusCode::NOT_FOUND, "not_found", "there is nothing here");
            return Err(missing.into_response());
        }
        match parts.extensions.get::<Asker>() {
            Some(asker) if asker.who == Who::Admin => {
                if asker.by_cookie_alone && !parts.method.is_safe() {
                    return Err(Failure::not_our_page().into_response());
                }
                Ok(Self)
            }
            _ => {
                let failure = Failure::new(
                    StatusCode::UNAUTHORIZED,
                    "unauthorized",
                    "no valid admin's token came along: log in, or send Authorization: Bearer …",
                );
                let mut response = failure.into_response();
                response
                    .headers_mut()
                    .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                Err(response)
            }
        }
    }
}
