//! Any page with a player: looks where players and search engines look, and
//! into the frames of the page, to a bounded depth and on granted hosts only.
//!
//! It knows no site. Where it finds nothing, or the wrong thing, the site is
//! worth a plugin of its own.

mod look;

use std::collections::{BTreeMap, HashSet};

use f1_streams_plugin::{
    Error, Extractor, Hint, Info, Page, Request, Response, Site, Stream, StreamKind, distinct, get,
    log, send_all,
};
use look::{Found, Look};
use serde::Deserialize;
use url::Url;

/// A page with more is a list of something.
const MAX_STREAMS: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// A path below the base URL; else the base URL itself.
    path: Option<String>,
    /// Frames inside of frames.
    #[serde(default = "two")]
    depth: u8,
    /// Pages looked at, frames included.
    #[serde(default = "eight")]
    pages: u8,
    /// What the page must have: without it, it has changed.
    player: Option<String>,
    #[serde(default)]
    media_headers: BTreeMap<String, String>,
}

fn two() -> u8 {
    2
}

fn eight() -> u8 {
    8
}

struct AnyPage;

impl Extractor for AnyPage {
    fn info() -> Info {
        Info::new(
            env!("CARGO_PKG_NAME"),
            "Any page",
            env!("CARGO_PKG_VERSION"),
        )
        .hosts(["*"])
        .config_schema(include_str!("settings.json"))
    }

    fn extract(_hint: &Hint) -> Result<Vec<Stream>, Error> {
        let site = Site::<Settings>::load()?;
        let first = first(&site)?.send()?;
        if let Some(player) = &site.settings.player {
            first.page().one(player)?;
        }
        let (mut found, refused) = walk(first, &site.settings);
        let mut seen = HashSet::new();
        found.retain(|one| seen.insert(one.url.clone()));
        // Stable: of equal ones, what was found first.
        found.sort_by_key(|one| -one.rank);
        found.truncate(MAX_STREAMS);
        if found.is_empty() {
            return Err(refused.unwrap_or(Error::NotFound));
        }
        let headers = &site.settings.media_headers;
        Ok(distinct(
            found.into_iter().map(|one| stream(one, headers)).collect(),
        ))
    }

    fn probe() -> Result<(), Error> {
        let site = Site::<Settings>::load()?;
        let page = first(&site)?.send()?.page();
        site.settings
            .player
            .iter()
            .try_for_each(|player| page.one(player).map(drop))
    }
}

fn first(site: &Site<Settings>) -> Result<Request, Error> {
    let path = site.settings.path.as_deref();
    let url = path.map_or_else(|| site.base().map(String::from), |path| site.url(path));
    Ok(get(url?))
}

/// What a page and its frames show, and why a frame was not looked at.
fn walk(first: Response, settings: &Settings) -> (Vec<Found>, Option<Error>) {
    let (mut found, mut refused) = (Vec::new(), None);
    let mut seen = HashSet::from([first.url().to_owned()]);
    let mut level = vec![Ok(first)];
    for depth in 0..=settings.depth {
        let mut frames = Vec::new();
        for answer in level {
            match answer {
                Ok(answer) => {
                    let look = look_at(&answer, depth);
                    found.extend(look.found);
                    let new = look
                        .frames
                        .into_iter()
                        .filter(|frame| seen.insert(frame.clone()));
                    frames.extend(new.map(|frame| get(frame).header("referer", answer.url())));
                }
                Err(error) => {
                    log::debug(
                        "a frame was not looked at",
                        [("reason", format!("{error:?}"))],
                    );
                    // What the operator can mend is worth more than what was there first.
                    let mendable = matches!(error, Error::BadConfig(_));
                    if refused.is_none() || mendable {
                        refused = Some(error);
                    }
                }
            }
        }
        let pages = usize::from(settings.pages);
        frames.truncate(pages.saturating_sub(seen.len() - frames.len()));
        if frames.is_empty() || depth == settings.depth {
            break;
        }
        level = send_all(frames);
    }
    (found, refused)
}

fn look_at(answer: &Response, depth: u8) -> Look {
    let kind = answer.header("content-type").and_then(StreamKind::of_type);
    match kind {
        // A frame can be the stream itself.
        Some(kind) => Look::stream(answer.url(), kind, depth),
        None => {
            let text = answer.text();
            Look::at(&Page::parse(answer.url(), &text), &text, depth)
        }
    }
}

fn stream(found: Found, headers: &BTreeMap<String, String>) -> Stream {
    // As a browser's player on that page would send them.
    let origin = Url::parse(&found.page).map(|page| page.origin().ascii_serialization());
    let own = origin.map(|origin| [("Referer", format!("{origin}/")), ("Origin", origin)]);
    Stream::new(found.how, found.url, found.kind)
        .label(found.label)
        .height(found.height)
        .rank(found.rank)
        .headers(own.into_iter().flatten())
        .headers(headers)
}

f1_streams_plugin::export!(AnyPage);
