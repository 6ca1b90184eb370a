//! `new-plugin`: a plugin that passes its first case. It is a directory and
//! nothing else: neither Cargo nor another command has a list of plugins.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use crate::language::Language;
use crate::manifest::is_key;
use crate::workspace::Workspace;

/// What the templates call their plugin.
const TEMPLATE: &str = "template";

type File = (&'static str, &'static str);

macro_rules! template {
    ($lang:literal, $path:literal) => {
        (
            $path,
            include_str!(concat!("../templates/", $lang, "/", $path)),
        )
    };
}

const ANY: [File; 5] = [
    template!("any", "site.toml"),
    template!("any", "tests/first/case.toml"),
    template!("any", "tests/first/site.toml"),
    template!("any", "tests/first/exchanges.json"),
    template!("any", "tests/first/expected.json"),
];
const RUST: [File; 2] = [
    template!("rust", "Cargo.toml"),
    template!("rust", "src/lib.rs"),
];
const JS: [File; 2] = [template!("js", "plugin.toml"), template!("js", "plugin.js")];
const PYTHON: [File; 2] = [
    template!("python", "plugin.toml"),
    template!("python", "plugin.py"),
];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Its key, which is also the name of its file and its directory.
    key: String,
    /// The language it is written in.
    #[arg(long, value_enum, default_value = "rust")]
    lang: Language,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments { key, lang } = arguments;
    ensure!(
        workspace.plugins.iter().all(|plugin| plugin.key != *key),
        "there is a plugin {key} already"
    );
    let lock = fs::read_to_string(workspace.root.join("Cargo.lock"))?;
    ensure!(
        *lang != Language::Rust || !lock.contains(&format!("name = \"{key}\"\n")),
        "{key} is the name of a package that is used here"
    );
    let source = scaffold(&workspace.root.join("plugins"), key, *lang)?;
    println!("plugins/{key} is a plugin that passes its first case. What comes next:\n");
    for (command, what) in [
        (format!("cargo xtask test-plugins {key}"), "runs its cases"),
        (
            format!("$EDITOR plugins/{key}/{source}"),
            "how the site's streams are found",
        ),
        (
            format!("$EDITOR plugins/{key}/site.toml"),
            "where the site is",
        ),
        (
            format!("cargo xtask record {key} live"),
            "a case of the real site",
        ),
        (
            format!("cargo xtask install {key} --to data/plugins"),
            "into a service",
        ),
    ] {
        println!("  {command:<48} # {what}");
    }
    Ok(())
}

/// Writes the files; returns the path of the source among them.
pub(crate) fn scaffold(plugins: &Path, key: &str, lang: Language) -> anyhow::Result<&'static str> {
    ensure!(is_key(key), "{key:?} is no key: [a-z0-9][a-z0-9-]{{0,62}}");
    let own = match lang {
        Language::Rust => RUST,
        Language::Js => JS,
        Language::Python => PYTHON,
    };
    ensure!(
        lang != Language::Rust || key.starts_with(|c: char| c.is_ascii_lowercase()),
        "Cargo's names begin with a letter, and {key} does not"
    );
    let dir = plugins.join(key);
    // Fails where it is: nothing of an author's is ever written over.
    fs::create_dir(&dir).with_context(|| format!("making {}", dir.display()))?;
    for (path, text) in ANY.iter().chain(&own) {
        let place: PathBuf = dir.join(path);
        fs::create_dir_all(place.parent().context("a file has a directory")?)?;
        fs::write(&place, text.replace(TEMPLATE, key))?;
    }
    let [_, (source, _)] = own;
    Ok(source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Plugin;
    use crate::{digest, manifest};

    fn scaffolded(key: &str, lang: Language) -> (tempfile::TempDir, Vec<String>) {
        let dir = tempfile::tempdir().expect("a directory");
        scaffold(dir.path(), key, lang).expect("scaffolded");
        let at = dir.path().join(key);
        let files = digest::files(&at, &[]).expect("a listing").into_iter();
        let names = files.map(|file| {
            let text = fs::read_to_string(&file).expect("a text");
            assert!(!text.contains(TEMPLATE), "{}", file.display());
            file.strip_prefix(&at).expect("below").display().to_string()
        });
        let names = names.collect();
        (dir, names)
    }

    #[test]
    fn each_language_has_its_source_a_site_and_a_case() {
        for (lang, own) in [
            (Language::Rust, ["Cargo.toml", "src/lib.rs"]),
            (Language::Js, ["plugin.js", "plugin.toml"]),
            (Language::Python, ["plugin.py", "plugin.toml"]),
        ] {
            let (dir, names) = scaffolded("my-site", lang);
            let case = ["case.toml", "exchanges.json", "expected.json", "site.toml"];
            let case = case.map(|name| format!("tests/first/{name}"));
            let mut expected: Vec<_> = own.iter().map(ToString::to_string).collect();
            expected.extend(case);
            expected.push("site.toml".into());
            expected.sort();
            assert_eq!(names, expected);
            let found = manifest::plugins(dir.path()).expect("valid manifests");
            let found: Vec<_> = found.iter().map(Plugin::language).collect();
            let has_manifest = lang != Language::Rust;
            assert_eq!(found, if has_manifest { vec![lang] } else { vec![] });
        }
    }

    #[test]
    fn nothing_is_written_over_and_a_bad_key_makes_nothing() {
        let (dir, _) = scaffolded("my-site", Language::Js);
        let source = dir.path().join("my-site/plugin.js");
        fs::write(&source, "mine").expect("written");
        assert!(scaffold(dir.path(), "my-site", Language::Python).is_err());
        assert_eq!(fs::read_to_string(&source).expect("the file"), "mine");
        for key in ["../x", "My-Site", "", "a b", "7tv"] {
            assert!(scaffold(dir.path(), key, Language::Rust).is_err(), "{key}");
        }
        assert_eq!(fs::read_dir(dir.path()).expect("a listing").count(), 1);
    }
}
