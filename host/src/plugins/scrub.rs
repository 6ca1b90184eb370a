//! Secrets of a site, found again in what its plugin writes.
//!
//! A secret is found as it is, percent-encoded, escaped as JSON, and inside
//! base64 wherever it begins in it. One shorter than 4 bytes is not looked for:
//! it would blacken ordinary text. What a plugin hides better than this still
//! goes only where its site's plugin may write.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::text::{clean, clean_lines};

/// What stands in a secret's place.
const HIDDEN: &str = "•••";
const SHORTEST: usize = 4;

/// Finds the secrets of one site.
#[derive(Debug, Default)]
pub(super) struct Scrubber {
    /// Longest first, so that a form is not broken by a part of it.
    forms: Vec<String>,
}

impl Scrubber {
    pub(super) fn new<'s>(secrets: impl Iterator<Item = &'s str>) -> Self {
        let mut forms: Vec<String> = secrets
            .filter(|secret| secret.len() >= SHORTEST)
            .flat_map(forms)
            .filter(|form| form.len() >= SHORTEST)
            .collect();
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        Self { forms }
    }

    /// Somebody else's text, clean and without secrets, at most `max` bytes.
    pub(super) fn cut(&self, raw: &str, max: usize) -> String {
        // A secret across the cut is found before it, and one that hidden
        // characters divide is found without them.
        let longest = self.forms.first().map_or(0, String::len);
        let text = clean(raw, max.saturating_add(longest));
        clean(&self.text(text), max)
    }

    /// As [`Scrubber::cut`], with its line feeds. For text that a call's data
    /// is no part of: a secret that they divide is not found.
    pub(super) fn lines(&self, raw: &str, max: usize) -> String {
        let longest = self.forms.first().map_or(0, String::len);
        let text = clean_lines(raw, max.saturating_add(longest));
        clean_lines(&self.text(text), max)
    }

    /// The text with every secret replaced.
    pub(super) fn text(&self, text: String) -> String {
        self.forms.iter().fold(text, |text, form| {
            if text.contains(form) {
                text.replace(form, HIDDEN)
            } else {
                text
            }
        })
    }

    /// Whether a text holds a secret.
    pub(super) fn finds(&self, text: &str) -> bool {
        self.forms.iter().any(|form| text.contains(form))
    }

    /// As [`Scrubber::text`], for data of any kind.
    pub(super) fn bytes(&self, data: Vec<u8>) -> Vec<u8> {
        self.forms
            .iter()
            .fold(data, |data, form| replace(data, form.as_bytes()))
    }
}

fn replace(data: Vec<u8>, form: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = 0;
    let mut at = 0;
    while at + form.len() <= data.len() {
        if data[at] == form[0] && &data[at..at + form.len()] == form {
            out.extend_from_slice(&data[rest..at]);
            out.extend_from_slice(HIDDEN.as_bytes());
            at += form.len();
            rest = at;
        } else {
            at += 1;
        }
    }
    if rest == 0 {
        return data;
    }
    out.extend_from_slice(&data[rest..]);
    out
}

fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::Value::from(secret).to_string();
    let mut forms = vec![secret.to_owned(), json[1..json.len() - 1].to_owned()];
    for uppercase in [true, false] {
        let encoded = percent(secret, uppercase);
        // As in a form's field.
        forms.push(encoded.replace("%20", "+"));
        forms.push(encoded);
    }
    for before in 0..3 {
        forms.extend(base64(secret, before));
    }
    forms
}

/// The characters of a base64 text that the secret alone decides, where it
/// begins after `before` bytes (modulo 3) of something else.
fn base64(secret: &str, before: usize) -> [String; 2] {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(secret.as_bytes());
    let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    let inner = |text: String| text[from..to].to_owned();
    [
        inner(STANDARD_NO_PAD.encode(&bytes)),
        inner(URL_SAFE_NO_PAD.encode(&bytes)),
    ]
}

fn percent(text: &str, uppercase: bool) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else if uppercase {
            out.push_str(&format!("%{byte:02X}"));
        } else {
            out.push_str(&format!("%{byte:02x}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_form_it_is_written_in() {
        let scrubber = Scrubber::new(["pa/ss wörd\"1", "abc"].into_iter());
        for text in [
            "a pa/ss wörd\"1 b".to_owned(),
            "q=pa%2Fss%20w%C3%B6rd%221&x".to_owned(),
            "q=pa%2fss+w%c3%b6rd%221&x".to_owned(),
            r#"{"p":"pa/ss wörd\"1"}"#.to_owned(),
            STANDARD_NO_PAD.encode("pa/ss wörd\"1"),
            STANDARD_NO_PAD.encode("user:pa/ss wörd\"1 and more"),
            STANDARD_NO_PAD.encode("someone:pa/ss wörd\"1"),
            URL_SAFE_NO_PAD.encode("u1234:pa/ss wörd\"1?"),
        ] {
            assert!(scrubber.finds(&text), "{text}");
            let scrubbed = scrubber.text(text.clone());
            assert!(scrubbed.contains(HIDDEN), "{text}");
            assert!(!scrubber.finds(&scrubbed), "{scrubbed}");
            let bytes = scrubber.bytes(text.into_bytes());
            assert_eq!(bytes, scrubbed.into_bytes());
        }
        assert_eq!(scrubber.cut("a pa/ss\u{200b} wörd\"1 b", 11), "a •••");
        let cut = scrubber.cut("x pa/ss wörd\"1", 6);
        assert_eq!(cut, "x •", "found across the cut");
        assert_eq!(scrubber.text("abc".into()), "abc", "too short to look for");
        assert_eq!(scrubber.bytes(b"\xff abc".to_vec()), b"\xff abc");
    }
}
