//! Addresses of streams anywhere in a text.

use url::Url;

use super::MAX_OUTPUT;
use super::escapes::{entities, unescape};

/// What the paths of playlists and manifests end with.
const ENDINGS: [&str; 2] = [".m3u8", ".mpd"];

/// Longer ones are not addresses, as the host sees it by default.
const MAX_URL: usize = 8 * 1024;

/// A page shows one player; more addresses than this are a list of something.
const MAX_FOUND: usize = 100;

/// The addresses in a text whose path ends like a playlist's or a manifest's:
/// absolute HTTP ones anywhere, relative ones in quotes. Each once, in order, at
/// most 100, to be joined to the page's address. Escapes of scripts and
/// attributes are read as what they mean. Looks at the first [`MAX_OUTPUT`]
/// bytes.
#[must_use]
pub fn media_links(text: &str) -> Vec<String> {
    let mut end = text.len().min(MAX_OUTPUT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = unescape(&entities(&text[..end]));
    let mut found: Vec<String> = Vec::new();
    // Nothing before this is looked at again.
    let mut done = 0;
    while let Some(ending) = next_ending(&text, done) {
        let start = done + word_start(&text[done..ending]);
        let rest = text[ending..].find(is_outside);
        let end = rest.map_or(text.len(), |rest| ending + rest);
        let quoted = is_quoted(&text, start, end);
        done = end;
        let Some(candidate) = address(&text[start..end], quoted) else {
            continue;
        };
        let candidate = candidate.trim_end_matches(['.', ',', ';', ':', '!', '\\']);
        if candidate.len() > MAX_URL || !leads_to_media(candidate) {
            continue;
        }
        if !found.iter().any(|known| known == candidate) {
            found.push(candidate.to_owned());
        }
        if found.len() >= MAX_FOUND {
            break;
        }
    }
    found
}

/// The end of the first of [`ENDINGS`] from `from` on.
fn next_ending(text: &str, from: usize) -> Option<usize> {
    let rest = &text[from..];
    // A dot at a time, so that a text without one of them is searched once.
    rest.match_indices('.').find_map(|(at, _)| {
        let here = &rest.as_bytes()[at..];
        let ending = ENDINGS.iter().find(|ending| {
            let head = here.get(..ending.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(ending.as_bytes()))
        })?;
        Some(from + at + ending.len())
    })
}

/// Where the last run of characters begins that can stand in an address.
fn word_start(text: &str) -> usize {
    let mut from = text.len().saturating_sub(MAX_URL);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let outside = text[from..].char_indices().rfind(|(_, c)| is_outside(*c));
    outside.map_or(from, |(at, c)| from + at + c.len_utf8())
}

fn is_quoted(text: &str, start: usize, end: usize) -> bool {
    let quotes = ['"', '\'', '`'];
    let Some(before) = text[..start].strip_suffix(quotes) else {
        return false;
    };
    // The end of a sum is no address of its own.
    let sum = before.trim_end().ends_with('+');
    !sum && text[end..].starts_with(quotes)
}

/// The address in a word: from its scheme on, or all of it.
fn address(word: &str, quoted: bool) -> Option<&str> {
    // The first one: an address may hold another in its query.
    let schemes = ["https://", "http://"];
    let starts = schemes.iter().filter_map(|scheme| word.find(scheme));
    match starts.min() {
        Some(start) => Some(&word[start..]),
        None => Some(word).filter(|_| quoted),
    }
}

/// What can not stand in an address, or ends one in practice.
fn is_outside(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '"' | '\'' | '`' | '<' | '>' | '(' | ')' | '|' | '^')
}

fn leads_to_media(candidate: &str) -> bool {
    let url = Url::parse("http://page.invalid/").and_then(|page| page.join(candidate));
    url.is_ok_and(|url| {
        let path = url.path().to_ascii_lowercase();
        let web = matches!(url.scheme(), "http" | "https");
        web && ENDINGS.iter().any(|ending| path.ends_with(ending))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_scripts_and_attributes() {
        for (text, expected) in [
            (
                r#"file:"https://c.test/a.m3u8?t=1&x=2","#,
                vec!["https://c.test/a.m3u8?t=1&x=2"],
            ),
            (
                r#""u":"https:\/\/c.test\/a.mpd""#,
                vec!["https://c.test/a.mpd"],
            ),
            (
                r#"data-x="{&quot;u&quot;:&quot;https://c.test/a.m3u8?a=1&amp;b=2&quot;}""#,
                vec!["https://c.test/a.m3u8?a=1&b=2"],
            ),
            (
                r"\x68ttps\u003a//c.test/A.M3U8",
                vec!["https://c.test/A.M3U8"],
            ),
            (
                "see https://c.test/a.m3u8. And (http://d.test/b.mpd)!",
                vec!["https://c.test/a.m3u8", "http://d.test/b.mpd"],
            ),
            (
                "https://c.test/a.m3u8 https://c.test/a.m3u8",
                vec!["https://c.test/a.m3u8"],
            ),
            ("https://go.test/?to=https://c.test/a.m3u8", vec![]),
            (
                r#"{file:'/a/b.m3u8?x=1',"src":"c.mpd"}"#,
                vec!["/a/b.m3u8?x=1", "c.mpd"],
            ),
            (r#""https://c.te" + "st/a.m3u8""#, vec![]),
            ("/a.m3u8 .m3u8 'a.mpd b' 'ftp://c.test/a.m3u8'", vec![]),
            ("https://c.test/a.m3u8x https://c.test/a.m3u8/list", vec![]),
            ("ftp://c.test/a.m3u8", vec![]),
            ("é«https://c.test/é.m3u8»é", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(media_links(text), expected, "{text}");
        }
    }

    #[test]
    fn a_text_of_endings_takes_no_time() {
        for text in [
            ".m3u8".repeat(800_000),
            "https://c.test/.m3u8".repeat(200_000),
            "a".repeat(4_000_000),
        ] {
            assert!(media_links(&text).len() <= MAX_FOUND);
        }
        let many: String = (0..200)
            .map(|n| format!("http://c.test/{n}.m3u8 "))
            .collect();
        assert_eq!(media_links(&many).len(), MAX_FOUND);
    }
}
