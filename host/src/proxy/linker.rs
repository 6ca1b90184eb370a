//! Turns what a playlist names into links.

use std::collections::HashMap;
use std::sync::Arc;

use url::Url;

use super::Renditions;
use super::links::{Kind, Link, Links};
use super::window::Address;
use crate::playlist::{Child, ChildKind, HintKind, Linker, Variables};

/// Links for one playlist of a stream.
pub(super) struct StreamLinker<'a> {
    pub(super) links: &'a Links,
    /// Path prefix of `server.public_url`.
    pub(super) prefix: &'a str,
    pub(super) stream: &'a str,
    pub(super) expires: i64,
    /// Whether the playlists that it names are the stream's own renditions, which
    /// outlive their URLs.
    pub(super) own: bool,
    /// What the stream's renditions are now, for reports that name them.
    pub(super) known: Option<Arc<Renditions>>,
    pub(super) found: Found,
}

/// What a playlist named.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The stream's own renditions: rendition key → upstream URL.
    pub(super) renditions: HashMap<String, Url>,
    pub(super) variables: Variables,
    /// What the window may hold.
    pub(super) segments: Vec<Address>,
}

impl StreamLinker<'_> {
    /// The rendition that `url` is now. A report may name it with another query.
    fn rendition(&self, url: &Url) -> Option<Link> {
        let known = self.known.as_ref()?;
        let bare = |url: &Url| (url.origin(), url.path().to_owned());
        let same = known.urls.iter().find(|(_, known)| *known == url);
        let mut alike = known
            .urls
            .iter()
            .filter(|(_, known)| bare(known) == bare(url));
        let only = || alike.next().filter(|_| alike.next().is_none());
        let (key, _) = same.or_else(only)?;
        Some(Link::Rendition {
            stream: self.stream.to_owned(),
            rendition: key.clone(),
            variables: known.variables.clone(),
        })
    }

    fn resource(&self, kind: Kind, child: &Child<'_>) -> Link {
        let is_playlist = kind == Kind::Playlist;
        Link::Resource {
            stream: self.stream.to_owned(),
            kind,
            url: child.url.as_str().to_owned(),
            expires: self.expires,
            variables: match is_playlist {
                true => child.variables.clone(),
                false => Variables::default(),
            },
        }
    }
}

impl Linker for StreamLinker<'_> {
    fn link(&mut self, child: &Child<'_>) -> Option<String> {
        let link = match child.rendition {
            Some(key) if self.own => {
                let found = &mut self.found;
                found
                    .renditions
                    .insert(key.as_str().to_owned(), child.url.clone());
                if found.renditions.len() == 1 {
                    found.variables = child.variables.clone();
                }
                Link::Rendition {
                    stream: self.stream.to_owned(),
                    rendition: key.as_str().to_owned(),
                    variables: child.variables.clone(),
                }
            }
            _ if child.kind == ChildKind::RenditionReport => self.rendition(child.url)?,
            _ => self.resource(kind(child)?, child),
        };
        if let Link::Resource { kind, url, .. } = &link
            && kind.is_kept()
        {
            self.found.segments.push(Address {
                kind: *kind,
                stream: self.stream.to_owned(),
                url: url.clone(),
            });
        }
        let path = self.links.path(&link);
        match self.prefix {
            "" => Some(path),
            prefix => Some(format!("{prefix}{path}")),
        }
    }
}

/// `None`: reports, which must equal the links of their playlists.
fn kind(child: &Child<'_>) -> Option<Kind> {
    Some(match child.kind {
        ChildKind::Variant
        | ChildKind::Rendition(_)
        | ChildKind::IFrame
        | ChildKind::Images
        | ChildKind::AssetPlaylist => Kind::Playlist,
        ChildKind::Init | ChildKind::Hint(HintKind::Init) => Kind::Init,
        ChildKind::Picture => Kind::Picture,
        ChildKind::Key => Kind::Key,
        ChildKind::SessionData => Kind::Data,
        ChildKind::AssetList => Kind::AssetList,
        ChildKind::Steering => Kind::Steering,
        ChildKind::Segment
        | ChildKind::Part
        | ChildKind::Hint(HintKind::Part)
        | ChildKind::Unknown => match (child.encrypted, child.mapped) {
            (false, false) => Kind::Segment,
            (false, true) => Kind::Fragment,
            (true, false) => Kind::SealedSegment,
            (true, true) => Kind::SealedFragment,
        },
        ChildKind::RenditionReport => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::playlist::{Context, Limits, decompress, rewrite};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    /// Keeps what each link was made for.
    struct Noted<'a> {
        linker: StreamLinker<'a>,
        made: Vec<(String, String)>,
    }

    impl Linker for Noted<'_> {
        fn link(&mut self, child: &Child<'_>) -> Option<String> {
            let link = self.linker.link(child)?;
            self.made.push((link.clone(), child.url.to_string()));
            Some(link)
        }
    }

    fn playlists(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => playlists(&path, found),
                path if path.extension().is_some_and(|ext| ext == "m3u8") => found.push(path),
                _ => {}
            }
        }
    }

    /// Every link that a text holds, as a player takes it from there.
    fn links_in(text: &str) -> impl Iterator<Item = &str> {
        let starts = text.match_indices("/pre/").map(|(at, _)| at);
        starts.map(|at| {
            let end = text[at..].find(['"', '\n', '\r', ',']);
            &text[at..end.map_or(text.len(), |end| at + end)]
        })
    }

    #[test]
    #[allow(clippy::print_stdout, reason = "how many were opened is the result")]
    fn every_link_in_a_rewritten_playlist_opens_to_what_stood_there() {
        let dir = tempfile::tempdir().expect("a directory");
        let hour = Duration::from_secs(3600);
        let links = Links::open(&dir.path().join("links.key"), hour, hour).expect("a key");
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut paths = Vec::new();
        playlists(&here.join("tests/playlists"), &mut paths);
        let own = paths.len();
        assert!(own >= 60, "{own}");
        // Of other people's, where they are present.
        playlists(&here.join("../../shared/corpus"), &mut paths);
        let base = Url::parse("http://up.test/live/pl.m3u8?tok=T1").expect("a URL");
        let mut opened = 0;
        for path in &paths {
            let body = fs::read(path).expect("a playlist");
            let body = decompress(&body, None, 1 << 20).expect("a playlist");
            let context = Context {
                base: &base,
                parent: &Variables::default(),
                limits: Limits {
                    lines: 100_000,
                    line: 64 << 10,
                    output: 32 << 20,
                    variables: 4 << 10,
                },
                directives: true,
            };
            let mut noted = Noted {
                linker: StreamLinker {
                    links: &links,
                    prefix: "/pre",
                    stream: "site.stream",
                    expires: links.expiry(NOW),
                    own: true,
                    known: None,
                    found: Found::default(),
                },
                made: Vec::new(),
            };
            let text = rewrite(&body, &context, &mut noted).body;
            let text = String::from_utf8(text).expect("UTF-8");
            let handed_out: Vec<_> = links_in(&text).collect();
            let path = path.display();
            let made: Vec<_> = noted.made.iter().map(|(link, _)| link.as_str()).collect();
            assert_eq!(handed_out, made, "{path}");
            let found = noted.linker.found;
            for (link, url) in &noted.made {
                let (address, token) = link.split_once("?url=").expect("a link");
                let mut parts = address.strip_prefix("/pre/").expect("a prefix").split('/');
                let route = match parts.next() {
                    Some("proxy") => super::super::Route::Proxy,
                    _ => super::super::Route::Relay,
                };
                let link = links.open_link(route, parts.next(), token, NOW);
                match link.unwrap_or_else(|error| panic!("{path}: {address}: {error}")) {
                    Link::Rendition { rendition, .. } => {
                        assert_eq!(found.renditions[&rendition].as_str(), url, "{path}");
                    }
                    Link::Resource { url: to, .. } => assert_eq!(to, *url, "{path}"),
                }
                opened += 1;
            }
        }
        let others = paths.len() - own;
        println!("{own} playlists of our own, {others} others: {opened} links opened");
    }
}
