//! Undoes the compression of a playlist, whether a header says so or only its
//! first bytes do.
//!
//! Bounds: what comes out, in bytes; layers, because one may be hidden in another;
//! the window that a decoder keeps.

use std::borrow::Cow;
use std::fmt;
use std::io::Read;

use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};

use super::decode::is_playlist;

/// A server compresses once; some once more by mistake.
const MOST_LAYERS: usize = 3;

/// What a decoder of HTTP content must offer, and the most it should (RFC 9659).
const ZSTD_WINDOW: u64 = 8 << 20;

/// A way of compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// RFC 1952
    Gzip,
    /// RFC 1950; HTTP calls it `deflate`, and some servers send RFC 1951 for it.
    Deflate,
    /// RFC 7932
    Brotli,
    /// RFC 8878
    Zstd,
}

/// Why a body can't be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Its header names a way that nobody agreed to.
    #[error("the body is encoded in a way that is not known here: {0:?}")]
    Unknown(String),
    /// It breaks off, or is something else.
    #[error("the body is not {0}")]
    Broken(Encoding),
    /// More comes out of it than may.
    #[error("the decoded body has more than {0} bytes")]
    TooLarge(u64),
    /// Compressed again and again.
    #[error("the body is encoded too many times over")]
    TooManyLayers,
}

/// How a body is compressed, by its first four bytes. Brotli can't be told so.
pub fn encoding_of(start: &[u8]) -> Option<Encoding> {
    match start {
        [0x1f, 0x8b, 8, ..] => Some(Encoding::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Encoding::Zstd),
        // A frame that is to be skipped comes before others.
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Encoding::Zstd),
        // As every encoder writes it: no text begins so.
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => Some(Encoding::Deflate),
        _ => None,
    }
}

/// The body as it was before it was compressed. `header` is what `Content-Encoding`
/// says; a body that is a playlist as it stands is left alone whatever it says.
pub fn decompress<'b>(
    body: &'b [u8],
    header: Option<&str>,
    max: u64,
) -> Result<Cow<'b, [u8]>, DecodeError> {
    let mut body = Cow::Borrowed(body);
    let mut layers = 0;
    let mut undo = |body: &mut Cow<'b, [u8]>, encoding| {
        layers += 1;
        if layers > MOST_LAYERS {
            return Err(DecodeError::TooManyLayers);
        }
        *body = Cow::Owned(encoding_undone(body, encoding, max)?);
        Ok(())
    };
    // The last one that is listed was applied last.
    for name in header.unwrap_or_default().rsplit(',') {
        let said = Encoding::named(name.trim())?;
        if let Some(said) = said
            && !is_playlist(&body)
        {
            let shown = encoding_of(&body).unwrap_or(said);
            undo(&mut body, shown)?;
        }
    }
    while let Some(shown) = encoding_of(&body) {
        undo(&mut body, shown)?;
    }
    if body.len() as u64 > max {
        return Err(DecodeError::TooLarge(max));
    }
    Ok(body)
}

/// The two bytes of its header are a multiple of 31.
fn is_zlib(body: &[u8]) -> bool {
    match body {
        [method, flags, ..] => {
            method & 0x8f == 0x08 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31)
        }
        _ => false,
    }
}

fn encoding_undone(body: &[u8], encoding: Encoding, max: u64) -> Result<Vec<u8>, DecodeError> {
    let mut out = Out {
        bytes: Vec::new(),
        max,
        encoding,
    };
    let mut rest = body;
    match encoding {
        Encoding::Gzip => {
            // Members follow each other; what else follows them is no part of it.
            while encoding_of(rest) == Some(Encoding::Gzip) {
                let mut member = GzDecoder::new(rest);
                out.fill(&mut member)?;
                rest = member.into_inner();
            }
        }
        Encoding::Deflate if is_zlib(body) => {
            out.fill(&mut ZlibDecoder::new(body))?;
        }
        Encoding::Deflate => out.fill(&mut DeflateDecoder::new(body))?,
        Encoding::Brotli => {
            out.fill(&mut brotli_decompressor::Decompressor::new(body, 4096))?;
        }
        Encoding::Zstd => {
            while let Some(frame) = zstd_frame(rest) {
                rest = frame;
                if rest.is_empty() {
                    break;
                }
                let broken = |_| DecodeError::Broken(encoding);
                let decoder = ruzstd::decoding::StreamingDecoder::new_with_max_window_size(
                    &mut rest,
                    ZSTD_WINDOW,
                );
                out.fill(&mut decoder.map_err(broken)?)?;
            }
        }
    }
    if rest.len() == body.len() && matches!(encoding, Encoding::Gzip | Encoding::Zstd) {
        return Err(DecodeError::Broken(encoding));
    }
    Ok(out.bytes)
}

/// What follows the frames that are to be skipped, if it is another frame or
/// nothing.
fn zstd_frame(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        match rest {
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d, skipped @ ..] => {
                let length = u32::from_le_bytes([*a, *b, *c, *d]);
                rest = skipped.get(usize::try_from(length).ok()?..)?;
            }
            [] => return Some(rest),
            _ => return (encoding_of(rest) == Some(Encoding::Zstd)).then_some(rest),
        }
    }
}

/// What has come out so far.
struct Out {
    bytes: Vec<u8>,
    max: u64,
    encoding: Encoding,
}

// === impl Out ===

impl Out {
    fn fill(&mut self, decoder: &mut dyn Read) -> Result<(), DecodeError> {
        let room = self.max.saturating_sub(self.bytes.len() as u64);
        let read = decoder.take(room + 1).read_to_end(&mut self.bytes);
        if self.bytes.len() as u64 > self.max {
            return Err(DecodeError::TooLarge(self.max));
        }
        read.map_err(|_| DecodeError::Broken(self.encoding))?;
        Ok(())
    }
}

// === impl Encoding ===

impl Encoding {
    /// By its name in `Content-Encoding`; `Ok(None)` for none at all.
    fn named(name: &str) -> Result<Option<Self>, DecodeError> {
        let known = [
            ("gzip", Some(Self::Gzip)),
            ("x-gzip", Some(Self::Gzip)),
            ("deflate", Some(Self::Deflate)),
            ("br", Some(Self::Brotli)),
            ("zstd", Some(Self::Zstd)),
            ("identity", None),
            ("", None),
            // Not allowed there, and sent all the same.
            ("none", None),
            ("utf-8", None),
            ("utf8", None),
        ];
        known
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, encoding)| *encoding)
            .ok_or_else(|| DecodeError::Unknown(name.chars().take(32).collect()))
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "brotli",
            Self::Zstd => "zstd",
        })
    }
}
