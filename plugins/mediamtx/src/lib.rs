//! MediaMTX servers: `GET /v3/paths/list` of the control API lists what is
//! published, and each path is HLS at `:8888/<path>/index.m3u8`.

use f1_streams_plugin::{
    Error, Extractor, Hint, Info, Instance, Pattern, Request, Response, Site, Stream, always_there,
    bad_config, basic, gather, get, log, send_all,
};
use serde::Deserialize;
use url::Url;

const PATHS: &str = "/v3/paths/list";

/// MediaMTX's own default.
const PAGE: usize = 100;

/// Pages of one instance: more paths than a call may return.
const MAX_PAGES: u64 = 4;

/// Where MediaMTX serves HLS unless it is told otherwise.
const HLS_PORT: u16 = 8888;

/// `user:password`, by the name that an instance gives.
const SECRETS: [&str; 4] = ["login", "login-2", "login-3", "login-4"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default)]
    instances: Vec<Instance<Own>>,
    #[serde(rename = "match")]
    matching: Option<Pattern>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    /// Base URL of its HLS, where that is elsewhere.
    hls: Option<String>,
    /// One of [`SECRETS`].
    secret: Option<String>,
}

/// An instance with what its requests need.
struct Server {
    instance: Instance<Own>,
    hls: Url,
    authorization: Option<String>,
}

struct MediaMtx;

impl Extractor for MediaMtx {
    fn info() -> Info {
        Info::new(
            env!("CARGO_PKG_NAME"),
            "MediaMTX",
            env!("CARGO_PKG_VERSION"),
        )
        .hosts(["*"])
        .secrets(SECRETS)
        .config_schema(include_str!("settings.json"))
    }

    fn extract(_hint: &Hint) -> Result<Vec<Stream>, Error> {
        let mut site = Site::<Settings>::load()?;
        let listed = std::mem::take(&mut site.settings.instances);
        let instances = site.instances(listed)?.into_iter();
        let servers: Vec<_> = instances
            .map(|one| Server::new(&site, one))
            .collect::<Result<_, _>>()?;

        let first = servers.iter().map(|server| server.page(0));
        let first = send_all(first.collect::<Result<_, _>>()?);
        let (mut found, mut more) = (Vec::new(), Vec::new());
        for (server, answer) in servers.iter().zip(first) {
            let page =
                always_there(answer, PATHS).and_then(|page| server.read(&site.settings, &page));
            let (streams, pages) = match page {
                Ok((streams, pages)) => (Ok(streams), pages),
                Err(error) => (Err(error), 0),
            };
            found.push((server.instance.name(), streams));
            more.extend((1..pages.min(MAX_PAGES)).map(|page| (server, page)));
        }
        let next = more.iter().map(|(server, page)| server.page(*page));
        let next = send_all(next.collect::<Result<_, _>>()?);
        for ((server, _), answer) in more.iter().zip(next) {
            let page = answer.and_then(|page| server.read(&site.settings, &page));
            found.push((server.instance.name(), page.map(|(streams, _)| streams)));
        }
        gather(found)
    }
}

impl Server {
    fn new(site: &Site<Settings>, instance: Instance<Own>) -> Result<Self, Error> {
        let wrong = |what: &str| bad_config(format!("{}: {what}", instance.name()));
        let base = instance.own.hls.as_deref().unwrap_or(instance.base());
        let mut hls = Url::parse(base).map_err(|_| wrong("no absolute URL"))?;
        if instance.own.hls.is_none() {
            hls.set_port(Some(HLS_PORT))
                .map_err(|()| wrong("no absolute URL"))?;
            hls.set_path("");
        }
        let secret = match instance.own.secret.as_deref() {
            Some(name) if !SECRETS.contains(&name) => {
                return Err(wrong(&format!("secret is one of {}", SECRETS.join(", "))));
            }
            Some(name) => Some(site.secret(name)?),
            None => None,
        };
        Ok(Self {
            authorization: secret.as_deref().map(basic),
            instance,
            hls,
        })
    }

    fn page(&self, page: u64) -> Result<Request, Error> {
        let url = self
            .instance
            .url(&format!("{PATHS}?itemsPerPage={PAGE}&page={page}"))?;
        let authorization = self.authorization.iter();
        Ok(get(url).headers(authorization.map(|value| ("authorization", value))))
    }

    /// The streams of a page of paths, and how many pages there are.
    fn read(&self, settings: &Settings, page: &Response) -> Result<(Vec<Stream>, u64), Error> {
        let page = page.value()?;
        let pages = page.at("/pageCount")?.number()?;
        let mut streams = Vec::new();
        for path in page.at("/items")?.items()? {
            let name = path.at("/name")?.text()?.to_owned();
            // Newer versions say `available`, older ones `ready`.
            let sends = ["/available", "/ready"]
                .iter()
                .find_map(|key| path.maybe(key));
            let sends = match sends {
                Some(sends) => sends.flag()?,
                None => path.at("/ready")?.flag()?,
            };
            if sends
                && settings
                    .matching
                    .as_ref()
                    .is_none_or(|pattern| pattern.is_in(&name))
            {
                streams.push(self.stream(&name)?);
            }
        }
        if pages > MAX_PAGES {
            let fields = [
                ("instance", self.instance.name()),
                ("pages", pages.to_string()),
            ];
            log::warn("more paths than are read; narrow `match`", fields);
        }
        Ok((streams, pages))
    }

    fn stream(&self, path: &str) -> Result<Stream, Error> {
        let mut url = self.hls.clone();
        url.path_segments_mut()
            .map_err(|()| bad_config("hls is no base URL"))?
            .pop_if_empty()
            .extend(path.split('/'))
            .push("index.m3u8");
        let origin = url.origin().ascii_serialization();
        let authorization = self.authorization.iter();
        let label = self.instance.configured_label();
        Ok(Stream::hls(self.instance.id(path), url)
            .label(label.map_or_else(|| path.to_owned(), |label| format!("{label}: {path}")))
            .headers_for(
                [origin.as_str()],
                authorization.map(|value| ("Authorization", value)),
            ))
    }
}

f1_streams_plugin::export!(MediaMtx);
