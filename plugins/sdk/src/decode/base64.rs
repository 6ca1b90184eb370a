//! Base64 as browsers read it: white space ignored, padding optional, and the
//! URL-safe alphabet as well.

use ::base64::Engine;
use ::base64::alphabet::STANDARD;
use ::base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{DecodeError, MAX_OUTPUT, text_of};

const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The bytes behind a base64 text.
///
/// # Errors
/// Where it is not base64, or larger than [`MAX_OUTPUT`].
pub fn base64(text: &str) -> Result<Vec<u8>, DecodeError> {
    let cleaned: String = text
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    if cleaned.len() / 4 * 3 > MAX_OUTPUT {
        return Err(DecodeError::TooLarge);
    }
    FORGIVING
        .decode(cleaned)
        .map_err(|_| DecodeError::Base64("not base64"))
}

/// What `atob` gives a script: UTF-8 where the bytes are that, otherwise one
/// character per byte.
///
/// # Errors
/// As for [`base64()`].
pub fn atob(text: &str) -> Result<String, DecodeError> {
    base64(text).map(text_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_browsers_decode() {
        // Right-hand sides are what `atob` answers in Node 20, but for the last
        // two: UTF-8 is read as such, and `atob` refuses the URL-safe alphabet.
        for (text, expected) in [
            ("", ""),
            ("aHR0cDovL2dvLnRlc3QvZ28vMQ==", "http://go.test/go/1"),
            ("aHR0cDovL2dvLnRlc3QvZ28vMQ", "http://go.test/go/1"),
            ("aHR0\ncDov\tL2dv LnRlc3Qv Z28vMQ==", "http://go.test/go/1"),
            ("YR==", "a"),
            ("/+8=", "\u{ff}\u{ef}"),
            ("4oKs", "€"),
            ("_-8=", "\u{ff}\u{ef}"),
        ] {
            assert_eq!(atob(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_base64_is_an_error() {
        for text in ["a", "a===", "aa=a", "%%%%", "äöü", "aGk=aGk="] {
            assert!(
                matches!(base64(text), Err(DecodeError::Base64(_))),
                "{text}"
            );
        }
        let large = "A".repeat(MAX_OUTPUT / 3 * 4 + 8);
        assert_eq!(base64(&large), Err(DecodeError::TooLarge));
    }
}
