//! What may be wrong with an answer of the CDN, down to its bytes on the wire.
//!
//! A [`Wire`] says which answers it means and what becomes of them. All that is
//! named in it happens together, in this order: delay, redirect, status and
//! content, text, prefix, range, encoding, headers, length, pieces, end.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::{Deserialize, Serialize};

/// A fault of the CDN's answers. Of several that fit a request, the first is
/// meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wire {
    /// Which answers, by what is asked for.
    pub on: On,
    /// Only where path and query have this in them.
    pub path: String,
    /// Only so often; without it, always.
    pub times: Option<u64>,
    /// How long the answer is held back, head and all.
    pub delay_ms: u64,
    /// A redirect to the same below `/moved/`, with a token that opens it once.
    /// References that are relative to there lie below `/moved/`, too, so that
    /// the log shows which base a client took.
    pub redirect: bool,
    /// Another status, and a line of text where nothing else is said.
    #[serde(with = "super::status")]
    pub status: Option<StatusCode>,
    /// Another body.
    pub content: Option<Content>,
    /// Another form of the same text.
    pub text: Option<Text>,
    /// Something before the media.
    pub prefix: Option<Prefix>,
    /// What becomes of ranges.
    pub range: Option<Range>,
    /// The body's encoding.
    pub encoding: Option<Encoding>,
    /// The encoding stands in no header.
    pub encoding_unsaid: bool,
    /// Any headers; an empty value takes one away. They have the last word.
    pub headers: BTreeMap<String, String>,
    /// What is said of the body's length.
    pub length: Option<Length>,
    /// The body is written in pieces that end at these bytes, with a pause
    /// after each.
    pub pieces: Vec<usize>,
    /// How the connection ends within the body.
    pub end: Option<End>,
}

/// What is asked for, by the path's last part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum On {
    /// Anything.
    #[default]
    Any,
    /// `master.m3u8` and all others.
    Playlist,
    /// `master.m3u8`.
    Master,
    /// The playlists of segments.
    Media,
    /// Segments, parts and files of ranges.
    Segment,
    /// `init.mp4`.
    Init,
    /// `key-….bin`.
    Key,
    /// Asset lists and steering manifests.
    Json,
}

/// A body that is not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// Nothing.
    Empty,
    /// A page, as `text/html`.
    Html,
    /// An error, as `application/json`.
    Json,
    /// This text, under the type of what was asked for.
    Text(String),
    /// These bytes, under the type of what was asked for.
    Bytes(Vec<u8>),
}

/// Forms of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Text {
    /// UTF-8 with a byte order mark.
    Bom,
    /// With its mark.
    Utf16Le,
    /// With its mark.
    Utf16Be,
    /// Without a mark.
    Utf16Unmarked,
    /// Lines end with CR LF.
    CrLf,
    /// Lines end with CR.
    Cr,
}

/// What stands before media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prefix {
    /// A picture of one point in 70 bytes. Its last chunk begins at byte 58.
    Png,
    /// The same with a comment that makes it longer than 64 KiB.
    LongPng,
}

/// What an origin makes of ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Range {
    /// 200 and the whole.
    Ignored,
    /// 206 and as many bytes from 100 further on, which it says.
    Wrong,
    /// 206 and the first half, also to whom asked for no range.
    Unasked,
}

/// Codings of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950, which is what HTTP means by it.
    Deflate,
    /// RFC 1951, which is what some servers mean by it.
    RawDeflate,
    /// RFC 7932.
    Br,
    /// RFC 8878.
    Zstd,
}

/// What a head says of the body's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Length {
    /// 100 bytes more than there are.
    Long,
    /// 100 bytes less than there are, or none.
    Short,
    /// Nothing: the body ends with the connection.
    Close,
    /// Nothing: the body comes in chunks.
    Chunked,
}

/// An end before the body's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// After so many bytes of the body.
    pub at: usize,
    /// What happens then.
    pub how: Ending,
}

/// Ways to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The connection is closed.
    Cut,
    /// The connection is reset.
    Reset,
    /// Nothing more comes, for as long as the client waits.
    Stall,
}

impl Wire {
    /// Is this request meant?
    pub(crate) fn fits(&self, target: &str) -> bool {
        let path = target.split('?').next().unwrap_or(target);
        self.on.has(path.rsplit('/').next().unwrap_or(path)) && target.contains(&self.path)
    }
}

impl On {
    fn has(self, file: &str) -> bool {
        let extension = file.rsplit('.').next().unwrap_or_default();
        let is_init = file.starts_with("init.");
        match self {
            Self::Any => true,
            Self::Playlist => extension == "m3u8",
            Self::Master => file == "master.m3u8",
            Self::Media => extension == "m3u8" && file != "master.m3u8",
            Self::Segment => matches!(extension, "ts" | "m4s" | "mp4" | "vtt") && !is_init,
            Self::Init => is_init,
            Self::Key => extension == "bin",
            Self::Json => extension == "json",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_hits_what_it_names() {
        let fits = |on, path: &str, target| {
            let wire = Wire {
                on,
                path: path.into(),
                ..Wire::default()
            };
            wire.fits(target)
        };
        assert!(fits(On::Any, "", "/x"));
        assert!(fits(On::Master, "", "/ts/master.m3u8?a=b.ts"));
        assert!(!fits(On::Media, "", "/ts/master.m3u8"));
        assert!(fits(On::Media, "360p", "/ts/360p/index.m3u8"));
        assert!(!fits(On::Media, "360p", "/ts/180p/index.m3u8"));
        assert!(fits(On::Playlist, "", "/ts/180p/index.m3u8"));
        assert!(fits(On::Segment, "", "/ll/180p/part-1.2.m4s"));
        assert!(fits(On::Segment, "", "/fmp4-ranges/180p/file-1.mp4"));
        assert!(!fits(On::Segment, "", "/fmp4/180p/init.mp4"));
        assert!(fits(On::Init, "", "/moved/fmp4/180p/init.mp4"));
        assert!(fits(On::Key, "", "/aes/key-1.bin"));
        assert!(fits(On::Json, "", "/steering/steering.json?x"));
    }

    #[test]
    fn a_fault_is_named_in_few_words() {
        let text = r#"{"on":"segment","end":{"at":10,"how":"reset"},"content":{"text":"x"}}"#;
        let wire: Wire = serde_json::from_str(text).unwrap();
        assert_eq!(
            wire.end,
            Some(End {
                at: 10,
                how: Ending::Reset
            })
        );
        assert_eq!(wire.content, Some(Content::Text("x".into())));
        assert!(serde_json::from_str::<Wire>(r#"{"one":"segment"}"#).is_err());
    }
}
