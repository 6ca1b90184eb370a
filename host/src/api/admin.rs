//! The admin's routes, behind a bearer token. Without a configured token file
//! they are absent: 404, never open.

mod actions;
mod events;
mod view;

pub(super) use actions::{act, reload_all, run_site, story, upload};
pub(super) use events::events;
pub(super) use view::{plugins, sites};

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode, request};
use subtle::ConstantTimeEq;

use super::App;
use crate::answer::Failure;
use crate::files;

/// The admin's token, as a digest.
#[derive(Clone, Debug)]
pub struct AdminToken(Arc<[u8]>);

/// 32 bytes in base64url.
const MIN_TOKEN: usize = 32;

impl AdminToken {
    /// Reads the token file, or makes it on first start.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        if !path.exists() {
            let mut token = [0; 32];
            aws_lc_rs::rand::fill(&mut token)
                .map_err(|_| std::io::Error::other("no random numbers"))?;
            let text = format!("{}\n", URL_SAFE_NO_PAD.encode(token));
            if files::create(path, text.as_bytes())? {
                tracing::info!(path = %path.display(), "admin token made");
            }
        }
        let text = files::read(path, 4096)?;
        let token = text.trim_ascii();
        if token.len() < MIN_TOKEN {
            return Err(std::io::Error::other(format!(
                "the token is shorter than {MIN_TOKEN} characters"
            )));
        }
        Ok(Self(sha256(token)))
    }

    fn is(&self, token: &[u8]) -> bool {
        self.0.ct_eq(&sha256(token)).into()
    }
}

/// Of equal length whatever was sent, so that comparing tells nothing.
fn sha256(bytes: &[u8]) -> Arc<[u8]> {
    digest::digest(&digest::SHA256, bytes).as_ref().into()
}

/// Proof that the request carries the admin's token.
pub(super) struct Admin;

impl FromRequestParts<App> for Admin {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut request::Parts, app: &App) -> Result<Self, Response> {
        let Some(expected) = &app.parts.admin else {
            return Err(
                Failure::new(StatusCode::NOT_FOUND, "not_found", "there is nothing here")
                    .into_response(),
            );
        };
        let sent = parts
            .headers
            .get(AUTHORIZATION)
            .map(HeaderValue::as_bytes)
            .unwrap_or_default();
        match sent.split_at_checked(7) {
            Some((scheme, token))
                if scheme.eq_ignore_ascii_case(b"bearer ") && expected.is(token.trim_ascii()) =>
            {
                Ok(Self)
            }
            _ => {
                let failure = Failure::new(
                    StatusCode::UNAUTHORIZED,
                    "unauthorized",
                    "the admin's token is needed: Authorization: Bearer …",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_made_once_and_a_short_one_is_refused() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("admin.token");
        let first = AdminToken::open(&path).expect("made");
        let text = std::fs::read_to_string(&path).expect("read");
        assert!(first.is(text.trim().as_bytes()));
        assert!(!first.is(b"another"));
        assert!(
            AdminToken::open(&path)
                .expect("read")
                .is(text.trim().as_bytes())
        );
        std::fs::write(&path, "short").expect("written");
        assert!(AdminToken::open(&path).is_err());
    }
}
