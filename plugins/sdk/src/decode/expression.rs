//! Expressions of JavaScript that put a constant string together: literals,
//! `"a" + "b"`, `["a","b"].join("")`, `"cba".split("").reverse().join("")`,
//! `atob("…")`, `String.fromCharCode(104, 116)`, `unescape("%68")`, and each
//! inside of another. Nothing is run: what is not on this list is an error.

use super::literal::js_string;
use super::{DecodeError, MAX_OUTPUT, atob, percent};

/// Brackets inside of brackets. Scripts made by hand have three.
const MAX_DEPTH: usize = 32;

/// Characters that all steps of one expression may make together, counted so
/// that a long chain of steps over a long text ends.
const MAX_WORK: usize = 4 * MAX_OUTPUT;

/// What one element of a list costs besides its text.
const ELEMENT: usize = 64;

/// The string that `text` begins with the expression of, and what follows it.
///
/// # Errors
/// Where `text` does not begin with such an expression, or its steps make more
/// than some [`MAX_OUTPUT`].
pub fn js_value(text: &str) -> Result<(String, &str), DecodeError> {
    let mut reader = Reader {
        rest: text,
        work: 0,
        depth: 0,
    };
    let value = reader.expression()?.text()?;
    Ok((value, reader.rest))
}

/// The string of the expression after the first `anchor`.
///
/// # Errors
/// Where the anchor or an expression behind it is missing.
pub fn js_value_after(text: &str, anchor: &str) -> Result<String, DecodeError> {
    let (_, rest) = text
        .split_once(anchor)
        .ok_or(DecodeError::Expression("anchor not found"))?;
    js_value(rest).map(|(value, _)| value)
}

/// What can stand before an expression.
const BEFORE: [char; 7] = ['=', ':', '(', ',', '[', '?', '+'];

/// Expressions of one script.
const MAX_VALUES: usize = 5_000;

/// Every constant string that a script puts together, in order, plain literals
/// among them; at most 5,000, together at most [`MAX_OUTPUT`].
#[must_use]
pub fn js_values(script: &str) -> Vec<String> {
    let (mut values, mut work) = (Vec::new(), 0_usize);
    let mut rest = script;
    while let Some(at) = rest.find(BEFORE) {
        rest = &rest[at + 1..];
        let mut reader = Reader {
            rest,
            work: 0,
            depth: 0,
        };
        let value = reader.expression().and_then(Value::text);
        // Trying costs, too: brackets that never close are tried one by one.
        work = work.saturating_add(reader.work + (rest.len() - reader.rest.len()));
        if let Ok(value) = value {
            rest = reader.rest;
            values.push(value);
        }
        if work > MAX_WORK || values.len() >= MAX_VALUES {
            break;
        }
    }
    values
}

enum Value {
    Text(String),
    List(Vec<String>),
}

impl Value {
    fn text(self) -> Result<String, DecodeError> {
        match self {
            Self::Text(text) => Ok(text),
            Self::List(_) => Err(DecodeError::Expression("a list where a string belongs")),
        }
    }
}

struct Reader<'t> {
    rest: &'t str,
    work: usize,
    depth: usize,
}

type Function = fn(&str) -> Result<String, DecodeError>;

/// Functions of one string.
const FUNCTIONS: [(&str, Function); 7] = [
    ("atob", atob),
    ("window.atob", atob),
    ("unescape", |text| Ok(percent(text))),
    ("decodeURIComponent", |text| Ok(percent(text))),
    ("decodeURI", |text| Ok(percent(text))),
    ("String", |text| Ok(text.to_owned())),
    ("encodeURI", |text| Ok(text.to_owned())),
];

impl<'t> Reader<'t> {
    fn expression(&mut self) -> Result<Value, DecodeError> {
        let first = self.term()?;
        if !self.sees('+') {
            return Ok(first);
        }
        let mut sum = first.text()?;
        while self.eat('+') {
            sum.push_str(&self.term()?.text()?);
        }
        self.made(sum)
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        self.expression()?.text()
    }

    /// A value and the methods called on it.
    fn term(&mut self) -> Result<Value, DecodeError> {
        let mut value = self.primary()?;
        while self.eat('.') {
            let name = self.word();
            self.expect('(')?;
            value = self.inside(')', |reader| reader.method(value, name))?;
        }
        Ok(value)
    }

    fn primary(&mut self) -> Result<Value, DecodeError> {
        self.space();
        if self.rest.starts_with(['\'', '"', '`']) {
            let (text, rest) = js_string(self.rest)?;
            self.rest = rest;
            return self.made(text);
        }
        if self.eat('(') {
            return self.inside(')', Self::expression);
        }
        if self.eat('[') {
            let items = self.inside(']', |reader| reader.list(']', Self::string))?;
            return Ok(Value::List(items));
        }
        let name = self.word();
        self.expect('(')?;
        if name == "String.fromCharCode" {
            let units = self.inside(')', |reader| reader.list(')', Self::number))?;
            return self.made(String::from_utf16_lossy(&units));
        }
        let function = FUNCTIONS.iter().find(|(known, _)| *known == name);
        let (_, function) = function.ok_or(DecodeError::Expression("not a constant string"))?;
        let argument = self.inside(')', Self::string)?;
        self.made(function(&argument)?)
    }

    fn method(&mut self, value: Value, name: &str) -> Result<Value, DecodeError> {
        match (value, name) {
            (Value::Text(text), "split") => {
                let separator = self.string()?;
                self.split(&text, &separator)
            }
            (Value::Text(text), "concat") => {
                let more = self.list(')', Self::string)?;
                self.made(text + &more.concat())
            }
            (Value::Text(text), "replace" | "replaceAll") => {
                let from = self.string()?;
                self.expect(',')?;
                let to = self.string()?;
                let most = if name == "replace" { 1 } else { usize::MAX };
                let times = text.matches(&from).take(most).count();
                self.pay(text.len().saturating_add(times.saturating_mul(to.len())))?;
                Ok(Value::Text(text.replacen(&from, &to, most)))
            }
            (Value::Text(text), "trim") => self.made(text.trim().to_owned()),
            (Value::Text(text), "toString") => self.made(text),
            (Value::List(mut items), "reverse") => {
                self.pay(items.len())?;
                items.reverse();
                Ok(Value::List(items))
            }
            (Value::List(items), "join") => {
                let separator = match self.sees(')') {
                    true => ",".to_owned(),
                    false => self.string()?,
                };
                let length: usize = items.iter().map(String::len).sum();
                let between = separator.len().saturating_mul(items.len());
                self.pay(length.saturating_add(between))?;
                Ok(Value::Text(items.join(&separator)))
            }
            _ => Err(DecodeError::Expression("an unknown method")),
        }
    }

    fn split(&mut self, text: &str, separator: &str) -> Result<Value, DecodeError> {
        let letters = separator.is_empty();
        let pieces = match letters {
            true => text.chars().count(),
            false => text.matches(separator).count() + 1,
        };
        self.pay(text.len().saturating_add(pieces.saturating_mul(ELEMENT)))?;
        Ok(Value::List(match letters {
            true => text.chars().map(String::from).collect(),
            false => text.split(separator).map(String::from).collect(),
        }))
    }

    /// Items with commas between them, until `end` is next; a comma may be last.
    fn list<T>(
        &mut self,
        end: char,
        item: impl Fn(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let mut items = Vec::new();
        while !self.sees(end) {
            self.pay(ELEMENT)?;
            items.push(item(self)?);
            if !self.eat(',') {
                break;
            }
        }
        Ok(items)
    }

    fn number(&mut self) -> Result<u16, DecodeError> {
        self.space();
        let (digits, radix) = match self.rest.strip_prefix("0x") {
            Some(digits) => (digits, 16),
            None => (self.rest, 10),
        };
        let end = digits.find(|c: char| !c.is_digit(radix));
        let (number, rest) = digits.split_at(end.unwrap_or(digits.len()));
        self.rest = rest;
        u16::from_str_radix(number, radix)
            .map_err(|_| DecodeError::Expression("not a character's number"))
    }

    /// A name with its dots, such as `String.fromCharCode`.
    fn word(&mut self) -> &'t str {
        self.space();
        let outside = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '$' | '.');
        let end = self.rest.find(outside).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// What stands behind an opening bracket, and the closing one.
    fn inside<T>(
        &mut self,
        end: char,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        if self.depth >= MAX_DEPTH {
            return Err(DecodeError::Expression("too many brackets"));
        }
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        self.expect(end)?;
        Ok(value)
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn sees(&mut self, c: char) -> bool {
        self.space();
        self.rest.starts_with(c)
    }

    fn eat(&mut self, c: char) -> bool {
        self.space();
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, c: char) -> Result<(), DecodeError> {
        match self.eat(c) {
            true => Ok(()),
            false => Err(DecodeError::Expression("not a constant string")),
        }
    }

    fn made(&mut self, text: String) -> Result<Value, DecodeError> {
        self.pay(text.len())?;
        Ok(Value::Text(text))
    }

    fn pay(&mut self, work: usize) -> Result<(), DecodeError> {
        self.work = self.work.saturating_add(work);
        match self.work > MAX_WORK {
            true => Err(DecodeError::TooLarge),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
