//! Replaces values wherever they stand, in every spelling that pages, forms
//! and headers have for them. The time it takes grows with the text, and not
//! with the number of values: both are the site's choice.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{
    GeneralPurpose, STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD,
};

use super::known::{Known, LONG, spellings};

/// A run of base64 in a text; a longer one is media.
const MAX_RUN: usize = 64 << 10;
const MIN_RUN: usize = 8;

/// Values and what stands for them.
#[derive(Clone, Debug)]
pub(super) struct Needles {
    /// All spellings of longer values: one pass, the longest at each place.
    long: AhoCorasick,
    /// What stands for each of them.
    stands: Vec<String>,
    /// Spellings of short values, which are replaced as whole words.
    words: HashMap<Vec<u8>, String>,
    /// Their lengths, longest first: a handful, as the values are short.
    lengths: Vec<usize>,
}

impl Needles {
    /// `Err` where there is more than an index may hold; [`Known`] is bounded
    /// well below, but for what an operator wrote.
    pub(super) fn new(known: &Known) -> Result<Self, String> {
        let (mut long, mut stands) = (Vec::new(), Vec::new());
        let mut words = HashMap::new();
        for (value, placeholder) in &known.values {
            for spelling in spellings(value) {
                if value.len() >= LONG {
                    long.push(spelling);
                    stands.push(placeholder.clone());
                } else {
                    words.entry(spelling).or_insert_with(|| placeholder.clone());
                }
            }
        }
        let lengths: BTreeSet<_> = words.keys().map(|word| Reverse(word.len())).collect();
        let long = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            // The others are faster and many times as large.
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(long)
            .map_err(|error| error.to_string())?;
        Ok(Self {
            long,
            stands,
            words,
            lengths: lengths.into_iter().map(|Reverse(length)| length).collect(),
        })
    }

    pub(super) fn bytes(&self, text: &[u8]) -> Vec<u8> {
        self.plain(&self.encoded(text))
    }

    pub(super) fn text(&self, text: &str) -> String {
        string(self.bytes(text.as_bytes()))
    }

    /// A name: a short value in it is a word of its own, and stays.
    pub(super) fn name(&self, name: &str) -> String {
        let mut out = Vec::with_capacity(name.len());
        self.each(name.as_bytes(), &mut out, |piece, out| {
            out.extend_from_slice(&name.as_bytes()[piece]);
        });
        string(out)
    }

    /// `name=value&…`.
    pub(super) fn pairs(&self, text: &str) -> String {
        let pairs = text.split('&').map(|pair| match pair.split_once('=') {
            Some((name, value)) => format!("{}={}", self.name(name), self.text(value)),
            None => self.text(pair),
        });
        pairs.collect::<Vec<_>>().join("&")
    }

    /// One pass, so that no placeholder is replaced in turn.
    fn plain(&self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        self.each(text, &mut out, |piece, out| {
            let mut at = piece.start;
            while at < piece.end {
                match self.word(text, at, piece.end) {
                    Some((length, placeholder)) => {
                        out.extend_from_slice(placeholder.as_bytes());
                        at += length;
                    }
                    None => {
                        out.push(text[at]);
                        at += 1;
                    }
                }
            }
        });
        out
    }

    /// Replaces longer values; `between` writes what is between them.
    fn each(
        &self,
        text: &[u8],
        out: &mut Vec<u8>,
        between: impl Fn(std::ops::Range<usize>, &mut Vec<u8>),
    ) {
        let mut at = 0;
        for found in self.long.find_iter(text) {
            between(at..found.start(), out);
            out.extend_from_slice(self.stands[found.pattern().as_usize()].as_bytes());
            at = found.end();
        }
        between(at..text.len(), out);
    }

    /// The short value that stands alone at `at` and ends by `end`.
    fn word(&self, text: &[u8], at: usize, end: usize) -> Option<(usize, &str)> {
        let letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        if letter(at.checked_sub(1).map(|i| &text[i])) {
            return None;
        }
        let fits = |length: &&usize| at + **length <= end && !letter(text.get(at + **length));
        self.lengths.iter().filter(fits).find_map(|length| {
            let placeholder = self.words.get(&text[at..at + length])?;
            Some((*length, placeholder.as_str()))
        })
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
        // Each run is base64 of one kind, and looked into once.
        let url = run.iter().any(|b| matches!(b, b'-' | b'_'));
        let kind: &GeneralPurpose = match (url, run.len() % 4) {
            (false, 0) => &STANDARD,
            (false, _) => &STANDARD_NO_PAD,
            (true, 0) => &URL_SAFE,
            (true, _) => &URL_SAFE_NO_PAD,
        };
        let decoded = kind.decode(run).ok()?;
        let scrubbed = self.plain(&decoded);
        (scrubbed != decoded).then(|| kind.encode(scrubbed))
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Whole characters were replaced by ASCII.
fn string(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let mut known = Known::new(256);
        known.add("s3cr/t &pässword", "secret-password");
        known.add("user", "secret-name");
        known.add("us-er", "secret-other");
        known.add("password", "cookie-1");
        known
    }

    fn needles() -> Needles {
        Needles::new(&known()).expect("small")
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
            ("us-er=us-ers user", "secret-other=us-ers secret-name"),
            ("the password", "the cookie-1"),
            (&format!("Basic {basic}"), &format!("Basic {scrubbed}")),
            (&format!("/x/{basic}/y"), &format!("/x/{scrubbed}/y")),
            ("nothing", "nothing"),
        ] {
            assert_eq!(needles().text(dirty), clean);
        }
        assert_eq!(needles().pairs("user=user&x"), "user=secret-name&x");
        // What is no word by chance is no name either.
        assert_eq!(needles().pairs("password=user"), "cookie-1=secret-name");
    }

    #[test]
    fn what_is_left_is_seen_and_a_placeholder_is_not_a_leak() {
        let (known, needles) = (known(), needles());
        assert_eq!(known.left_in("a s3cr/t &pässword"), Some("secret-password"));
        assert_eq!(known.left_in(&needles.text("s3cr/t &pässword")), None);
        assert_eq!(needles.bytes(b"\xff\xfepassword"), b"\xff\xfecookie-1");
    }

    /// Behind each match of the shorter value it begins to look for the longer
    /// one again.
    #[test]
    fn a_text_of_one_values_beginnings_takes_seconds_at_most() {
        let mut known = Known::new(256);
        for longest in [60_000, 4_095] {
            known.learn(&format!("{}b", "1".repeat(longest)), "token-1");
            known.learn(&"1".repeat(LONG), "token-2");
            known.overfull = false;
        }
        let needles = Needles::new(&known).expect("small");
        let began = std::time::Instant::now();
        let clean = needles.text(&"1".repeat(1 << 20));
        assert_eq!(clean, "token-2".repeat((1 << 20) / LONG));
        let took = began.elapsed();
        assert!(took < std::time::Duration::from_secs(15), "{took:?}");
    }

    /// As many values as are learned, all alike, in the largest of texts made
    /// of their beginnings: what takes a time for each value takes minutes.
    #[test]
    fn a_hostile_text_takes_seconds_at_most() {
        let mut known = Known::new(256);
        for number in 0..125 {
            known.learn(&format!("{}{number:03}", "a-\"\"".repeat(50)), "cookie-1");
            known.learn(&format!("{}{number:03}", "a-".repeat(12)), "cookie-1");
            known.add(&format!("a{number:03}"), "token-1");
        }
        assert!(!known.overfull);
        let needles = Needles::new(&known).expect("small");
        let began = std::time::Instant::now();
        let hostile = "a-".repeat(2 << 20);
        assert_eq!(needles.text(&hostile), hostile);
        let hostile = STANDARD.encode(&hostile[..MAX_RUN / 2]).repeat(48);
        let hostile = hostile.replace("Yg==", "\n");
        needles.text(&hostile);
        let took = began.elapsed();
        assert!(took < std::time::Duration::from_secs(10), "{took:?}");
    }
}
