//! Tiny components for the contract, written by hand: what a hostile or broken
//! plugin does is exactly what stands here.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

/// What a guest's functions do, as WebAssembly text.
pub(crate) struct Guest {
    pub(crate) key: &'static str,
    pub(crate) version: &'static str,
    /// Body of `extract`, leaving a pointer to its result.
    pub(crate) extract: &'static str,
    /// Body of `probe`, leaving a pointer to its result.
    pub(crate) probe: &'static str,
    /// Body of `describe`, before it returns the record.
    pub(crate) describe: &'static str,
}

/// `err(not-found)`: result tag 1, variant tag 0. See [`Guest::component`] for
/// the memory.
pub(crate) const NOT_FOUND: &str = "i32.const 512";
/// `ok` with one record of zeros: no id, no URL.
pub(crate) const REFUSED: &str = "i32.const 768";
/// `ok([])`.
pub(crate) const EMPTY: &str = "i32.const 640";
pub(crate) const LOOP_FOREVER: &str = "loop $l br $l end unreachable";
/// Grows memory until it is refused, then traps as a Rust guest would.
pub(crate) const ALLOCATE: &str =
    "loop $l i32.const 16 memory.grow i32.const -1 i32.ne br_if $l end unreachable";
pub(crate) const TRAP: &str = "unreachable";

impl Default for Guest {
    fn default() -> Self {
        Self {
            key: "site-a",
            version: "9.9.9",
            extract: EMPTY,
            probe: EMPTY,
            describe: "",
        }
    }
}

impl Guest {
    /// The component's bytes.
    pub(crate) fn component(&self) -> Vec<u8> {
        let module = self.module();
        let mut resolve = wit_parser::Resolve::default();
        let wit = include_str!("../../../wit/extractor.wit");
        let package = resolve.push_str("extractor.wit", wit).unwrap();
        let world = resolve.select_world(&[package], Some("extractor")).unwrap();
        let mut core = wat::parse_str(module).unwrap();
        embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default()
            .module(&core)
            .unwrap()
            .validate(true)
            .encode()
            .unwrap()
    }

    /// Memory: the record of `describe` at 0 (canonical ABI: three strings,
    /// option, list, option, list, option), texts from 256, results from 512.
    fn module(&self) -> String {
        let Self {
            key,
            version,
            extract,
            probe,
            describe,
        } = self;
        let word = |n: usize| {
            let bytes = u32::try_from(n).unwrap().to_le_bytes();
            bytes
                .iter()
                .map(|b| format!("\\{b:02x}"))
                .collect::<String>()
        };
        let (key_at, version_at) = (256, 256 + key.len());
        let record = [
            word(key_at),
            word(key.len()), // key
            word(key_at),
            word(key.len()), // name
            word(version_at),
            word(version.len()), // version
            word(0),
            word(0),
            word(0), // homepage: none
            word(0),
            word(0), // allowed-hosts: []
            word(0),
            word(0),
            word(0), // config-schema: none
            word(0),
            word(0), // secrets: []
            word(0),
            word(0), // refresh-after: none
            word(0),
            word(0), // attributes: []
        ]
        .concat();
        let extraction = "f1-streams:extractor/extraction@1.0.0";
        format!(
            r#"(module
                (import "f1-streams:extractor/clock@1.0.0" "now" (func $now (result i64)))
                (memory (export "memory") 1)
                (data (i32.const 0) "{record}")
                (data (i32.const 256) "{key}{version}")
                (data (i32.const 512) "\01\00\00\00\00\00\00\00\00\00\00\00")
                (data (i32.const 768) "\00\00\00\00\00\04\00\00\01\00\00\00")
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 4096)
                (func (export "f1-streams:extractor/metadata@1.0.0#describe") (result i32)
                    {describe} i32.const 0)
                (func (export "{extraction}#extract")
                    (param i32 i32 i32 i32 i32 i32 i32 i64 i32 i64 i32 i32 i32 i32) (result i32)
                    {extract})
                (func (export "{extraction}#probe") (result i32) {probe})
            )"#
        )
    }
}
