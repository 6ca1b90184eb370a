//! Turns what a playlist names into links.

use std::collections::HashMap;
use std::sync::Arc;

use url::Url;

use super::links::{Kind, Link};
use super::window::Address;
use super::{Proxy, Renditions};
use crate::playlist::{Child, ChildKind, HintKind, Linker, Variables};

/// Links for one playlist of a stream.
pub(super) struct StreamLinker<'a> {
    proxy: &'a Proxy,
    stream: &'a str,
    expires: i64,
    /// Whether the playlists that it names are the stream's own renditions, which
    /// outlive their URLs.
    own: bool,
    /// What the stream's renditions are now, for reports that name them.
    known: Option<Arc<Renditions>>,
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

impl<'a> StreamLinker<'a> {
    pub(super) fn new(proxy: &'a Proxy, stream: &'a str, own: bool) -> Self {
        Self {
            proxy,
            stream,
            expires: proxy.0.links.expiry(proxy.0.clock.now()),
            own,
            known: proxy.0.renditions.get(stream),
            found: Found::default(),
        }
    }

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
        let path = self.proxy.0.links.path(&link);
        match self.proxy.0.prefix.as_str() {
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
