//! JavaScript string literals: `'…'`, `"…"` and `` `…` `` without substitutions.
//! One pass over the text; the value is never longer than its source.

use super::DecodeError;

/// The value of the literal that `text` begins with, and what follows it.
///
/// # Errors
/// Where `text` does not begin with a quote, the literal does not end, or an
/// escape is broken.
pub fn js_string(text: &str) -> Result<(String, &str), DecodeError> {
    let mut chars = text.chars();
    let quote = match chars.next() {
        Some(quote @ ('\'' | '"' | '`')) => quote,
        _ => return Err(DecodeError::Literal("no quote")),
    };
    let mut value = Units::default();
    loop {
        match chars.next().ok_or(DecodeError::Literal("no end"))? {
            found if found == quote => return Ok((value.text(), chars.as_str())),
            '\n' | '\r' if quote != '`' => return Err(DecodeError::Literal("no end on its line")),
            '$' if quote == '`' && chars.as_str().starts_with('{') => {
                return Err(DecodeError::Literal("a template with substitutions"));
            }
            '\\' => escape(&mut chars, &mut value)?,
            plain => value.push(plain),
        }
    }
}

/// The value of the first literal after `anchor`, white space between them.
///
/// # Errors
/// Where the anchor or a literal behind it is missing.
pub fn js_string_after(text: &str, anchor: &str) -> Result<String, DecodeError> {
    let (_, rest) = text
        .split_once(anchor)
        .ok_or(DecodeError::Literal("anchor not found"))?;
    js_string(rest.trim_start()).map(|(value, _)| value)
}

fn escape(chars: &mut std::str::Chars<'_>, value: &mut Units) -> Result<(), DecodeError> {
    match chars.next().ok_or(DecodeError::Literal("no end"))? {
        'n' => value.push('\n'),
        't' => value.push('\t'),
        'r' => value.push('\r'),
        'b' => value.push('\u{8}'),
        'f' => value.push('\u{c}'),
        'v' => value.push('\u{b}'),
        '0' if !chars.as_str().starts_with(|c: char| c.is_ascii_digit()) => value.push('\0'),
        // A line that goes on.
        '\n' | '\u{2028}' | '\u{2029}' => {}
        '\r' => {
            if chars.as_str().starts_with('\n') {
                chars.next();
            }
        }
        'x' => value.unit(hex(chars, 2)?),
        'u' if chars.as_str().starts_with('{') => {
            let rest = &chars.as_str()[1..];
            let length = rest
                .find('}')
                .filter(|length| (1..=6).contains(length))
                .ok_or(BROKEN)?;
            value.push(char::from_u32(number(&rest[..length])?).ok_or(BROKEN)?);
            chars.nth(length + 1);
        }
        'u' => value.unit(hex(chars, 4)?),
        '0'..='9' => return Err(DecodeError::Literal("an octal escape")),
        other => value.push(other),
    }
    Ok(())
}

const BROKEN: DecodeError = DecodeError::Literal("a broken escape");

fn hex(chars: &mut std::str::Chars<'_>, digits: usize) -> Result<u16, DecodeError> {
    let value = number(chars.as_str().get(..digits).ok_or(BROKEN)?)?;
    chars.nth(digits - 1);
    u16::try_from(value).map_err(|_| BROKEN)
}

fn number(digits: &str) -> Result<u32, DecodeError> {
    // `from_str_radix` alone would take a sign.
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(BROKEN);
    }
    u32::from_str_radix(digits, 16).map_err(|_| BROKEN)
}

/// UTF-16, because `\ud83c\udfc1` is one character in two escapes.
#[derive(Default)]
struct Units(Vec<u16>);

impl Units {
    fn push(&mut self, c: char) {
        self.0.extend_from_slice(c.encode_utf16(&mut [0; 2]));
    }

    fn unit(&mut self, unit: u16) {
        self.0.push(unit);
    }

    fn text(&self) -> String {
        String::from_utf16_lossy(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_javascript_reads_them() {
        // Right-hand sides are what Node 20 evaluates the literals to.
        for (source, expected) in [
            (r#"'a"b'"#, r#"a"b"#),
            (r#""it\'s""#, "it's"),
            (r"'\x68\x74\x74\x70'", "http"),
            (r"'\u0068\u{74}\u{1F3C1}'", "ht🏁"),
            (r"'\ud83c\udfc1'", "🏁"),
            (r"'a\/b\\c\0'", "a/b\\c\0"),
            (r"'\n\t\r\b\f\v\q'", "\n\t\r\u{8}\u{c}\u{b}q"),
            ("'a\\\r\nb\\\nc'", "abc"),
            ("`one\ntwo$`", "one\ntwo$"),
            ("''", ""),
            ("'é'", "é"),
        ] {
            assert_eq!(js_string(source), Ok((expected.into(), "")), "{source}");
        }
        assert_eq!(js_string("'a','b'"), Ok(("a".into(), ",'b'")));
    }

    #[test]
    fn broken_ones_are_errors() {
        for source in [
            "",
            "a",
            "'",
            "'a",
            r"'\",
            r"'\x",
            r"'\x4'",
            r"'\x+1'",
            r"'\u12'",
            r"'\u{}'",
            r"'\u{110000}'",
            r"'\u{1234567}'",
            r"'\u{12'",
            r"'\u{+1}'",
            r"'\01'",
            "'a\nb'",
            "`${a}`",
            r"'\xé'",
        ] {
            assert!(
                matches!(js_string(source), Err(DecodeError::Literal(_))),
                "{source}"
            );
        }
    }

    #[test]
    fn the_literal_behind_an_anchor() {
        let script = r#"var s=atob( "aHR0cA==" );player.setup({file:s,type:"hls"});"#;
        assert_eq!(js_string_after(script, "atob("), Ok("aHR0cA==".into()));
        assert_eq!(js_string_after(script, "type:"), Ok("hls".into()));
        assert!(js_string_after(script, "file:").is_err());
        assert!(js_string_after(script, "gone").is_err());
    }
}
