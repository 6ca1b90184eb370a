//! The embedded page.
//!
//! Files come from the binary, so no path reaches a disk. An unknown path that
//! looks like a page gets the app, which shows its own "not found"; an unknown
//! file or API route gets 404, never the app.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use rust_embed::{EmbeddedFile, RustEmbed};
use url::Url;

use super::App;
use crate::answer::Failure;

/// Built by `cargo xtask setup`; a host built without it says so on its page.
#[derive(RustEmbed)]
#[folder = "../frontend/build"]
#[allow_missing = true]
struct Assets;

const INDEX: &str = "index.html";
/// The page's policy. hls.js plays from `blob:` URLs; media-chrome has style
/// elements of its own; media may be served under another name.
pub(super) fn policy(media: Option<&Url>) -> HeaderValue {
    let media = media.map(|url| format!(" {}", url.origin().ascii_serialization()));
    let media = media.unwrap_or_default();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data:; media-src 'self' blob:{media}; connect-src 'self'{media}; \
         manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("an origin is ASCII without control characters")
}

pub(super) async fn page(
    State(app): State<App>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let policy = &app.page_policy;
    let path = uri.path().trim_start_matches('/');
    let room = path.split('/').next().unwrap_or_default();
    let machine = matches!(
        room,
        "api" | "proxy" | "relay" | "streams" | "channels" | "t"
    );
    if machine || !matches!(method, Method::GET | Method::HEAD) {
        return Failure::new(StatusCode::NOT_FOUND, "not_found", "there is no such route")
            .into_response();
    }
    if !path.is_empty()
        && let Some(response) = file(path, &headers, policy)
    {
        return response;
    }
    // What has an extension is a file that is missing, not a page.
    if path
        .rsplit('/')
        .next()
        .is_some_and(|last| last.contains('.'))
    {
        return Failure::new(StatusCode::NOT_FOUND, "not_found", "there is no such file")
            .into_response();
    }
    let known = matches!(path.trim_end_matches('/'), "" | "watch" | "admin");
    let page = file(INDEX, &headers, policy).map(|mut page| {
        if !known {
            *page.status_mut() = StatusCode::NOT_FOUND;
        }
        page
    });
    page.unwrap_or_else(|| {
        Failure::new(
            StatusCode::NOT_FOUND,
            "no_frontend",
            "this host was built without its page: run cargo xtask setup, then build it again",
        )
        .into_response()
    })
}

fn file(path: &str, headers: &HeaderMap, policy: &HeaderValue) -> Option<Response> {
    let plain = Assets::get(path)?;
    let (file, encoding) =
        encoded(path, headers).map_or((plain, None), |(file, name)| (file, Some(name)));
    let hash = file.metadata.sha256_hash();
    let tag: String = hash[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let etag = HeaderValue::try_from(format!("\"{tag}\"")).ok()?;
    let mut out = HeaderMap::new();
    out.insert(VARY, HeaderValue::from_static("accept-encoding"));
    out.insert(
        CACHE_CONTROL,
        HeaderValue::from_static(if path.starts_with("_app/immutable/") {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        }),
    );
    // On a 304, too: a browser takes the new headers for the page it has.
    if path.ends_with(".html") {
        out.insert(CONTENT_SECURITY_POLICY, policy.clone());
    }
    let unchanged = headers.get(IF_NONE_MATCH) == Some(&etag);
    out.insert(ETAG, etag);
    if unchanged {
        return Some((StatusCode::NOT_MODIFIED, out).into_response());
    }
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    out.insert(CONTENT_TYPE, HeaderValue::try_from(kind.as_ref()).ok()?);
    if let Some(encoding) = encoding {
        out.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Some((out, file.data).into_response())
}

/// The compressed sibling that the build made, where the client takes it.
fn encoded(path: &str, headers: &HeaderMap) -> Option<(EmbeddedFile, &'static str)> {
    let accepted = headers.get(ACCEPT_ENCODING)?.to_str().ok()?;
    let takes = |name: &str| {
        accepted.split(',').any(|item| {
            let mut parts = item.trim().split(';');
            parts.next() == Some(name)
                && !parts.any(|p| matches!(p.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
    };
    [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .filter(|(name, _)| takes(name))
        .find_map(|(name, extension)| Some((Assets::get(&format!("{path}.{extension}"))?, name)))
}
