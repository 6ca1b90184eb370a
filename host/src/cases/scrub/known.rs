//! The values that a recording must not hold, as they are collected. Those of
//! the site's file are the operator's; those learned from a site are as many
//! and as long as a site likes, so they have a bound.

use super::NOWHERE;

/// Shorter values are replaced only where they are a word of their own: "user"
/// must not change "username".
pub(super) const LONG: usize = 8;
/// Bytes of a learned value, on average; the index of all their spellings is up
/// to 20 times their length.
const AVERAGE: usize = 256;

/// Of a learned value, as of a cookie (RFC 6265). The index begins anew behind
/// each match, so that a text of the beginnings of one takes up to its length for
/// each of its bytes.
const LONGEST: usize = 4 << 10;

/// Values, each with its placeholder, in order of finding.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) values: Vec<(String, String)>,
    /// How many values more are learned from a site.
    left: usize,
    /// Bytes of them.
    bytes_left: usize,
    /// There were more values than are learned.
    pub(super) overfull: bool,
}

impl Known {
    /// `learned` values of a site: [`config::Diagnostics::learned`].
    ///
    /// [`config::Diagnostics::learned`]: crate::config::Diagnostics::learned
    pub(super) fn new(learned: usize) -> Self {
        Self {
            values: Vec::new(),
            left: learned,
            bytes_left: learned.saturating_mul(AVERAGE),
            overfull: false,
        }
    }

    /// From now on `placeholder` stands for `value`, unless something does.
    pub(super) fn add(&mut self, value: &str, placeholder: &str) {
        if !value.is_empty() && !self.knows(value) {
            self.values.push((value.to_owned(), placeholder.to_owned()));
        }
    }

    /// As [`Self::add`], for what a site chose.
    pub(super) fn learn(&mut self, value: &str, placeholder: &str) {
        if self.overfull || value.is_empty() || self.knows(value) {
            return;
        }
        if self.left == 0 || value.len() > self.bytes_left.min(LONGEST) {
            self.overfull = true;
            return;
        }
        self.left -= 1;
        self.bytes_left -= value.len();
        self.values.push((value.to_owned(), placeholder.to_owned()));
    }

    pub(super) fn knows(&self, value: &str) -> bool {
        let placeholder = |(known, stands): &(String, String)| known == value || stands == value;
        self.values.iter().any(placeholder)
    }

    /// Whether a longer value is part of `text`.
    pub(super) fn is_in(&self, text: &str) -> bool {
        let mut long = self.values.iter().filter(|(value, _)| value.len() >= LONG);
        long.any(|(value, _)| text.contains(&**value))
    }

    /// A value that still stands in `text`; short ones may by chance, and words
    /// of ours.
    pub(super) fn left_in(&self, text: &str) -> Option<&str> {
        let placeholder = |value: &str| {
            NOWHERE.contains(value) || self.values.iter().any(|(_, p)| p.contains(value))
        };
        let long = self.values.iter().filter(|(value, _)| value.len() >= LONG);
        let mut left = long.filter(|(value, _)| text.contains(&**value) && !placeholder(value));
        left.next().map(|(_, stands)| stands.as_str())
    }
}

/// How a value may be written. Base64 is looked into instead.
pub(super) fn spellings(value: &str) -> Vec<Vec<u8>> {
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

    #[test]
    fn what_a_site_chose_is_bounded_and_what_the_operator_wrote_is_not() {
        let mut many = Known::new(8);
        for number in 0..8 {
            many.learn(&format!("value-{number}"), "cookie");
            many.learn("value-0", "cookie");
        }
        assert!(!many.overfull, "each counts once");
        many.learn("one more", "cookie");
        assert!(many.overfull && many.values.len() == 8);
        many.add("a secret", "secret");
        assert!(many.knows("a secret"));

        let mut long = Known::new(8);
        long.learn(&"x".repeat(8 * AVERAGE + 1), "cookie");
        assert!(long.overfull && long.values.is_empty());

        let mut longest = Known::new(256);
        longest.learn(&"x".repeat(LONGEST), "cookie");
        assert!(!longest.overfull);
        longest.learn(&"y".repeat(LONGEST + 1), "cookie");
        assert!(longest.overfull);
    }
}
