//! Codings of a body.

use std::io::Write as _;

use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::faults::wire::Encoding;

/// The name in HTTP, and the bytes.
pub(super) fn encoded(encoding: Encoding, bytes: &[u8]) -> (&'static str, Vec<u8>) {
    let level = Compression::default();
    let never = "writing to memory does not fail";
    match encoding {
        Encoding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), level);
            encoder.write_all(bytes).expect(never);
            ("gzip", encoder.finish().expect(never))
        }
        Encoding::Deflate => {
            let mut encoder = ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(bytes).expect(never);
            ("deflate", encoder.finish().expect(never))
        }
        Encoding::RawDeflate => {
            let mut encoder = DeflateEncoder::new(Vec::new(), level);
            encoder.write_all(bytes).expect(never);
            ("deflate", encoder.finish().expect(never))
        }
        Encoding::Br => ("br", brotli(bytes)),
        Encoding::Zstd => ("zstd", compress_to_vec(bytes, CompressionLevel::Fastest)),
    }
}

/// Brotli without compression (RFC 7932, section 9): a decoder sees no
/// difference, and no encoder has to be built.
fn brotli(bytes: &[u8]) -> Vec<u8> {
    // A window of 16 bits: one bit, zero.
    let mut bits = Bits::default();
    bits.push(0, 1);
    for piece in bytes.chunks(1 << 16) {
        // Not the last; 4 nibbles of length less one; not compressed.
        bits.push(0, 1);
        bits.push(0, 2);
        bits.push(piece.len() as u32 - 1, 16);
        bits.push(1, 1);
        bits.align();
        bits.bytes.extend(piece);
    }
    // The last, and empty.
    bits.push(0b11, 2);
    bits.bytes
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    /// The lowest bit first.
    fn push(&mut self, value: u32, count: u32) {
        for bit in 0..count {
            if self.used == 0 {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((value >> bit & 1) as u8) << self.used;
            }
            self.used = (self.used + 1) % 8;
        }
    }

    fn align(&mut self) {
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Node.js has the real decoders of all but Zstandard.
    #[test]
    fn real_decoders_read_it() {
        let text = "#EXTM3U\n#EXT-X-VERSION:3\n".repeat(6_000);
        let dir = std::env::temp_dir().join(format!("f1-streams-encode-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let cases = [
            (Encoding::Gzip, "gunzipSync"),
            (Encoding::Deflate, "inflateSync"),
            (Encoding::RawDeflate, "inflateRawSync"),
            (Encoding::Br, "brotliDecompressSync"),
        ];
        for (encoding, decode) in cases {
            let file = dir.join(decode);
            std::fs::write(&file, encoded(encoding, text.as_bytes()).1).unwrap();
            let program = format!(
                "process.stdout.write(require('zlib').{decode}(require('fs').readFileSync({:?})))",
                file.to_str().unwrap()
            );
            let output = Command::new("node").args(["-e", &program]).output();
            let output = output.expect("Node.js, which the frontend needs as well");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.stdout == text.as_bytes(), "{encoding:?}: {said}");
        }
        std::fs::remove_dir_all(dir).unwrap();
        let packed = encoded(Encoding::Zstd, text.as_bytes()).1;
        let mut decoder = ruzstd::decoding::StreamingDecoder::new(packed.as_slice()).unwrap();
        let mut back = String::new();
        std::io::Read::read_to_string(&mut decoder, &mut back).unwrap();
        assert!(back == text);
    }
}
