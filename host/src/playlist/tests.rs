//! Rewriting and inspection: one line in, one line out; then what must hold for
//! any input.

use url::Url;

use super::*;

mod cases;
mod corpus;
mod decompress;
mod facts;
mod hostile;
mod json;
mod keys;
mod media;
mod oddities;
mod own;
mod parsed;
mod properties;

/// Small enough to be reached in a moment.
const LIMITS: Limits = Limits {
    lines: 20_000,
    line: 16 << 10,
    output: 16 << 20,
    variables: 4 << 10,
};

const BASE: &str = "http://up.test/a/b/pl.m3u8?tok=T%2F1";

fn context<'a>(base: &'a Url, parent: &'a Variables) -> Context<'a> {
    Context {
        base,
        parent,
        limits: LIMITS,
        directives: true,
    }
}

/// Rewrites with links that show what they are: `KIND!URL`.
fn shown(body: &[u8]) -> Rewritten {
    shown_with(body, &Variables::default())
}

fn shown_with(body: &[u8], parent: &Variables) -> Rewritten {
    let base = Url::parse(BASE).unwrap();
    let context = context(&base, parent);
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
