//! Playback: links in, bytes out.
//!
//! `/streams/{id}/master.m3u8` and `/proxy` answer rewritten playlists,
//! `/relay` pipes bytes. What a link means is looked up in the catalog: the
//! stream's current URL, its request profile, its site's way out. This room
//! does not know how a URL was found, and nothing it answers names an
//! upstream, a header value or a cookie.

mod budget;
mod directives;
mod document;
mod fetch;
mod flight;
mod head;
mod linker;
mod links;
mod playlist;
mod range;
mod relay;
mod renditions;
mod seen;
mod source;
mod text;
mod together;
mod viewer;
mod window;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, Path, RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, Method, StatusCode, Version, request};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use url::Url;

pub use links::{KeyError, Kind, Link, LinkError, Links, Route};

use self::directives::Directives;
use self::fetch::Bodies;
use self::renditions::Renditions;
use self::seen::Seen;
use self::text::Texts;
use self::together::Together;
use crate::answer::Failure;
use crate::catalog::{Catalog, Entry};
use crate::clock::Clock;
use crate::config;
use crate::metrics::Metrics;
use crate::net::{Egress, FetchError, Profile};
use crate::playlist::Limits;

/// Off air, a channel is asked for again after so many seconds.
const OFF_AIR: u64 = 30;
/// Without a viewer for this long, a stream's renditions are forgotten.
const IDLE: Duration = Duration::from_secs(3600);
/// Without a viewer for this long, what a playlist was is forgotten.
const SEEN: Duration = Duration::from_secs(120);

/// The playback routes; cheap to clone.
#[derive(Clone, Debug)]
pub struct Proxy(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    links: Links,
    catalog: Catalog,
    /// For links sealed by hand: the policy of `[net]`, no profile.
    by_hand: Egress,
    config: config::Relay,
    clock: Clock,
    metrics: Metrics,
    /// Path prefix of `server.public_url`.
    prefix: String,
    /// What stands before the path of a link: the same, or where media is served.
    link_prefix: String,
    /// How many there are.
    channels: usize,
    /// By stream id.
    renditions: moka::sync::Cache<String, Arc<Renditions>>,
    /// What playlists were when they were last seen.
    seen: moka::sync::Cache<text::Name, Seen>,
    bodies: Bodies,
    texts: Texts,
    /// What streams' multivariant playlists name, learned anew.
    learning: Together<(String, Url), Arc<Renditions>>,
    /// What nobody waits for.
    background: TaskTracker,
    /// Long playlists at once.
    rewriting: Semaphore,
}

/// Where one request goes.
#[derive(Clone, Debug)]
struct Upstream {
    /// The catalog's id; empty for a link sealed by hand.
    stream: String,
    url: Url,
    egress: Egress,
    profile: Arc<Profile>,
}

/// The stable playback entry of a stream, without prefix.
pub fn play_path(id: &str) -> String {
    format!("/streams/{id}/master.m3u8")
}

impl Proxy {
    /// Nothing is fetched before the first request.
    pub fn new(
        links: Links,
        catalog: Catalog,
        by_hand: Egress,
        config: &config::Config,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        let server = &config.server;
        let prefix = server.public_url.as_ref().map_or("", Url::path);
        let prefix = prefix.trim_end_matches('/').to_owned();
        let media = server.public_media_url.as_ref().map(Url::as_str);
        let link_prefix = media.map(|url| url.trim_end_matches('/').to_owned());
        let most = config.relay.seen.as_u64();
        let renditions = seen::remembered(most, IDLE, metrics.clone(), |stream: &String, known| {
            let known: &Arc<Renditions> = known;
            stream.len() + known.weight
        });
        let seen = seen::remembered(most, SEEN, metrics.clone(), |name, seen: &Seen| {
            seen.weight(name)
        });
        Self(Arc::new(Inner {
            links,
            catalog,
            by_hand,
            config: config.relay.clone(),
            clock,
            bodies: Bodies::new(&config.relay, metrics.clone()),
            texts: Texts::new(&config.relay, metrics.clone()),
            learning: Together::new(config.relay.refused, None),
            background: TaskTracker::new(),
            rewriting: Semaphore::new(config.relay.rewriting),
            metrics,
            link_prefix: link_prefix.unwrap_or_else(|| prefix.clone()),
            prefix,
            channels: config.guide.channels,
            renditions,
            seen,
        }))
    }

    /// What stands before the path of every playback entry.
    pub fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// Where playback begins, for viewers. GET routes answer HEAD, too.
    pub fn entries(self) -> Router {
        let entry = get(master);
        Router::new()
            .route("/streams/{id}/master.m3u8", entry)
            .route("/channels/{slot}/master.m3u8", get(channel))
            .with_state(self)
    }

    /// What links lead to, for whoever has one.
    pub fn links(self) -> Router {
        Router::new()
            .route("/proxy", get(proxy))
            .route("/proxy/{name}", get(proxy))
            .route("/relay", get(relay))
            .route("/relay/{name}", get(relay))
            .with_state(self)
    }

    /// The upstream URL that a rendition of `entry` means now, asked of its
    /// multivariant playlist.
    pub(crate) async fn find(&self, entry: &Arc<Entry>, rendition: &str) -> Result<Url, Failure> {
        renditions::learn(self, entry, rendition).await
    }

    fn playlist_limits(&self) -> Limits {
        let relay = &self.0.config;
        Limits {
            lines: relay.playlist_lines,
            line: relay.playlist_line.as_u64(),
            output: relay.playlist_output.as_u64(),
            variables: relay.variables.as_u64(),
        }
    }

    fn upstream_of(&self, entry: &Entry) -> Upstream {
        Upstream {
            stream: entry.id.clone(),
            url: entry.stream.url.clone(),
            egress: entry.egress.clone(),
            profile: entry.profile.clone(),
        }
    }

    /// The way to a resource link's URL, by its stream's profile.
    fn upstream_for(&self, stream: &str, url: &str) -> Result<Upstream, Failure> {
        let read = |egress: &Egress| egress.policy().read(url).map_err(FetchError::from);
        if stream.is_empty() {
            let egress = self.0.by_hand.clone();
            return Ok(Upstream {
                stream: String::new(),
                url: read(&egress)?,
                egress,
                profile: Arc::default(),
            });
        }
        let entry = self
            .0
            .catalog
            .resolve(stream)
            .ok_or_else(Failure::stream_gone)?;
        playlist::refuse_protected(&entry)?;
        Ok(Upstream {
            url: read(&entry.egress)?,
            ..self.upstream_of(&entry)
        })
    }

    fn open(&self, route: Route, name: Option<&str>, query: &Query) -> Result<Link, Failure> {
        let link = query.link.as_deref().ok_or_else(Failure::link)?;
        let opened = self
            .0
            .links
            .open_link(route, name, link, self.0.clock.now());
        opened.map_err(|error| {
            self.0.metrics.limit("links.refused");
            tracing::debug!(?route, cause = error.0, "link refused");
            Failure::link()
        })
    }
}

/// The query of `/proxy` and `/relay`: one `url`, and what a player asks of a
/// playlist's server. Anything unknown or repeated is refused, so that one
/// resource has one address.
#[derive(Debug, Default)]
struct Query {
    link: Option<String>,
    directives: Directives,
}

impl Query {
    fn parse(query: Option<&str>) -> Result<Self, Failure> {
        let mut parsed = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if name != "url" {
                parsed.directives.add(&name, &value)?;
            } else if parsed.link.replace(value.into_owned()).is_some() {
                return Err(Failure::link());
            }
        }
        Ok(parsed)
    }
}

/// The last part of the path, where there is one. A part that is not UTF-8 is
/// no name that was handed out.
struct Name(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Failure> {
        let path = Option::<Path<String>>::from_request_parts(parts, state).await;
        Ok(Self(
            path.map_err(|_| Failure::link())?.map(|Path(name)| name),
        ))
    }
}

async fn master(
    State(proxy): State<Proxy>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let entry = proxy.0.catalog.resolve(&id);
    let entry = entry.ok_or_else(Failure::stream_gone)?;
    // Whatever else stands in an entry's query is not for us.
    let mut directives = Directives::default();
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let _ = directives.add(&name, &value);
    }
    let text = playlist::master(&proxy, &entry, directives).await?;
    Ok(text::answer(&text, &headers))
}

/// `/channels/best`, then `2` and on: the playable streams in the order of the list.
/// What is behind one changes, its address never does.
async fn channel(
    State(proxy): State<Proxy>,
    Path(slot): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let most = proxy.0.channels;
    let number = match &*slot {
        "best" => Some(1),
        slot => slot
            .parse()
            .ok()
            .filter(|number| (2..=most).contains(number)),
    };
    let number: usize = number.ok_or_else(|| {
        let message = match most {
            1 => "the only channel is best".to_owned(),
            _ => format!("channels are best and 2 to {most}"),
        };
        Failure::new(StatusCode::NOT_FOUND, "not_found", message)
    })?;
    let snapshot = proxy.0.catalog.snapshot();
    let mut playable = snapshot.streams.iter().filter(|entry| entry.playable());
    let entry = playable.nth(number - 1).ok_or_else(|| Failure {
        retry_after: Some(OFF_AIR),
        ..Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "channel_off",
            "nothing plays on this channel now",
        )
    })?;
    let text = playlist::master(&proxy, entry, Directives::default()).await?;
    Ok(text::answer(&text, &headers))
}

async fn proxy(
    State(proxy): State<Proxy>,
    name: Name,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let query = Query::parse(query.as_deref())?;
    let directives = query.directives.clone();
    let text = match proxy.open(Route::Proxy, name.0.as_deref(), &query)? {
        Link::Rendition {
            stream,
            rendition,
            variables,
        } => playlist::rendition(&proxy, stream, rendition, variables, directives).await?,
        Link::Resource {
            stream,
            url,
            variables,
            ..
        } => {
            let upstream = proxy.upstream_for(&stream, &url)?;
            playlist::resource(&proxy, upstream, variables, directives).await?
        }
    };
    Ok(text::answer(&text, &headers))
}

async fn relay(
    State(proxy): State<Proxy>,
    name: Name,
    RawQuery(query): RawQuery,
    method: Method,
    version: Version,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let query = Query::parse(query.as_deref())?;
    let link = proxy.open(Route::Relay, name.0.as_deref(), &query)?;
    let Link::Resource {
        stream,
        kind,
        url,
        expires,
        ..
    } = &link
    else {
        return Err(Failure::link());
    };
    let is_json = matches!(kind, Kind::AssetList | Kind::Steering);
    if !query.directives.are_none() && !is_json {
        return Err(Failure::link());
    }
    let upstream = proxy.upstream_for(stream, url)?;
    if is_json || matches!(kind, Kind::Key | Kind::Data) {
        let text = text::document(&proxy, &upstream, *kind, query.directives).await?;
        return Ok(text::answer(&text, &headers));
    }
    let ask = relay::Ask {
        kind: *kind,
        name: &link.name(),
        opens: expires - proxy.0.clock.now().as_second(),
        method: &method,
        version,
        headers: &headers,
    };
    relay::resource(&proxy, &upstream, &ask).await
}
