//! JSON that belongs to a playlist, read as a text: what has to be replaced is,
//! and every other byte stays.
//!
//! Bounds: depth, and what is written, also links alone with the URLs behind them
//! (`Limits::output`). One pass.

use std::borrow::Cow;
use std::ops::Range;

use url::Url;

use super::child::{Child, ChildKind, Linker};
use super::decode::{as_utf8, normalise};
use super::problem::{Limits, Problem, Problems};
use super::resolve::{Meaning, resolve};
use super::rewrite::fits;
use super::scrub::{HostName, scrub};
use super::variables::Variables;

/// The documents that there are have a depth of five.
const DEEPEST: usize = 64;

/// A document as viewers get it.
#[derive(Debug, Clone)]
pub struct RewrittenJson {
    /// The text.
    pub body: Vec<u8>,
    /// Links put in.
    pub links: usize,
    /// What was odd.
    pub problems: Problems,
}

/// Why a document can't be handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadJson {
    /// Another thing.
    #[error("this is not a JSON object")]
    NotAnObject,
    /// Things in things in things.
    #[error("the JSON is nested too deeply")]
    TooDeep,
    /// With links in it.
    #[error("the JSON has too many links")]
    TooLarge,
}

/// What comes next in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// The name of a member, quotes included.
    Key(Range<usize>),
    /// A string, quotes included.
    Text(Range<usize>),
    /// A number or a word.
    Word,
    Open,
    Close,
}

/// Goes through a text that is known to be JSON.
#[derive(Debug)]
pub(super) struct Walk<'t> {
    text: &'t str,
    at: usize,
    /// Where it is: the last member's name for each object, `None` for an array.
    path: Vec<Option<String>>,
    /// Whether a string would be a member's name.
    key_next: bool,
}

/// Writes a document with links in it.
pub(super) struct Writer<'a> {
    base: &'a Url,
    limits: &'a Limits,
    linker: &'a mut dyn Linker,
    /// What playlists that it names may import.
    pub(super) variables: Variables,
    host: HostName,
    text: &'a str,
    /// What has been written already.
    done: usize,
    out: String,
    links: usize,
    /// Bytes of links and of the URLs behind them, which not every link holds.
    linked: usize,
    pub(super) problems: Problems,
}

/// A body as a text that is a JSON object.
pub(super) fn object(body: &[u8]) -> Result<String, BadJson> {
    let text = as_utf8(&normalise(body)).into_owned();
    let read = serde_json::from_str::<serde::de::IgnoredAny>(&text);
    if read.is_err() || !text.trim_start().starts_with('{') {
        return Err(BadJson::NotAnObject);
    }
    Ok(text)
}

/// What a string of a text means; `None` for half a surrogate pair, which JSON can
/// write and no text can hold.
pub(super) fn string(quoted: &str) -> Option<Cow<'_, str>> {
    if !quoted.contains('\\') {
        return Some(Cow::Borrowed(quoted.trim_matches('"')));
    }
    serde_json::from_str(quoted).ok().map(Cow::Owned)
}

// === impl Walk ===

impl<'t> Walk<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            path: Vec::new(),
            key_next: false,
        }
    }

    /// Whether it is at this place; an array is written `[]`.
    pub(super) fn is_at(&self, place: &[&str]) -> bool {
        place.len() == self.path.len()
            && place
                .iter()
                .zip(&self.path)
                .all(|(place, here)| *place == here.as_deref().unwrap_or("[]"))
    }

    pub(super) fn next(&mut self) -> Result<Option<Event>, BadJson> {
        let bytes = self.text.as_bytes();
        while let Some(b) = bytes.get(self.at) {
            let start = self.at;
            self.at += 1;
            match b {
                b'{' | b'[' => {
                    self.key_next = *b == b'{';
                    self.path.push(self.key_next.then(String::new));
                    if self.path.len() > DEEPEST {
                        return Err(BadJson::TooDeep);
                    }
                    return Ok(Some(Event::Open));
                }
                b'}' | b']' => {
                    self.path.pop();
                    self.key_next = false;
                    return Ok(Some(Event::Close));
                }
                b'"' => {
                    self.at = string_end(bytes, start);
                    let span = start..self.at;
                    if !std::mem::take(&mut self.key_next) {
                        return Ok(Some(Event::Text(span)));
                    }
                    if let Some(Some(key)) = self.path.last_mut() {
                        let name = string(&self.text[span.clone()]);
                        *key = name.unwrap_or_default().into_owned();
                    }
                    return Ok(Some(Event::Key(span)));
                }
                b',' => self.key_next = matches!(self.path.last(), Some(Some(_))),
                b':' => {}
                b if b.is_ascii_whitespace() => {}
                _ => {
                    let ends = |b: &u8| b",]}".contains(b) || b.is_ascii_whitespace();
                    let length = bytes[start..].iter().position(ends);
                    self.at = length.map_or(bytes.len(), |length| start + length);
                    return Ok(Some(Event::Word));
                }
            }
        }
        Ok(None)
    }

    /// Passes over the value of the member whose name was last.
    pub(super) fn value(&mut self) -> Result<Range<usize>, BadJson> {
        let depth = self.path.len();
        let rest = &self.text[self.at..];
        let value = rest.trim_start_matches([':', ' ', '\t', '\r', '\n']);
        let start = self.at + rest.len() - value.len();
        while self.next()?.is_some() && self.path.len() > depth {}
        Ok(start..self.at)
    }
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(b) = bytes.get(at) {
        match b {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

// === impl Writer ===

impl<'a> Writer<'a> {
    pub(super) fn new(
        text: &'a str,
        base: &'a Url,
        limits: &'a Limits,
        linker: &'a mut dyn Linker,
    ) -> Self {
        Self {
            base,
            limits,
            linker,
            variables: Variables::default(),
            host: HostName::of(base),
            text,
            done: 0,
            out: String::with_capacity(text.len() * 2),
            links: 0,
            linked: 0,
            problems: Problems::default(),
        }
    }

    /// Writes something else in the place of a part of the text.
    pub(super) fn replace(&mut self, span: &Range<usize>, with: &str) -> Result<(), BadJson> {
        self.out.push_str(&self.text[self.done..span.start]);
        self.out.push_str(with);
        self.done = span.end;
        self.fits(self.out.len())
    }

    fn fits(&self, length: usize) -> Result<(), BadJson> {
        match length as u64 > self.limits.output {
            true => Err(BadJson::TooLarge),
            false => Ok(()),
        }
    }

    /// Takes upstreams out of a string that is no URI.
    pub(super) fn keep(&mut self, span: &Range<usize>) -> Result<(), BadJson> {
        let quoted = &self.text[span.clone()];
        let Some(text) = string(quoted) else {
            self.problems.add(Problem::Scrubbed);
            return self.replace(span, "\"\"");
        };
        match self.clean(&text) {
            Some(clean) => self.replace(span, &quote(&clean)),
            None => Ok(()),
        }
    }

    /// The text without upstreams, if there is one in it.
    pub(super) fn clean(&mut self, text: &str) -> Option<String> {
        match scrub(text.as_bytes(), &self.host, &mut self.problems) {
            Cow::Borrowed(_) => None,
            Cow::Owned(clean) => Some(as_utf8(&clean).into_owned()),
        }
    }

    /// What a URI means, counted if that is nothing.
    pub(super) fn resolve(&mut self, kind: ChildKind, uri: &str) -> Option<Url> {
        match resolve(self.base, kind, uri.as_bytes()) {
            Meaning::Fetch(url) => return Some(url),
            Meaning::Keep => self.problems.add(Problem::Unresolvable),
            Meaning::Bad(problem) => self.problems.add(problem),
        }
        None
    }

    /// A link to what a URI means, if there is one.
    pub(super) fn link_to(
        &mut self,
        kind: ChildKind,
        uri: &str,
    ) -> Result<Option<String>, BadJson> {
        match self.resolve(kind, uri) {
            Some(url) => self.link(kind, &url),
            None => Ok(None),
        }
    }

    pub(super) fn link(&mut self, kind: ChildKind, url: &Url) -> Result<Option<String>, BadJson> {
        self.linked += url.as_str().len();
        self.fits(self.linked)?;
        let link = self.linker.link(&Child {
            kind,
            url,
            rendition: None,
            range: None,
            tag: b"",
            variables: &self.variables,
            encrypted: false,
            mapped: false,
        });
        let link = link.filter(|link| fits(link));
        match &link {
            Some(link) => {
                self.links += 1;
                self.linked += link.len();
                self.fits(self.linked)?;
            }
            None => self.problems.add(Problem::Refused),
        }
        Ok(link)
    }

    pub(super) fn finish(mut self) -> Result<RewrittenJson, BadJson> {
        self.replace(&(self.text.len()..self.text.len()), "")?;
        Ok(RewrittenJson {
            body: self.out.into_bytes(),
            links: self.links,
            problems: self.problems,
        })
    }
}

pub(super) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
