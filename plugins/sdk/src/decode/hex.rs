//! Texts written as the hexadecimal numbers of their bytes.

use super::{DecodeError, MAX_OUTPUT, text_of};

/// The text behind `68747470`, `\x68\x74…`, `0x68, 0x74, …` or `68 74 …`.
///
/// # Errors
/// Where something else is in it, a byte is cut in half, or the text is larger
/// than [`MAX_OUTPUT`].
pub fn hex(text: &str) -> Result<String, DecodeError> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return Ok(text_of(bytes)),
            [b' ' | b'\t' | b'\n' | b'\r' | b',', rest @ ..] => rest,
            [b'\\', b'x', rest @ ..] | [b'0', b'x' | b'X', rest @ ..] => {
                if digits(rest).is_none() {
                    return Err(DecodeError::Hex("a number without digits"));
                }
                rest
            }
            more => {
                let byte = digits(more).ok_or(DecodeError::Hex("not hexadecimal"))?;
                if bytes.len() >= MAX_OUTPUT {
                    return Err(DecodeError::TooLarge);
                }
                bytes.push(byte);
                &more[2..]
            }
        };
    }
}

/// The byte that two hexadecimal digits at the beginning mean.
pub(super) fn digits(text: &[u8]) -> Option<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    let (high, low) = (value(*text.first()?)?, value(*text.get(1)?)?);
    u8::try_from(high * 16 + low).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_each_notation() {
        for text in [
            "687474703a2f2f",
            "68 74 74 70 3A 2F 2F",
            r"\x68\x74\x74\x70\x3a\x2f\x2f",
            "0x68,0x74,0x74,0x70,0x3a,0x2f,0x2f",
        ] {
            assert_eq!(hex(text).as_deref(), Ok("http://"), "{text}");
        }
        assert_eq!(hex("").as_deref(), Ok(""));
        assert_eq!(hex("e282ac ff").as_deref(), Ok("\u{e2}\u{82}\u{ac}\u{ff}"));
        assert_eq!(hex("e282ac").as_deref(), Ok("€"));
    }

    #[test]
    fn what_is_not_hexadecimal_is_an_error() {
        for text in ["6", "687", "zz", "é", "0x", r"\x", r"\x6", "+6", "68-74"] {
            assert!(matches!(hex(text), Err(DecodeError::Hex(_))), "{text}");
        }
        let large = "00".repeat(MAX_OUTPUT + 1);
        assert_eq!(hex(&large), Err(DecodeError::TooLarge));
    }
}
