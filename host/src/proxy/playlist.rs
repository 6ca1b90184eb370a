//! `/proxy` and the playback entry: fetch, rewrite, hand out links.
//!
//! A rendition link names a playlist by its attributes. What it means now is
//! remembered from the last multivariant playlist, and learned again from the
//! stream's current URL where it is not known or no longer answers: a player
//! never notices that a URL changed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use http::{HeaderValue, StatusCode};
use url::Url;

use super::document::Document;
use super::linker::{Found, StreamLinker};
use super::links::Kind;
use super::text::{Name, Text};
use super::{Directives, Proxy, Upstream, renditions};
use crate::answer::Failure;
use crate::catalog::Entry;
use crate::playlist::{self, Context, Problem, Problems, Protection, Rewritten, Variables};

const CONTENT: HeaderValue = HeaderValue::from_static("application/vnd.apple.mpegurl");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Whatever a playlist says, it is not fetched and rewritten for each viewer.
const LEAST: Duration = Duration::from_millis(50);
/// What does not change by itself is kept a moment: for those who ask at once.
const MOMENT: Duration = Duration::from_secs(1);
/// Beyond three target durations, for a reload that is held (RFC 8216bis,
/// section 6.2.5.2).
const HELD: Duration = Duration::from_secs(5);

/// A playlist of so many bytes is rewritten within a millisecond.
const LONG: usize = 64 << 10;

/// How a playlist is rewritten.
pub(super) struct Rules {
    /// For what it imports.
    parent: Variables,
    /// It is the stream's own entry: what it names are the stream's renditions.
    /// An interstitial's are not, and neither are those of a rendition that is
    /// another multivariant playlist.
    own: bool,
    /// What players ask of it reaches its server.
    directives: bool,
    /// Under which name what it says is remembered.
    name: Option<Name>,
}

impl Rules {
    /// For a playlist that was met where media was expected.
    pub(super) fn met() -> Self {
        Self {
            parent: Variables::default(),
            own: false,
            directives: false,
            name: None,
        }
    }
}

/// `/streams/{id}/master.m3u8`.
pub(super) async fn master(
    proxy: &Proxy,
    entry: &Arc<Entry>,
    directives: Directives,
) -> Result<Arc<Text>, Failure> {
    refuse_protected(entry)?;
    let named = |directives| Name::Entry(entry.id.clone(), directives);
    let directives = followed(proxy, directives, named);
    let name = named(directives.clone());
    let (this, entry) = (proxy.clone(), entry.clone());
    let make = || async move { make_master(&this, &entry, &directives).await }.boxed();
    proxy.0.texts.get(name, make).await
}

async fn make_master(
    proxy: &Proxy,
    entry: &Entry,
    directives: &Directives,
) -> Result<Text, Failure> {
    let upstream = proxy.upstream_of(entry);
    let seen = Name::Entry(entry.id.clone(), Directives::default());
    let document = fetch(proxy, &upstream, directives, Some(&seen)).await?;
    let rules = Rules {
        parent: Variables::default(),
        own: true,
        directives: true,
        name: Some(seen),
    };
    let (text, found) = rewritten(proxy, &upstream, document, rules).await?;
    renditions::remember(proxy, entry, found.renditions, found.variables);
    Ok(text)
}

/// A rendition link: the stream's current URL for it.
pub(super) async fn rendition(
    proxy: &Proxy,
    stream: String,
    rendition: String,
    parent: Variables,
    directives: Directives,
) -> Result<Arc<Text>, Failure> {
    let entry = proxy.0.catalog.resolve(&stream);
    let entry = entry.ok_or_else(Failure::stream_gone)?;
    refuse_protected(&entry)?;
    let named = |directives| {
        Name::Rendition(
            stream.clone(),
            rendition.clone(),
            parent.clone(),
            directives,
        )
    };
    let directives = followed(proxy, directives, named);
    let name = named(directives.clone());
    let this = proxy.clone();
    let make = || {
        async move { make_rendition(&this, &entry, &rendition, parent, &directives).await }.boxed()
    };
    proxy.0.texts.get(name, make).await
}

async fn make_rendition(
    proxy: &Proxy,
    entry: &Arc<Entry>,
    rendition: &str,
    parent: Variables,
    directives: &Directives,
) -> Result<Text, Failure> {
    let seen = Name::Rendition(
        entry.id.clone(),
        rendition.to_owned(),
        parent.clone(),
        Directives::default(),
    );
    let (url, just_learned) = renditions::url(proxy, entry, rendition).await?;
    let mut upstream = Upstream {
        url,
        ..proxy.upstream_of(entry)
    };
    let document = match fetch(proxy, &upstream, directives, Some(&seen)).await {
        // What was remembered may have moved.
        Err(failure) if !just_learned && renditions::may_have_moved(&failure) => {
            let url = renditions::learn(proxy, entry, rendition).await?;
            if url == upstream.url {
                return Err(failure);
            }
            upstream.url = url;
            fetch(proxy, &upstream, directives, Some(&seen)).await?
        }
        other => other?,
    };
    let rules = Rules {
        parent,
        own: false,
        directives: true,
        name: Some(seen),
    };
    Ok(rewritten(proxy, &upstream, document, rules).await?.0)
}

/// A playlist that is named by its URL: interstitials, hand-made links.
pub(super) async fn resource(
    proxy: &Proxy,
    upstream: Upstream,
    parent: Variables,
    directives: Directives,
) -> Result<Arc<Text>, Failure> {
    let named =
        |directives| Name::Resource(upstream.address(Kind::Playlist), parent.clone(), directives);
    let directives = followed(proxy, directives, named);
    let (name, seen) = (named(directives.clone()), named(Directives::default()));
    let this = proxy.clone();
    let make = || {
        async move {
            let document = fetch(&this, &upstream, &directives, Some(&seen)).await?;
            let rules = Rules {
                parent,
                own: false,
                directives: true,
                name: Some(seen),
            };
            Ok(rewritten(&this, &upstream, document, rules).await?.0)
        }
        .boxed()
    };
    proxy.0.texts.get(name, make).await
}

/// What of `directives` the playlist's server follows, as far as is known. Players
/// ask for what it says; others would have it asked as often as they please.
fn followed(
    proxy: &Proxy,
    directives: Directives,
    named: impl Fn(Directives) -> Name,
) -> Directives {
    if directives.are_none() {
        return directives;
    }
    match proxy.0.seen.get(&named(Directives::default())) {
        Some(seen) => directives.followed(seen.can_block, seen.can_skip),
        None => directives,
    }
}

/// A playlist that is here already.
pub(super) async fn made(
    proxy: &Proxy,
    upstream: &Upstream,
    document: Document,
    rules: Rules,
) -> Result<Text, Failure> {
    Ok(rewritten(proxy, upstream, document, rules).await?.0)
}

/// An asset list or a steering manifest that is here already.
pub(super) async fn json(
    proxy: &Proxy,
    upstream: &Upstream,
    kind: Kind,
    body: &[u8],
    base: &Url,
) -> Result<Text, Failure> {
    let limits = proxy.playlist_limits();
    let (offered, variables) = match (kind, proxy.0.catalog.resolve(&upstream.stream)) {
        (Kind::Steering, Some(entry)) => renditions::offered(proxy, &entry).await?,
        _ => Default::default(),
    };
    let mut linker = linker(proxy, &upstream.stream, false);
    let written = match kind {
        Kind::Steering => {
            playlist::steering(body, base, &offered, &variables, &limits, &mut linker)
        }
        _ => playlist::asset_list(body, base, &limits, &mut linker),
    };
    let written = written.map_err(|error| {
        Failure::new(
            StatusCode::BAD_GATEWAY,
            "upstream_not_json",
            error.to_string(),
        )
    })?;
    count(proxy, &upstream.stream, &written.problems);
    Ok(Text::new(JSON, Bytes::from(written.body), MOMENT))
}

pub(super) fn refuse_protected(entry: &Entry) -> Result<(), Failure> {
    match entry.protection() {
        crate::plugins::Protection::Drm => Err(protected()),
        _ => Ok(()),
    }
}

fn protected() -> Failure {
    Failure::new(
        StatusCode::FORBIDDEN,
        "protected",
        "protected media is not relayed",
    )
}

/// A playlist as its server has it now. `seen` is the name under which it is
/// remembered without directives.
pub(super) async fn fetch(
    proxy: &Proxy,
    upstream: &Upstream,
    directives: &Directives,
    seen: Option<&Name>,
) -> Result<Document, Failure> {
    let config = &proxy.0.config;
    let mut request = upstream.egress.get(directives.on(&upstream.url));
    let mut limit = config.playlist_timeout;
    if directives.hold() {
        let seen = seen.and_then(|name| proxy.0.seen.get(name));
        let target = seen.and_then(|seen| seen.target);
        let held = target.map(|target| target.saturating_mul(3).saturating_add(HELD));
        let held = held.map_or(config.hold, |held| held.min(config.hold));
        request.hold(held, "relay.hold");
        limit += held;
    }
    let document = Document::fetch(proxy, upstream, request, limit, "playlist").await?;
    let document = document.decoded(proxy)?;
    match playlist::is_playlist(&document.body) {
        true => Ok(document),
        false => Err(no_playlist(&document.body)),
    }
}

/// Says what came instead, so that an operator knows where to look.
fn no_playlist(body: &[u8]) -> Failure {
    use crate::media::Content;
    let what = match crate::media::sniff(body) {
        _ if body.trim_ascii().is_empty() => "nothing",
        Content::Markup => "a page",
        Content::Text => "other text",
        _ => "something else",
    };
    let message = format!("the upstream sent {what} where a playlist was expected");
    Failure::new(StatusCode::BAD_GATEWAY, "upstream_not_a_playlist", message)
}

fn linker<'a>(proxy: &'a Proxy, stream: &'a str, own: bool) -> StreamLinker<'a> {
    let (links, now) = (&proxy.0.links, proxy.0.clock.now());
    StreamLinker {
        links,
        prefix: &proxy.0.link_prefix,
        stream,
        expires: links.expiry(now),
        expires_late: links.late_expiry(now),
        own,
        known: proxy.0.renditions.get(stream),
        moved: None,
        found: Found::default(),
    }
}

/// Rewrites a playlist, where it takes no time from others: a long one on a thread
/// of its own, few at once.
async fn rewritten(
    proxy: &Proxy,
    upstream: &Upstream,
    document: Document,
    rules: Rules,
) -> Result<(Text, Found), Failure> {
    if document.body.len() <= LONG {
        return rewrite(proxy, upstream, &document, rules);
    }
    let places = &proxy.0.rewriting;
    if places.available_permits() == 0 {
        proxy.0.metrics.limit("relay.rewriting");
    }
    let _place = places.acquire().await;
    let (proxy, upstream) = (proxy.clone(), upstream.clone());
    let rewriting = move || rewrite(&proxy, &upstream, &document, rules);
    let rewritten = tokio::task::spawn_blocking(rewriting).await;
    rewritten.unwrap_or_else(|_| {
        Err(Failure::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the playlist could not be rewritten",
        ))
    })
}

fn rewrite(
    proxy: &Proxy,
    upstream: &Upstream,
    Document { body, base, .. }: &Document,
    rules: Rules,
) -> Result<(Text, Found), Failure> {
    let mut linker = linker(proxy, &upstream.stream, rules.own);
    linker.moved = Some((&upstream.url, base));
    let context = Context {
        base,
        parent: &rules.parent,
        limits: proxy.playlist_limits(),
        directives: rules.directives,
    };
    let seen = rules.name.as_ref();
    let seen = seen.and_then(|name| proxy.0.seen.get(name));
    let seen = seen.unwrap_or_default();
    let written = playlist::rewrite_update(body, &context, &seen.wraps, &mut linker);
    count(proxy, &upstream.stream, &written.problems);
    if written.protection == Protection::Drm {
        return Err(protected());
    }
    // Half a playlist would look like a whole one.
    let cut = [Problem::Truncated, Problem::Overflow];
    if cut.iter().any(|cut| written.problems.count(*cut) > 0) {
        return Err(Failure::upstream_is(
            "upstream_too_large",
            "the playlist is too long",
        ));
    }
    if let Some(name) = rules.name {
        let segments = std::mem::take(&mut linker.found.segments);
        let seen = seen.next(&written, segments, &proxy.0.bodies.window);
        proxy.0.seen.insert(name, seen);
    }
    let fresh = fresh(&written);
    let text = playlist::harmless(written.body);
    let text = Text::new(CONTENT, Bytes::from(text), fresh);
    Ok((text, linker.found))
}

/// Half a target duration; half a part where playlists grow by parts.
fn fresh(written: &Rewritten) -> Duration {
    let target = written.part_target.or(written.target);
    match target {
        Some(target) if !written.ended => (target / 2).max(LEAST),
        Some(_) => MOMENT,
        None => MOMENT,
    }
}

fn count(proxy: &Proxy, stream: &str, problems: &Problems) {
    let metrics = &proxy.0.metrics;
    for (problem, limit) in [
        (Problem::Truncated, "relay.playlist_lines"),
        (Problem::Overflow, "relay.playlist_output"),
        (Problem::LongLine, "relay.playlist_line"),
        (Problem::HeavyVariables, "relay.variables"),
    ] {
        if problems.count(problem) > 0 {
            metrics.limit(limit);
        }
    }
    if !problems.is_empty() {
        metrics.limit("relay.playlist_problems");
        for (problem, count) in problems.iter() {
            tracing::debug!(stream, problem = problem.name(), count, "playlist");
        }
    }
}
