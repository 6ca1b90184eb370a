//! Where the elements and attributes of a page are, as far as it takes to cut
//! them out: not a parser of HTML, and never wrong by more than a tag.

use std::ops::Range;

use super::spread;

/// Their content is text, whatever it looks like.
const RAW: &[&str] = &["script", "style", "textarea", "title"];
/// Looked for per page: the rest of an endless page adds nothing.
const MAX: usize = 10_000;

struct Tag {
    name: String,
    /// From `<` to `>`.
    range: Range<usize>,
    closing: bool,
}

/// A part's name for people, and where it is.
type Part = (String, Range<usize>);

/// Some elements with what is in them, and some attributes.
pub(super) fn parts(text: &str) -> (Vec<Part>, Vec<Part>) {
    let mut attributes = Vec::new();
    let tags = tags(text, &mut attributes);
    let opening = tags.iter().enumerate().filter(|(_, tag)| !tag.closing);
    let elements = spread(opening.enumerate().collect()).into_iter();
    let elements = elements.map(|(number, (i, tag))| {
        let end = end_of(&tags, i).unwrap_or(tag.range.end);
        let name = format!("<{}> {}", tag.name, number + 1);
        (name, tag.range.start..end)
    });
    (elements.collect(), spread(attributes))
}

/// The end of the closing tag; `None` for an element that has none.
fn end_of(tags: &[Tag], opening: usize) -> Option<usize> {
    let mut depth = 0;
    let same = tags[opening..]
        .iter()
        .filter(|tag| tag.name == tags[opening].name);
    for tag in same.take(MAX) {
        if tag.closing {
            depth -= 1;
        } else {
            depth += 1;
        }
        if depth == 0 {
            return Some(tag.range.end);
        }
    }
    None
}

fn tags(text: &str, attributes: &mut Vec<Part>) -> Vec<Tag> {
    let mut tags: Vec<Tag> = Vec::new();
    let mut at = 0;
    let mut opened = 0;
    while let Some(begin) = text[at..].find('<').map(|found| at + found) {
        let rest = &text[begin + 1..];
        let closing = rest.starts_with('/');
        let name_at = begin + 1 + usize::from(closing);
        let name: String = text[name_at..]
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '-')
            .collect();
        if name.is_empty() || tags.len() >= MAX {
            at = match rest.starts_with("!--").then(|| rest.find("-->")).flatten() {
                Some(end) => begin + 1 + end,
                None => begin + 1,
            };
            continue;
        }
        opened += usize::from(!closing);
        let name_end = name_at + name.len();
        let name = name.to_ascii_lowercase();
        let owner = format!("<{name}> {opened}");
        let end = in_tag(text, name_end, |attribute, range| {
            attributes.push((format!("{attribute} of {owner}"), range));
        });
        at = end;
        if !closing && RAW.contains(&name.as_str()) {
            let closes = |found: &(usize, &str)| {
                let after = text.as_bytes().get(found.0 + 2..).unwrap_or_default();
                let after = after.get(..name.len()).unwrap_or_default();
                after.eq_ignore_ascii_case(name.as_bytes())
            };
            let found = text[end..].match_indices("</").map(|(i, m)| (end + i, m));
            at = { found }.find(closes).map_or(text.len(), |(i, _)| i);
        }
        tags.push(Tag {
            name,
            range: begin..end,
            closing,
        });
    }
    tags
}

/// Walks over a tag's attributes; returns where the tag ends.
fn in_tag(text: &str, from: usize, mut attribute: impl FnMut(&str, Range<usize>)) -> usize {
    let bytes = text.as_bytes();
    let mut at = from;
    while at < bytes.len() && bytes[at] != b'>' {
        let begin = at;
        at += blanks(bytes, at);
        let name_at = at;
        while at < bytes.len()
            && !matches!(bytes[at], b'=' | b'>' | b'/')
            && !bytes[at].is_ascii_whitespace()
        {
            at += 1;
        }
        let name = &text[name_at..at];
        if name.is_empty() {
            at += usize::from(at < bytes.len() && bytes[at] != b'>');
            continue;
        }
        let after = at + blanks(bytes, at);
        if bytes.get(after) == Some(&b'=') {
            at = value_end(bytes, after + 1);
        }
        attribute(name, begin..at);
    }
    (at + 1).min(bytes.len())
}

fn value_end(bytes: &[u8], from: usize) -> usize {
    let at = from + blanks(bytes, from);
    let rest = bytes.get(at..).unwrap_or_default();
    let length = match rest.first() {
        Some(quote @ (b'"' | b'\'')) => rest[1..].iter().position(|b| b == quote).map(|n| n + 2),
        _ => rest
            .iter()
            .position(|b| b.is_ascii_whitespace() || *b == b'>'),
    };
    at + length.unwrap_or(rest.len())
}

fn blanks(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.iter().take_while(|b| b.is_ascii_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_end_where_they_should() {
        let text = "<!doctype html><div><div a>x</div></div><script>if (a<b) '<p>'</script><img src=u><!-- <i> -->é<p";
        let (elements, attributes) = parts(text);
        let cut: Vec<_> = elements
            .iter()
            .map(|(name, range)| (name.as_str(), &text[range.clone()]))
            .collect();
        assert_eq!(
            cut,
            [
                ("<div> 1", "<div><div a>x</div></div>"),
                ("<div> 2", "<div a>x</div>"),
                ("<script> 3", "<script>if (a<b) '<p>'</script>"),
                ("<img> 4", "<img src=u>"),
                ("<p> 5", "<p"),
            ]
        );
        let names: Vec<_> = attributes.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a of <div> 2", "src of <img> 4"]);
    }

    proptest::proptest! {
        /// Whatever a page looks like, parts are parts of it.
        #[test]
        fn any_text_has_parts_within_it(text in "[<>/a-c=\"' é!-]{0,60}") {
            let (elements, attributes) = parts(&text);
            for (_, range) in elements.into_iter().chain(attributes) {
                assert!(text.get(range).is_some());
            }
        }
    }
}
