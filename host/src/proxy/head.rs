//! What viewers are told of a body: its type by its content, its validators,
//! and nothing else of what an upstream says.

use http::header::{ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::links::Kind;
use crate::answer::Failure;
use crate::media::{Content, behind_picture, is_wide_text, sniff, type_by_name};

/// Of a body whose first bytes were seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) content_type: HeaderValue,
    pub(super) etag: Option<HeaderValue>,
    pub(super) last_modified: Option<HeaderValue>,
}

/// What the first bytes of a body mean for one who asked for media.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// Media of this type.
    Media(HeaderValue),
    /// MPEG-TS behind a picture of so many bytes.
    Disguised(usize),
    /// A playlist, perhaps compressed.
    Playlist,
}

impl Head {
    /// Of an answer from `host`. `untouched`: the validators are those of these
    /// bytes.
    pub(super) fn new(
        content_type: HeaderValue,
        headers: &HeaderMap,
        host: &str,
        untouched: bool,
    ) -> Self {
        let validator = |name, is: fn(&str) -> bool| {
            let value = headers.get(name).filter(|_| untouched)?;
            let text = value.to_str().ok()?;
            let tells = text.to_ascii_lowercase().contains(host);
            (is(text) && !tells).then(|| value.clone())
        };
        Self {
            content_type,
            etag: validator(ETAG, is_entity_tag),
            last_modified: validator(LAST_MODIFIED, is_date),
        }
    }
}

/// An entity tag (RFC 9110, section 8.8.3) as servers make them. A longer one, or
/// one with a sentence in it, may say what viewers must not read.
fn is_entity_tag(text: &str) -> bool {
    let opaque = text.strip_prefix("W/").unwrap_or(text);
    let opaque = opaque
        .strip_prefix('"')
        .and_then(|tag| tag.strip_suffix('"'));
    opaque.is_some_and(|tag| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:+=/~".contains(&b);
        tag.len() <= 128 && tag.bytes().all(plain) && !tag.contains("//")
    })
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
fn is_date(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b" ,:".contains(&b);
    text.len() == 29 && text.ends_with(" GMT") && text.bytes().all(plain)
}

/// `bytes` are the first of a resource; `name` is the one in its link.
pub(super) fn judge(kind: Kind, name: &str, bytes: &[u8]) -> Result<Judged, Failure> {
    let content = sniff(bytes);
    if bytes.is_empty() {
        return Err(Failure::upstream_is(
            "upstream_empty",
            "the upstream sent nothing where media was expected",
        ));
    }
    let sealed = matches!(kind, Kind::SealedSegment | Kind::SealedFragment);
    match content {
        Content::Playlist => Ok(Judged::Playlist),
        // Under a key everything looks like anything.
        _ if sealed => Ok(Judged::Media(type_by_name(name))),
        Content::Packed => Ok(Judged::Playlist),
        Content::Markup | Content::Text => Err(not_media(content)),
        Content::Media(image) if image.starts_with("image/") && kind == Kind::Segment => {
            match behind_picture(bytes) {
                Some(length) => Ok(Judged::Disguised(length)),
                None => Ok(Judged::Media(HeaderValue::from_static(image))),
            }
        }
        Content::Media(media) => Ok(Judged::Media(HeaderValue::from_static(media))),
        Content::Unknown => Ok(Judged::Media(type_by_name(name))),
    }
}

/// As [`judge`], for bytes from the middle of a resource. Text is refused: it
/// may be a piece of a playlist, which names upstreams.
pub(super) fn judge_middle(kind: Kind, name: &str, bytes: &[u8]) -> Result<HeaderValue, Failure> {
    let sealed = matches!(kind, Kind::SealedSegment | Kind::SealedFragment);
    let media = type_by_name(name);
    let subtitles = media.as_bytes().starts_with(b"text/");
    let of_a_playlist = || bytes.windows(4).any(|window| window == b"#EXT");
    match sniff(bytes) {
        Content::Playlist => Err(not_media(Content::Playlist)),
        _ if sealed => Ok(media),
        content @ (Content::Markup | Content::Text) if !subtitles || of_a_playlist() => {
            Err(not_media(content))
        }
        _ if is_wide_text(bytes) => Err(not_media(Content::Text)),
        _ => Ok(media),
    }
}

fn not_media(content: Content) -> Failure {
    let message = match content {
        Content::Markup => "the upstream sent a page where media was expected",
        _ => "the upstream sent text where media was expected",
    };
    Failure::upstream_is("upstream_not_media", message)
}

/// A key is 16 bytes, or 32 for AES-256 (RFC 8216bis, section 5.2), and nothing
/// else is handed out as one.
pub(super) fn check_key(bytes: &[u8]) -> Result<(), Failure> {
    if [16, 32].contains(&bytes.len()) {
        return Ok(());
    }
    Err(Failure::new(
        StatusCode::BAD_GATEWAY,
        "upstream_not_a_key",
        "the upstream sent something else where a key of 16 or 32 bytes was expected",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\0IEND\xae\x42\x60\x82";

    fn packets() -> Vec<u8> {
        let mut packets = vec![0u8; 3 * 188];
        [0, 188, 376].into_iter().for_each(|at| packets[at] = 0x47);
        packets
    }

    #[test]
    fn only_what_is_clear_is_judged_by_its_content() {
        let media = |kind: &'static str| Ok(Judged::Media(HeaderValue::from_static(kind)));
        let page = b"<!DOCTYPE html><html>";
        assert!(judge(Kind::Segment, "segment.ts", page).is_err());
        assert!(judge(Kind::Init, "init.mp4", b"{\"error\":1}").is_err());
        assert_eq!(
            judge(Kind::SealedSegment, "segment.ts", page),
            media("video/mp2t")
        );
        assert_eq!(
            judge(Kind::Fragment, "segment.m4s", &packets()),
            media("video/mp2t")
        );
        assert_eq!(
            judge(Kind::Segment, "segment.ts", b"\x01\x02\x03"),
            media("video/mp2t")
        );
        assert!(judge(Kind::Segment, "segment.ts", b"").is_err());
        for kind in [Kind::Segment, Kind::SealedSegment, Kind::Picture] {
            let judged = judge(kind, "segment.ts", b"#EXTM3U\n#EXTINF:2,\na.ts\n");
            assert_eq!(judged, Ok(Judged::Playlist), "{kind:?}");
        }
    }

    #[test]
    fn a_disguise_is_taken_off_clear_segments_alone() {
        let disguised = [PICTURE, &packets()].concat();
        let judged = |kind| judge(kind, "segment.ts", &disguised).expect("media");
        assert_eq!(judged(Kind::Segment), Judged::Disguised(PICTURE.len()));
        let as_is = |kind: &'static str| Judged::Media(HeaderValue::from_static(kind));
        assert_eq!(judged(Kind::SealedSegment), as_is("video/mp2t"));
        assert_eq!(judged(Kind::Picture), as_is("image/png"));
    }

    #[test]
    fn validators_tell_nothing_of_the_upstream() {
        let head = |etag: &str, date: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ETAG, etag.parse().expect("a value"));
            headers.insert(LAST_MODIFIED, date.parse().expect("a value"));
            let media = HeaderValue::from_static("video/mp2t");
            let head = Head::new(media, &headers, "cdn.test", true);
            (head.etag.is_some(), head.last_modified.is_some())
        };
        let date = "Sun, 01 Nov 2026 10:00:00 GMT";
        for etag in ["\"one\"", "W/\"5f-6a:1+b=/~\"", "\"\""] {
            assert_eq!(head(etag, date), (true, true), "{etag}");
        }
        let long = format!("\"{}\"", "x".repeat(129));
        for etag in [
            "one",
            "\"CDN.test-1\"",
            "\"http://a\"",
            "\"a b\"",
            "\"a\"b\"",
            &long,
        ] {
            assert_eq!(head(etag, "at cdn.test"), (false, false), "{etag}");
        }
        assert_eq!(head("\"one\"", "2026-11-01"), (true, false));
    }

    #[test]
    fn text_from_the_middle_is_refused() {
        let text = b"http://cdn.test/secret/1.ts\n#EXTINF:2,\n";
        assert!(judge_middle(Kind::Segment, "segment.ts", text).is_err());
        assert!(judge_middle(Kind::Segment, "segment.vtt", text).is_err());
        assert!(judge_middle(Kind::Segment, "segment.vtt", b"Oversteer").is_ok());
        assert!(judge_middle(Kind::SealedSegment, "segment.ts", text).is_ok());
        assert!(judge_middle(Kind::Segment, "segment.ts", b"\x01\x02").is_ok());
        for shift in [0, 1] {
            let wide: Vec<u8> = text.iter().flat_map(|b| [*b, 0]).skip(shift).collect();
            assert!(judge_middle(Kind::Segment, "segment.ts", &wide).is_err());
        }
        assert!(judge_middle(Kind::Init, "init.mp4", &[0; 64]).is_ok());
        assert!(judge_middle(Kind::Init, "init.mp4", b"").is_ok());
    }
}
