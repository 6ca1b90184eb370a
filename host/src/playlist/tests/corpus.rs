//! Playlists that nobody here wrote, where they are present: they stay out of
//! the repository.

use std::fs;
use std::path::{Path, PathBuf};

use super::parsed::parsed_alike;
use super::*;

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "m3u8")
        {
            found.push(path);
        }
    }
}

/// The line as it is, or the link in it exchanged for what it stands for.
fn opened(line: &str, children: &[String]) -> String {
    let mut line = line.to_owned();
    while let Some(start) = line.find("/relay/@") {
        let digits = line[start + 8..]
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count();
        let end = start + 8 + digits;
        let number: usize = line[start + 8..end].parse().unwrap();
        line.replace_range(start..end, &children[number]);
    }
    line
}

#[test]
#[allow(clippy::print_stdout, reason = "how many were read is the result")]
fn playlists_in_the_wild() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let mut paths = Vec::new();
    files(&corpus, &mut paths);
    if paths.is_empty() {
        println!("not run: no corpus beside the repository");
        return;
    }
    let base = Url::parse("http://upstream.test/a/b/pl.m3u8?x=1").unwrap();
    let none = Variables::default();
    let context = context(&base, &none);
    let (mut links, mut compared) = (0, 0);
    for path in &paths {
        let body = fs::read(path).unwrap();
        let mut children = Vec::new();
        let rewritten = rewrite(&body, &context, &mut |child: &Child<'_>| {
            children.push(child.url.to_string());
            Some(format!("/relay/@{}", children.len() - 1))
        });
        links += rewritten.links;
        let name = path.display();
        let out = text(&rewritten);
        for line in out.lines().filter(|line| line.contains("://")) {
            // What a DRM system calls a key.
            let key = line.starts_with("#EXT-X-KEY:") || line.starts_with("#EXT-X-SESSION-KEY:");
            let others = line.replace("\"skd://", "");
            assert!(key && !others.contains("://"), "{name}: {line}");
        }
        assert!(!out.contains("upstream.test"), "{name}: {out}");
        same_but_for_links(&body, &rewritten, &children, &base, &name.to_string());
        if rewritten.problems.is_empty() && rewritten.variables.is_empty() {
            let before = text_of(&body);
            parsed_alike(&name.to_string(), &before, &out, &children, &base, &none);
            compared += 1;
        }
        media_state(&body, &context);
        if let Some(master) = multivariant(&body, &context) {
            assert_eq!(rewritten.kind, Kind::Multivariant, "{name}");
            for variant in &master.variants {
                assert!(master.find(&variant.key).is_some(), "{name}");
            }
        }
    }
    let count = paths.len();
    println!("{count} playlists in the wild, {links} links, {compared} parsed alike");
    assert!(compared * 10 > count * 9, "{compared} of {count} compared");
}

fn text_of(body: &[u8]) -> String {
    String::from_utf8_lossy(&normalise(body)).into_owned()
}

/// Line by line: the same bytes, or a link that opens to what was there,
/// resolved.
fn same_but_for_links(
    body: &[u8],
    rewritten: &Rewritten,
    children: &[String],
    base: &Url,
    name: &str,
) {
    if !rewritten.problems.is_empty() || !rewritten.variables.is_empty() {
        return;
    }
    let before = text_of(body);
    let after = text(rewritten);
    assert_eq!(before.lines().count(), after.lines().count(), "{name}");
    for (before, after) in before.lines().zip(after.lines()) {
        let opened = opened(after, children);
        if opened == before {
            continue;
        }
        if !before.trim_start().starts_with('#') {
            assert_eq!(opened, base.join(before.trim()).unwrap().as_str(), "{name}");
            continue;
        }
        // A tag: everything but the value of each URI attribute is the same.
        for part in after
            .split("/relay/@")
            .map(|p| p.trim_start_matches(|c: char| c.is_ascii_digit()))
        {
            assert!(
                before.contains(part),
                "{name}: {part:?} is not in {before:?}"
            );
        }
        let resolved = children.iter().any(|url| opened.contains(url.as_str()));
        assert!(resolved, "{name}: {before} became {after}");
    }
}
