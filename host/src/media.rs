//! What bytes are, by their content: an upstream's name or type says little,
//! and nothing of an upstream is ever served as markup or script.

use http::HeaderValue;

use crate::playlist::is_playlist;

/// What the first bytes of a body say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A playlist, under whatever name.
    Playlist,
    /// Media of this type.
    Media(&'static str),
    /// Markup where media was promised: an error page with status 200.
    Markup,
    /// Other text: JSON, a message.
    Text,
    /// Compressed, which no medium is: there may be a playlist in it.
    Packed,
    /// Nothing known: opaque bytes.
    Unknown,
}

/// MPEG-TS packets begin with 0x47 every 188 bytes (ISO/IEC 13818-1).
const TS_PACKET: usize = 188;
/// So many bytes are enough for [`sniff`].
pub const ENOUGH: usize = 2 * TS_PACKET + 1;
/// Text is judged by so many bytes.
const TEXT: usize = 256;

const TS: Content = Content::Media("video/mp2t");
const VTT: &str = "text/vtt; charset=utf-8";

/// Judges the first bytes of a body: [`ENOUGH`] of them, or all there are.
pub fn sniff(bytes: &[u8]) -> Content {
    if is_playlist(bytes) {
        return Content::Playlist;
    }
    // Before anything binary: packets, boxes and tags all hold bytes that no text
    // does, and a text may begin with their letters.
    if is_text(bytes) {
        return match without_mark(bytes).trim_ascii_start() {
            [b'W', b'E', b'B', b'V', b'T', b'T', ..] => Content::Media(VTT),
            [b'<', ..] => Content::Markup,
            _ => Content::Text,
        };
    }
    // Its first letter is the one that packets begin with.
    if bytes.starts_with(b"GIF8") && (bytes.len() < ENOUGH || !is_ts(bytes)) {
        return Content::Media("image/gif");
    }
    if is_ts(bytes) {
        return TS;
    }
    let boxes = [
        b"ftyp", b"styp", b"moov", b"moof", b"sidx", b"emsg", b"prft", b"mdat", b"free",
    ];
    if bytes
        .get(4..8)
        .is_some_and(|name| boxes.iter().any(|known| name == *known))
    {
        return Content::Media("video/mp4");
    }
    match bytes {
        [0xff, second, ..] if second & 0xf6 == 0xf0 => Content::Media("audio/aac"),
        // A layer must be there, and a rate: UTF-16's mark has neither.
        [0xff, second, third, ..]
            if second & 0xe0 == 0xe0
                && second & 0x06 != 0
                && third & 0xf0 != 0xf0
                && *second != 0xfe =>
        {
            Content::Media("audio/mpeg")
        }
        [b'I', b'D', b'3', rest @ ..] => Content::Media(after_tags(rest)),
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
        [0x1f, 0x8b, 0x08, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => Content::Packed,
        _ => Content::Unknown,
    }
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn is_ts(bytes: &[u8]) -> bool {
    let sync = |at| bytes.get(at).is_none_or(|b| *b == 0x47);
    bytes.first() == Some(&0x47) && sync(TS_PACKET) && sync(2 * TS_PACKET)
}

/// Packed audio begins with an ID3 tag that tells its time (RFC 8216, section
/// 3.4); what comes behind it tells its type. `rest` is behind "ID3".
fn after_tags(rest: &[u8]) -> &'static str {
    let size = |bytes: &[u8]| {
        let mut digits = bytes.iter().map(|b| usize::from(b & 0x7f));
        digits.try_fold(0usize, |all, digit| {
            all.checked_mul(128)?.checked_add(digit)
        })
    };
    let frame = rest
        .get(3..7)
        .and_then(size)
        .and_then(|size| rest.get(7 + size..));
    match frame {
        Some([0xff, second, ..]) if second & 0xf6 != 0xf0 && second & 0xe0 == 0xe0 => "audio/mpeg",
        Some([0x0b, 0x77, ..]) => "audio/ac3",
        _ => "audio/aac",
    }
}

/// Whether the beginning is text: printable, with blanks and line ends; UTF-8, or
/// of one byte a letter and most of it ASCII.
fn is_text(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(TEXT)];
    let printable = |b: &u8| *b >= 0x20 && *b != 0x7f || b.is_ascii_whitespace();
    // The first and the last character may be cut.
    let whole = start
        .iter()
        .take(3)
        .take_while(|b| (0x80..0xc0).contains(*b));
    let is_utf_8 = match std::str::from_utf8(&start[whole.count()..]) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    let others = start.iter().filter(|b| !b.is_ascii()).count();
    !start.is_empty() && start.iter().all(printable) && (is_utf_8 || others * 4 <= start.len())
}

/// Whether the beginning is text of two bytes a letter (UTF-16), most of it ASCII,
/// wherever it was cut.
pub fn is_wide_text(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(2 * TEXT)];
    [0, 1].into_iter().any(|letter| {
        let pairs = || start.chunks_exact(2);
        let plain = |pair: &&[u8]| {
            let (byte, other) = (pair[letter], pair[1 - letter]);
            other == 0 && ((0x20..0x7f).contains(&byte) || byte.is_ascii_whitespace())
        };
        pairs().len() > 0 && pairs().filter(plain).count() * 2 > pairs().len()
    })
}

/// Where MPEG-TS begins behind a picture that it is disguised with, within
/// `bytes`; the packets must be there to be seen.
pub fn behind_picture(bytes: &[u8]) -> Option<usize> {
    let is_picture = matches!(sniff(bytes), Content::Media(kind) if kind.starts_with("image/"));
    let packets = bytes
        .windows(ENOUGH)
        .position(|window| window[0] == 0x47 && is_ts(window) && sniff(window) == TS);
    packets.filter(|_| is_picture)
}

/// The type by the extension of the name we handed out, for a piece from the
/// middle of a resource.
pub fn type_by_name(name: &str) -> HeaderValue {
    HeaderValue::from_static(
        match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "ts" => "video/mp2t",
            "m4s" | "mp4" | "m4v" | "cmfv" => "video/mp4",
            "m4a" | "cmfa" => "audio/mp4",
            "aac" => "audio/aac",
            "ac3" | "ec3" => "audio/ac3",
            "mp3" => "audio/mpeg",
            "vtt" | "webvtt" => VTT,
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

    fn ts(packets: usize) -> Vec<u8> {
        let mut ts = vec![0u8; packets * TS_PACKET];
        (0..packets).for_each(|n| ts[n * TS_PACKET] = 0x47);
        ts
    }

    #[test]
    fn content_is_told_by_its_bytes() {
        assert_eq!(sniff(&ts(3)), TS);
        for at in [188, 376] {
            let mut broken = ts(3);
            broken[at] = 0;
            assert_eq!(sniff(&broken), Content::Unknown, "{at}");
        }
        let mut tagged = b"ID3\x04\0\0\0\0\0\x02xx".to_vec();
        assert_eq!(sniff(&tagged), Content::Media("audio/aac"));
        tagged.extend(b"\xff\xfb\x90");
        assert_eq!(sniff(&tagged), Content::Media("audio/mpeg"));
        for (bytes, expect) in [
            (&b"\xef\xbb\xbf#EXTM3U\n"[..], Content::Playlist),
            (b"\xff\xfe#\0E\0X\0T\0M\x003\0U\0\n\0", Content::Playlist),
            (b"\0#\0E\0X\0T\0M\x003\0U\0\n", Content::Playlist),
            (b"\0\0\0\x18ftypmp42", Content::Media("video/mp4")),
            (b"WEBVTT\n", Content::Media("text/vtt; charset=utf-8")),
            (b"\xff\xf1\x50\x80", Content::Media("audio/aac")),
            (b"\xff\xfb\x90\x44", Content::Media("audio/mpeg")),
            (b"\xff\xfea\0", Content::Unknown),
            (b"\x1f\x8b\x08\0", Content::Packed),
            (b" <!DOCTYPE html>", Content::Markup),
            (b"<svg onload=x>", Content::Markup),
            (b"<\x01\x9f\xff cipher", Content::Unknown),
            (b"{\"error\": \"gone\"}", Content::Text),
            (b"0123456789abcdef", Content::Text),
            (b"Geo-blocked in your region", Content::Text),
            (b"Get free trial", Content::Text),
            (b"caf\xe9 ferm\xe9 pour aujourd'hui", Content::Text),
            (
                b"\x80\x99\xd0\xb6 begins and ends within \xd0",
                Content::Text,
            ),
            (b"GIF89a\x01\0\x01\0", Content::Media("image/gif")),
            (b"\x01\x02\x03\x04", Content::Unknown),
            (b"", Content::Unknown),
        ] {
            assert_eq!(sniff(bytes), expect, "{bytes:?}");
        }
    }

    #[test]
    fn packets_are_found_behind_a_picture_alone() {
        let picture = b"\x89PNG\r\n\x1a\n\0\0\0\0IEND\xae\x42\x60\x82".to_vec();
        let disguised = [&picture[..], &ts(3)].concat();
        assert_eq!(behind_picture(&disguised), Some(picture.len()));
        assert_eq!(
            behind_picture(&disguised[..disguised.len() - TS_PACKET]),
            None
        );
        assert_eq!(behind_picture(&picture), None);
        assert_eq!(
            behind_picture(&[b"\x01\x02".as_slice(), &ts(3)].concat()),
            None
        );
    }
}
