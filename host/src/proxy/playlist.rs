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
use super::{Proxy, Renditions, Upstream};
use crate::answer::Failure;
use crate::catalog::Entry;
use crate::net;
use crate::playlist::{
    self, Child, ChildKind, Context, HintKind, Linker, Problem, Rewritten, Variables,
};

const CONTENT: HeaderValue = HeaderValue::from_static("application/vnd.apple.mpegurl");
/// A live playlist is old after half a target duration: nobody keeps it.
const UNCACHED: HeaderValue = HeaderValue::from_static("no-cache");

/// `/streams/{id}/master.m3u8`.
pub(super) async fn master(proxy: &Proxy, entry: &Entry) -> Result<Response, Failure> {
    refuse_protected(entry)?;
    let upstream = proxy.upstream_of(entry);
    let (body, base) = fetch(proxy, &upstream, &[]).await?;
    let mut found = HashMap::new();
    let rewritten = rewrite(
        proxy,
        &upstream,
        &body,
        &base,
        &Variables::default(),
        Some(&mut found),
    );
    remember(proxy, entry, found);
    answer(rewritten)
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
    let known = proxy.0.renditions.get(stream);
    let current = known
        .as_ref()
        .is_some_and(|known| known.learned_from == entry.stream.url);
    let known = known.and_then(|known| known.urls.get(rendition).cloned());
    let (url, just_learned) = match known {
        Some(url) if current => (url, false),
        // The stream's URL has changed since; what was known may still work
        // where the new one does not.
        old => match (learn(proxy, &entry, rendition).await, old) {
            (Ok(url), _) => (url, true),
            (Err(_), Some(old)) => (old, true),
            (Err(failure), None) => return Err(failure),
        },
    };
    let mut upstream = Upstream {
        url,
        ..proxy.upstream_of(&entry)
    };
    let (body, base) = match fetch(proxy, &upstream, directives).await {
        // What was remembered may have moved.
        Err(failure) if !just_learned && has_moved(failure.status) => {
            let url = learn(proxy, &entry, rendition).await?;
            if url == upstream.url {
                return Err(failure);
            }
            upstream.url = url;
            fetch(proxy, &upstream, directives).await?
        }
        other => other?,
    };
    answer(rewrite(proxy, &upstream, &body, &base, parent, None))
}

/// A playlist that is named by its URL: interstitials, hand-made links.
pub(super) async fn resource(
    proxy: &Proxy,
    upstream: &Upstream,
    directives: &[(String, String)],
) -> Result<Response, Failure> {
    let (body, base) = fetch(proxy, upstream, directives).await?;
    answer(rewrite(
        proxy,
        upstream,
        &body,
        &base,
        &Variables::default(),
        None,
    ))
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
    let rest = async {
        while let Some(chunk) = response.chunk().await? {
            if (body.len() + chunk.len()) as u64 > max {
                return Err(net::FetchError::BodyTooLarge(max));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(())
    };
    in_time(proxy, async { rest.await.map_err(Failure::from) }).await?;
    answer(rewrite(
        proxy,
        upstream,
        &body,
        &base,
        &Variables::default(),
        None,
    ))
}

/// Finds a rendition in the stream's multivariant playlist as it is now.
pub(super) async fn learn(proxy: &Proxy, entry: &Entry, rendition: &str) -> Result<Url, Failure> {
    let (body, base) = fetch(proxy, &proxy.upstream_of(entry), &[]).await?;
    let parent = Variables::default();
    let context = Context {
        base: &base,
        parent: &parent,
        limits: proxy.playlist_limits(),
        directives: false,
    };
    let offered = playlist::multivariant(&body, &context);
    let named = offered.into_iter().flat_map(|offered| offered.playlists);
    let urls: HashMap<_, _> = named
        .map(|named| (named.key.as_str().to_owned(), named.url))
        .collect();
    let found = urls.get(rendition).cloned();
    remember(proxy, entry, urls);
    found.ok_or_else(|| {
        Failure::new(
            StatusCode::NOT_FOUND,
            "rendition_gone",
            "the stream no longer has this rendition",
        )
    })
}

fn remember(proxy: &Proxy, entry: &Entry, urls: HashMap<String, Url>) {
    if !urls.is_empty() {
        let learned_from = entry.stream.url.clone();
        let known = Renditions { learned_from, urls };
        proxy.0.renditions.insert(entry.id.clone(), Arc::new(known));
    }
}

/// A URL that has expired or moved answers so.
fn has_moved(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 403 | 404 | 410)
}

pub(super) fn refuse_protected(entry: &Entry) -> Result<(), Failure> {
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
    let (body, base) = in_time(proxy, async {
        let request = upstream.egress.get(url);
        let response = upstream
            .egress
            .send(request, &*upstream.profile, "playlist")
            .await?;
        if !response.status.is_success() {
            return Err(Failure::upstream(response.status));
        }
        let base = response.url.clone();
        let body = response.collect(proxy.0.config.playlist.as_u64()).await;
        if let Err(net::FetchError::BodyTooLarge(_)) = &body {
            proxy.0.metrics.limit("relay.playlist");
        }
        Ok((body?, base))
    })
    .await?;
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

async fn in_time<T>(
    proxy: &Proxy,
    exchange: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(proxy.0.config.playlist_timeout, exchange).await {
        Ok(result) => result,
        Err(_) => {
            proxy.0.metrics.limit("relay.playlist_timeout");
            Err(net::FetchError::Timeout("relay.playlist_timeout").into())
        }
    }
}

/// Rewrites. With `renditions`, what a multivariant playlist names are the
/// stream's own renditions, and their URLs are put there; an interstitial's
/// are not, and neither are those of a rendition that is another multivariant
/// playlist.
fn rewrite(
    proxy: &Proxy,
    upstream: &Upstream,
    body: &[u8],
    base: &Url,
    parent: &Variables,
    renditions: Option<&mut HashMap<String, Url>>,
) -> Rewritten {
    // The entry takes no directives, but a rendition's and a resource's link do.
    let directives = renditions.is_none();
    let mut linker = StreamLinker {
        proxy,
        stream: &upstream.stream,
        expires: proxy.0.links.expiry(proxy.0.clock.now()),
        renditions,
    };
    let context = Context {
        base,
        parent,
        limits: proxy.playlist_limits(),
        directives,
    };
    let rewritten = playlist::rewrite(body, &context, &mut linker);
    let hit = |problem| rewritten.problems.count(problem) > 0;
    if hit(Problem::Truncated) {
        proxy.0.metrics.limit("relay.playlist_lines");
    }
    if hit(Problem::Overflow) {
        proxy.0.metrics.limit("relay.playlist_output");
    }
    if hit(Problem::LongLine) {
        proxy.0.metrics.limit("relay.playlist_line");
    }
    if hit(Problem::HeavyVariables) {
        proxy.0.metrics.limit("relay.variables");
    }
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
    rewritten
}

fn answer(rewritten: Rewritten) -> Result<Response, Failure> {
    // Half a playlist would look like a whole one.
    let cut = [Problem::Truncated, Problem::Overflow];
    if cut.iter().any(|cut| rewritten.problems.count(*cut) > 0) {
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
    renditions: Option<&'a mut HashMap<String, Url>>,
}

impl Linker for StreamLinker<'_> {
    fn link(&mut self, child: &Child<'_>) -> Option<String> {
        let link = match (child.rendition, &mut self.renditions) {
            // A stream's own renditions outlive their URLs.
            (Some(key), Some(renditions)) => {
                renditions.insert(key.as_str().to_owned(), child.url.clone());
                Link::Rendition {
                    stream: self.stream.to_owned(),
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
