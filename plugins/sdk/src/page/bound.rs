//! How much of a page is parsed. HTML's own rules make some pages cost the
//! square of their length: elements inside of elements, attributes of one
//! element. Browsers cut depth for that reason, too. A page that is cut has
//! misses; a call that runs out of time or memory has no words.

use std::collections::HashMap;

/// A large page has 2 MiB; its parsed form needs some 4 times its length.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Opening and closing tags, and comments. Parsed, they are some 20 MB of a call's 64.
const MAX_TAGS: usize = 60_000;

/// Tags that are open at once, as far as can be told without parsing. Chrome
/// ends at 512; a table without closing tags counts here and not there.
const MAX_OPEN: usize = 4_096;

/// Attributes of one tag.
const MAX_ATTRIBUTES: usize = 1_024;

/// Elements that nothing can be inside of.
const VOID: [&str; 12] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr",
];

/// Elements whose content is no HTML.
const RAW: [&str; 4] = ["script", "style", "textarea", "title"];

/// The beginning of a page that is cheap to parse; nearly always all of it.
pub(super) fn affordable(html: &str) -> &str {
    let mut end = html.len().min(MAX_BYTES);
    while !html.is_char_boundary(end) {
        end -= 1;
    }
    let html = &html[..end];
    let (mut tags, mut open) = (0, Open::default());
    let mut at = 0;
    while let Some(found) = html[at..].find('<') {
        let start = at + found;
        let rest = &html[start + 1..];
        tags += 1;
        if tags > MAX_TAGS {
            return &html[..start];
        }
        if rest.starts_with("!--") {
            at = start + 1 + rest.find("-->").unwrap_or(rest.len());
            continue;
        }
        let name_end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '/');
        let name = rest[..name_end.unwrap_or(rest.len())].to_ascii_lowercase();
        let (length, attributes) = tag(rest);
        open.count(&name);
        if open.all > MAX_OPEN || attributes > MAX_ATTRIBUTES {
            return &html[..start];
        }
        at = start + 1 + length;
        // In a drawing they are elements like others.
        if RAW.contains(&&*name) && !open.has("svg") && !open.has("math") {
            at += raw(&html[at..], &name);
        }
    }
    html
}

/// Tags that are open, by name: one that closes nothing counts for nothing.
#[derive(Default)]
struct Open {
    all: usize,
    named: HashMap<String, usize>,
}

impl Open {
    fn count(&mut self, name: &str) {
        if let Some(closed) = name.strip_prefix('/') {
            if let Some(open) = self.named.get_mut(closed).filter(|open| **open > 0) {
                *open -= 1;
                self.all -= 1;
            }
        } else if name.starts_with(|c: char| c.is_ascii_alphabetic()) && !VOID.contains(&name) {
            *self.named.entry(name.to_owned()).or_default() += 1;
            self.all += 1;
        }
    }

    fn has(&self, name: &str) -> bool {
        self.named.get(name).is_some_and(|open| *open > 0)
    }
}

/// Bytes up to a tag's `>`, and about how many attributes are among them: runs
/// of what is not white space outside of quotes.
fn tag(text: &str) -> (usize, usize) {
    let (mut attributes, mut quote, mut between) = (0, None, false);
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'>') => return (at, attributes),
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c' | b'/') => between = true,
            (None, _) => {
                attributes += usize::from(between);
                between = false;
            }
        }
        if attributes > MAX_ATTRIBUTES {
            return (at, attributes);
        }
    }
    (text.len(), attributes)
}

/// Bytes up to where the content of `name` ends.
fn raw(text: &str, name: &str) -> usize {
    let closing = text.match_indices("</").find(|(at, _)| {
        let after = text.as_bytes().get(at + 2..at + 2 + name.len());
        after.is_some_and(|after| after.eq_ignore_ascii_case(name.as_bytes()))
    });
    closing.map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_page_is_whole() {
        let page = format!(
            "<!doctype html><!-- <b {} --><title>a < b</title><script>{}</script>\
             <div data-x='{}'>{}</div>{}{}",
            "a ".repeat(5_000),
            "if (a<b && c) ".repeat(70_000),
            "{\"a\": 1, \"b\": 2} > ".repeat(5_000),
            "<br><img src=x>".repeat(5_000),
            "<p>é</p>".repeat(4_000),
            "<svg><title>x</title></svg>",
        );
        assert_eq!(affordable(&page).len(), page.len());
    }

    #[test]
    fn a_hostile_one_is_cut() {
        for page in [
            "<div>".repeat(100_000),
            "<a></a>".repeat(100_000),
            "<div></p>".repeat(10_000),
            "<svg><script>".repeat(10_000),
            "<!-->".repeat(100_000),
            format!("<a {}>", "b ".repeat(10_000)),
            format!("<a {}", "b/".repeat(10_000)),
            "é".repeat(MAX_BYTES),
        ] {
            assert!(affordable(&page).len() < page.len(), "{}", &page[..20]);
        }
    }

    #[test]
    fn any_text_has_a_beginning() {
        for page in [
            "<", "</", "<!--", "<script", "<script>", "<é", "<a '", "<a/>", "</script",
        ] {
            assert_eq!(affordable(page), page);
        }
    }
}
