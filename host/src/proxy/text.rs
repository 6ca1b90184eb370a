//! Answers that are made here, whole: rewritten playlists, keys, small
//! documents. Everybody who asks at the same time, or a moment later, gets the
//! same one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::document::Document;
use super::links::Kind;
use super::together::Together;
use super::window::Address;
use super::{Directives, Proxy, Upstream, head, playlist};
use crate::answer::Failure;
use crate::config;
use crate::media::{Content, sniff};
use crate::metrics::Metrics;
use crate::net;
use crate::playlist::Variables;

/// A whole answer.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) content_type: HeaderValue,
    pub(super) body: Bytes,
    /// Of these bytes.
    pub(super) etag: HeaderValue,
    /// How long it may be kept, here and by others together.
    pub(super) fresh: Duration,
    pub(super) made: Instant,
}

/// What stands for one text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Name {
    /// A stream's own playlist.
    Entry(String, Directives),
    Rendition(String, String, Variables, Directives),
    Resource(Address, Variables, Directives),
}

/// What viewers share of texts.
#[derive(Debug)]
pub(super) struct Texts {
    work: Together<Name, Arc<Text>>,
    kept: moka::sync::Cache<Name, Arc<Text>>,
}

/// No text is kept longer, whatever it says of itself.
const LONGEST: Duration = Duration::from_secs(10);
/// Keys rotate behind their URL.
const KEY_AGE: Duration = Duration::from_secs(5);

impl Texts {
    pub(super) fn new(config: &config::Relay, metrics: Metrics) -> Self {
        Self {
            work: Together::new(config.refused, Some(metrics)),
            kept: moka::sync::Cache::builder()
                .max_capacity(config.texts.as_u64())
                .weigher(|_: &Name, text: &Arc<Text>| {
                    u32::try_from(text.body.len() + 512).unwrap_or(u32::MAX)
                })
                .time_to_live(LONGEST)
                .build(),
        }
    }

    /// The text of that name: kept, on its way, or made by `make`.
    pub(super) async fn get(
        &self,
        name: Name,
        make: impl FnOnce() -> BoxFuture<'static, Result<Text, Failure>>,
    ) -> Result<Arc<Text>, Failure> {
        let look = || Some((self.kept(&name)?, "window"));
        let begin = || {
            let (kept, name, making) = (self.kept.clone(), name.clone(), make());
            let work = async move {
                let text = Arc::new(making.await?);
                kept.insert(name, text.clone());
                Ok(text)
            };
            work.boxed()
        };
        self.work.get(&name, look, begin).await
    }

    fn kept(&self, name: &Name) -> Option<Arc<Text>> {
        let text = self.kept.get(name)?;
        (text.made.elapsed() < text.fresh).then_some(text)
    }
}

impl Text {
    pub(super) fn new(content_type: HeaderValue, body: Bytes, fresh: Duration) -> Self {
        let digest = digest::digest(&digest::SHA256, &body);
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&digest.as_ref()[..12]));
        Self {
            content_type,
            body,
            etag: HeaderValue::from_str(&etag).expect("base64url and quotes"),
            fresh: fresh.min(LONGEST),
            made: Instant::now(),
        }
    }
}

/// The answer, or that the viewer has it already.
pub(super) fn answer(text: &Text, asked: &HeaderMap) -> Response {
    let mut headers = HeaderMap::new();
    let left = text.fresh.saturating_sub(text.made.elapsed()).as_secs();
    let cache = match left {
        0 => HeaderValue::from_static("no-cache"),
        // For caches that many share; a browser asks again, and with what it has:
        // it cannot know how long one in front of it kept the text already.
        left => HeaderValue::from_str(&format!("max-age=0, s-maxage={left}")).expect("digits"),
    };
    headers.insert(CACHE_CONTROL, cache);
    headers.insert(ETAG, text.etag.clone());
    let known = asked.get(IF_NONE_MATCH);
    if known.is_some_and(|known| matches(known, &text.etag)) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    if text.content_type == "application/octet-stream" {
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    }
    headers.insert(CONTENT_TYPE, text.content_type.clone());
    (headers, text.body.clone()).into_response()
}

/// Whether `If-None-Match` names `etag` (RFC 9110, section 13.1.2).
pub(super) fn matches(known: &HeaderValue, etag: &HeaderValue) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let (Ok(known), Ok(etag)) = (known.to_str(), etag.to_str()) else {
        return false;
    };
    let is = |tag: &str| tag.trim() == "*" || bare(tag) == bare(etag);
    known.split(',').any(is)
}

/// A key, session data, or JSON that names playlists.
pub(super) async fn document(
    proxy: &Proxy,
    upstream: &Upstream,
    kind: Kind,
    directives: Directives,
) -> Result<Arc<Text>, Failure> {
    let none = Variables::default();
    let name = Name::Resource(upstream.address(kind), none, directives.clone());
    let (this, upstream) = (proxy.clone(), upstream.clone());
    let make = || async move { make(&this, &upstream, kind, &directives).await }.boxed();
    proxy.0.texts.get(name, make).await
}

async fn make(
    proxy: &Proxy,
    upstream: &Upstream,
    kind: Kind,
    directives: &Directives,
) -> Result<Text, Failure> {
    const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");
    let request = upstream.egress.get(directives.on(&upstream.url));
    let limit = proxy.0.config.playlist_timeout;
    let document = Document::fetch(proxy, upstream, request, limit, "relay").await?;
    if kind == Kind::Key {
        head::check_key(&document.body)?;
        return Ok(Text::new(BYTES, document.body, KEY_AGE));
    }
    let document = document.decoded(proxy)?;
    match kind {
        Kind::AssetList | Kind::Steering => {
            playlist::json(proxy, upstream, kind, &document.body, &document.base).await
        }
        _ if sniff(&document.body) == Content::Playlist => {
            playlist::made(proxy, upstream, document, playlist::Rules::met()).await
        }
        _ => Ok(Text::new(BYTES, document.body, KEY_AGE)),
    }
}

/// What was asked for as media and may be a playlist, compressed or not;
/// `begun` is what was read of it.
pub(super) async fn met(
    proxy: &Proxy,
    upstream: &Upstream,
    response: net::Response,
    begun: &[Bytes],
) -> Result<Text, Failure> {
    let document = Document::rest(proxy, response, begun).await?;
    let document = document.decoded(proxy)?;
    if sniff(&document.body) != Content::Playlist {
        let why = "the upstream sent something compressed where media was expected";
        return Err(Failure::upstream_is("upstream_not_media", why));
    }
    playlist::made(proxy, upstream, document, playlist::Rules::met()).await
}
