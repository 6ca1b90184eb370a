//! Owncast servers: `GET /api/status` says whether a stream is on, `GET
//! /api/config` what the server calls itself; the stream itself is always at
//! `/hls/stream.m3u8`.

use f1_streams_plugin::{
    Error, Extractor, Hint, Info, Instance, Instances, Response, Stream, always_there, gather, get,
    send_all,
};

const STATUS: &str = "/api/status";
const CONFIG: &str = "/api/config";
const STREAM: &str = "/hls/stream.m3u8";

struct Owncast;

impl Extractor for Owncast {
    fn info() -> Info {
        Info::new(env!("CARGO_PKG_NAME"), "Owncast", env!("CARGO_PKG_VERSION"))
            .hosts(["*"])
            .config_schema(include_str!("settings.json"))
    }

    fn extract(_hint: &Hint) -> Result<Vec<Stream>, Error> {
        let instances: Vec<Instance> = Instances::load()?;
        let mut requests = Vec::new();
        for instance in &instances {
            requests.push(get(instance.url(STATUS)?));
            requests.push(get(instance.url(CONFIG)?));
        }
        let mut answers = send_all(requests).into_iter();
        let found = instances.iter().map(|instance| {
            let (status, config) = (answers.next(), answers.next());
            (instance.name(), stream(instance, status, config))
        });
        gather(found)
    }
}

type Answer = Option<Result<Response, Error>>;

fn stream(instance: &Instance, status: Answer, config: Answer) -> Result<Vec<Stream>, Error> {
    let status = always_there(status.unwrap_or(Err(Error::NotFound)), STATUS)?.value()?;
    if !status.at("/online")?.flag()? {
        return Err(Error::NotFound);
    }
    // The stream plays without the server's name.
    let config = config.and_then(|config| config.ok()?.value().ok());
    let name = config.as_ref().and_then(|config| config.maybe("/name"));
    let mut label = instance.label(name.as_ref().and_then(|name| name.text().ok()));
    let title = status.maybe("/streamTitle");
    let title = title.as_ref().and_then(|title| title.text().ok());
    if let Some(title) = title.map(str::trim).filter(|title| !title.is_empty()) {
        label = format!("{label}: {title}");
    }
    let url = instance.url(STREAM)?;
    Ok(vec![Stream::hls(instance.id("live"), url).label(label)])
}

f1_streams_plugin::export!(Owncast);
