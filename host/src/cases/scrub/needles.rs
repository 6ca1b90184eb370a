//! Replaces values wherever they stand, in every spelling that pages, forms
//! and headers have for them.

use base64::Engine as _;
use base64::engine::general_purpose::{
    GeneralPurpose, STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD,
};

/// Shorter values are replaced only where they are a word of their own: "user"
/// must not change "username".
const LONG: usize = 8;
/// A run of base64 in a text; a longer one is media.
const MAX_RUN: usize = 64 << 10;
const MIN_RUN: usize = 8;

/// Values and what stands for them.
#[derive(Clone, Debug, Default)]
pub(super) struct Needles {
    /// Values as they are, in order of finding.
    values: Vec<(String, String)>,
    /// All spellings, longest first.
    spellings: Vec<(Vec<u8>, String, bool)>,
}

impl Needles {
    /// From now on `placeholder` stands for `value`, unless something does.
    pub(super) fn add(&mut self, value: &str, placeholder: &str) {
        if value.is_empty() || self.knows(value) {
            return;
        }
        self.values.push((value.to_owned(), placeholder.to_owned()));
        let whole_word = value.len() < LONG;
        for spelling in spellings(value) {
            let known = self.spellings.iter().any(|(known, ..)| *known == spelling);
            if !known {
                self.spellings
                    .push((spelling, placeholder.to_owned(), whole_word));
            }
        }
        self.spellings
            .sort_by_key(|(text, ..)| usize::MAX - text.len());
    }

    pub(super) fn knows(&self, value: &str) -> bool {
        let placeholder = |(known, stands): &(String, String)| known == value || stands == value;
        self.values.iter().any(placeholder)
    }

    pub(super) fn bytes(&self, text: &[u8]) -> Vec<u8> {
        self.plain(&self.encoded(text))
    }

    pub(super) fn text(&self, text: &str) -> String {
        let bytes = self.bytes(text.as_bytes());
        // Whole characters were replaced by ASCII.
        String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into())
    }

    /// `name=value&…`: the names are the site's and stay.
    pub(super) fn pairs(&self, text: &str) -> String {
        let pairs = text.split('&').map(|pair| match pair.split_once('=') {
            Some((name, value)) => format!("{name}={}", self.text(value)),
            None => self.text(pair),
        });
        pairs.collect::<Vec<_>>().join("&")
    }

    /// A value that still stands in `text`; short ones may by chance.
    pub(super) fn left_in(&self, text: &str) -> Option<&str> {
        let placeholder = |value: &str| self.values.iter().any(|(_, p)| p.contains(value));
        let long = self.values.iter().filter(|(value, _)| value.len() >= LONG);
        let mut left = long.filter(|(value, _)| text.contains(&**value) && !placeholder(value));
        left.next().map(|(_, stands)| stands.as_str())
    }

    /// One pass, so that no placeholder is replaced in turn.
    fn plain(&self, text: &[u8]) -> Vec<u8> {
        let mut begins = [false; 256];
        for (spelling, ..) in &self.spellings {
            begins[usize::from(spelling[0])] = true;
        }
        let mut out = Vec::with_capacity(text.len());
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            let found = begins[usize::from(*byte)]
                .then(|| self.at(text, at))
                .flatten();
            match found {
                Some((length, placeholder)) => {
                    out.extend_from_slice(placeholder.as_bytes());
                    at += length;
                }
                None => {
                    out.push(*byte);
                    at += 1;
                }
            }
        }
        out
    }

    fn at(&self, text: &[u8], at: usize) -> Option<(usize, &str)> {
        let word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let found = self.spellings.iter().find(|(spelling, _, whole_word)| {
            let end = at + spelling.len();
            let alone = || !word(at.checked_sub(1).map(|i| &text[i])) && !word(text.get(end));
            text[at..].starts_with(spelling) && (!whole_word || alone())
        });
        found.map(|(spelling, placeholder, _)| (spelling.len(), placeholder.as_str()))
    }

    /// Values inside of base64, alone or with others ("user:password").
    fn encoded(&self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let run = rest.iter().take_while(|b| is_base64(**b)).count();
            let padding = rest[run..].iter().take_while(|b| **b == b'=').count();
            let (piece, after) = rest.split_at((run + padding).max(1));
            rest = after;
            if !(MIN_RUN..=MAX_RUN).contains(&run) {
                out.extend_from_slice(piece);
            } else if let Some(scrubbed) = self.run(piece) {
                out.extend_from_slice(scrubbed.as_bytes());
            } else {
                // `/` is a digit of base64 and an end of it in a path.
                let parts = piece
                    .split(|b| *b == b'/')
                    .map(|part| match self.run(part) {
                        Some(scrubbed) => scrubbed.into_bytes(),
                        None => part.to_vec(),
                    });
                out.extend(parts.collect::<Vec<_>>().join(&b'/'));
            }
        }
        out
    }

    fn run(&self, run: &[u8]) -> Option<String> {
        const KINDS: [&GeneralPurpose; 4] =
            [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
        KINDS.iter().find_map(|kind| {
            let decoded = kind.decode(run).ok()?;
            let scrubbed = self.plain(&decoded);
            (scrubbed != decoded).then(|| kind.encode(scrubbed))
        })
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// How a value may be written. Base64 is looked into instead.
fn spellings(value: &str) -> Vec<Vec<u8>> {
    let percent = |upper: bool, space: &str| {
        let byte = |b: u8| match b {
            b' ' => space.to_owned(),
            b if b.is_ascii_alphanumeric() || b"-._~*".contains(&b) => char::from(b).to_string(),
            b if upper => format!("%{b:02X}"),
            b => format!("%{b:02x}"),
        };
        value.bytes().map(byte).collect::<String>()
    };
    let json = serde_json::Value::from(value).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let html = value
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;");
    let mut all = vec![
        value.to_owned(),
        percent(true, "%20"),
        percent(false, "%20"),
        percent(true, "+"),
        percent(false, "+"),
        json.replace('/', "\\/"),
        json,
        html.replace('\'', "&#39;"),
        html.replace('\'', "&#x27;"),
    ];
    if value.len() >= LONG {
        let hex = |upper: bool| {
            let byte = |b: u8| {
                if upper {
                    format!("{b:02X}")
                } else {
                    format!("{b:02x}")
                }
            };
            value.bytes().map(byte).collect::<String>()
        };
        all.extend([hex(true), hex(false)]);
    }
    let mut all: Vec<_> = all.into_iter().map(String::into_bytes).collect();
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needles() -> Needles {
        let mut needles = Needles::default();
        needles.add("s3cr/t &pässword", "secret-password");
        needles.add("user", "secret-name");
        needles.add("password", "cookie-1");
        needles
    }

    #[test]
    fn every_spelling_is_found() {
        let basic = STANDARD.encode("user:s3cr/t &pässword");
        let scrubbed = STANDARD.encode("secret-name:secret-password");
        for (dirty, clean) in [
            ("a=s3cr/t &pässword!", "a=secret-password!"),
            ("s3cr%2Ft%20%26p%C3%A4ssword", "secret-password"),
            ("s3cr%2ft+%26p%c3%a4ssword", "secret-password"),
            (r#"{"a":"s3cr\/t &pässword"}"#, r#"{"a":"secret-password"}"#),
            ("s3cr/t &amp;pässword", "secret-password"),
            ("username=user", "username=secret-name"),
            ("the password", "the cookie-1"),
            (&format!("Basic {basic}"), &format!("Basic {scrubbed}")),
            (&format!("/x/{basic}/y"), &format!("/x/{scrubbed}/y")),
            ("nothing", "nothing"),
        ] {
            assert_eq!(needles().text(dirty), clean);
        }
        assert_eq!(needles().pairs("user=user&x"), "user=secret-name&x");
    }

    #[test]
    fn what_is_left_is_seen_and_a_placeholder_is_not_a_leak() {
        let needles = needles();
        assert_eq!(
            needles.left_in("a s3cr/t &pässword"),
            Some("secret-password")
        );
        assert_eq!(needles.left_in(&needles.text("s3cr/t &pässword")), None);
        assert_eq!(needles.bytes(b"\xff\xfepassword"), b"\xff\xfecookie-1");
    }
}
