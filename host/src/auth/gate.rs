//! Two layers: who asks, around everything; and that it is a viewer, around what
//! viewers need.
//!
//! An app that cannot log in has its token in the path, `/t/{token}/…`. It opens
//! what apps need and nothing else, and only to be read: such URLs are stored and
//! passed around. The path goes on without the token, so nothing behind here writes it
//! anywhere by accident; feeds, whose own addresses have it again, ask for it by its
//! type.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, COOKIE, WWW_AUTHENTICATE};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};

use super::{Asker, Auth, Who};
use crate::answer::Failure;
use crate::config::Viewers;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The token that stood in the path. It has no `Debug`.
#[derive(Clone)]
pub struct PathToken(Arc<str>);

impl PathToken {
    /// To be written into addresses that only who sent it gets.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

/// What apps need: entries of playback, and feeds.
const FOR_APPS: [&str; 5] = [
    "streams",
    "channels",
    "schedule.ics",
    "playlist.m3u",
    "epg.xml",
];

impl Auth {
    /// Finds out who asks, and says so in the request's extensions. Around the
    /// router: a path with a token in it has no route of its own.
    pub async fn identify(State(auth): State<Self>, request: Request, next: Next) -> Response {
        match auth.identified(request) {
            Ok(request) => next.run(request).await,
            Err(failure) => failure.into_response(),
        }
    }

    fn identified(&self, mut request: Request) -> Result<Request, Failure> {
        // Who has a link may use it: a segment's bytes do not wait for more.
        let path = request.uri().path();
        if path.starts_with("/relay") || path.starts_with("/proxy") {
            return Ok(request);
        }
        let asker = match in_path(request.uri()) {
            Some((token, rest)) => {
                // A page elsewhere would lock its visitors out with made-up tokens.
                // Browsers say where a request comes from, and apps are none.
                let site = request.headers().get(SEC_FETCH_SITE);
                if site.is_some_and(|site| site == "cross-site") {
                    let message = "apps' addresses are not for other sites' pages";
                    let status = StatusCode::FORBIDDEN;
                    return Err(Failure::new(status, "cross_site", message));
                }
                let asker = self.check(token.as_bytes(), request.extensions())?;
                let reads = matches!(*request.method(), Method::GET | Method::HEAD);
                // The admin's token is for a header: a URL is no place for it.
                if asker.who != Who::Viewer || !reads {
                    let message = "this address is not valid, or no longer";
                    let status = StatusCode::FORBIDDEN;
                    return Err(Failure::new(status, "token_invalid", message));
                }
                *request.uri_mut() = rest;
                request.extensions_mut().insert(PathToken(token.into()));
                asker
            }
            None => self.asker(request.headers(), request.extensions())?,
        };
        request.headers_mut().remove(COOKIE);
        request.extensions_mut().insert(asker);
        Ok(request)
    }
}

/// Lets viewers pass. What they get is theirs: a cache that others share must not
/// answer with it.
pub async fn gate(State(auth): State<Auth>, request: Request, next: Next) -> Response {
    let asker = request.extensions().get::<Asker>();
    let who = asker.map_or(Who::Nobody, |asker| asker.who);
    if who == Who::Nobody {
        return refusal(&auth).into_response();
    }
    let by_cookie_alone = asker.is_some_and(|asker| asker.by_cookie_alone);
    if by_cookie_alone && !request.method().is_safe() {
        return Failure::not_our_page().into_response();
    }
    let mut response = next.run(request).await;
    if !auth.is_open() {
        let cache = response.headers().get(CACHE_CONTROL);
        let is_ours =
            |cache: &HeaderValue| cache == "no-store" || cache.as_bytes().starts_with(b"private, ");
        if !cache.is_some_and(is_ours) {
            let private = HeaderValue::from_static("private, no-cache");
            response.headers_mut().insert(CACHE_CONTROL, private);
        }
    }
    response
}

fn refusal(auth: &Auth) -> Response {
    let message = match auth.viewers() {
        Viewers::Forward => {
            "the proxy in front, one of auth.forward_proxies, says who you are in \
             auth.forward_header, and did not"
        }
        _ => "no valid token came along: log in on the page, or use /t/TOKEN/ in an app",
    };
    let failure = Failure::new(StatusCode::UNAUTHORIZED, "login_needed", message);
    let mut response = failure.into_response();
    let bearer = HeaderValue::from_static("Bearer");
    response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
    response
}

/// The token of `/t/{token}/…`, and where it leads.
fn in_path(uri: &Uri) -> Option<(String, Uri)> {
    let (token, rest) = uri.path().strip_prefix("/t/")?.split_once('/')?;
    let room = rest.split('/').next()?;
    if !FOR_APPS.contains(&room) {
        return None;
    }
    let token = token.to_owned();
    let query = uri.query().map(|query| format!("?{query}"));
    let target = format!("/{rest}{}", query.unwrap_or_default());
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    Some((token, Uri::from_parts(parts).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_a_path_leads_to_what_apps_need() {
        for (path, leads) in [
            ("/t/abc/streams/a.b/master.m3u8", "/streams/a.b/master.m3u8"),
            (
                "/t/abc/channels/best/master.m3u8?x=/t/",
                "/channels/best/master.m3u8?x=/t/",
            ),
            ("/t/abc/playlist.m3u", "/playlist.m3u"),
            ("/t//epg.xml", "/epg.xml"),
            ("/t/abc/api/streams", ""),
            ("/t/abc/api/admin/plugins", ""),
            ("/t/abc/t/abc/streams/a", ""),
            ("/t/abc/", ""),
            ("/t/abc", ""),
            ("/x/t/abc/streams/a", ""),
            ("/T/abc/streams/a", ""),
        ] {
            let uri = path.parse().expect("a URI");
            let found = in_path(&uri).map(|(_, uri)| uri.to_string());
            assert_eq!(found.unwrap_or_default(), leads, "{path}");
        }
    }
}
