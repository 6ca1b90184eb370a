//! PeerTube servers: `GET /api/v1/videos?isLive=true` lists live videos, `GET
//! /api/v1/videos/{id}` has the playlist of one.

use f1_streams_plugin::{
    Error, Extractor, Hint, Info, Instance, Json, Pattern, Response, Site, Stream, always_there,
    gather, get, log, send_all,
};
use serde::Deserialize;

const VIDEOS: &str = "/api/v1/videos";

/// PeerTube's own longest page.
const PAGE: usize = 100;

/// Videos that are asked for in one call: with the lists of its instances it
/// stays within a call's 64 requests.
const MAX_VIDEOS: usize = 32;

/// `VideoState` of one that is on; the others wait or have ended.
const PUBLISHED: u64 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default)]
    instances: Vec<Instance>,
    /// Also videos of other servers that these know.
    #[serde(default)]
    federated: bool,
    #[serde(rename = "match")]
    matching: Option<Pattern>,
}

struct PeerTube;

impl Extractor for PeerTube {
    fn info() -> Info {
        Info::new(
            env!("CARGO_PKG_NAME"),
            "PeerTube",
            env!("CARGO_PKG_VERSION"),
        )
        .hosts(["*"])
        .config_schema(include_str!("settings.json"))
    }

    fn extract(_hint: &Hint) -> Result<Vec<Stream>, Error> {
        let mut site = Site::<Settings>::load()?;
        let listed = std::mem::take(&mut site.settings.instances);
        let instances = site.instances(listed)?;
        let local = if site.settings.federated {
            ""
        } else {
            "&isLocal=true"
        };
        let query = format!("{VIDEOS}?isLive=true{local}&sort=-publishedAt&count={PAGE}");
        let lists = instances
            .iter()
            .map(|instance| Ok(get(instance.url(&query)?)));
        let lists = send_all(lists.collect::<Result<_, Error>>()?);

        let mut found = Vec::new();
        let mut wanted = Vec::new();
        for (instance, list) in instances.iter().zip(lists) {
            match live(&site.settings, list) {
                Ok(ids) => wanted.extend(ids.into_iter().map(|id| (instance, id))),
                Err(error) => found.push((instance.name(), Err(error))),
            }
        }
        if wanted.len() > MAX_VIDEOS {
            let fields = [("left_out", wanted.len() - MAX_VIDEOS)];
            log::warn("more videos are live than fit; narrow `match`", fields);
            wanted.truncate(MAX_VIDEOS);
        }
        let videos = wanted
            .iter()
            .map(|(instance, id)| Ok(get(instance.url(&format!("{VIDEOS}/{id}"))?)));
        let videos = send_all(videos.collect::<Result<_, Error>>()?);
        for ((instance, id), video) in wanted.iter().zip(videos) {
            found.push((instance.name(), stream(instance, id, video)));
        }
        gather(found)
    }
}

/// The ids of an instance's videos that are on.
fn live(settings: &Settings, answer: Result<Response, Error>) -> Result<Vec<String>, Error> {
    let list = always_there(answer, VIDEOS)?.value()?;
    let mut ids = Vec::new();
    for video in list.at("/data")?.items()? {
        let name = video.at("/name")?.text()?.to_owned();
        let on = video.maybe("/isLive").is_some_and(|live| live.flag() == Ok(true))
            // Older servers have no state here.
            && video.maybe("/state/id").is_none_or(|state| state.number() == Ok(PUBLISHED));
        let fits = settings
            .matching
            .as_ref()
            .is_none_or(|pattern| pattern.is_in(&name));
        if on && fits {
            ids.push(video.at("/uuid")?.text()?.to_owned());
        }
    }
    if ids.is_empty() {
        Err(Error::NotFound)
    } else {
        Ok(ids)
    }
}

fn stream(
    instance: &Instance,
    id: &str,
    answer: Result<Response, Error>,
) -> Result<Vec<Stream>, Error> {
    let answer = answer?;
    let video = answer.value()?;
    let playlists = video.at("/streamingPlaylists")?;
    // Announced, and not sending yet.
    let Some(playlist) = playlists.items()?.into_iter().next() else {
        return Err(Error::NotFound);
    };
    let url = answer.join(playlist.at("/playlistUrl")?.text()?)?;
    let text = |pointer| {
        video
            .maybe(pointer)
            .and_then(|text: Json<'_>| Some(text.text().ok()?.to_owned()))
    };
    Ok(vec![
        Stream::hls(instance.id(id), url)
            .label(video.at("/name")?.text()?)
            .language(text("/language/id"))
            .height(height(&playlist))
            .attribute("channel", text("/channel/displayName").unwrap_or_default()),
    ])
}

/// The best of its resolutions, where it says.
fn height(playlist: &Json<'_>) -> Option<u32> {
    let files = playlist.maybe("/files")?;
    let files = files.items().ok()?;
    let heights = files
        .iter()
        .filter_map(|file| file.maybe("/resolution/id")?.number().ok());
    heights.max().and_then(|height| u32::try_from(height).ok())
}

f1_streams_plugin::export!(PeerTube);
