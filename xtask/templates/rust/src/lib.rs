//! What the site shows, and where its stream is found.

use f1_streams_plugin::{Error, Extractor, Hint, Info, Site, Stream, get};
use serde::Deserialize;

#[derive(Deserialize)]
struct Settings {
    page: String,
}

#[derive(Deserialize)]
struct Live {
    live: bool,
    title: String,
    url: String,
}

struct Plugin;

impl Extractor for Plugin {
    fn info() -> Info {
        Info::new(env!("CARGO_PKG_NAME"), "template", env!("CARGO_PKG_VERSION")).hosts(["*"])
    }

    fn extract(_hint: &Hint) -> Result<Vec<Stream>, Error> {
        let site = Site::<Settings>::load()?;
        let answer = get(site.url(&site.settings.page)?).send()?;
        let page: Live = answer.json()?;
        if !page.live {
            return Err(Error::NotFound);
        }
        let url = answer.join(&page.url)?;
        Ok(vec![Stream::hls("main", url).label(page.title)])
    }
}

f1_streams_plugin::export!(Plugin);
