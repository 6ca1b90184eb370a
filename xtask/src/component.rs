//! Components: made of a core module, looked at, put in place. The bindings left
//! the world's types in a custom section of the module; nothing else is needed,
//! so there is no adapter and no import beyond the contract's.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use wasmparser::{Encoding, Parser, Payload};
use wit_component::ComponentEncoder;

/// Encodes and validates.
pub(crate) fn encode(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(module)?.encode()
}

/// Refuses what asks for more than the contract gives. The host takes such
/// components; those of this repository need no more.
pub(crate) fn check(component: &[u8]) -> anyhow::Result<()> {
    let Surface { imports, .. } = Surface::of(component)?;
    let foreign = imports.into_iter().filter(|name| name.starts_with("wasi:"));
    let foreign: Vec<_> = foreign.collect();
    if !foreign.is_empty() {
        bail!("it imports {}", foreign.join(", "));
    }
    Ok(())
}

/// The names a component imports and exports, at its top level.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Surface {
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
}

impl Surface {
    pub(crate) fn of(component: &[u8]) -> anyhow::Result<Self> {
        let mut surface = Self::default();
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(component) {
            match payload? {
                Payload::Version { encoding, .. } if depth == 0 => {
                    ensure!(encoding == Encoding::Component, "a core module");
                }
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        surface.imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        surface.exports.push(export?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(surface)
    }
}

/// Puts a file in place whole: written beside, synced, renamed. Bytes that are
/// there already stay untouched, so that nobody who watches is woken.
pub(crate) fn place(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let dir = path.parent().context("a file has a directory")?;
    let mut beside = tempfile::Builder::new()
        .prefix(".")
        .suffix(".tmp")
        .tempfile_in(dir)?;
    beside.write_all(bytes)?;
    // A temporary file is its owner's alone; the service may be another user.
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    beside.as_file().set_permissions(readable)?;
    beside.as_file().sync_all()?;
    beside.persist(path)?;
    fs::File::open(dir)?
        .sync_all()
        .with_context(|| format!("syncing {}", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(text: &str) -> Vec<u8> {
        wat::parse_str(text).expect("valid text")
    }

    #[test]
    fn names_of_the_top_level_only() {
        let nested = r#"(component
            (import "wasi:cli/environment@0.2.0" (instance))
            (component (import "inner:x/y" (func)))
            (core module (import "env" "f" (func)))
            (import "f1-streams:extractor/log@1.0.0" (instance $log))
            (export "a:b/c" (instance $log)))"#;
        let surface = Surface::of(&component(nested)).expect("a component");
        assert_eq!(
            surface.imports,
            [
                "wasi:cli/environment@0.2.0",
                "f1-streams:extractor/log@1.0.0"
            ]
        );
        assert_eq!(surface.exports, ["a:b/c"]);
        let nothing = Surface::of(&component("(component)"));
        assert_eq!(nothing.expect("a component"), Surface::default());
        assert!(Surface::of(&component("(module)")).is_err());
    }

    #[test]
    fn ours_import_nothing_of_wasi() {
        let foreign = r#"(component (import "wasi:cli/environment@0.2.0" (instance)))"#;
        let why = check(&component(foreign)).expect_err("foreign").to_string();
        assert_eq!(why, "it imports wasi:cli/environment@0.2.0");
        let ours = r#"(component (import "f1-streams:extractor/log@1.0.0" (instance)))"#;
        check(&component(ours)).expect("ours");
    }

    #[test]
    fn a_file_is_replaced_whole_and_left_alone_when_equal() {
        use std::os::unix::fs::MetadataExt as _;
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.wasm");
        let inode = || fs::metadata(&path).expect("the file").ino();
        place(&path, b"one").expect("placed");
        let first = inode();
        place(&path, b"one").expect("placed");
        assert_eq!(inode(), first);
        place(&path, b"two").expect("placed");
        assert_ne!(inode(), first);
        assert_eq!(fs::read(&path).expect("the file"), b"two");
        assert_eq!(fs::read_dir(dir.path()).expect("a listing").count(), 1);
    }
}
