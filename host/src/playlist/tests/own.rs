//! Our own playlists, in `tests/playlists`: one for each place, pain and
//! combination that matters. Beside each stands, written by hand, what becomes of
//! it; every byte that it doesn't speak of must stay.
//!
//! `NAME.links` says, in the order of the text:
//! `KIND REFERENCE -> URL`, a link to what the reference means (in quotes, if it
//! begins or ends with blank); `becomes TEXT => OTHER` and `gone LINE`, what is
//! not a link; and of the whole: `base URL`, `import NAME=VALUE`, `directives no`,
//! `encoding CONTENT-ENCODING`, `latin-1`, `same-as NAME` (as that one comes out)
//! and `problem NAME COUNT`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::parsed::parsed_alike;
use super::*;

#[derive(Default)]
struct Expect {
    base: Option<String>,
    parent: Variables,
    no_directives: bool,
    encoding: Option<String>,
    latin1: bool,
    same_as: Option<String>,
    problems: BTreeMap<String, u32>,
    edits: Vec<Edit>,
}

enum Edit {
    Link {
        kind: String,
        reference: String,
        url: String,
    },
    Becomes(String, String),
    Gone(String),
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/playlists")
}

fn unquoted(text: &str) -> String {
    match text.starts_with('"') {
        true => serde_json::from_str(text).expect("a string in quotes"),
        false => text.to_owned(),
    }
}

fn expected(name: &str) -> Expect {
    let text = fs::read_to_string(directory().join(format!("{name}.links"))).unwrap();
    let mut expect = Expect::default();
    for line in text.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "base" => expect.base = Some(rest.to_owned()),
            "import" => {
                let (name, value) = rest.split_once('=').unwrap();
                assert!(expect.parent.insert(name, value));
            }
            "directives" => expect.no_directives = true,
            "encoding" => expect.encoding = Some(rest.to_owned()),
            "latin-1" => expect.latin1 = true,
            "same-as" => expect.same_as = Some(rest.to_owned()),
            "problem" => {
                let (problem, count) = rest.split_once(' ').unwrap();
                expect
                    .problems
                    .insert(problem.to_owned(), count.parse().unwrap());
            }
            "becomes" => {
                let (text, other) = rest.split_once(" => ").unwrap();
                expect
                    .edits
                    .push(Edit::Becomes(text.to_owned(), other.replace("\\n", "\n")));
            }
            "gone" => expect.edits.push(Edit::Gone(format!("{rest}\n"))),
            kind => {
                let (reference, url) = rest.split_once(" -> ").unwrap();
                expect.edits.push(Edit::Link {
                    kind: kind.to_owned(),
                    reference: unquoted(reference),
                    url: url.to_owned(),
                });
            }
        }
    }
    expect
}

/// The text with its edits, each link as `/relay/@N`.
fn edited(name: &str, mut rest: &str, edits: &[Edit]) -> String {
    let mut out = String::new();
    let mut links = 0;
    for edit in edits {
        let (text, with) = match edit {
            Edit::Link { reference, .. } => {
                links += 1;
                (reference, format!("/relay/@{}", links - 1))
            }
            Edit::Becomes(text, other) => (text, other.clone()),
            Edit::Gone(line) => (line, String::new()),
        };
        // A reference is a whole line or a whole value.
        let whole = |at: usize| {
            let before = rest[..at].chars().next_back();
            let after = rest[at + text.len()..].chars().next();
            !matches!(edit, Edit::Link { .. })
                || before.is_none_or(|c| "\"\n=:".contains(c))
                    && after.is_none_or(|c| "\"\n\r,".contains(c))
        };
        let at = rest
            .match_indices(text.as_str())
            .map(|(at, _)| at)
            .find(|at| whole(*at));
        let at =
            at.unwrap_or_else(|| panic!("{name}: there is no {text:?} in what is left: {rest}"));
        out += &rest[..at];
        out += &with;
        rest = &rest[at + text.len()..];
    }
    out + rest
}

struct Outcome {
    rewritten: Rewritten,
    children: Vec<(String, String)>,
    base: Url,
}

fn outcome(name: &str, expect: &Expect) -> Outcome {
    let body = fs::read(directory().join(format!("{name}.m3u8"))).unwrap();
    let body = decompress(&body, expect.encoding.as_deref(), 1 << 20).unwrap();
    let base = expect
        .base
        .as_deref()
        .unwrap_or("http://up.test/live/pl.m3u8?tok=T1");
    let base = Url::parse(base).unwrap();
    let context = Context {
        directives: !expect.no_directives,
        ..context(&base, &expect.parent)
    };
    let mut children = Vec::new();
    let rewritten = rewrite(&body, &context, &mut |child: &Child<'_>| {
        let kind = format!("{:?}", child.kind).replace(['(', ')'], "");
        children.push((kind, child.url.to_string()));
        Some(format!("/relay/@{}", children.len() - 1))
    });
    Outcome {
        rewritten,
        children,
        base,
    }
}

/// Every host that a text must not name.
fn hosts(outcome: &Outcome) -> Vec<String> {
    let urls = outcome
        .children
        .iter()
        .map(|(_, url)| Url::parse(url).unwrap());
    let hosts = urls.chain([outcome.base.clone()]);
    hosts
        .filter_map(|url| Some(url.host_str()?.to_lowercase()))
        .collect()
}

fn check_own(name: &str) -> usize {
    let expect = expected(name);
    let outcome = outcome(name, &expect);
    let after = std::str::from_utf8(&outcome.rewritten.body).unwrap();
    if let Some(other) = &expect.same_as {
        let twin = self::outcome(other, &expected(other));
        assert_eq!(after, text(&twin.rewritten), "{name}");
        assert_eq!(outcome.children, twin.children, "{name}");
        assert!(outcome.rewritten.problems.is_empty(), "{name}");
        return outcome.children.len();
    }
    let before = fs::read(directory().join(format!("{name}.m3u8"))).unwrap();
    let before = match expect.latin1 {
        true => before.iter().map(|b| char::from(*b)).collect(),
        false => String::from_utf8(before).unwrap(),
    };
    assert_eq!(after, edited(name, &before, &expect.edits), "{name}");

    let links = expect.edits.iter().filter_map(|edit| match edit {
        Edit::Link { kind, url, .. } => Some((kind.clone(), url.clone())),
        _ => None,
    });
    assert_eq!(outcome.children, links.collect::<Vec<_>>(), "{name}");
    let problems = &outcome.rewritten.problems;
    let problems = problems
        .iter()
        .map(|(problem, count)| (problem.name().to_owned(), count));
    assert_eq!(
        problems.collect::<BTreeMap<_, _>>(),
        expect.problems,
        "{name}"
    );
    for host in hosts(&outcome) {
        assert!(
            !after.to_lowercase().contains(&host),
            "{name}: {host} in {after}"
        );
    }
    // To the other parser, a line in Latin-1 means another thing.
    let only_links = expect
        .edits
        .iter()
        .all(|edit| matches!(edit, Edit::Link { .. }));
    if only_links && !expect.latin1 {
        let children: Vec<_> = outcome
            .children
            .iter()
            .map(|(_, url)| url.clone())
            .collect();
        parsed_alike(
            name,
            &before,
            after,
            &children,
            &outcome.base,
            &expect.parent,
        );
    }
    outcome.children.len()
}

#[test]
#[allow(clippy::print_stdout, reason = "how many were read is the result")]
fn our_own_playlists() {
    let mut names: Vec<String> = fs::read_dir(directory())
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(".m3u8").map(str::to_owned)
        })
        .collect();
    names.sort();
    let links: usize = names.iter().map(|name| check_own(name)).sum();
    println!("{} playlists of our own, {links} links", names.len());
    assert!(names.len() >= 60, "only {} are there", names.len());
}
