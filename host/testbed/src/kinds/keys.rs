//! AES-128: whole segments of TS under keys that change.
//!
//! Where the IV is stated it is chosen so that the segment begins like a page:
//! what is encrypted may look like anything, and is not to be judged by it.

use std::fmt::Write as _;

use aws_lc_rs::{
    cipher::{
        AES_128, DecryptingKey, DecryptionContext, EncryptionContext, PaddedBlockEncryptingKey,
        UnboundCipherKey,
    },
    iv::FixedLength,
};

use super::{Asked, Found, LINE, TS, numbered, plain};

/// Segments under one key.
const PERIOD: u64 = 4;
/// Of this many periods, the last is in the clear.
const CLEAR_EVERY: u64 = 5;
/// What a segment under a stated IV begins with.
const PAGE: &[u8; 16] = b"<!doctype html>\n";

pub(super) fn aes(asked: &Asked<'_>) -> Option<Found> {
    match asked.path[..] {
        ["master.m3u8"] => Some(asked.master("", "")),
        [file] => {
            let period = numbered(file, "key", "bin")?;
            let is_there = LINE.has(period * PERIOD, asked.now)
                || LINE.has(period * PERIOD + PERIOD - 1, asked.now);
            (is_there && !is_clear(period)).then(|| Found::Key(key(period)))
        }
        [quality, file] => {
            let one = asked.rendition(quality)?;
            if file == "index.m3u8" {
                let mut last = None;
                return Some(asked.list("", |text, number| {
                    let period = number / PERIOD;
                    let is_new = last.replace(period) != Some(period);
                    // A stated IV is for one segment, the other ways go on.
                    if is_new || states_its_iv(period) && !is_clear(period) {
                        let clear = one.looped.segment(number);
                        text.push_str(&line(asked, number, &clear));
                    }
                    plain::entry(asked, text, number, quality, "ts");
                }));
            }
            let number = asked.number(LINE, file, "segment", "ts")?;
            let clear = one.looped.segment(number);
            let period = number / PERIOD;
            Some(Found::Media(
                TS,
                match is_clear(period) {
                    true => clear,
                    false => {
                        let iv = iv(number, &clear);
                        encrypted(clear, key(period), iv)
                    }
                },
            ))
        }
        _ => None,
    }
}

fn is_clear(period: u64) -> bool {
    period % CLEAR_EVERY == CLEAR_EVERY - 1
}

/// Every other period states its IV; in the others it is the sequence number.
fn states_its_iv(period: u64) -> bool {
    period.is_multiple_of(2)
}

fn line(asked: &Asked<'_>, number: u64, clear: &[u8]) -> String {
    let period = number / PERIOD;
    if is_clear(period) {
        return "#EXT-X-KEY:METHOD=NONE\n".to_owned();
    }
    let file = format!("key-{period}.bin");
    let uri = match period.is_multiple_of(3) {
        true => format!("{}{file}", asked.base),
        false => format!("../{file}"),
    };
    let mut line = format!("#EXT-X-KEY:METHOD=AES-128,URI=\"{uri}\"");
    if states_its_iv(period) {
        let iv = u128::from_be_bytes(iv(number, clear));
        let _ = write!(line, ",IV=0x{iv:032X}");
    }
    line + "\n"
}

fn key(period: u64) -> [u8; 16] {
    (0x7465_7374_6265_6421_u128 << 64 | u128::from(period)).to_be_bytes()
}

fn iv(number: u64, clear: &[u8]) -> [u8; 16] {
    let period = number / PERIOD;
    if !states_its_iv(period) {
        return u128::from(number).to_be_bytes();
    }
    // The first block is encrypted after the IV was mixed into it.
    let mut iv = *PAGE;
    let key = UnboundCipherKey::new(&AES_128, &key(period)).expect("the key has 16 bytes");
    let key = DecryptingKey::ecb(key).expect("AES has this mode");
    key.decrypt(&mut iv, DecryptionContext::None)
        .expect("it is one block");
    for (byte, clear) in iv.iter_mut().zip(clear) {
        *byte ^= clear;
    }
    iv
}

fn encrypted(mut bytes: Vec<u8>, key: [u8; 16], iv: [u8; 16]) -> Vec<u8> {
    let key = UnboundCipherKey::new(&AES_128, &key).expect("the key has 16 bytes");
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(key).expect("AES has this mode");
    let context = EncryptionContext::Iv128(FixedLength::from(iv));
    key.less_safe_encrypt(&mut bytes, context)
        .expect("nothing of it depends on the bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stated_iv_makes_a_page_of_it() {
        let clear = vec![0x47; 188];
        for number in [0, 1, PERIOD * 2] {
            let iv = iv(number, &clear);
            let bytes = encrypted(clear.clone(), key(number / PERIOD), iv);
            assert_eq!(bytes[..16], *PAGE);
        }
        let implied = iv(PERIOD, &clear);
        assert_eq!(implied, 4_u128.to_be_bytes());
    }
}
