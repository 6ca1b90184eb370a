//! What a call brought, as it stands in `expected.json`, and how two of them
//! differ.

use serde_json::{Value, json};

use crate::plugins::{CallError, Extraction, Stream};

/// Differences shown of one case; the first ones say what is wrong.
const MAX_DIFFERENCES: usize = 20;
/// Of one value in a difference, in characters.
const MAX_SHOWN: usize = 160;

/// What `extract` brought. `Err` is what no plugin may do, whatever it is
/// answered.
pub(super) fn extracted(result: &Result<Extraction, CallError>) -> Result<Value, String> {
    let found = match result {
        Err(error) => return failed(error),
        Ok(found) => found,
    };
    let refused: Vec<_> = found
        .refused
        .iter()
        .map(
            |refused| json!({ "id": refused.id, "code": refused.code, "message": refused.message }),
        )
        .collect();
    match (found.streams.is_empty(), refused.is_empty()) {
        (true, true) => {
            Err("it returned an empty list: what has nothing live says `not-found`".into())
        }
        (true, false) => Err(format!(
            "each of its streams was refused: {}",
            Value::from(refused)
        )),
        (false, _) => {
            let streams: Vec<_> = found.streams.iter().map(stream).collect();
            let mut value = json!({ "streams": streams });
            if !refused.is_empty() {
                value["refused"] = refused.into();
            }
            Ok(value)
        }
    }
}

/// What `probe` brought; as [`extracted`].
pub(super) fn probed(result: &Result<(), CallError>) -> Result<Value, String> {
    match result {
        Ok(()) => Ok(json!({ "ok": true })),
        Err(error) => failed(error),
    }
}

fn failed(error: &CallError) -> Result<Value, String> {
    match error {
        CallError::Guest(error) => {
            Ok(json!({ "error": { "code": error.code(), "message": error.to_string() } }))
        }
        CallError::Run(error) => Err(format!("{}: {error}", error.code())),
    }
}

fn stream(stream: &Stream) -> Value {
    let rules: Vec<_> = stream
        .rules
        .iter()
        .map(|rule| {
            let hosts: Vec<_> = rule.hosts.iter().map(ToString::to_string).collect();
            let headers: Vec<_> = rule
                .headers
                .iter()
                .map(|(name, value)| {
                    json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())])
                })
                .collect();
            json!({ "hosts": hosts, "headers": headers })
        })
        .collect();
    json!({
        "id": stream.id,
        "url": stream.url,
        "kind": stream.kind,
        "label": stream.label,
        "language": stream.language,
        "quality": stream.quality,
        "request": { "header_rules": rules, "use_cookies": stream.use_cookies },
        "expires_at": stream.expires_at,
        "protection": stream.protection,
        "rank": stream.rank,
    })
}

/// A line for each place where `came` is not what was expected.
pub(super) fn differences(expected: &Value, came: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    compare("", expected, came, &mut lines);
    let more = lines.len().saturating_sub(MAX_DIFFERENCES);
    if more > 0 {
        lines.truncate(MAX_DIFFERENCES);
        lines.push(format!("… and {more} more"));
    }
    lines
}

fn compare(path: &str, expected: &Value, came: &Value, lines: &mut Vec<String>) {
    let below = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match (expected, came) {
        (Value::Object(a), Value::Object(b)) => {
            for (name, value) in a {
                match b.get(name) {
                    Some(other) => compare(&below(name), value, other, lines),
                    // Left out and null say the same.
                    None if value.is_null() => {}
                    None => lines.push(format!(
                        "{}: expected {}, came nothing",
                        below(name),
                        show(value)
                    )),
                }
            }
            for (name, value) in b
                .iter()
                .filter(|(name, value)| !a.contains_key(*name) && !value.is_null())
            {
                lines.push(format!(
                    "{}: expected nothing, came {}",
                    below(name),
                    show(value)
                ));
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for (i, (value, other)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}[{i}]"), value, other, lines);
            }
            for (i, value) in a.iter().enumerate().skip(b.len()) {
                lines.push(format!(
                    "{path}[{i}]: expected {}, came nothing",
                    show(value)
                ));
            }
            for (i, value) in b.iter().enumerate().skip(a.len()) {
                lines.push(format!(
                    "{path}[{i}]: expected nothing, came {}",
                    show(value)
                ));
            }
        }
        (a, b) if a == b => {}
        (a, b) => lines.push(format!("{path}: expected {}, came {}", show(a), show(b))),
    }
}

fn show(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_that_differs_has_its_line() {
        let expected =
            json!({ "streams": [{ "id": "a", "url": "x", "language": null }, { "id": "b" }] });
        let came = json!({ "streams": [{ "id": "a", "url": "y", "rank": 1 }] });
        assert_eq!(
            differences(&expected, &came),
            [
                r#"streams[0].url: expected "x", came "y""#,
                "streams[0].rank: expected nothing, came 1",
                r#"streams[1]: expected {"id":"b"}, came nothing"#,
            ]
        );
        assert!(differences(&expected, &expected).is_empty());
        let error = json!({ "error": { "code": "network" } });
        assert_eq!(differences(&expected, &error).len(), 2);
    }
}
