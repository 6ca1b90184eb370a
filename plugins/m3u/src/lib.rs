//! An M3U list as IPTV applications read it: its channels become streams, its
//! `tvg-*` attributes ids, names and languages, its header options header
//! rules. The best matches come first, and the host takes no more than 100.

use std::cmp::Reverse;

use f1_streams_plugin::m3u::{Entry, entries};
use f1_streams_plugin::{
    Error, Extractor, Hint, Info, Pattern, Protection, Response, Site, Stream, StreamKind,
    bad_config, distinct, get, id, log, opaque_id,
};
use serde::Deserialize;

/// What the host takes by default.
const MAX_STREAMS: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// A path below the base URL, or an absolute URL; else the base URL itself.
    list: Option<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(rename = "match")]
    matching: Option<Pattern>,
    /// What an address leads to whose ending does not say so.
    kind: Option<String>,
}

struct M3u;

impl Extractor for M3u {
    fn info() -> Info {
        Info::new(
            env!("CARGO_PKG_NAME"),
            "M3U list",
            env!("CARGO_PKG_VERSION"),
        )
        .hosts(["*"])
        .config_schema(include_str!("settings.json"))
    }

    fn extract(hint: &Hint) -> Result<Vec<Stream>, Error> {
        let site = Site::<Settings>::load()?;
        let kind = kind(&site.settings)?;
        let answer = get(list(&site)?).send()?;
        let text = answer.text();
        let wanted = wanted(&text, &site.settings)?;
        let words = words(hint);
        // Ids first: they must not depend on which event is on.
        let streams = wanted.iter().map(|(_, entry)| stream(&answer, entry, kind));
        let streams = distinct(streams.collect());
        let order = wanted
            .iter()
            .map(|(group, entry)| (Reverse(matches(entry, &words)), *group));
        let mut streams: Vec<_> = order.zip(streams).collect();
        // Stable, so that equal ones stay in the list's order.
        streams.sort_by_key(|(order, _)| *order);
        let left_out = streams.len().saturating_sub(MAX_STREAMS);
        if left_out > 0 {
            let fields = [("left_out", left_out), ("kept", MAX_STREAMS)];
            log::warn(
                "more channels match than fit; narrow `groups` or `match`",
                fields,
            );
        }
        streams.truncate(MAX_STREAMS);
        Ok(streams.into_iter().map(|(_, stream)| stream).collect())
    }

    fn probe() -> Result<(), Error> {
        let answer = get(list(&Site::load()?)?).send()?;
        entries(&answer.text()).map(drop)
    }
}

fn list(site: &Site<Settings>) -> Result<String, Error> {
    match &site.settings.list {
        Some(path) => site.url(path),
        None => Ok(site.base()?.to_owned()),
    }
}

fn kind(settings: &Settings) -> Result<StreamKind, Error> {
    let name = settings.kind.as_deref().unwrap_or("hls");
    StreamKind::named(name)
        .ok_or_else(|| bad_config(format!("kind {name} is not hls, dash or progressive")))
}

/// The entries that the settings let through, each with its group's place.
fn wanted(text: &str, settings: &Settings) -> Result<Vec<(usize, Entry)>, Error> {
    let group = |entry: &Entry| {
        let named = entry.group.as_deref().unwrap_or_default();
        let mut groups = settings.groups.iter();
        match settings.groups.is_empty() {
            true => Some(0),
            // One entry can be in several groups: `Sport;Motor`.
            false => groups.position(|wanted| {
                let mut parts = named.split(';').chain([named]);
                parts.any(|part| part.trim().eq_ignore_ascii_case(wanted.trim()))
            }),
        }
    };
    let found = entries(text)?.filter_map(|entry| {
        let matching = settings.matching.as_ref();
        let texts = [
            Some(entry.title.as_str()),
            entry.name.as_deref(),
            entry.id.as_deref(),
        ];
        let fits = |pattern: &Pattern| texts.iter().flatten().any(|text| pattern.is_in(text));
        let fits = matching.is_none_or(fits);
        let group = group(&entry).filter(|_| fits)?;
        Some((group, entry))
    });
    Ok(found.collect())
}

/// The words of the session that can tell a channel's name.
fn words(hint: &Hint) -> Vec<String> {
    let name = hint
        .event_name
        .as_deref()
        .unwrap_or_default()
        .to_lowercase();
    let words = name.split(|c: char| !c.is_alphanumeric());
    let common = ["grand", "prix"];
    words
        .filter(|word| word.chars().count() > 2 && !common.contains(word))
        .map(String::from)
        .collect()
}

fn matches(entry: &Entry, words: &[String]) -> usize {
    let label = entry.label().unwrap_or_default().to_lowercase();
    words.iter().filter(|word| label.contains(*word)).count()
}

fn stream(answer: &Response, entry: &Entry, kind: StreamKind) -> Stream {
    // An address that is none is refused by the host, where its operator sees it.
    let url = answer
        .join(&entry.url)
        .unwrap_or_else(|_| entry.url.clone());
    let name = entry.id.as_deref().or(entry.label());
    let place = entry.url.split('?').next().unwrap_or_default();
    let id = name.map_or_else(|| opaque_id(place), id);
    Stream::new(id, url, entry.kind.unwrap_or(kind))
        .label(entry.label().unwrap_or("A channel without a name"))
        .language(entry.language.clone())
        .headers(entry.headers.iter().map(|(name, value)| (name, value)))
        .protection(entry.protection.unwrap_or(Protection::None))
}

f1_streams_plugin::export!(M3u);
