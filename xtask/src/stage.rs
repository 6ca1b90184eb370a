//! A plugin's sources beside its language's SDK, in a directory of their own:
//! what is built knows no path of this machine, and the SDK's copy knows the
//! plugin's key and version.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::digest;
use crate::workspace::{Plugin, TESTS};

/// No part of what is built.
pub(crate) const NOT_SOURCE: [&str; 4] = [TESTS, "site.toml", "README.md", "node_modules"];

/// The sources of one plugin, gone when dropped.
pub(crate) struct Stage {
    dir: tempfile::TempDir,
}

impl Stage {
    /// Copies the plugin and the SDK beside it, with `manifest` in place of the
    /// SDK's file of that name.
    pub(crate) fn new(plugin: &Plugin, sdk: &Path, manifest: (&str, &str)) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("f1-streams-").tempdir()?;
        for from in [&plugin.dir, sdk] {
            let name = from.file_name().context("a directory has a name")?;
            copy(from, &dir.path().join(name))?;
        }
        let (file, text) = manifest;
        let sdk = sdk.file_name().context("a directory has a name")?;
        fs::write(dir.path().join(sdk).join(file), text)?;
        Ok(Self { dir })
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    for file in digest::files(from, &NOT_SOURCE)? {
        let place = to.join(file.strip_prefix(from)?);
        fs::create_dir_all(place.parent().context("a file has a directory")?)?;
        fs::copy(&file, &place).with_context(|| format!("copying {}", file.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Build;

    #[test]
    fn the_sdk_lies_beside_and_knows_the_plugin() {
        let from = tempfile::tempdir().expect("a directory");
        let write = |path: &str, text: &str| {
            let path = from.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, text).expect("written");
        };
        write("x/plugin.js", "plugin");
        write("x/tests/first/case.toml", "");
        write("x/lib/tests/more.js", "more");
        write("sdk-js/manifest.js", "unbuilt");
        write("sdk-js/extractor.js", "sdk");
        let plugin = Plugin {
            key: "x".into(),
            version: "1.0.0".into(),
            build: Build::Js,
            dir: from.path().join("x"),
            cases: from.path().join("x/tests"),
        };
        let sdk = from.path().join("sdk-js");
        let stage = Stage::new(&plugin, &sdk, ("manifest.js", "x 1.0.0")).expect("staged");
        let text = |path: &str| fs::read_to_string(stage.path().join(path)).ok();
        assert_eq!(text("x/plugin.js").as_deref(), Some("plugin"));
        assert_eq!(text("x/lib/tests/more.js").as_deref(), Some("more"));
        assert_eq!(text("x/tests/first/case.toml"), None);
        assert_eq!(text("sdk-js/manifest.js").as_deref(), Some("x 1.0.0"));
        assert_eq!(text("sdk-js/extractor.js").as_deref(), Some("sdk"));
        let path = stage.path().to_owned();
        drop(stage);
        assert!(!path.exists());
    }
}
