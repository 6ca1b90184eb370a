//! What could come instead: for one exchange, the answers that a site in
//! trouble or after a redesign might give.
//!
//! A page of a thousand elements has a thousand ways to lose one: of each
//! kind of loss at most [`EACH`] are tried, spread over the whole page.

mod markup;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::net::{Answer, Exchange, Failure};

const EACH: usize = 32;
/// Above `plugins.limits.body` and above what any page has.
const HUGE: usize = 10_000_000;

/// Another answer to one request.
#[derive(Clone, Debug)]
pub(super) struct Mutation {
    /// For people, such as "the page cut in half".
    pub(super) what: String,
    pub(super) answer: Answer,
}

/// All that is tried in place of `exchange`'s answer.
pub(super) fn mutations(exchange: &Exchange) -> Vec<Mutation> {
    let mut all = vec![Mutation {
        what: "a timeout".into(),
        answer: Answer::Failed(Failure::Timeout),
    }];
    let Answer::Response {
        status,
        headers,
        body,
        ..
    } = &exchange.answer
    else {
        return all;
    };
    let mut add = |what: String, status: StatusCode, headers: &HeaderMap, body: Bytes| {
        let mut headers = headers.clone();
        // It is the length of another body.
        headers.remove(CONTENT_LENGTH);
        all.push(Mutation {
            what,
            answer: Answer::Response {
                status,
                headers,
                body,
                cut: false,
            },
        });
    };
    for code in [403, 429, 500] {
        let Ok(status) = StatusCode::from_u16(code) else {
            continue;
        };
        let mut plain = headers.clone();
        plain.remove(LOCATION);
        let page = format!("<!doctype html><title>{status}</title><h1>{status}</h1>");
        add(format!("status {code}"), status, &plain, page.into());
    }
    for name in [LOCATION, SET_COOKIE] {
        if headers.contains_key(&name) {
            let mut without = headers.clone();
            without.remove(&name);
            add(format!("no {name} header"), *status, &without, body.clone());
        }
    }
    if status.is_redirection() {
        return all;
    }
    let half = body.slice(..body.len() / 2);
    add("the page cut in half".into(), *status, headers, half);
    add("an empty page".into(), *status, headers, Bytes::new());
    add("a page of 10 MB".into(), *status, headers, huge(body));
    let invalid = invalid_utf8(body);
    add("invalid UTF-8".into(), *status, headers, invalid);
    for (what, body) in losses(headers, body) {
        add(what, *status, headers, body.into());
    }
    all
}

/// The page with one part of it missing, for some of its parts.
fn losses(headers: &HeaderMap, body: &Bytes) -> Vec<(String, String)> {
    let Ok(text) = std::str::from_utf8(body) else {
        return Vec::new();
    };
    if let Ok(document) = serde_json::from_str::<Value>(text) {
        return json_losses(&document);
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let markup = kind.is_some_and(|kind| kind.contains("html") || kind.contains("xml"))
        || text.trim_start().starts_with('<');
    let parts = if markup {
        let (elements, attributes) = markup::parts(text);
        elements.into_iter().chain(attributes).collect()
    } else {
        let mut begin = 0;
        let lines = text.split_inclusive('\n').enumerate().map(|(i, line)| {
            begin += line.len();
            (format!("line {}", i + 1), begin - line.len()..begin)
        });
        spread(lines.collect())
    };
    let without = |(what, range): (String, std::ops::Range<usize>)| {
        let text = [&text[..range.start], &text[range.end..]].concat();
        (format!("{what} removed"), text)
    };
    parts.into_iter().map(without).collect()
}

fn json_losses(document: &Value) -> Vec<(String, String)> {
    let mut paths = Vec::new();
    json_paths(document, &mut String::new(), &mut paths);
    let lost = spread(paths).into_iter().filter_map(|path| {
        let mut other = document.clone();
        let (parent, name) = path.rsplit_once('/')?;
        let what = match other.pointer_mut(parent)? {
            Value::Object(map) => {
                map.remove(&name.replace("~1", "/").replace("~0", "~"))?;
                format!("{path} removed")
            }
            // As when nothing of the kind is on.
            Value::Array(items) => {
                items.clear();
                format!("{parent} emptied")
            }
            _ => return None,
        };
        Some((what, other.to_string()))
    });
    lost.collect()
}

/// JSON pointers of all keys, and of the first item of each list.
fn json_paths(value: &Value, path: &mut String, paths: &mut Vec<String>) {
    let length = path.len();
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                path.push('/');
                path.push_str(&name.replace('~', "~0").replace('/', "~1"));
                paths.push(path.clone());
                json_paths(value, path, paths);
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            for (i, value) in items.iter().enumerate() {
                path.push_str(&format!("/{i}"));
                if i == 0 {
                    paths.push(path.clone());
                }
                json_paths(value, path, paths);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

/// At most [`EACH`] of them, from the first to the last.
fn spread<T>(parts: Vec<T>) -> Vec<T> {
    let all = parts.len();
    if all <= EACH {
        return parts;
    }
    let mut kept = (0..EACH).map(|i| i * (all - 1) / (EACH - 1)).peekable();
    let parts = parts.into_iter().enumerate();
    parts
        .filter(|(i, _)| kept.next_if_eq(i).is_some())
        .map(|(_, part)| part)
        .collect()
}

/// What the page says, over and over.
fn huge(body: &Bytes) -> Bytes {
    let mut page = body.to_vec();
    let filler = if body.is_empty() { b" " } else { &body[..] };
    while page.len() < HUGE {
        page.extend_from_slice(&filler[..filler.len().min(HUGE - page.len())]);
    }
    page.into()
}

/// Bytes that no character has, at the beginning, in the middle and at the end.
fn invalid_utf8(body: &Bytes) -> Bytes {
    let (first, last) = body.split_at(body.len() / 2);
    [b"\xff\xfe", first, b"\xc3\x28\xed\xa0\x80", last, b"\x80"]
        .concat()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(status: u16, headers: &[(&str, &str)], body: &str) -> Exchange {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().expect("name");
            map.append(name, value.parse().expect("value"));
        }
        Exchange {
            method: http::Method::GET,
            url: "http://site.test/".parse().expect("url"),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            answer: Answer::Response {
                status: StatusCode::from_u16(status).expect("status"),
                headers: map,
                body: body.to_owned().into(),
                cut: false,
            },
        }
    }

    fn body<'m>(all: &'m [Mutation], what: &str) -> &'m [u8] {
        let found = all.iter().find(|m| m.what == what);
        match &found.unwrap_or_else(|| panic!("{what}: {all:?}")).answer {
            Answer::Response { body, .. } => body,
            Answer::Failed(_) => panic!("{what} has no body"),
        }
    }

    #[test]
    fn a_page_is_cut_grown_spoilt_and_loses_its_parts() {
        let page = r#"<p id="a">x</p><br><i data-u='v'>y</i>"#;
        let all = mutations(&exchange(200, &[("content-type", "text/html")], page));
        assert_eq!(
            body(&all, "the page cut in half"),
            &page.as_bytes()[..page.len() / 2]
        );
        assert_eq!(body(&all, "a page of 10 MB").len(), HUGE);
        assert!(std::str::from_utf8(body(&all, "invalid UTF-8")).is_err());
        assert_eq!(body(&all, "<p> 1 removed"), br#"<br><i data-u='v'>y</i>"#);
        assert_eq!(
            body(&all, "<br> 2 removed"),
            br#"<p id="a">x</p><i data-u='v'>y</i>"#
        );
        assert_eq!(
            body(&all, "data-u of <i> 3 removed"),
            br#"<p id="a">x</p><br><i>y</i>"#
        );
        for code in ["status 403", "status 429", "status 500"] {
            assert!(!body(&all, code).is_empty());
        }
        assert!(matches!(all[0].answer, Answer::Failed(Failure::Timeout)));
    }

    #[test]
    fn a_document_loses_its_keys_and_its_items() {
        let all = mutations(&exchange(200, &[], r#"{"a":[{"b/c":1},2],"d":null}"#));
        assert_eq!(body(&all, "/a removed"), br#"{"d":null}"#);
        assert_eq!(body(&all, "/a emptied"), br#"{"a":[],"d":null}"#);
        assert_eq!(body(&all, "/a/0/b~1c removed"), br#"{"a":[{},2],"d":null}"#);
    }

    #[test]
    fn a_list_loses_lines_and_a_redirect_its_target() {
        let all = mutations(&exchange(200, &[], "#EXTM3U\nhttp://a/\n"));
        assert_eq!(body(&all, "line 2 removed"), b"#EXTM3U\n");
        let all = mutations(&exchange(302, &[("location", "/x")], ""));
        let bare = all.iter().find(|m| m.what == "no location header");
        assert!(
            matches!(&bare.expect("tried").answer, Answer::Response { headers, .. } if headers.is_empty())
        );
        assert_eq!(all.len(), 5, "nothing else can happen to it: {all:?}");
    }

    #[test]
    fn of_many_parts_some_are_tried_from_first_to_last() {
        let parts = spread((0..1000).collect());
        assert_eq!((parts.len(), parts[0], parts[EACH - 1]), (EACH, 0, 999));
        assert_eq!(spread(vec![1, 2]), [1, 2]);
    }
}
