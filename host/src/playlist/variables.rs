//! `EXT-X-DEFINE` and `{$name}`. Variables are filled in here and their
//! definitions taken out: their values name hosts and hold tokens, and what they
//! import or read from a URL's query means nothing at the URLs that we hand out.

use std::borrow::Cow;
use std::collections::BTreeMap;

use url::Url;

use super::decode::as_utf8;
use super::tokenise::Tag;

/// What a playlist has defined. It travels in links to its children, which may
/// import it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Variables(BTreeMap<String, String>);

/// How much filling in may still make.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub(super) one: u64,
    pub(super) all: u64,
}

/// A reference has no value, or too long a one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Undefined;

// === impl Variables ===

impl Variables {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Of their names and values.
    pub fn bytes(&self) -> usize {
        let each = self.0.iter().map(|(name, value)| name.len() + value.len());
        each.sum()
    }

    /// A value by name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Adds one; `false` if it can't be one.
    pub fn insert(&mut self, name: &str, value: &str) -> bool {
        // A quoted string has neither quotes nor line ends, and neither has what
        // a query parameter brings in.
        let named = !name.is_empty() && name.bytes().all(is_name);
        let good = named && !value.contains(['"', '\r', '\n']);
        if good {
            self.0.insert(name.to_owned(), value.to_owned());
        }
        good
    }

    /// As many of them, in the order of their names, as fit into `most` bytes;
    /// and how many do not.
    pub(super) fn within(&self, most: u64) -> (Self, u32) {
        let mut left = most;
        let mut lost = 0;
        let mut kept = BTreeMap::new();
        for (name, value) in &self.0 {
            match left.checked_sub((name.len() + value.len()) as u64) {
                Some(rest) => {
                    left = rest;
                    kept.insert(name.clone(), value.clone());
                }
                None => lost += 1,
            }
        }
        (Self(kept), lost)
    }

    /// Does what an `EXT-X-DEFINE` says; `false` if that is nothing.
    pub(super) fn define(
        &mut self,
        tag: &Tag<'_>,
        parent: &Self,
        base: &Url,
        budget: &mut Budget,
    ) -> bool {
        let attributes = tag.attributes();
        if let Some(name) = attributes.text("NAME") {
            let Some(value) = attributes.clone().find(|a| a.is("VALUE")) else {
                return false;
            };
            let Ok(value) = self.fill(value.value, budget) else {
                return false;
            };
            return self.insert(&name, &as_utf8(&value));
        }
        if let Some(name) = attributes.text("IMPORT") {
            return match parent.get(&name) {
                Some(value) => self.insert(&name, value),
                None => false,
            };
        }
        if let Some(name) = attributes.text("QUERYPARAM") {
            let found = base.query_pairs().find(|(key, _)| *key == name);
            return match found {
                Some((_, value)) if !value.is_empty() => self.insert(&name, &value),
                _ => false,
            };
        }
        false
    }

    /// The text with its references filled in, once: a value is not looked
    /// through for more.
    pub(super) fn fill<'t>(
        &self,
        text: &'t [u8],
        budget: &mut Budget,
    ) -> Result<Cow<'t, [u8]>, Undefined> {
        if !has_reference(text) {
            return Ok(Cow::Borrowed(text));
        }
        let mut out = Vec::new();
        let mut rest = text;
        while let Some(start) = find(rest, b"{$") {
            let inner = &rest[start + 2..];
            let length = inner
                .iter()
                .position(|b| !is_name(*b))
                .unwrap_or(inner.len());
            if length == 0 || inner.get(length) != Some(&b'}') {
                // Not a reference: as it is.
                out.extend_from_slice(&rest[..start + 2]);
                rest = inner;
                continue;
            }
            // Names are ASCII.
            let name = std::str::from_utf8(&inner[..length]).map_err(|_| Undefined)?;
            let value = self.get(name).ok_or(Undefined)?;
            budget.all = budget
                .all
                .checked_sub(value.len() as u64)
                .ok_or(Undefined)?;
            out.extend_from_slice(&rest[..start]);
            out.extend_from_slice(value.as_bytes());
            if out.len() as u64 > budget.one {
                return Err(Undefined);
            }
            rest = &inner[length + 1..];
        }
        out.extend_from_slice(rest);
        Ok(Cow::Owned(out))
    }
}

/// Whether a text may hold a reference.
pub(super) fn has_reference(text: &[u8]) -> bool {
    find(text, b"{$").is_some()
}

fn find(text: &[u8], pair: &[u8; 2]) -> Option<usize> {
    memchr::memchr_iter(pair[0], text).find(|at| text.get(at + 1) == Some(&pair[1]))
}

fn is_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-' || b == b'_'
}
