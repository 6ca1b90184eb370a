//! Turns what a playlist names into links.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use url::Url;

use super::links::{Kind, Link, Links};
use super::renditions::Renditions;
use super::window::Digest;
use crate::playlist::{Child, ChildKind, HintKind, Linker, Variables};

/// Links for one playlist of a stream.
pub(super) struct StreamLinker<'a> {
    pub(super) links: &'a Links,
    /// What stands before every path: of `server.public_media_url` or `public_url`.
    pub(super) prefix: &'a str,
    pub(super) stream: &'a str,
    pub(super) expires: i64,
    /// What players compare from one text to the next expires later.
    pub(super) expires_late: i64,
    /// Whether the playlists that it names are the stream's own renditions, which
    /// outlive their URLs.
    pub(super) own: bool,
    /// What the stream's renditions are now, for reports that name them.
    pub(super) known: Option<Arc<Renditions>>,
    /// Where the playlist was asked for, and where it came from.
    pub(super) moved: Option<(&'a Url, &'a Url)>,
    pub(super) found: Found,
}

/// What a playlist named.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The stream's own renditions: keys and upstream URLs, in their order.
    pub(super) renditions: Vec<(String, Url)>,
    pub(super) variables: Variables,
    /// What the window may hold.
    pub(super) segments: Vec<Digest>,
}

impl StreamLinker<'_> {
    /// The link of the rendition that a report names. Behind a redirect, reports
    /// lie beside where it led, and renditions beside where it began.
    fn rendition(&self, url: &Url) -> Option<Link> {
        let known = self.known.as_ref()?;
        let unmoved = || {
            let (asked, found) = self.moved?;
            let url = asked.join(&found.make_relative(url)?).ok()?;
            known.key(&url)
        };
        Some(Link::Rendition {
            stream: self.stream.to_owned(),
            rendition: known.key(url).or_else(unmoved)?.to_owned(),
            variables: known.variables.clone(),
        })
    }

    fn resource(&self, kind: Kind, child: &Child<'_>) -> Link {
        let is_playlist = kind == Kind::Playlist;
        Link::Resource {
            stream: self.stream.to_owned(),
            kind,
            url: child.url.as_str().to_owned(),
            expires: match child.kind {
                // A date range is not the same with another link in it.
                ChildKind::AssetList | ChildKind::AssetPlaylist | ChildKind::Unknown => {
                    self.expires_late
                }
                _ => self.expires,
            },
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
                let (found, key) = (&mut self.found, key.as_str().to_owned());
                if found.renditions.is_empty() {
                    found.variables = child.variables.clone();
                }
                found.renditions.push((key.clone(), child.url.clone()));
                Link::Rendition {
                    stream: self.stream.to_owned(),
                    rendition: key,
                    variables: child.variables.clone(),
                }
            }
            _ if child.kind == ChildKind::RenditionReport => self.rendition(child.url)?,
            _ => self.resource(kind(child)?, child),
        };
        if let Link::Resource { kind, url, .. } = &link
            && kind.is_kept()
        {
            let digest = Digest::of(*kind, self.stream, url);
            self.found.segments.push(digest);
        }
        Some(self.links.path_below(self.prefix, &link))
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
