//! `licences`: what is shipped that others wrote, in `docs/licences.md`.
//!
//! Shipped is what ends up in the image: the crates that the service is linked
//! with (by its normal dependencies, on Linux; macros and build scripts only
//! help to build it), those of the plugins in Rust beside it, and the packages
//! that Vite has put into the page.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use xshell::cmd;

use crate::setup::{self, Needs};
use crate::workspace::{Workspace, cargo};

const FILE: &str = "docs/licences.md";

/// As Vite writes it while it builds the page.
const OF_THE_PAGE: &str = ".svelte-kit/output/client/.vite/license.json";

const HEAD: &str = "# Licences of what is shipped

What others wrote and the image holds, in the versions of `Cargo.lock` and
`frontend/package-lock.json`. f1-streams itself is under the
[Apache License 2.0](../LICENSE). Written by `cargo xtask licences`.
";

/// Name, version, licence.
type Part = (String, String, String);

/// Writes the list, or checks that it is what would be written.
pub(crate) fn run(workspace: &Workspace, only_check: bool) -> anyhow::Result<()> {
    // The page is asked what it is made of.
    let only_the_page = Needs {
        plugins: false,
        languages: false,
        browser: false,
    };
    setup::run(workspace, None, only_the_page)?;
    let list = list(workspace)?;
    let path = workspace.root.join(FILE);
    if only_check {
        let there = fs::read_to_string(&path).unwrap_or_default();
        ensure!(
            there == list,
            "{FILE} is not what is shipped: cargo xtask licences"
        );
        return Ok(());
    }
    fs::write(&path, list).with_context(|| format!("writing {FILE}"))
}

fn list(workspace: &Workspace) -> anyhow::Result<String> {
    let linux = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];
    let service = crates(workspace, &["f1-streams"], &linux)?;
    let members: Vec<_> = workspace.members().collect();
    let plugins = crates(workspace, &members, &["wasm32-unknown-unknown"])?;
    let page = page(workspace)?;
    let mut text = HEAD.to_owned();
    for (title, parts) in [
        ("The service", service),
        ("The plugins in Rust", plugins),
        ("The page", page),
    ] {
        write!(
            text,
            "\n## {title}\n\n| name | version | licence |\n|---|---|---|\n"
        )?;
        for (name, version, licence) in parts {
            writeln!(text, "| {name} | {version} | {licence} |")?;
        }
    }
    Ok(text)
}

/// What packages of ours are linked with; `deny.toml` judges the licences.
fn crates(
    workspace: &Workspace,
    packages: &[&str],
    targets: &[&str],
) -> anyhow::Result<BTreeSet<Part>> {
    let sh = workspace.shell()?;
    let cargo = cargo();
    let packages = packages.iter().flat_map(|package| ["-p", package]);
    let targets = targets.iter().flat_map(|target| ["--target", target]);
    let tree = cmd!(sh, "{cargo} tree --locked -e normal,no-proc-macro")
        .args(["--prefix", "none", "--format", "{p}|{l}"])
        .args(packages)
        .args(targets);
    let tree = tree.quiet().read()?;
    let parts: BTreeSet<_> = tree.lines().filter_map(part).collect();
    ensure!(!parts.is_empty(), "cargo tree shows no crate");
    if let Some((name, ..)) = parts.iter().find(|(.., licence)| licence.is_empty()) {
        bail!("{name} names no licence");
    }
    Ok(parts)
}

/// `name v1.2.3|licence`, with a path behind the version where it is ours, and a
/// star at the end where it was shown before.
fn part(line: &str) -> Option<Part> {
    let (package, licence) = line.split_once('|')?;
    let mut words = package.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    if words.next().is_some() {
        return None;
    }
    let licence = licence.trim_end_matches(" (*)").replace('/', " OR ");
    let licence = licence.split_whitespace().collect::<Vec<_>>().join(" ");
    Some((name.into(), version.into(), licence))
}

#[derive(Deserialize)]
struct Bundled {
    name: String,
    version: String,
    identifier: Option<String>,
}

#[derive(Deserialize)]
struct Policy {
    licenses: Allowed,
}

#[derive(Deserialize)]
struct Allowed {
    allow: BTreeSet<String>,
}

/// What the page is made of, under the licences that crates may have, too.
fn page(workspace: &Workspace) -> anyhow::Result<BTreeSet<Part>> {
    let policy: Policy = toml::from_str(&fs::read_to_string(workspace.root.join("deny.toml"))?)?;
    let path = workspace.frontend().join(OF_THE_PAGE);
    let text = fs::read(&path).with_context(|| path.display().to_string())?;
    let bundled: Vec<Bundled> = serde_json::from_slice(&text)?;
    ensure!(!bundled.is_empty(), "Vite names no package in the page");
    let allowed = |package: Bundled| {
        let Bundled { name, version, .. } = package;
        let licence = package.identifier.unwrap_or_default();
        ensure!(
            policy.licenses.allow.contains(&licence),
            "{name} is in the page and its licence, {licence:?}, is none that deny.toml allows"
        );
        Ok((name, version, licence))
    };
    bundled.into_iter().map(allowed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_tree_is_a_part_unless_it_is_ours() {
        let read = |line: &str| part(line).map(|(name, version, licence)| [name, version, licence]);
        let some = |licence: &str| Some(["a-b".to_owned(), "1.2.3+4".into(), licence.into()]);
        for (line, expected) in [
            ("a-b v1.2.3+4|MIT", some("MIT")),
            (
                "a-b v1.2.3+4|MIT OR Apache-2.0 (*)",
                some("MIT OR Apache-2.0"),
            ),
            ("a-b v1.2.3+4|Apache-2.0 / MIT", some("Apache-2.0 OR MIT")),
            ("a-b v1.2.3+4|Unlicense/MIT", some("Unlicense OR MIT")),
            ("a-b v1.2.3+4|", some("")),
            ("a-b v1.2.3+4 (/home/a-b)|MIT", None),
            ("", None),
        ] {
            assert_eq!(read(line), expected, "{line}");
        }
    }
}
