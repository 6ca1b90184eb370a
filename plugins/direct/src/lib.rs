//! Streams whose URLs the operator knows: cameras, licensed feeds, test
//! streams. It fetches nothing; whether they play is the host's to find out.

use std::collections::BTreeMap;

use f1_streams_plugin::{
    Error, Extractor, Hint, Info, Site, Stream, StreamKind, bad_config, distinct, id, opaque_id,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    streams: Vec<Configured>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Configured {
    id: Option<String>,
    url: String,
    label: Option<String>,
    language: Option<String>,
    height: Option<u32>,
    kind: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Origins that the headers are for; none means all.
    #[serde(default)]
    hosts: Vec<String>,
}

struct Direct;

impl Extractor for Direct {
    fn info() -> Info {
        let name = "Configured streams";
        Info::new(env!("CARGO_PKG_NAME"), name, env!("CARGO_PKG_VERSION"))
            .config_schema(include_str!("settings.json"))
    }

    fn extract(_hint: &Hint) -> Result<Vec<Stream>, Error> {
        let site = Site::<Settings>::load()?;
        // Settings are wrong as a whole: a stream that is left out in silence
        // would be missed on race day.
        let streams = (1..).zip(&site.settings.streams);
        let streams: Result<Vec<_>, _> = streams
            .map(|(number, one)| stream(&site, number, one))
            .collect();
        streams.map(distinct)
    }
}

fn stream(site: &Site<Settings>, number: usize, one: &Configured) -> Result<Stream, Error> {
    let url = site.url(&one.url)?;
    let kind = match &one.kind {
        None => StreamKind::of(&url).unwrap_or(StreamKind::Hls),
        Some(name) => StreamKind::named(name)
            .ok_or_else(|| bad_config(format!("kind {name} is not hls, dash or progressive")))?,
    };
    // Without its query, which may change.
    let place = url.split(['?', '#']).next().unwrap_or(&url);
    let id = match one.id.as_deref().or(one.label.as_deref()) {
        Some(name) => id(name),
        None => opaque_id(place),
    };
    let label = one.label.clone().or_else(|| one.id.clone());
    let hosts = one.hosts.iter().map(String::as_str);
    Ok(Stream::new(id, &url, kind)
        .label(label.unwrap_or_else(|| format!("Stream {number}")))
        .language(one.language.clone())
        .height(one.height)
        .headers_for(hosts, &one.headers))
}

f1_streams_plugin::export!(Direct);
