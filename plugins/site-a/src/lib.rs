//! Pages with a CSRF token and a session cookie, whose player asks for its
//! streams with a POST and gets each address inside a packed script.
//!
//! The site's address, its paths and every header value are its configuration.

use std::collections::BTreeMap;

use f1_streams_plugin::decode::{atob, js_string_after, unpack};
use f1_streams_plugin::{
    Error, Extractor, Hint, Info, Page, Site, Stream, destination, get, keep_good, layout_changed,
    post,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Settings {
    event_path: String,
    #[serde(default)]
    media_headers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    streams: Vec<Offer>,
}

#[derive(Deserialize)]
struct Offer {
    id: String,
    name: String,
    lang: Option<String>,
    height: Option<u32>,
    config: String,
}

struct SiteA;

impl Extractor for SiteA {
    fn info() -> Info {
        Info::new(env!("CARGO_PKG_NAME"), "Site A", env!("CARGO_PKG_VERSION")).hosts(["*"])
    }

    fn extract(_hint: &Hint) -> Result<Vec<Stream>, Error> {
        let site = Site::<Settings>::load()?;
        let (page, token) = event(&site)?;
        let player = page.one("#player")?;
        let answer: Answer = post(page.join(player.attr("data-endpoint")?)?)
            .form("event", player.attr("data-event")?)
            .form("_token", &token)
            .send()?
            .json()?;
        if answer.status != "ok" {
            return Err(layout_changed(format!("player status {}", answer.status)));
        }
        keep_good(answer.streams, |offer| stream(&site, offer))
    }

    fn probe() -> Result<(), Error> {
        event(&Site::load()?).map(drop)
    }
}

fn event(site: &Site<Settings>) -> Result<(Page, String), Error> {
    let page = get(site.url(&site.settings.event_path)?).send()?.page();
    let token = page
        .one("meta[name=csrf-token]")?
        .attr("content")?
        .to_owned();
    Ok((page, token))
}

fn stream(site: &Site<Settings>, offer: Offer) -> Result<Stream, Error> {
    let headers = &site.settings.media_headers;
    let hidden = atob(&js_string_after(&unpack(&offer.config)?, "atob(")?)?;
    let url = destination(&hidden, headers)?;
    Ok(Stream::hls(offer.id, url)
        .label(offer.name)
        .language(offer.lang)
        .height(offer.height)
        .headers(headers))
}

f1_streams_plugin::export!(SiteA);
