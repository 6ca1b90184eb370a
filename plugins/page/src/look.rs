//! What one page shows: streams, and frames to look into.

use f1_streams_plugin::decode::{js_values, media_links, unpack};
use f1_streams_plugin::{Element, Json, Page, StreamKind};

/// Frames of one page; the rest are advertisements at the latest.
const MAX_FRAMES: usize = 8;

/// Scripts of one page that are read for what they put together.
const MAX_SCRIPTS: usize = 64;

/// Objects inside of objects in JSON-LD.
const MAX_DEPTH: usize = 8;

/// A stream and where it was found.
pub(crate) struct Found {
    pub(crate) url: String,
    pub(crate) kind: StreamKind,
    /// The page that shows it.
    pub(crate) page: String,
    pub(crate) label: String,
    pub(crate) height: Option<u32>,
    /// The way it was found: steadier than an address.
    pub(crate) how: &'static str,
    pub(crate) rank: i32,
}

/// What one page shows.
#[derive(Default)]
pub(crate) struct Look {
    pub(crate) found: Vec<Found>,
    pub(crate) frames: Vec<String>,
}

/// The page being looked at.
struct Looking<'p> {
    page: &'p Page,
    title: String,
    depth: u8,
    look: Look,
}

impl Look {
    /// An address that turned out to be a stream.
    pub(crate) fn stream(url: &str, kind: StreamKind, depth: u8) -> Self {
        let found = Found {
            url: url.into(),
            kind,
            page: url.into(),
            label: "Live".into(),
            height: None,
            how: "frame",
            rank: 50 - i32::from(depth),
        };
        Self {
            found: vec![found],
            frames: Vec::new(),
        }
    }

    /// Looks at a page; `text` is what it was parsed from.
    pub(crate) fn at(page: &Page, text: &str, depth: u8) -> Self {
        let title = page.meta("og:title").map(String::from);
        let title = title.or_else(|| page.one("title").ok().map(|title| title.text()));
        let title = title.map(|title| title.trim().to_owned());
        let mut looking = Looking {
            page,
            title: title
                .filter(|title| !title.is_empty())
                .unwrap_or("Live".into()),
            depth,
            look: Self::default(),
        };
        looking.elements();
        looking.linked_data();
        looking.open_graph();
        looking.text(text);
        looking.scripts();
        looking.frames();
        looking.look.frames.truncate(MAX_FRAMES);
        looking.look
    }
}

impl Looking<'_> {
    fn elements(&mut self) {
        let players = "video[src], audio[src], video source[src], audio source[src]";
        for element in self.page.all(players).unwrap_or_default() {
            let Ok(link) = element.attr("src") else {
                continue;
            };
            let kind = element.attr("type").ok().and_then(StreamKind::of_type);
            // What a browser plays without a script is one resource.
            let kind = kind.unwrap_or(StreamKind::Progressive);
            let attr = |names: &[&str]| names.iter().find_map(|name| element.attr(name).ok());
            let label = attr(&["title", "label", "aria-label"]);
            let height = attr(&["size", "res", "height", "label"]).and_then(lines);
            self.add("video", 40, link, Some(kind), label, height);
        }
    }

    fn linked_data(&mut self) {
        for object in self.page.json_ld() {
            self.object(&object, MAX_DEPTH);
        }
        for name in ["contentUrl", "embedUrl"] {
            if let Some(link) = self.page.meta(name) {
                self.stream_or_frame("json-ld", 30, link, None);
            }
        }
    }

    fn object(&mut self, object: &Json<'_>, depth: usize) {
        let label = object.maybe("/name");
        let label = label.as_ref().and_then(|name| name.text().ok());
        for pointer in ["/contentUrl", "/embedUrl"] {
            let link = object.maybe(pointer);
            if let Some(link) = link.as_ref().and_then(|link| link.text().ok()) {
                self.stream_or_frame("json-ld", 30, link, label);
            }
        }
        if depth == 0 {
            return;
        }
        for pointer in [
            "/video",
            "/mainEntity",
            "/subjectOf",
            "/workPerformed",
            "/recordedIn",
            "/publication",
        ] {
            let Some(inner) = object.maybe(pointer) else {
                continue;
            };
            match inner.items() {
                Ok(items) => items.iter().for_each(|item| self.object(item, depth - 1)),
                Err(_) => self.object(&inner, depth - 1),
            }
        }
    }

    fn open_graph(&mut self) {
        let kind = self
            .page
            .meta("og:video:type")
            .and_then(StreamKind::of_type);
        for name in ["og:video:secure_url", "og:video:url", "og:video"] {
            match (self.page.meta(name), kind) {
                (Some(link), Some(kind)) => {
                    self.add("open-graph", 20, link, Some(kind), None, None);
                }
                (Some(link), None) => self.stream_or_frame("open-graph", 20, link, None),
                (None, _) => {}
            }
        }
        if let Some(link) = self.page.meta("twitter:player:stream") {
            self.add("open-graph", 20, link, None, None, None);
        }
        if let Some(link) = self.page.meta("twitter:player") {
            self.frame(link);
        }
    }

    fn text(&mut self, text: &str) {
        for link in media_links(text) {
            self.add("script", 10, &link, None, None, None);
        }
    }

    fn scripts(&mut self) {
        let scripts = self.page.all("script:not([src])").unwrap_or_default();
        for script in scripts.iter().take(MAX_SCRIPTS).map(Element::text) {
            let unpacked = unpack(&script).unwrap_or_default();
            let made = js_values(&script).into_iter().chain(js_values(&unpacked));
            // In quotes, as a relative address needs them.
            let made: String = made.map(|value| format!("\"{value}\"\n")).collect();
            self.text(&unpacked);
            self.text(&made);
        }
    }

    fn frames(&mut self) {
        for (selector, name) in [
            ("iframe[src]", "src"),
            ("iframe[data-src]", "data-src"),
            ("embed[src]", "src"),
            ("object[data]", "data"),
        ] {
            for element in self.page.all(selector).unwrap_or_default() {
                if let Ok(link) = element.attr(name) {
                    self.stream_or_frame("frame", 30, link, None);
                }
            }
        }
    }

    fn stream_or_frame(&mut self, how: &'static str, rank: i32, link: &str, label: Option<&str>) {
        let url = self.page.join(link);
        match url.ok().and_then(|url| StreamKind::of(&url)) {
            Some(kind) => self.add(how, rank, link, Some(kind), label, None),
            None => self.frame(link),
        }
    }

    fn frame(&mut self, link: &str) {
        if let Some(url) = web(self.page.join(link).ok())
            && !self.look.frames.contains(&url)
        {
            self.look.frames.push(url);
        }
    }

    fn add(
        &mut self,
        how: &'static str,
        rank: i32,
        link: &str,
        kind: Option<StreamKind>,
        label: Option<&str>,
        height: Option<u32>,
    ) {
        let Some(url) = web(self.page.join(link).ok()) else {
            return;
        };
        // The address knows better than what stands beside it.
        let Some(kind) = StreamKind::of(&url).or(kind) else {
            return;
        };
        let label = label.map(str::trim).filter(|label| !label.is_empty());
        self.look.found.push(Found {
            url,
            kind,
            page: self.page.url().into(),
            label: label.unwrap_or(&self.title).to_owned(),
            height,
            how,
            rank: rank - i32::from(self.depth),
        });
    }
}

/// Not `blob:`, `data:`, `about:` or `javascript:`.
fn web(url: Option<String>) -> Option<String> {
    url.filter(|url| url.starts_with("https://") || url.starts_with("http://"))
}

/// `1080`, `1080p`.
fn lines(text: &str) -> Option<u32> {
    let text = text.trim().trim_end_matches(['p', 'P']);
    text.parse()
        .ok()
        .filter(|lines| (100..10_000).contains(lines))
}
