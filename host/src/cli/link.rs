//! `link`: seal a URL by hand, or say what a link holds.

use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::json;
use url::Url;

use super::LinkKind;
use super::extract::site_and_plugin;
use crate::app::foundation;
use crate::catalog::{Catalog, Entry};
use crate::clock::Clock;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::net::Net;
use crate::playlist::Variables;
use crate::plugins::Hint;
use crate::proxy::{Kind, Link, Links, Proxy, Route};

fn links(config: &Config) -> Result<Links> {
    Ok(Links::open(
        &config.links.key_file,
        config.links.lifetime,
        config.links.bucket,
    )?)
}

/// Prints a path such as `/proxy/playlist.m3u8?url=…`. The guard judges the
/// URL now for the operator's sake, and again when the link is used.
pub(super) fn seal(config: &Config, kind: Option<LinkKind>, url: &str) -> Result<ExitCode> {
    let url: Url = Net::new(config.net.clone(), Metrics::new())
        .policy(&[])
        .parse(url)?;
    let links = links(config)?;
    let kind = match kind {
        Some(LinkKind::Proxy) => Kind::Playlist,
        Some(LinkKind::Relay) => Kind::Segment,
        None if url.path().ends_with(".m3u8") => Kind::Playlist,
        None => Kind::Segment,
    };
    let link = Link::Resource {
        stream: String::new(),
        kind,
        url: url.into(),
        expires: links.expiry(Clock::system().now()),
        variables: Variables::default(),
    };
    let prefix = config
        .server
        .public_url
        .as_ref()
        .map(|url| url.path().trim_end_matches('/'))
        .unwrap_or_default();
    Ok(super::print(&format!("{prefix}{}", links.path(&link))))
}

/// Prints what a link holds, as JSON.
pub(super) async fn open(config: &Config, kind: Option<LinkKind>, text: &str) -> Result<ExitCode> {
    // A whole path or URL, or the token alone.
    let token = match text.split_once('?') {
        Some((_, query)) => url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "url")
            .map(|(_, value)| value.into_owned())
            .context("there is no url= in it")?,
        None => text.to_owned(),
    };
    let routes = match kind {
        Some(LinkKind::Proxy) => vec![Route::Proxy],
        Some(LinkKind::Relay) => vec![Route::Relay],
        None => vec![Route::Proxy, Route::Relay],
    };
    let (links, now) = (links(config)?, Clock::system().now());
    let mut result = None;
    for route in routes {
        let opened = links.open_link(route, None, &token, now);
        if opened.is_ok() || result.is_none() {
            result = Some(opened);
        }
    }
    let document = match result.context("no route")?? {
        Link::Rendition {
            stream,
            rendition,
            variables,
        } => {
            let url = meaning(config, links, &stream, &rendition).await;
            json!({
                "kind": "rendition", "stream": stream, "rendition": rendition, "variables": variables,
                "url": url.as_ref().ok(), "error": url.err().map(|error| format!("{error:#}")),
            })
        }
        Link::Resource {
            stream,
            kind,
            url,
            expires,
            variables,
        } => json!({
            "kind": kind, "stream": stream, "url": url, "variables": variables,
            "expires": jiff::Timestamp::from_second(expires).ok(),
        }),
    };
    Ok(super::print(&serde_json::to_string_pretty(&document)?))
}

/// A rendition link holds no URL: its site is asked what it means now.
async fn meaning(config: &Config, links: Links, stream: &str, rendition: &str) -> Result<Url> {
    let (key, id) = stream.split_once('.').context("not a stream's id")?;
    let parts = foundation(config)?;
    let (site, plugin) = site_and_plugin(config, &parts, key).await?;
    let found = plugin.extract(&parts.host, &site, &Hint::default()).await?;
    let found = found.streams.into_iter().find(|found| found.id == id);
    let entry = Entry::new(
        &site,
        found.context("the site no longer lists this stream")?,
        parts.clock.now(),
    );
    let catalog = Catalog::new(parts.clock.clone(), config.links.lifetime);
    let by_hand = parts.net.egress(parts.net.policy(&[]))?;
    let proxy = Proxy::new(links, catalog, by_hand, config, parts.clock, parts.metrics);
    Ok(proxy.find(&entry.into(), rendition).await?)
}
