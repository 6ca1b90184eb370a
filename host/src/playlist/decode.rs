//! The bytes of a playlist as lines of text: uncompressed, no byte order mark, no
//! UTF-16, no bare carriage returns. All else stays; also what is not UTF-8, which
//! the rewriter takes as Latin-1 where it writes it.

use std::borrow::Cow;

use memchr::memmem;

const UTF8_BOM: &[u8] = b"\xef\xbb\xbf";
const MAGIC: &[u8] = b"#EXTM3U";

/// How wide a character is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    One,
    TwoLittle,
    TwoBig,
}

/// Drops byte order marks at the beginning of lines (files that were put together
/// have several), turns UTF-16 into UTF-8, and a carriage return that no line feed
/// follows into a line feed.
pub fn normalise(body: &[u8]) -> Cow<'_, [u8]> {
    let (width, body) = unmarked(body);
    let mut body = match width {
        Width::One => Cow::Borrowed(body),
        Width::TwoLittle => Cow::Owned(from_utf16(body, u16::from_le_bytes)),
        Width::TwoBig => Cow::Owned(from_utf16(body, u16::from_be_bytes)),
    };
    if memchr::memchr(b'\r', &body).is_some() {
        let bare = |i: usize| body[i] == b'\r' && body.get(i + 1) != Some(&b'\n');
        if (0..body.len()).any(bare) {
            let fixed = (0..body.len()).map(|i| if bare(i) { b'\n' } else { body[i] });
            body = Cow::Owned(fixed.collect());
        }
    }
    let marked = body.starts_with(UTF8_BOM) || memmem::find(&body, b"\n\xef\xbb\xbf").is_some();
    if marked {
        let lines = body.split_inclusive(|b| *b == b'\n');
        let lines: Vec<_> = lines.map(|line| without(UTF8_BOM, line)).collect();
        body = Cow::Owned(lines.concat());
    }
    body
}

/// Whether these first bytes of a body are a playlist's, whatever it is called.
/// Sixty-four bytes are enough for all but those that begin with much blank. What
/// is compressed must be decoded first.
pub fn is_playlist(start: &[u8]) -> bool {
    let (width, start) = unmarked(start);
    match width {
        Width::One => start.trim_ascii_start().starts_with(MAGIC),
        Width::TwoLittle => wide_magic(start, 0),
        Width::TwoBig => wide_magic(start, 1),
    }
}

/// A text as UTF-8: what is not is Latin-1, where every byte is a character.
pub(super) fn as_utf8(text: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(text) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(text.iter().map(|b| char::from(*b)).collect()),
    }
}

/// The width of a body's characters, and what follows its byte order mark. UTF-16
/// without one shows by its first tag.
fn unmarked(body: &[u8]) -> (Width, &[u8]) {
    match body {
        [0xff, 0xfe, ..] => (Width::TwoLittle, without(b"\xff\xfe", body)),
        [0xfe, 0xff, ..] => (Width::TwoBig, without(b"\xfe\xff", body)),
        [b'#', 0, b'E', 0, ..] => (Width::TwoLittle, body),
        [0, b'#', 0, b'E', ..] => (Width::TwoBig, body),
        _ => (Width::One, without(UTF8_BOM, body)),
    }
}

fn without<'t>(mark: &[u8], mut text: &'t [u8]) -> &'t [u8] {
    while let Some(rest) = text.strip_prefix(mark) {
        text = rest;
    }
    text
}

/// `low` is where in each pair the character stands; the other byte is zero.
fn wide_magic(start: &[u8], low: usize) -> bool {
    let mut units = start
        .chunks_exact(2)
        .map(|pair| (pair[1 - low] == 0).then_some(pair[low]))
        .skip_while(|unit| unit.is_some_and(|b| b.is_ascii_whitespace()));
    MAGIC.iter().all(|b| units.next() == Some(Some(*b)))
}

/// An odd byte at the end is dropped; half a surrogate pair is replaced.
fn from_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Vec<u8> {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect::<String>()
        .into_bytes()
}
