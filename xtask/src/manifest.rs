//! `plugins/KEY/plugin.toml`: what Cargo's manifest is to a plugin in Rust.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use crate::language::Language;
use crate::workspace::{Build, Plugin, TESTS};

pub(crate) const FILE: &str = "plugin.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    key: String,
    version: String,
    lang: Language,
    /// Where its cases are, relative to the file.
    #[serde(default = "tests")]
    cases: PathBuf,
}

fn tests() -> PathBuf {
    TESTS.into()
}

/// The plugins below a directory that have one.
pub(crate) fn plugins(below: &Path) -> anyhow::Result<Vec<Plugin>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(below).with_context(|| format!("reading {}", below.display()))? {
        let file = entry?.path().join(FILE);
        if file.is_file() {
            let text = fs::read_to_string(&file)?;
            found.push(plugin(&file, &text).with_context(|| file.display().to_string())?);
        }
    }
    Ok(found)
}

/// `[a-z0-9][a-z0-9-]{0,62}`, as in the contract.
pub(crate) fn is_key(key: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&key.len()) && key.chars().all(good) && !key.starts_with('-')
}

fn plugin(file: &Path, text: &str) -> anyhow::Result<Plugin> {
    let manifest: Manifest = toml::from_str(text)?;
    let dir = file.parent().context("a file has a directory")?;
    let key = manifest.key;
    ensure!(is_key(&key), "{key:?} is no key: [a-z0-9][a-z0-9-]{{0,62}}");
    ensure!(
        dir.file_name().is_some_and(|name| name == key.as_str()),
        "the key {key} is not the directory's name"
    );
    // It goes into the source of a language that would read it.
    let good = |c: char| c.is_ascii_alphanumeric() || ".-+".contains(c);
    ensure!(
        manifest.version.chars().all(good) && manifest.version.split('.').count() >= 3,
        "{:?} is no version such as \"1.0.0\"",
        manifest.version
    );
    Ok(Plugin {
        version: manifest.version,
        build: match manifest.lang {
            Language::Js => Build::Js,
            Language::Python => Build::Python,
            Language::Rust => anyhow::bail!("a plugin in Rust has a Cargo.toml instead"),
        },
        cases: dir.join(manifest.cases),
        dir: dir.to_owned(),
        key,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Plugin, String> {
        plugin(Path::new("/p/x-js/plugin.toml"), text).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn cases_are_its_own_or_a_twins() {
        let text = "key = \"x-js\"\nversion = \"1.0.0\"\nlang = \"js\"\n";
        let own = read(text).expect("valid");
        assert_eq!(
            (own.language(), own.cases),
            (Language::Js, "/p/x-js/tests".into())
        );
        let twin = read(&format!("{text}cases = \"../x/tests\"")).expect("valid");
        assert_eq!(twin.cases, Path::new("/p/x-js/../x/tests"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let made = |key, version, lang| format!("key={key:?}\nversion={version:?}\nlang={lang:?}");
        for (text, expected) in [
            (made("y", "1.0.0", "js"), "not the directory's name"),
            (made("../x", "1.0.0", "js"), "is no key"),
            (made("x-js", "1", "js"), "is no version"),
            (made("x-js", "1.0.'", "js"), "is no version"),
            (made("x-js", "1.0.0", "rust"), "Cargo.toml"),
            (made("x-js", "1.0.0", "perl"), "perl"),
            (made("x-js", "1.0.0", "js") + "\ncase=\"x\"", "case"),
        ] {
            let why = read(&text).err().unwrap_or_default();
            assert!(why.contains(expected), "{text}: {why}");
        }
    }

    #[test]
    fn keys() {
        let long = "x".repeat(63);
        for (key, good) in [
            ("a", true),
            ("0-a", true),
            (&long, true),
            (&format!("{long}x"), false),
            ("", false),
            ("-a", false),
            ("A", false),
            ("a_b", false),
            ("a/b", false),
        ] {
            assert_eq!(is_key(key), good, "{key}");
        }
    }
}
