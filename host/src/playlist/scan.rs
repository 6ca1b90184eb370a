//! What has to be known of a whole playlist before its first line is rewritten.

use memchr::memmem;
use url::Url;

use super::problem::Limits;
use super::tokenise::{Token, lines};
use super::variables::{Budget, Variables};

/// Where a playlist came from, and what bounds it.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The final URL, after redirects: what references are relative to.
    pub base: &'a Url,
    /// What the multivariant playlist above it defined.
    pub parent: &'a Variables,
    /// What bounds it.
    pub limits: Limits,
    /// Whether what a player asks of it (reloads that are held, delta updates)
    /// reaches the server that made it. If not, it doesn't offer them.
    pub directives: bool,
}

/// What kind of playlist it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Names playlists.
    Multivariant,
    /// Names media.
    Media,
}

/// What the playlist is, and what it defines in all: a child may import what is
/// defined below the line that names it.
pub(super) fn scan(text: &[u8], context: &Context<'_>) -> (Kind, Variables) {
    let mut variables = Variables::default();
    let mut budget = budget(&context.limits);
    let (mut playlists, mut media) = (false, false);
    let defines = memmem::find(text, b"EXT-X-DEFINE").is_some();
    for line in lines(text).take(context.limits.lines) {
        if line.text.len() as u64 > context.limits.line {
            continue;
        }
        let Token::Tag(tag) = line.token() else {
            continue;
        };
        match tag.name {
            b"EXTINF" | b"EXT-X-TARGETDURATION" | b"EXT-X-PART" => media = true,
            b"EXT-X-STREAM-INF"
            | b"EXT-X-MEDIA"
            | b"EXT-X-I-FRAME-STREAM-INF"
            | b"EXT-X-IMAGE-STREAM-INF" => playlists = true,
            b"EXT-X-DEFINE" => {
                variables.define(&tag, context.parent, context.base, &mut budget);
            }
            _ => {}
        }
        // What follows says nothing more.
        if media && !defines {
            break;
        }
    }
    let kind = if playlists && !media {
        Kind::Multivariant
    } else {
        Kind::Media
    };
    (kind, variables)
}

pub(super) fn budget(limits: &Limits) -> Budget {
    Budget {
        one: limits.line,
        all: limits.output / 2,
    }
}
