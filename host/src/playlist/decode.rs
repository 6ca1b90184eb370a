//! The bytes of a playlist as lines of (mostly) UTF-8: no byte order mark, no
//! UTF-16, no bare carriage returns. All else stays; invalid UTF-8 too.

use std::borrow::Cow;

const UTF8_BOM: &[u8] = b"\xef\xbb\xbf";
const MAGIC: &[u8] = b"#EXTM3U";

/// Drops a byte order mark, turns UTF-16 that has one into UTF-8, and a carriage
/// return that no line feed follows into a line feed.
pub fn normalise(body: &[u8]) -> Cow<'_, [u8]> {
    let body = match body {
        [0xff, 0xfe, rest @ ..] => Cow::Owned(from_utf16(rest, u16::from_le_bytes)),
        [0xfe, 0xff, rest @ ..] => Cow::Owned(from_utf16(rest, u16::from_be_bytes)),
        _ => Cow::Borrowed(body.strip_prefix(UTF8_BOM).unwrap_or(body)),
    };
    let bare = |i: usize| body[i] == b'\r' && body.get(i + 1) != Some(&b'\n');
    if (0..body.len()).any(bare) {
        let fixed = (0..body.len()).map(|i| if bare(i) { b'\n' } else { body[i] });
        return Cow::Owned(fixed.collect());
    }
    body
}

/// Whether these first bytes of a body are a playlist's, whatever it is called.
/// Sixty-four bytes are enough for all but those that begin with much blank.
pub fn is_playlist(start: &[u8]) -> bool {
    let start = normalise(start);
    start.trim_ascii_start().starts_with(MAGIC)
}

/// An odd byte at the end is dropped; half a surrogate pair is replaced.
fn from_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Vec<u8> {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect::<String>()
        .into_bytes()
}
