//! The wire: compression by header and by magic, its bounds, and encodings of text.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::*;

const PLAIN: &[u8] = b"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\ns.ts\n";
const MAX: u64 = 1 << 20;

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// One uncompressed metablock and an empty last one (RFC 7932, section 9.2): no
/// encoder is needed to make a stream that is right.
fn brotli(body: &[u8]) -> Vec<u8> {
    assert!((1..=0x1_0000).contains(&body.len()));
    // WBITS=16 is one 0 bit; ISLAST=0; MNIBBLES=4 is 00; MLEN-1; ISUNCOMPRESSED=1.
    let bits = (body.len() as u32 - 1) << 4 | 1 << 20;
    let mut out = bits.to_le_bytes()[..3].to_vec();
    out.extend_from_slice(body);
    out.push(0b11);
    out
}

fn zstd(body: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(body, ruzstd::encoding::CompressionLevel::Fastest)
}

fn skippable() -> Vec<u8> {
    [&[0x50, 0x2a, 0x4d, 0x18][..], &3u32.to_le_bytes(), b"any"].concat()
}

#[track_caller]
fn plain(body: &[u8], header: Option<&str>) {
    assert_eq!(
        decompress(body, header, MAX).as_deref(),
        Ok(PLAIN),
        "{header:?}"
    );
}

#[test]
fn what_the_header_says_is_undone() {
    plain(PLAIN, None);
    plain(PLAIN, Some(""));
    plain(PLAIN, Some("identity"));
    plain(&gzip(PLAIN), Some("gzip"));
    plain(&gzip(PLAIN), Some("X-GZIP"));
    plain(&zlib(PLAIN), Some("deflate"));
    plain(&raw_deflate(PLAIN), Some("deflate"));
    plain(&brotli(PLAIN), Some("br"));
    plain(&zstd(PLAIN), Some("zstd"));
    plain(&brotli(&gzip(PLAIN)), Some("gzip, br"));
    plain(&gzip(&brotli(PLAIN)), Some("br,gzip"));
}

#[test]
fn what_no_header_says_shows_by_its_first_bytes() {
    for (body, encoding) in [
        (gzip(PLAIN), Encoding::Gzip),
        (zlib(PLAIN), Encoding::Deflate),
        (zstd(PLAIN), Encoding::Zstd),
        ([skippable(), zstd(PLAIN)].concat(), Encoding::Zstd),
    ] {
        assert_eq!(encoding_of(&body[..4]), Some(encoding));
        assert!(!is_playlist(&body));
        plain(&body, None);
        plain(&body, Some("identity"));
        // Compressed twice, told once; told wrongly.
        plain(&gzip(&body), Some("gzip"));
        plain(&body, Some("gzip"));
    }
    for clear in [
        PLAIN,
        b"",
        b"{\"a\":1}",
        b"<html>",
        b"G@",
        b"x",
        b"xyz",
        b"HTTP",
    ] {
        assert_eq!(encoding_of(clear), None, "{clear:?}");
    }
}

#[test]
fn a_header_that_is_wrong_about_a_playlist_is_overlooked() {
    for header in ["gzip", "br", "deflate", "zstd", "gzip, br", "none", "utf-8"] {
        plain(PLAIN, Some(header));
    }
    let unknown = decompress(PLAIN, Some("compress"), MAX);
    assert_eq!(unknown, Err(DecodeError::Unknown("compress".to_owned())));
}

#[test]
fn several_members_and_what_follows_them() {
    let (start, end) = PLAIN.split_at(20);
    plain(&[gzip(start), gzip(end)].concat(), Some("gzip"));
    plain(&[&gzip(PLAIN)[..], b"\0\0garbage"].concat(), None);
    plain(&[zstd(start), skippable(), zstd(end)].concat(), None);
}

#[test]
fn what_breaks_off_is_refused() {
    use Encoding::{Brotli, Deflate, Gzip, Zstd};
    let half = |body: Vec<u8>| body[..body.len() / 2].to_vec();
    for (body, header, encoding) in [
        (half(gzip(PLAIN)), "gzip", Gzip),
        (half(zlib(PLAIN)), "deflate", Deflate),
        (half(brotli(PLAIN)), "br", Brotli),
        (half(zstd(PLAIN)), "zstd", Zstd),
        (b"<html>".to_vec(), "gzip", Gzip),
        (b"<html>".to_vec(), "zstd", Zstd),
        (b"<html>".to_vec(), "br", Brotli),
        (skippable(), "zstd", Zstd),
        (Vec::new(), "gzip", Gzip),
    ] {
        let decoded = decompress(&body, Some(header), MAX);
        match (encoding, &decoded) {
            // Frames to be skipped, and none besides: nothing, as it should be.
            (Zstd, Ok(nothing)) if body == skippable() => assert!(nothing.is_empty()),
            _ => assert_eq!(decoded, Err(DecodeError::Broken(encoding)), "{body:?}"),
        }
    }
}

#[test]
fn what_comes_out_is_bounded() {
    let bomb = vec![b'#'; 64 << 20];
    for (body, header) in [
        (gzip(&bomb), None),
        (zlib(&bomb), None),
        (zstd(&bomb), None),
        (raw_deflate(&bomb), Some("deflate")),
        (gzip(&gzip(&bomb)), None),
    ] {
        assert!(body.len() < 1 << 20);
        let decoded = decompress(&body, header, MAX);
        assert_eq!(decoded, Err(DecodeError::TooLarge(MAX)));
    }
    let exactly = vec![b'#'; MAX as usize];
    assert_eq!(
        decompress(&gzip(&exactly), None, MAX).unwrap().len() as u64,
        MAX
    );
    let over = vec![b'#'; MAX as usize + 1];
    assert_eq!(
        decompress(&over, None, MAX),
        Err(DecodeError::TooLarge(MAX))
    );

    let thrice = gzip(&gzip(&gzip(PLAIN)));
    plain(&thrice, None);
    assert_eq!(
        decompress(&gzip(&thrice), None, MAX),
        Err(DecodeError::TooManyLayers)
    );

    // A frame that wants 2 GiB to look back over.
    let window = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 1, 0, 0];
    let wide = decompress(&window, None, MAX);
    assert_eq!(wide, Err(DecodeError::Broken(Encoding::Zstd)));
}

#[test]
fn wide_characters_without_a_mark() {
    let text = "#EXTM3U\r\n#EXTINF:1,Zürich 🏁\r\ns.ts\r\n";
    let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for body in [le, be] {
        assert!(is_playlist(&body));
        assert!(is_playlist(&body[..16]));
        assert!(!is_playlist(&body[..12]), "not yet");
        assert_eq!(
            super::text(&shown(&body)),
            "#EXTM3U\r\n#EXTINF:1,Zürich 🏁\r\nSegment!http://up.test/a/b/s.ts\r\n"
        );
    }
    let blank = "\u{feff}\r\n  #EXTM3U";
    let blank: Vec<u8> = blank.encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert!(is_playlist(&blank));
    assert!(!is_playlist(b"\xff\xfe#EXTM3U"));
    assert!(!is_playlist(b"#\0E\0X\0T\0M\x003\0"));
    assert!(!is_playlist(b"#\0E\0X\x01T\0M\x003\0U\0"));
}

#[test]
fn latin_1_comes_out_as_utf_8() {
    for (input, expect) in [
        (&b"# caf\xe9"[..], "# café"),
        (
            b"#EXT-X-MEDIA:NAME=\"caf\xe9\",URI=\"\xe9\"",
            "#EXT-X-MEDIA:NAME=\"café\",URI=\"RenditionOther!http://up.test/a/b/%E9\"",
        ),
        (
            b"#EXT-X-KEY:METHOD=AES-128,URI=\"data:\xe9\"",
            "#EXT-X-KEY:METHOD=AES-128,URI=\"data:é\"",
        ),
        (b"#EXTINF:1,\ndata:\xe9", "#EXTINF:1,\ndata:é"),
        // Each line for itself.
        (b"# caf\xe9\n# caf\xc3\xa9", "# café\n# café"),
        (
            b"#EXT-X-DEFINE:NAME=\"a\",VALUE=\"caf\xe9\"\n#EXT-X-X:\"{$a}\"",
            "#EXT-X-X:\"café\"",
        ),
    ] {
        assert_eq!(std::str::from_utf8(&shown(input).body), Ok(expect));
    }
}
