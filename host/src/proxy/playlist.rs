//! `/proxy` and the playback entry: fetch, rewrite, hand out links.
//!
//! A rendition link names a playlist by its attributes. What it means now is
//! remembered from the last multivariant playlist, and learned again from the
//! stream's current URL where it is not known or no longer answers: a player
//! never notices that a URL changed.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use url::Url;

use super::links::{Kind, Link};
use super::{Proxy, Upstream};
use crate::answer::Failure;
use crate::catalog::Entry;
use crate::net;
use crate::playlist::{
    self, Child, ChildKind, Context, HintKind, Limits, Linker, Problem, Rewritten, Variables,
};

const CONTENT: HeaderValue = HeaderValue::from_static("application/vnd.apple.mpegurl");
/// A live playlist is old after half a target duration: nobody keeps it.
const UNCACHED: HeaderValue = HeaderValue::from_static("no-cache");

/// `/streams/{id}/master.m3u8`.
pub(super) async fn master(proxy: &Proxy, entry: &Entry) -> Result<Response, Failure> {
    refuse_protected(entry)?;
    let upstream = proxy.upstream_of(entry);
    let (body, base) = fetch(proxy, &upstream, &[]).await?;
    answer(rewrite(proxy, &upstream, &body, &base, &Variables::default()).0)
}

/// A rendition link: the stream's current URL for it.
pub(super) async fn rendition(
    proxy: &Proxy,
    stream: &str,
    rendition: &str,
    parent: &Variables,
    directives: &[(String, String)],
) -> Result<Response, Failure> {
    let entry = proxy
        .0
        .catalog
        .resolve(stream)
        .ok_or_else(Failure::stream_gone)?;
    refuse_protected(&entry)?;
    let known = proxy
        .0
        .renditions
        .get(stream)
        .and_then(|known| known.get(rendition).cloned());
    let fresh = known.is_none();
    let url = match known {
        Some(url) => url,
        None => learn(proxy, &entry, rendition).await?,
    };
    let mut upstream = Upstream {
        url,
        ..proxy.upstream_of(&entry)
    };
    let (body, base) = match fetch(proxy, &upstream, directives).await {
        // What was remembered may have moved; what was just learned has not.
        Err(failure) if !fresh && has_moved(failure.status) => {
            let url = learn(proxy, &entry, rendition).await?;
            if url == upstream.url {
                return Err(failure);
            }
            upstream.url = url;
            fetch(proxy, &upstream, directives).await?
        }
        other => other?,
    };
    answer(rewrite(proxy, &upstream, &body, &base, parent).0)
}

/// A playlist that is named by its URL: interstitials, hand-made links.
pub(super) async fn resource(
    proxy: &Proxy,
    upstream: &Upstream,
    directives: &[(String, String)],
) -> Result<Response, Failure> {
    let (body, base) = fetch(proxy, upstream, directives).await?;
    answer(rewrite(proxy, upstream, &body, &base, &Variables::default()).0)
}

/// The relay met a playlist under a segment's name.
pub(super) async fn from_relay(
    proxy: &Proxy,
    upstream: &Upstream,
    mut response: net::Response,
    first: Bytes,
) -> Result<Response, Failure> {
    let max = proxy.0.config.playlist.as_u64();
    let base = response.url.clone();
    let mut body = BytesMut::from(&first[..]);
    while let Some(chunk) = response.chunk().await? {
        if (body.len() + chunk.len()) as u64 > max {
            proxy.0.metrics.limit("relay.playlist");
            return Err(net::FetchError::BodyTooLarge(max).into());
        }
        body.extend_from_slice(&chunk);
    }
    answer(rewrite(proxy, upstream, &body, &base, &Variables::default()).0)
}

/// Finds a rendition in the stream's multivariant playlist as it is now.
pub(super) async fn learn(proxy: &Proxy, entry: &Entry, rendition: &str) -> Result<Url, Failure> {
    let upstream = proxy.upstream_of(entry);
    let (body, base) = fetch(proxy, &upstream, &[]).await?;
    let (_, found) = rewrite(proxy, &upstream, &body, &base, &Variables::default());
    found.get(rendition).cloned().ok_or_else(|| {
        Failure::new(
            StatusCode::NOT_FOUND,
            "rendition_gone",
            "the stream no longer has this rendition",
        )
    })
}

/// A URL that has expired or moved answers so.
fn has_moved(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 403 | 404 | 410)
}

fn refuse_protected(entry: &Entry) -> Result<(), Failure> {
    if entry.protection() == crate::plugins::Protection::Drm {
        return Err(Failure::new(
            StatusCode::FORBIDDEN,
            "protected",
            "protected media is not relayed",
        ));
    }
    Ok(())
}

/// The playlist and the URL it came from in the end.
async fn fetch(
    proxy: &Proxy,
    upstream: &Upstream,
    directives: &[(String, String)],
) -> Result<(Bytes, Url), Failure> {
    let mut url = upstream.url.clone();
    if !directives.is_empty() {
        url.query_pairs_mut().extend_pairs(directives);
    }
    let exchange = async {
        let response = upstream
            .egress
            .send(upstream.egress.get(url), &*upstream.profile, "playlist")
            .await?;
        if !response.status.is_success() {
            return Err(Failure::upstream(response.status));
        }
        let base = response.url.clone();
        Ok((
            response.collect(proxy.0.config.playlist.as_u64()).await?,
            base,
        ))
    };
    let fetched = tokio::time::timeout(proxy.0.config.playlist_timeout, exchange).await;
    let (body, base) = fetched.unwrap_or_else(|_| {
        proxy.0.metrics.limit("relay.playlist_timeout");
        Err(net::FetchError::Timeout("relay.playlist_timeout").into())
    })?;
    if playlist::is_playlist(&body) {
        Ok((body, base))
    } else {
        Err(Failure::new(
            StatusCode::BAD_GATEWAY,
            "upstream_not_a_playlist",
            "the upstream sent something else where a playlist was expected",
        ))
    }
}

/// Rewrites, and remembers the renditions of a multivariant playlist.
fn rewrite(
    proxy: &Proxy,
    upstream: &Upstream,
    body: &[u8],
    base: &Url,
    parent: &Variables,
) -> (Rewritten, HashMap<String, Url>) {
    let mut linker = StreamLinker {
        proxy,
        stream: &upstream.stream,
        expires: proxy.0.links.expiry(proxy.0.clock.now()),
        renditions: HashMap::new(),
    };
    let context = Context {
        base,
        parent,
        limits: Limits::STANDARD,
    };
    let rewritten = playlist::rewrite(body, &context, &mut linker);
    let renditions = linker.renditions;
    if !rewritten.problems.is_empty() {
        proxy.0.metrics.limit("relay.playlist_problems");
        for (problem, count) in rewritten.problems.iter() {
            tracing::debug!(
                stream = upstream.stream,
                problem = problem.name(),
                count,
                "playlist"
            );
        }
    }
    if !renditions.is_empty() && !upstream.stream.is_empty() {
        proxy
            .0
            .renditions
            .insert(upstream.stream.clone(), Arc::new(renditions.clone()));
    }
    (rewritten, renditions)
}

fn answer(rewritten: Rewritten) -> Result<Response, Failure> {
    // Half a playlist would look like a whole one.
    if rewritten.problems.count(Problem::Truncated) > 0 {
        return Err(Failure::new(
            StatusCode::BAD_GATEWAY,
            "upstream_too_large",
            "the playlist has too many lines",
        ));
    }
    let headers = [(CONTENT_TYPE, CONTENT), (CACHE_CONTROL, UNCACHED)];
    Ok((headers, Body::from(rewritten.body)).into_response())
}

/// Turns what a playlist names into links.
struct StreamLinker<'a> {
    proxy: &'a Proxy,
    stream: &'a str,
    expires: i64,
    renditions: HashMap<String, Url>,
}

impl Linker for StreamLinker<'_> {
    fn link(&mut self, child: &Child<'_>) -> Option<String> {
        let link = match (child.rendition, self.stream) {
            // A stream's own renditions outlive their URLs.
            (Some(key), stream) if !stream.is_empty() => {
                self.renditions
                    .insert(key.as_str().to_owned(), child.url.clone());
                Link::Rendition {
                    stream: stream.to_owned(),
                    rendition: key.as_str().to_owned(),
                    variables: child.variables.clone(),
                }
            }
            _ => Link::Resource {
                stream: self.stream.to_owned(),
                kind: kind(child.kind)?,
                url: child.url.to_string(),
                expires: self.expires,
            },
        };
        Some(format!(
            "{}{}",
            self.proxy.0.prefix,
            self.proxy.0.links.path(&link)
        ))
    }
}

/// `None`: JSON that names playlists and hosts, and reports that must equal the
/// links of their playlists. Neither is rewritten yet, so neither is handed
/// out; players do without.
fn kind(kind: ChildKind) -> Option<Kind> {
    Some(match kind {
        ChildKind::Variant
        | ChildKind::Rendition(_)
        | ChildKind::IFrame
        | ChildKind::Images
        | ChildKind::AssetPlaylist => Kind::Playlist,
        ChildKind::Init | ChildKind::Hint(HintKind::Init) => Kind::Init,
        ChildKind::Key => Kind::Key,
        ChildKind::SessionData => Kind::Data,
        ChildKind::Segment
        | ChildKind::Part
        | ChildKind::Hint(HintKind::Part)
        | ChildKind::Unknown => Kind::Segment,
        ChildKind::Steering | ChildKind::AssetList | ChildKind::RenditionReport => return None,
    })
}
