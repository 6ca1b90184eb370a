//! Tiny components for the contract, written by hand: what a hostile or broken
//! plugin does is exactly what stands here.

mod image;
mod wasi;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

pub(crate) use image::{Image, Record};

/// What a guest's functions do, as WebAssembly text. A text made at run time is
/// leaked: a test ends soon.
#[derive(Clone)]
pub(crate) struct Guest {
    pub(crate) key: &'static str,
    pub(crate) version: &'static str,
    /// Body of `extract`, leaving a pointer to its result.
    pub(crate) extract: &'static str,
    /// Body of `probe`, leaving a pointer to its result.
    pub(crate) probe: &'static str,
    /// Body of `describe`, before it returns the record.
    pub(crate) describe: &'static str,
    /// More of the module: globals, tables, functions, a start function.
    pub(crate) fields: &'static str,
    /// Pages of memory at the start.
    pub(crate) pages: u32,
    /// What `cabi_realloc` does first.
    pub(crate) realloc: &'static str,
    /// What the post-return of `extract` does; without it there is none.
    pub(crate) post_return: Option<&'static str>,
    /// What lies in memory from [`Image::BASE`].
    pub(crate) data: Vec<u8>,
    /// `allowed-hosts`.
    pub(crate) hosts: Vec<String>,
    /// Secrets that it asks for.
    pub(crate) secrets: &'static [&'static str],
    /// Imports of WASI; see [`wasi`].
    pub(crate) wasi: bool,
    /// Core modules beside its own, each with how often it is instantiated.
    pub(crate) beside: &'static [(&'static str, u32)],
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
            fields: "",
            pages: 4,
            realloc: "",
            post_return: None,
            data: Vec::new(),
            hosts: Vec::new(),
            secrets: &[],
            wasi: false,
            beside: &[],
        }
    }
}

const IMPORTS: &str = r#"
    (import "f1-streams:extractor/clock@1.0.0" "now" (func $now (result i64)))
    (import "f1-streams:extractor/clock@1.0.0" "sleep" (func $sleep (param i32)))
    (import "f1-streams:extractor/http@1.0.0" "send" (func $send
        (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
    (import "f1-streams:extractor/http@1.0.0" "send-all" (func $send_all (param i32 i32 i32)))
    (import "f1-streams:extractor/log@1.0.0" "write" (func $log (param i32 i32 i32 i32 i32)))
    (import "f1-streams:extractor/log@1.0.0" "attach"
        (func $attach (param i32 i32 i32 i32 i32 i32)))
    (import "f1-streams:extractor/config@1.0.0" "get-json" (func $get_json (param i32)))
    (import "f1-streams:extractor/config@1.0.0" "secret" (func $secret (param i32 i32 i32)))
    (import "f1-streams:extractor/state@1.0.0" "get" (func $state_get (param i32 i32 i32)))
    (import "f1-streams:extractor/state@1.0.0" "set"
        (func $state_set (param i32 i32 i32 i32 i32 i32 i32)))
"#;

impl Guest {
    /// The component's bytes.
    pub(crate) fn component(&self) -> Vec<u8> {
        let mut resolve = wit_parser::Resolve::default();
        let wit = include_str!("../../../wit/extractor.wit");
        let package = resolve.push_str("extractor.wit", wit).unwrap();
        let (package, world) = if self.wasi {
            (wasi::package(&mut resolve), "guest")
        } else {
            (package, "extractor")
        };
        let world = resolve.select_world(&[package], Some(world)).unwrap();
        let mut core = wat::parse_str(self.module()).unwrap();
        embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8).unwrap();
        let mut component = ComponentEncoder::default()
            .module(&core)
            .unwrap()
            .validate(true)
            .encode()
            .unwrap();
        for (module, times) in self.beside {
            append(&mut component, module, *times);
        }
        component
    }

    /// Memory: the record of `describe` at 0 (canonical ABI: three strings,
    /// option, list, option, list, option), texts from 256, results from 512,
    /// a record of zeros at 1024, what `describe` asks for from 2048, then the
    /// guest's own data, and what imports return from 1 MiB or after it.
    fn module(&self) -> String {
        let (key_at, version_at) = (256, 256 + len(self.key));
        let mut asked = Image::at(2048);
        let hosts = asked.strings(&self.hosts);
        let secrets: Vec<_> = self.secrets.iter().map(ToString::to_string).collect();
        let secrets = asked.strings(&secrets);
        assert!(asked.end() <= Image::BASE);
        let record = [
            (key_at, len(self.key)),         // key
            (key_at, len(self.key)),         // name
            (version_at, len(self.version)), // version
        ];
        let mut words: Vec<u32> = record.into_iter().flat_map(|(at, len)| [at, len]).collect();
        words.extend([0, 0, 0]); // homepage: none
        words.extend([hosts.0, hosts.1]); // allowed-hosts
        words.extend([0, 0, 0]); // config-schema: none
        words.extend([secrets.0, secrets.1]); // secrets
        words.extend([0, 0]); // refresh-after: none
        words.extend([0, 0]); // attributes: []
        let words: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        let extraction = "f1-streams:extractor/extraction@1.0.0";
        let post_return = self.post_return.map(|body| {
            format!(r#"(func (export "cabi_post_{extraction}#extract") (param i32) {body})"#)
        });
        format!(
            r#"(module
                {IMPORTS}
                {wasi}
                (memory (export "memory") {pages})
                (global $heap (mut i32) (i32.const {heap}))
                (data (i32.const 0) "{record}")
                (data (i32.const 256) "{key}{version}")
                (data (i32.const 512) "\01\00\00\00\00\00\00\00\00\00\00\00")
                (data (i32.const 768) "\00\00\00\00\00\04\00\00\01\00\00\00")
                (data (i32.const 2048) "{asked}")
                (data (i32.const {base}) "{data}")
                {fields}
                (func (export "cabi_realloc")
                    (param $old i32) (param $was i32) (param $align i32) (param $size i32)
                    (result i32)
                    {realloc}
                    global.get $heap i32.const 7 i32.add i32.const -8 i32.and global.set $heap
                    global.get $heap
                    global.get $heap local.get $size i32.add global.set $heap
                    global.get $heap i32.const 16 i32.shr_u
                    memory.size i32.sub i32.const 1 i32.add
                    local.tee $old i32.const 0 i32.gt_s
                    if local.get $old memory.grow drop end)
                (func (export "f1-streams:extractor/metadata@1.0.0#describe") (result i32)
                    {describe} i32.const 0)
                (func (export "{extraction}#extract")
                    (param i32 i32 i32 i32 i32 i32 i32 i64 i32 i64 i32 i32 i32 i32) (result i32)
                    (local $i i32)
                    {extract})
                (func (export "{extraction}#probe") (result i32) {probe})
                {post_return}
            )"#,
            wasi = if self.wasi { wasi::IMPORTS } else { "" },
            pages = self.pages,
            record = escaped(&words),
            key = self.key,
            version = self.version,
            asked = escaped(asked.bytes()),
            heap = (Image::BASE + len(&self.data))
                .next_multiple_of(65536)
                .max(1 << 20),
            base = Image::BASE,
            data = escaped(&self.data),
            fields = self.fields,
            realloc = self.realloc,
            describe = self.describe,
            extract = self.extract,
            probe = self.probe,
            post_return = post_return.unwrap_or_default(),
        )
    }
}

/// Puts a core module and `times` instances of it at a component's end.
fn append(component: &mut Vec<u8>, module: &str, times: u32) {
    // The new module's index: how many sections hold one (id 1).
    let (mut at, mut index) = (8, 0);
    while at < component.len() {
        index += u32::from(component[at] == 1);
        let (size, used) = read_leb(&component[at + 1..]);
        at += 1 + used + size;
    }
    section(component, 1, &wat::parse_str(module).unwrap());
    let mut instances = leb(times);
    for _ in 0..times {
        instances.push(0);
        instances.extend(leb(index));
        instances.push(0);
    }
    section(component, 2, &instances);
}

fn section(component: &mut Vec<u8>, id: u8, content: &[u8]) {
    component.push(id);
    component.extend(leb(len(content)));
    component.extend(content);
}

fn leb(mut n: u32) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let low = n.to_le_bytes()[0] & 0x7f;
        n >>= 7;
        if n == 0 {
            out.push(low);
            return out;
        }
        out.push(low | 0x80);
    }
}

fn read_leb(bytes: &[u8]) -> (usize, usize) {
    let mut n = 0;
    for (i, byte) in bytes.iter().enumerate() {
        n |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return (n, i + 1);
        }
    }
    panic!("a number that does not end");
}

fn len(bytes: impl AsRef<[u8]>) -> u32 {
    u32::try_from(bytes.as_ref().len()).unwrap()
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("\\{b:02x}")).collect()
}
