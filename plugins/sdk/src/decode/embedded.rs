//! JSON inside of scripts: `window.x = {…}`, `x: {…}`, `JSON.parse('…')`.

use serde::Deserialize as _;
use serde_json::Value;

use super::{DecodeError, js_value};
use crate::json;

/// A name can stand in comments and conditions before it is set.
const TRIES: usize = 16;

/// The JSON that follows the first `anchor`, white space between them, whatever
/// comes after it; or that a `JSON.parse("…")` there would give.
///
/// # Errors
/// Where the anchor or JSON behind it is missing, or it holds more values than
/// fit into a call's memory.
pub fn json_after(text: &str, anchor: &str) -> Result<Value, DecodeError> {
    let (_, rest) = text
        .split_once(anchor)
        .ok_or(DecodeError::Embedded("anchor not found"))?;
    value(rest)
}

/// The JSON that a script assigns to `name`: `name = {…}`, `"name": {…}`,
/// `name: {…}`.
///
/// # Errors
/// Where no place with that name has JSON behind it.
pub fn json_assigned(text: &str, name: &str) -> Result<Value, DecodeError> {
    let mut error = DecodeError::Embedded("name not found");
    if name.is_empty() {
        return Err(error);
    }
    for (at, _) in text.match_indices(name).take(TRIES) {
        let rest = text[at + name.len()..].trim_start_matches(['"', '\'', ']']);
        let rest = rest.trim_start();
        let Some(rest) = rest.strip_prefix(['=', ':']) else {
            continue;
        };
        match value(rest) {
            Ok(value) => return Ok(value),
            Err(found) => error = found,
        }
    }
    Err(error)
}

fn value(text: &str) -> Result<Value, DecodeError> {
    let text = text.trim_start();
    if let Some(argument) = text.strip_prefix("JSON.parse(") {
        let (inner, _) = js_value(argument)?;
        return first(&inner);
    }
    if !text.starts_with(['{', '[']) {
        return Err(DecodeError::Embedded("no object and no array"));
    }
    first(text)
}

fn first(text: &str) -> Result<Value, DecodeError> {
    let text = json::affordable(text);
    let mut reader = serde_json::Deserializer::from_str(text);
    Value::deserialize(&mut reader).map_err(|_| DecodeError::Embedded("no JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn as_pages_have_it() {
        let expected = json!({"u": "a/b", "n": [1]});
        for text in [
            r#"window.__STATE__ = {"u":"a\/b","n":[1]}; window.x = 2;"#,
            r#"if(!window.__STATE__){} window.__STATE__={"u":"a/b","n":[1]}</script>"#,
            r#"window["__STATE__"] = {"u":"a/b","n":[1]}"#,
            r#"{"__STATE__" : {"u":"a/b","n":[1]}, "other": 1}"#,
            r#"__STATE__ = JSON.parse('{"u":"a\/b",' + "\x22n\x22:[1]}")"#,
        ] {
            assert_eq!(
                json_assigned(text, "__STATE__"),
                Ok(expected.clone()),
                "{text}"
            );
        }
        assert_eq!(json_after("setup( [1, 2] )", "setup("), Ok(json!([1, 2])));
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        for text in [
            "",
            "__STATE__",
            "__STATE__ =",
            "__STATE__ = {",
            "__STATE__ = {a: 1}",
            "__STATE__ == {}",
            "__STATE__ = JSON.parse(x)",
            "__STATE__ = JSON.parse('x')",
            "__STATE__ = 'x'",
        ] {
            let found = json_assigned(text, "__STATE__");
            assert!(
                matches!(
                    found,
                    Err(DecodeError::Embedded(_) | DecodeError::Expression(_))
                ),
                "{text} {found:?}"
            );
        }
        assert!(json_assigned("x", "").is_err());
        assert!(json_after("x", "y").is_err());
    }

    #[test]
    fn depth_and_number_without_end_are_errors() {
        assert!(json_after(&format!("x={}", "[".repeat(1_000_000)), "x=").is_err());
        assert!(json_after(&format!("x=[{}0]", "0,".repeat(2_000_000)), "x=").is_err());
        assert!(json_assigned(&"x=[".repeat(1_000_000), "x").is_err());
    }
}
