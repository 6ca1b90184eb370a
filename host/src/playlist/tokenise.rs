//! Lines and what they are, without loss: the texts and endings of all lines
//! together are the input. Reading never fails; where the grammar is broken, the
//! most harmless reading is taken (an open quote ends with its line).

use std::ops::Range;

/// One line. After [`super::normalise`], its ending is `\n`, `\r\n` or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Without its ending.
    pub text: &'a [u8],
    /// How it ends.
    pub ending: &'a [u8],
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// Nothing but blank.
    Blank,
    /// `#`, but not `#EXT`.
    Comment,
    /// `#EXT…`
    Tag(Tag<'a>),
    /// A URI, without the blank around it.
    Uri(&'a [u8]),
}

/// `#NAME:VALUE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag<'a> {
    /// Without the `#`.
    pub name: &'a [u8],
    /// After the first `:`; empty without one.
    pub value: &'a [u8],
    /// Where the value begins in the line's text.
    pub value_at: usize,
}

/// `NAME=VALUE` or `NAME="VALUE"` in a tag's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Without blank around it.
    pub name: &'a [u8],
    /// Without quotes.
    pub value: &'a [u8],
    /// Whether it stands in quotes.
    pub quoted: bool,
    /// Whether the second quote is missing.
    pub open: bool,
    /// Where the value without quotes is in the tag's value.
    pub span: Range<usize>,
}

/// The attributes of a tag's value.
#[derive(Debug, Clone)]
pub struct Attributes<'a> {
    value: &'a [u8],
    at: usize,
}

/// The lines of a text.
pub fn lines(text: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', rest);
        let (whole, next) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
        rest = next;
        let text = &whole[..end.unwrap_or(whole.len())];
        let text = match end {
            Some(_) => text.strip_suffix(b"\r").unwrap_or(text),
            None => text,
        };
        let ending = &whole[text.len()..];
        Some(Line { text, ending })
    })
}

// === impl Line ===

impl<'a> Line<'a> {
    /// What it is. Blank before a `#` is overlooked, as players do.
    pub fn token(&self) -> Token<'a> {
        let trimmed = self.text.trim_ascii();
        if trimmed.is_empty() {
            return Token::Blank;
        }
        if !trimmed.starts_with(b"#") {
            return Token::Uri(trimmed);
        }
        if !trimmed.starts_with(b"#EXT") {
            return Token::Comment;
        }
        let indent = self.text.len() - self.text.trim_ascii_start().len();
        let start = indent + 1;
        let rest = &self.text[start..];
        let ends = |b: &u8| *b == b':' || b.is_ascii_whitespace();
        let name = rest.iter().position(ends).unwrap_or(rest.len());
        let value_at = start + (name + 1).min(rest.len());
        Token::Tag(Tag {
            name: &rest[..name],
            value: &self.text[value_at..],
            value_at,
        })
    }
}

// === impl Tag ===

impl<'a> Tag<'a> {
    /// Whether it is the tag of that name. Tags are case-sensitive (RFC 8216,
    /// section 4.1): another spelling is a tag that nobody knows.
    pub fn is(&self, name: &str) -> bool {
        self.name == name.as_bytes()
    }

    /// Its attributes, where its value is a list of them.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::of(self.value)
    }
}

// === impl Attributes ===

impl<'a> Attributes<'a> {
    /// The attributes of a tag's value.
    pub fn of(value: &'a [u8]) -> Self {
        Self { value, at: 0 }
    }

    /// Where in the tag's value the next one begins.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The value of the first attribute of that name, which is in capitals.
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        let found = self.clone().find(|a| a.is(name))?;
        Some(found.value.trim_ascii())
    }

    /// As [`Self::get`]; what is not UTF-8 is replaced.
    pub fn text(&self, name: &str) -> Option<String> {
        let value = self.get(name)?;
        Some(String::from_utf8_lossy(value).into_owned())
    }

    /// As [`Self::get`], read as a number.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        std::str::from_utf8(self.get(name)?).ok()?.parse().ok()
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let between = |b: u8| b == b',' || b.is_ascii_whitespace();
        loop {
            let rest = &self.value[self.at..];
            let start = self.at + rest.iter().position(|b| !between(*b))?;
            let rest = &self.value[start..];
            let end = rest.iter().position(|b| matches!(b, b'=' | b','));
            let (end, equals) = match end {
                Some(end) => (start + end, rest[end] == b'='),
                None => (self.value.len(), false),
            };
            self.at = end + 1;
            if !equals {
                // A name without value: skipped.
                if end >= self.value.len() {
                    self.at = self.value.len();
                    return None;
                }
                continue;
            }
            return Some(self.value_after(start..end));
        }
    }
}

impl<'a> Attributes<'a> {
    fn value_after(&mut self, name: Range<usize>) -> Attribute<'a> {
        let after = &self.value[name.end + 1..];
        let blank = after.len() - after.trim_ascii_start().len();
        let mut start = name.end + 1 + blank;
        let quoted = self.value.get(start) == Some(&b'"');
        let until = if quoted { b'"' } else { b',' };
        start += usize::from(quoted);
        let found = self.value[start..].iter().position(|b| *b == until);
        let end = found.map_or(self.value.len(), |found| start + found);
        self.at = (end + usize::from(found.is_some())).min(self.value.len());
        Attribute {
            name: self.value[name].trim_ascii(),
            value: &self.value[start..end],
            quoted,
            open: quoted && found.is_none(),
            span: start..end,
        }
    }
}

// === impl Attribute ===

impl Attribute<'_> {
    /// Whether it is the attribute of that name, which is in capitals.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}
