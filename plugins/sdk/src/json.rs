//! JSON, read by pointers (RFC 6901). A miss names the place and becomes
//! `layout-changed` by `?`. For a document whose shape is worth a type, see
//! [`Response::json`](crate::Response::json).

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, layout_changed};

/// A page's whole state has some thousands.
const MAX_TEXTS: usize = 100_000;

/// A JSON value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Json<'v> {
    value: Cow<'v, Value>,
    document: String,
    pointer: String,
}

/// Values that one document may hold: some 16 MB of a call's memory.
const MAX_VALUES: usize = 300_000;

/// The beginning of a JSON text that holds no more values than fit into a
/// call's memory. What is cut off makes the text no JSON, unless its value was
/// at its end before.
pub(crate) fn affordable(text: &str) -> &str {
    &text[..affordable_length(text.as_bytes())]
}

fn affordable_length(text: &[u8]) -> usize {
    // All are ASCII, so that the cut is at a character.
    let parts = |byte: &u8| matches!(byte, b',' | b'[' | b'{');
    let mut found = text.iter().enumerate().filter(|(_, byte)| parts(byte));
    found.nth(MAX_VALUES).map_or(text.len(), |(at, _)| at)
}

/// A document as a type.
pub(crate) fn read<T: DeserializeOwned>(name: &str, text: &[u8]) -> Result<T, Error> {
    if affordable_length(text) < text.len() {
        return Err(Error::Other(format!(
            "{name} holds more than {MAX_VALUES} values"
        )));
    }
    serde_json::from_slice(text).map_err(|error| layout_changed(format!("{name}: {error}")))
}

impl Json<'static> {
    /// A document from its bytes; `name` is what messages call it.
    ///
    /// # Errors
    /// `layout-changed` with the name where it is no JSON, `other` where it holds
    /// more values than fit into a call's memory.
    pub fn parse(name: &str, text: impl AsRef<[u8]>) -> Result<Self, Error> {
        match read(name, text.as_ref()) {
            Ok(value) => Ok(Self::new(name, value)),
            // What the parser says is of no use without a type to compare with.
            Err(Error::LayoutChanged(_)) => Err(layout_changed(name)),
            Err(error) => Err(error),
        }
    }

    /// A value as a document of its own.
    #[must_use]
    pub fn new(name: &str, value: Value) -> Self {
        Self {
            value: Cow::Owned(value),
            document: name.into(),
            pointer: String::new(),
        }
    }
}

impl Json<'_> {
    /// What is there, such as `/streams/0/url`.
    ///
    /// # Errors
    /// `layout-changed` with the place where nothing is, or null.
    pub fn at(&self, pointer: &str) -> Result<Json<'_>, Error> {
        self.maybe(pointer)
            .ok_or_else(|| layout_changed(self.place(pointer)))
    }

    /// What is there, if it is and is not null.
    #[must_use]
    pub fn maybe(&self, pointer: &str) -> Option<Json<'_>> {
        let value = self.value.pointer(pointer).filter(|value| !value.is_null());
        value.map(|value| self.below(value, pointer))
    }

    /// The text it is.
    ///
    /// # Errors
    /// `layout-changed` with the place where it is something else.
    pub fn text(&self) -> Result<&str, Error> {
        self.value.as_str().ok_or_else(|| self.other())
    }

    /// The truth value it is.
    ///
    /// # Errors
    /// `layout-changed` with the place where it is something else.
    pub fn flag(&self) -> Result<bool, Error> {
        self.value.as_bool().ok_or_else(|| self.other())
    }

    /// The whole number from 0 on that it is.
    ///
    /// # Errors
    /// `layout-changed` with the place where it is something else.
    pub fn number(&self) -> Result<u64, Error> {
        self.value.as_u64().ok_or_else(|| self.other())
    }

    /// The elements of the array it is.
    ///
    /// # Errors
    /// `layout-changed` with the place where it is something else.
    pub fn items(&self) -> Result<Vec<Json<'_>>, Error> {
        let items = self.value.as_array().ok_or_else(|| self.other())?;
        let items = items.iter().enumerate();
        Ok(items
            .map(|(index, item)| self.below(item, &format!("/{index}")))
            .collect())
    }

    /// It as a type.
    ///
    /// # Errors
    /// `layout-changed` with the place and what is missing or of another type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        T::deserialize(&*self.value)
            .map_err(|error| layout_changed(format!("{}: {error}", self.place(""))))
    }

    /// Every text in it, arrays in order and fields by name, without the names
    /// themselves. At most 100,000.
    #[must_use]
    pub fn texts(&self) -> Vec<&str> {
        let mut found = Vec::new();
        let mut left = vec![&*self.value];
        while let Some(value) = left.pop() {
            match value {
                Value::String(text) => found.push(text.as_str()),
                Value::Array(items) => left.extend(items.iter().rev()),
                Value::Object(fields) => left.extend(fields.values().rev()),
                _ => {}
            }
            if found.len() >= MAX_TEXTS {
                break;
            }
        }
        found
    }

    /// The value itself.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    fn below<'v>(&self, value: &'v Value, pointer: &str) -> Json<'v> {
        Json {
            value: Cow::Borrowed(value),
            document: self.document.clone(),
            pointer: format!("{}{pointer}", self.pointer),
        }
    }

    fn other(&self) -> Error {
        layout_changed(self.place(""))
    }

    fn place(&self, pointer: &str) -> String {
        match (self.pointer.as_str(), pointer) {
            ("", "") => self.document.clone(),
            (above, below) => format!("{}: {above}{below}", self.document),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Json<'static> {
        let text = r#"{"streams":[{"url":"u","height":720,"live":true,"title":null,
            "b/c":["x",["y"],{"z":"z"}]}]}"#;
        Json::parse("JSON of /api", text).expect("valid")
    }

    #[test]
    fn values_by_pointer() {
        let document = document();
        let first = document.at("/streams/0").expect("there");
        assert_eq!(
            first
                .at("/url")
                .and_then(|url| url.text().map(String::from)),
            Ok("u".into())
        );
        assert_eq!(
            first.at("/height").and_then(|height| height.number()),
            Ok(720)
        );
        assert_eq!(first.at("/live").and_then(|live| live.flag()), Ok(true));
        assert_eq!(first.maybe("/title"), None);
        assert_eq!(first.at("/b~1c").map(|all| all.texts().len()), Ok(3));
        assert_eq!(document.texts(), ["x", "y", "z", "u"]);
        assert_eq!(
            first.at("/height").and_then(|height| height.read()),
            Ok(720_u32)
        );
    }

    #[test]
    fn a_miss_names_the_place() {
        let document = document();
        let place = |place: &str| Err(layout_changed(place));
        assert_eq!(document.at("/none").map(drop), place("JSON of /api: /none"));
        let streams = document.at("/streams").expect("there");
        let items = streams.items().expect("an array");
        assert_eq!(
            items[0].at("/title").map(drop),
            place("JSON of /api: /streams/0/title")
        );
        assert_eq!(
            items[0]
                .at("/height")
                .and_then(|height| height.text().map(drop)),
            place("JSON of /api: /streams/0/height")
        );
        assert_eq!(document.items().map(drop), place("JSON of /api"));
        assert_eq!(document.flag().map(drop), place("JSON of /api"));
        assert_eq!(
            Json::parse("JSON of /x", "<html>").map(drop),
            place("JSON of /x")
        );
        assert_eq!(
            Json::parse("JSON of /x", b"\"\xff\"").map(drop),
            place("JSON of /x")
        );
    }

    #[test]
    fn depth_without_end_is_a_miss_not_a_panic() {
        assert!(Json::parse("x", "[".repeat(1_000)).is_err());
        assert_eq!(
            Json::parse("x", "[".repeat(1_000_000)).map(drop),
            Err(Error::Other("x holds more than 300000 values".into()))
        );
    }
}
