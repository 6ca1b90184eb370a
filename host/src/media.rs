//! What bytes are, by their content: an upstream's name or type says little,
//! and nothing of an upstream is ever served as markup or script.

use http::HeaderValue;

/// What the first bytes of a body say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// A playlist, under whatever name.
    Playlist,
    /// Media of this type.
    Media(&'static str),
    /// Markup where media was promised: an error page with status 200.
    Markup,
    /// Nothing known: opaque bytes.
    Unknown,
}

/// MPEG-TS packets begin with 0x47 every 188 bytes (ISO/IEC 13818-1).
const TS_PACKET: usize = 188;

/// Judges the first bytes of a body; more than 189 of them help.
pub(crate) fn sniff(bytes: &[u8]) -> Content {
    let start = bytes
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(bytes)
        .trim_ascii_start();
    if start.starts_with(b"#EXTM3U") {
        return Content::Playlist;
    }
    if bytes.first() == Some(&0x47) && bytes.get(TS_PACKET).is_none_or(|b| *b == 0x47) {
        return Content::Media("video/mp2t");
    }
    if let Some(b"ftyp" | b"styp" | b"moov" | b"moof" | b"sidx" | b"emsg" | b"prft" | b"mdat") =
        bytes.get(4..8)
    {
        return Content::Media("video/mp4");
    }
    if start.starts_with(b"WEBVTT") {
        return Content::Media("text/vtt; charset=utf-8");
    }
    match bytes {
        [0xff, second, ..] if second & 0xf6 == 0xf0 => Content::Media("audio/aac"),
        [0xff, second, ..] if second & 0xe0 == 0xe0 => Content::Media("audio/mpeg"),
        [b'I', b'D', b'3', ..] => Content::Media("audio/aac"),
        [0x0b, 0x77, ..] => Content::Media("audio/ac3"),
        [0xff, 0xd8, 0xff, ..] => Content::Media("image/jpeg"),
        [0x89, b'P', b'N', b'G', ..] => Content::Media("image/png"),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Content::Media("image/webp"),
        _ if start.starts_with(b"<") => Content::Markup,
        _ => Content::Unknown,
    }
}

/// The type by the extension of the name we handed out, for a piece from the
/// middle of a resource.
pub(crate) fn type_by_name(name: &str) -> HeaderValue {
    HeaderValue::from_static(
        match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "ts" => "video/mp2t",
            "m4s" | "mp4" | "m4v" | "cmfv" => "video/mp4",
            "m4a" | "cmfa" => "audio/mp4",
            "aac" => "audio/aac",
            "ac3" | "ec3" => "audio/ac3",
            "mp3" => "audio/mpeg",
            "vtt" | "webvtt" => "text/vtt; charset=utf-8",
            "jpg" | "jpeg" => "image/jpeg",
            "png" => "image/png",
            "webp" => "image/webp",
            _ => "application/octet-stream",
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_told_by_its_bytes() {
        let mut ts = vec![0u8; 400];
        ts[0] = 0x47;
        ts[188] = 0x47;
        assert_eq!(sniff(&ts), Content::Media("video/mp2t"));
        ts[188] = 0;
        assert_ne!(sniff(&ts), Content::Media("video/mp2t"));
        for (bytes, expect) in [
            (&b"\xef\xbb\xbf#EXTM3U\n"[..], Content::Playlist),
            (b"\0\0\0\x18ftypmp42", Content::Media("video/mp4")),
            (b"WEBVTT\n", Content::Media("text/vtt; charset=utf-8")),
            (b"\xff\xf1\x50\x80", Content::Media("audio/aac")),
            (b" <!DOCTYPE html>", Content::Markup),
            (b"<svg onload=x>", Content::Markup),
            (b"0123456789abcdef", Content::Unknown),
            (b"", Content::Unknown),
        ] {
            assert_eq!(sniff(bytes), expect, "{bytes:?}");
        }
    }
}
