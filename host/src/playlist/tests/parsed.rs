//! A parser that knows nothing of ours reads a playlist before and after: the same
//! lines with the same values, but for links.

use quick_m3u8::Reader;
use quick_m3u8::config::ParsingOptionsBuilder;

use super::*;

/// What the parser makes of a line, without the bytes that it keeps beside it.
fn parsed(line: &str) -> String {
    let options = ParsingOptionsBuilder::new()
        .with_parsing_for_all_tags()
        .build();
    let mut reader = Reader::from_str(line, options);
    let read = match reader.read_line() {
        Ok(read) => format!("{read:?}"),
        // Its error holds the line, too.
        Err(_) => "unreadable".to_owned(),
    };
    if read.contains("UnknownTag(") {
        // Its value is not read, only kept.
        return read.split(", value:").next().unwrap_or_default().to_owned();
    }
    let end = read.find(", output_line:").unwrap_or(read.len());
    legible(&read[..end])
}

/// Values without quotes are shown as numbers.
fn legible(shown: &str) -> String {
    const OPEN: &str = "UnquotedAttributeValue([";
    let mut out = String::new();
    let mut rest = shown;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let (numbers, after) = after.split_once(']').expect("a list ends");
        let bytes = numbers.split(", ").filter_map(|number| number.parse().ok());
        let bytes: Vec<u8> = bytes.collect();
        out = out + before + OPEN + &String::from_utf8_lossy(&bytes);
        rest = after;
    }
    out + rest
}

/// `/relay/@N` in `after` stands where `before` has what resolves to child N.
pub(super) fn parsed_alike(
    name: &str,
    before: &str,
    after: &str,
    children: &[String],
    base: &Url,
    parent: &Variables,
) {
    assert_eq!(before.lines().count(), after.lines().count(), "{name}");
    for (before, after) in before.lines().zip(after.lines()) {
        let (was, is) = (parsed(before.trim()), parsed(after.trim()));
        let mut pieces = is.split("/relay/@");
        let first = pieces.next().unwrap_or_default();
        let mut rest = was
            .strip_prefix(first)
            .unwrap_or_else(|| panic!("{name}: {was} became {is}"));
        for piece in pieces {
            let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
            let (number, follows) = piece.split_at(digits);
            let end = match follows {
                "" => rest.len(),
                _ => rest
                    .find(follows)
                    .unwrap_or_else(|| panic!("{name}: {was} became {is}")),
            };
            let reference = rest[..end].trim().replace("\\\\", "\\");
            let child = &children[number.parse::<usize>().unwrap()];
            // What holds variables is told elsewhere.
            if parent.is_empty() && !reference.contains("{$") {
                let means = base.join(&reference).unwrap();
                assert_eq!(means.as_str(), child, "{name}: {was}");
            }
            rest = &rest[end + follows.len()..];
        }
        assert_eq!(rest, "", "{name}: {was} became {is}");
    }
}
