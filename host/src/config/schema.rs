//! What keys there are and what types they have: read from `defaults.toml`,
//! which is the only list of them.

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::DEFAULTS;
use super::origin::{Leaf, Origin};

/// The known keys, in the order in which they are documented.
pub(super) struct Schema(Vec<Leaf>);

/// A value in a TOML text.
pub(super) struct Found {
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) line: usize,
    offset: usize,
}

// === impl Schema ===

impl Schema {
    pub(super) fn built_in() -> Self {
        let found = flatten(DEFAULTS, &|_| false)
            .unwrap_or_else(|(line, message)| unreachable!("defaults.toml:{line}: {message}"));
        let leaf = |found: Found| Leaf {
            key: found.key,
            value: found.value,
            origin: Origin::Default,
        };
        Self(found.into_iter().map(leaf).collect())
    }

    pub(super) fn defaults(&self) -> &[Leaf] {
        &self.0
    }

    pub(super) fn default_of(&self, key: &str) -> Option<&Value> {
        let leaf = self.0.iter().find(|leaf| leaf.key == key)?;
        Some(&leaf.value)
    }

    pub(super) fn is_leaf(&self, key: &str) -> bool {
        self.default_of(key).is_some()
    }

    pub(super) fn is_section(&self, key: &str) -> bool {
        let inside = |known: &str| known.strip_prefix(key).is_some_and(|r| r.starts_with('.'));
        self.0.iter().any(|leaf| inside(&leaf.key))
    }

    /// The known key that was most likely meant.
    pub(super) fn nearest(&self, unknown: &str) -> &str {
        nearest(unknown, self.0.iter().map(|leaf| &*leaf.key)).unwrap_or_default()
    }
}

/// The key most like `unknown`: by the whole of it, or by its last part, for one
/// that stands in the wrong section.
pub(super) fn nearest<'k>(unknown: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    fn last(key: &str) -> &str {
        key.rsplit('.').next().unwrap_or(key)
    }
    // Distance takes the product of the lengths: an endless name gets no
    // endless answer.
    let end = unknown.floor_char_boundary(unknown.len().min(128));
    let unknown = &unknown[..end];
    known.min_by_key(|key| {
        let whole = strsim::osa_distance(unknown, key);
        let moved = strsim::osa_distance(last(unknown), last(key)) * 2 + 2;
        whole.min(moved)
    })
}

/// The values of a TOML text by their dotted keys, in the text's order. A table
/// is opened unless it is empty or `is_leaf`.
pub(super) fn flatten(
    text: &str,
    is_leaf: &dyn Fn(&str) -> bool,
) -> Result<Vec<Found>, (usize, String)> {
    // Only the message: the error's display shows the line, which may hold a
    // secret.
    let bad = |error: toml::de::Error| {
        let line = line_of(text, error.span().map_or(0, |span| span.start));
        (line, error.message().to_owned())
    };
    let values: Table = text.parse().map_err(bad)?;
    let places = DeTable::parse(text).map_err(bad)?;
    let mut found = Vec::new();
    walk("", values, places.get_ref(), is_leaf, &mut found);
    found.sort_by_key(|found| found.offset);
    for found in &mut found {
        found.line = line_of(text, found.offset);
    }
    Ok(found)
}

fn walk(
    prefix: &str,
    values: Table,
    places: &DeTable<'_>,
    is_leaf: &dyn Fn(&str) -> bool,
    found: &mut Vec<Found>,
) {
    for (name, value) in values {
        // A dot inside a name is not a way into a section.
        let part = if name.contains('.') {
            format!("{name:?}")
        } else {
            name.clone()
        };
        let key = format!("{prefix}{part}");
        let place = places.get_key_value(&*name);
        let inner = place.and_then(|(_, value)| match value.get_ref() {
            DeValue::Table(table) => Some(table),
            _ => None,
        });
        match (value, inner) {
            (Value::Table(table), Some(inner)) if !table.is_empty() && !is_leaf(&key) => {
                walk(&format!("{key}."), table, inner, is_leaf, found);
            }
            (value, _) => found.push(Found {
                key,
                value,
                line: 0,
                offset: place.map_or(0, |(name, _)| name.span().start),
            }),
        }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = &text.as_bytes()[..offset.min(text.len())];
    before.iter().filter(|b| **b == b'\n').count() + 1
}

/// Text from the environment, as a value of the type that `like` has.
pub(super) fn typed(like: &Value, text: &str) -> Result<Value, String> {
    let text = match like {
        Value::String(_) => return Ok(Value::String(text.to_owned())),
        _ => text.trim(),
    };
    match like {
        Value::Integer(_) => text
            .parse()
            .map(Value::Integer)
            .map_err(|_| format!("{text:?} is not a whole number")),
        Value::Float(_) => text
            .parse()
            .map(Value::Float)
            .map_err(|_| format!("{text:?} is not a number")),
        Value::Boolean(_) => text
            .parse()
            .map(Value::Boolean)
            .map_err(|_| format!("{text:?} is neither true nor false")),
        Value::Array(items) if !text.starts_with('[') => {
            let text_item = Value::String(String::new());
            let like = items.first().unwrap_or(&text_item);
            let parts = text
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty());
            let items: Result<Vec<_>, _> = parts.map(|part| typed(like, part)).collect();
            items.map(Value::Array)
        }
        Value::Table(_) if !text.starts_with('{') => {
            let parts = text
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty());
            let pair = |part: &str| {
                let (name, value) = part
                    .split_once('=')
                    .ok_or_else(|| format!("{part:?} is not a pair such as name=value"))?;
                let value = Value::String(value.trim().to_owned());
                Ok((name.trim().to_owned(), value))
            };
            parts
                .map(pair)
                .collect::<Result<Table, String>>()
                .map(Value::Table)
        }
        _ => text
            .parse()
            .map_err(|error: toml::de::Error| format!("not TOML: {}", error.message())),
    }
}

/// Flat keys back in their sections.
pub(super) fn table(leaves: &[Leaf]) -> Table {
    let mut root = Table::new();
    for leaf in leaves {
        let mut at = &mut root;
        let mut parts = leaf.key.split('.').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                at.insert(part.to_owned(), leaf.value.clone());
                break;
            }
            let section = at.entry(part).or_insert_with(|| Value::Table(Table::new()));
            match section {
                Value::Table(inner) => at = inner,
                _ => break,
            }
        }
    }
    root
}
