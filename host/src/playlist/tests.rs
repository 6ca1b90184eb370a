//! Rewriting and inspection: one line in, one line out; then what must hold for
//! any input.

use url::Url;

use super::*;

mod cases;
mod corpus;
mod keys;
mod media;
mod oddities;
mod properties;

const BASE: &str = "http://up.test/a/b/pl.m3u8?tok=T%2F1";

/// Rewrites with links that show what they are: `KIND!URL`.
fn shown(body: &[u8]) -> Rewritten {
    shown_with(body, &Variables::default())
}

fn shown_with(body: &[u8], parent: &Variables) -> Rewritten {
    let base = Url::parse(BASE).unwrap();
    let context = Context {
        base: &base,
        parent,
        limits: Limits::STANDARD,
    };
    let mut link = |child: &Child<'_>| {
        let kind = format!("{:?}", child.kind).replace(['(', ')'], "");
        Some(format!("{kind}!{}", child.url))
    };
    rewrite(body, &context, &mut link)
}

fn text(rewritten: &Rewritten) -> String {
    String::from_utf8_lossy(&rewritten.body).into_owned()
}

/// A text of this form must come out as that.
#[track_caller]
fn check(input: &str, expect: &str) -> Rewritten {
    let rewritten = shown(input.as_bytes());
    assert_eq!(text(&rewritten), expect, "{input}");
    rewritten
}
