//! Sites with a log-in form and a JSON API: pages of streams whose signed
//! addresses soon expire.
//!
//! The session's cookie stays in the host's jar, so that most calls find it
//! there and do not log in; nothing else is kept. Site, paths, user and
//! password are its configuration.

use std::collections::BTreeMap;

use f1_streams_plugin::{
    BlockReason, Error, Extractor, Hint, Info, Json, Page, Response, Site, Stream, always_there,
    get, keep_good, layout_changed, post,
};
use serde::Deserialize;

/// Pages of the API that one call reads. More is not a list for viewers.
const MAX_PAGES: usize = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    login_path: String,
    streams_path: String,
    #[serde(default)]
    media_headers: BTreeMap<String, String>,
}

struct SiteB;

impl Extractor for SiteB {
    fn info() -> Info {
        Info::new(env!("CARGO_PKG_NAME"), "Site B", env!("CARGO_PKG_VERSION"))
            .hosts(["*"])
            .secrets(["user", "password"])
            .config_schema(include_str!("settings.json"))
    }

    fn extract(_hint: &Hint) -> Result<Vec<Stream>, Error> {
        let site = Site::<Settings>::load()?;
        let mut offers = Vec::new();
        let mut page = first_page(&site)?;
        for _ in 0..MAX_PAGES {
            let list = page.value()?;
            offers.extend(live(&list)?);
            let Some(next) = list.maybe("/next") else {
                break;
            };
            page = get(page.join(next.text()?)?).send()?;
        }
        keep_good(offers, |offer| stream(&site, &offer))
    }

    fn probe() -> Result<(), Error> {
        first_page(&Site::load()?)?
            .value()?
            .at("/streams")
            .map(drop)
    }
}

/// The first page of the API, after a log-in where there is no session.
fn first_page(site: &Site<Settings>) -> Result<Response, Error> {
    let url = site.url(&site.settings.streams_path)?;
    let ask = || always_there(get(&url).send(), &site.settings.streams_path);
    match ask() {
        Err(Error::Blocked(BlockReason::LoginRequired)) => {
            log_in(site)?;
            ask()
        }
        answer => answer,
    }
}

fn log_in(site: &Site<Settings>) -> Result<(), Error> {
    let path = &site.settings.login_path;
    let page = always_there(get(site.url(path)?).send(), path)?.page();
    let form = form(&page)?;
    let mut request = post(page.join(form.action)?);
    for (name, value) in &form.hidden {
        request = request.form(name, value);
    }
    let answer = request
        .form(form.user, &site.secret("user")?)
        .form(form.password, &site.secret("password")?)
        .send()?;
    // Who is let in gets another page; who is not, the form again.
    match self::form(&answer.page()) {
        Ok(_) => Err(Error::Blocked(BlockReason::LoginRequired)),
        Err(_) => Ok(()),
    }
}

/// What a log-in form wants.
struct Form<'p> {
    action: &'p str,
    hidden: Vec<(&'p str, &'p str)>,
    user: &'p str,
    password: &'p str,
}

fn form(page: &Page) -> Result<Form<'_>, Error> {
    let form = page.one("form:has(input[type=password])")?;
    let hidden = form.all("input[type=hidden][name][value]")?;
    let hidden: Result<_, Error> = hidden
        .iter()
        .map(|field| Ok((field.attr("name")?, field.attr("value")?)))
        .collect();
    let user = "input[name]:not([type]), input[name][type=text], input[name][type=email]";
    Ok(Form {
        action: form.attr("action").unwrap_or_default(),
        hidden: hidden?,
        user: form.one(user)?.attr("name")?,
        password: form.one("input[type=password]")?.attr("name")?,
    })
}

/// What a page of the API offers that is on.
struct Offer {
    id: String,
    title: String,
    language: Option<String>,
    height: Option<u32>,
    url: Option<String>,
    /// Seconds since 1970.
    expires: Option<u64>,
}

fn live(list: &Json<'_>) -> Result<Vec<Offer>, Error> {
    let mut offers = Vec::new();
    for entry in list.at("/streams")?.items()? {
        if !entry.at("/live")?.flag()? {
            continue;
        }
        let text = |pointer| match entry.maybe(pointer) {
            Some(text) => text.text().map(|text| Some(text.to_owned())),
            None => Ok(None),
        };
        let number = |pointer| entry.maybe(pointer).and_then(|number| number.number().ok());
        offers.push(Offer {
            id: entry.at("/id")?.text()?.to_owned(),
            title: entry.at("/title")?.text()?.to_owned(),
            language: text("/language")?,
            height: number("/height").and_then(|height| u32::try_from(height).ok()),
            url: text("/url")?,
            expires: number("/expires"),
        });
    }
    Ok(offers)
}

fn stream(site: &Site<Settings>, offer: &Offer) -> Result<Stream, Error> {
    let url = offer.url.as_ref();
    let url = url.ok_or_else(|| layout_changed(format!("url of stream {}", offer.id)))?;
    let stream = Stream::hls(&offer.id, url)
        .label(&offer.title)
        .language(offer.language.clone())
        .height(offer.height)
        .headers(&site.settings.media_headers);
    Ok(match offer.expires {
        Some(seconds) => stream.expires_at(seconds.saturating_mul(1000)),
        None => stream,
    })
}

f1_streams_plugin::export!(SiteB);
