//! Escapes anywhere in a text, whatever the text is: for looking through a
//! page's scripts and attributes without knowing where a literal begins. None
//! of these fails; what is no escape stays.

use super::hex::digits;
use super::text_of;

/// A text with JavaScript's and JSON's `\/`, `\x41`, `\u0041` and `\u{41}`
/// replaced, also where their backslashes are escaped themselves, as in a
/// literal inside a literal. Escapes of control characters and quotes stay.
#[must_use]
pub fn unescape(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    // The first half of a character in two escapes.
    let mut high: Option<u16> = None;
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (plain, escape) = rest.split_at(at);
        if !plain.is_empty() {
            output.extend(high.take().map(|_| char::REPLACEMENT_CHARACTER));
        }
        output.push_str(plain);
        let after = escape.trim_start_matches('\\');
        match escaped(after.as_bytes()) {
            Some((unit, length)) => {
                after_unit(&mut output, &mut high, unit);
                rest = &after[length..];
            }
            None => {
                output.extend(high.take().map(|_| char::REPLACEMENT_CHARACTER));
                output.push_str(&escape[..escape.len() - after.len()]);
                rest = after;
            }
        }
    }
    output.extend(high.map(|_| char::REPLACEMENT_CHARACTER));
    output.push_str(rest);
    output
}

/// The code that an escape without its backslash means, and its length.
fn escaped(text: &[u8]) -> Option<(u32, usize)> {
    match text {
        [b'/', ..] => Some(('/'.into(), 1)),
        [b'x', rest @ ..] => Some((digits(rest)?.into(), 3)),
        [b'u', b'{', rest @ ..] => {
            let length = rest.iter().take(7).position(|byte| *byte == b'}')?;
            let number = std::str::from_utf8(&rest[..length]).ok()?;
            let plain = !number.starts_with('+');
            let code = u32::from_str_radix(number, 16).ok().filter(|_| plain)?;
            char::from_u32(code).map(|_| (code, length + 3))
        }
        [b'u', rest @ ..] => {
            let low = digits(rest.get(2..)?)?;
            Some((u32::from(u16::from_be_bytes([digits(rest)?, low])), 5))
        }
        _ => None,
    }
}

fn after_unit(output: &mut String, high: &mut Option<u16>, code: u32) {
    let unit = u16::try_from(code).ok();
    match (high.take(), unit) {
        (Some(first), Some(second @ 0xdc00..=0xdfff)) => {
            output.push_str(&String::from_utf16_lossy(&[first, second]));
        }
        (first, Some(second @ 0xd800..=0xdbff)) => {
            output.extend(first.map(|_| char::REPLACEMENT_CHARACTER));
            *high = Some(second);
        }
        (first, _) => {
            output.extend(first.map(|_| char::REPLACEMENT_CHARACTER));
            output.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
    }
}

/// A text with `%41` replaced, and `%u0041` as the old `unescape` had it.
#[must_use]
pub fn percent(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let wide = match after {
            [b'%', ..] => None,
            [b'u', ..] if *first == b'%' => escaped(after),
            _ => None,
        };
        rest = if let Some((code, length)) = wide {
            let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            &after[length..]
        } else if let Some(byte) = digits(after).filter(|_| *first == b'%') {
            bytes.push(byte);
            &after[2..]
        } else {
            bytes.push(*first);
            after
        };
    }
    text_of(bytes)
}

/// The entities that can hide an address or quote it.
const NAMED: [(&str, char); 8] = [
    ("amp;", '&'),
    ("quot;", '"'),
    ("apos;", '\''),
    ("lt;", '<'),
    ("gt;", '>'),
    ("sol;", '/'),
    ("colon;", ':'),
    ("period;", '.'),
];

/// A text with HTML's `&amp;`, `&quot;`, `&#39;`, `&#x2f;` and the like
/// replaced, by one level. [`Page`](crate::Page) has done so already with what
/// it gives.
#[must_use]
pub fn entities(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        output.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        match entity(after) {
            Some((c, length)) => {
                output.push(c);
                rest = &after[length..];
            }
            None => {
                output.push('&');
                rest = after;
            }
        }
    }
    output.push_str(rest);
    output
}

/// The character that an entity without its `&` means, and its length.
fn entity(text: &str) -> Option<(char, usize)> {
    if let Some(number) = text.strip_prefix('#') {
        let length = number.bytes().take(9).position(|byte| byte == b';')?;
        let digits = &number[..length];
        let plain = !digits.contains('+');
        let code = match digits.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => digits.parse(),
        };
        let c = char::from_u32(code.ok().filter(|_| plain)?)?;
        return Some((c, length + 2));
    }
    let mut named = NAMED.iter();
    let (name, c) = named.find(|(name, _)| text.starts_with(name))?;
    Some((*c, name.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_scripts() {
        for (text, expected) in [
            (r"https:\/\/c.test\/a.m3u8", "https://c.test/a.m3u8"),
            (
                r#"{\"u\":\"https:\\\/\\\/c.test\"}"#,
                r#"{\"u\":\"https://c.test\"}"#,
            ),
            (r"\x68\u0074\u{74}p", "http"),
            (r"\\u002F\\x2f", "//"),
            (r"\ud83c\udfc1!", "🏁!"),
            (r"\ud83cx\udfc1", "\u{fffd}x\u{fffd}"),
            (r"\ud83c", "\u{fffd}"),
            (
                r"\n\x4\u12\u{}\u{+1}\u{110000}\é\",
                r"\n\x4\u12\u{}\u{+1}\u{110000}\é\",
            ),
            (r"\u00é", r"\u00é"),
            ("", ""),
        ] {
            assert_eq!(unescape(text), expected, "{text}");
        }
    }

    #[test]
    fn escapes_of_addresses() {
        for (text, expected) in [
            ("https%3A%2F%2fc.test", "https://c.test"),
            ("%e2%82%ac %u20ac", "€ €"),
            ("100%", "100%"),
            ("%%41%4%zz%u00", "%A%4%zz%u00"),
            ("é%C3%A9", "éé"),
        ] {
            assert_eq!(percent(text), expected, "{text}");
        }
    }

    #[test]
    fn entities_of_attributes() {
        for (text, expected) in [
            ("{&quot;u&quot;:&#34;a&amp;b&#x22;}", r#"{"u":"a&b"}"#),
            ("https&colon;&sol;&sol;c&period;test", "https://c.test"),
            ("&amp;amp;", "&amp;"),
            (
                "&nbsp &#; &#x; &#xfffffff; &#+1; &",
                "&nbsp &#; &#x; &#xfffffff; &#+1; &",
            ),
            ("&é&#é;", "&é&#é;"),
        ] {
            assert_eq!(entities(text), expected, "{text}");
        }
    }
}
