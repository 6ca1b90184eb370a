//! Compiling: in a child with limits, kept under a MAC, and never more than a
//! typed refusal, whatever the component.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use f1_streams::clock::Clock;
use f1_streams::config::Config;
use f1_streams::metrics::Metrics;
use f1_streams::plugins::{Generation, Host, LoadError, load};

use crate::guests::Guest;

/// A host as a start makes it, without a service around it.
fn host(dir: &Path, limits: &str) -> (Host, Metrics) {
    let text = format!("[plugins.compile]\n{limits}");
    let mut config = Config::from_toml(&text, dir).unwrap().config;
    config.program = env!("CARGO_BIN_EXE_f1-streams").into();
    start(&config)
}

fn start(config: &Config) -> (Host, Metrics) {
    let metrics = Metrics::new();
    let clock = Clock::system();
    let host = Host::new(config, clock, metrics.clone()).unwrap();
    (host, metrics)
}

async fn try_load(host: &Host, bytes: &[u8]) -> Result<Generation, LoadError> {
    load(host, "site-a", Arc::from(bytes)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_compiles_nothing_and_a_changed_copy_is_compiled_again() {
    let dir = tempfile::tempdir().unwrap();
    let component = Guest::default().component();
    let outcome = async |wanted: &'static str| {
        let (host, metrics) = host(dir.path(), "");
        try_load(&host, &component).await.unwrap();
        let total = metrics.compiles("ok") + metrics.compiles("cached");
        assert_eq!((metrics.compiles(wanted), total), (1, 1), "{wanted}");
    };
    outcome("ok").await;
    outcome("cached").await;

    let kept = std::fs::read_dir(dir.path().join("cache/compiled")).unwrap();
    let kept: Vec<_> = kept
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "cwasm"))
        .collect();
    let [copy] = &kept[..] else {
        panic!("one copy: {kept:?}");
    };
    let good = std::fs::read(copy).unwrap();
    let mut flipped = good.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    for bad in [flipped, good[..good.len() / 2].to_vec(), Vec::new()] {
        std::fs::write(copy, bad).unwrap();
        outcome("ok").await;
        assert_eq!(std::fs::read(copy).unwrap(), good, "replaced");
    }
    // Another key, as on another machine: nothing of the old one counts.
    std::fs::remove_file(dir.path().join("cache/compiled/key")).unwrap();
    outcome("ok").await;
    outcome("cached").await;
}

/// A build is what it is made of, not the time and size of its file.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_was_installed_again_compiles_nothing_again() {
    let dir = tempfile::tempdir().unwrap();
    let component = Guest::default().component();
    let (first, _) = host(dir.path(), "");
    try_load(&first, &component).await.unwrap();
    let program = dir.path().join("installed");
    let script = format!(
        "#!/bin/sh\nexec {} \"$@\"\n",
        env!("CARGO_BIN_EXE_f1-streams")
    );
    std::fs::write(&program, script).unwrap();
    let mut config = Config::from_toml("", dir.path()).unwrap().config;
    config.program = program;
    let (second, metrics) = start(&config);
    try_load(&second, &component).await.unwrap();
    assert_eq!(metrics.compiles("cached"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn compiled_code_in_a_plugins_place_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (host, _) = host(dir.path(), "");
    let component = Guest::default().component();
    try_load(&host, &component).await.unwrap();
    let kept = std::fs::read_dir(dir.path().join("cache/compiled")).unwrap();
    for entry in kept {
        let sealed = std::fs::read(entry.unwrap().path()).unwrap();
        // The code itself begins after the seal (16 + 32 bytes).
        for bytes in [&sealed[..], sealed.get(48..).unwrap_or_default()] {
            let error = try_load(&host, bytes).await.unwrap_err();
            assert_eq!(error.code(), "format");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compiler_that_does_not_start_is_not_the_plugins_fault() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::from_toml("", dir.path()).unwrap().config;
    config.program = dir.path().join("absent");
    let (host, _) = start(&config);
    let component = Guest::default().component();
    let error = try_load(&host, &component).await.unwrap_err();
    assert_eq!(error.code(), "compiler", "{error}");
}

/// A component with nothing but `module`.
fn with_module(module: &str) -> Vec<u8> {
    wat::parse_str(format!("(component (core module {module}))")).unwrap()
}

/// Components in components, by hand: a text that deep breaks its parser.
fn nested(depth: usize) -> Vec<u8> {
    let header = [0, b'a', b's', b'm', 0x0d, 0, 1, 0];
    let mut bytes = header.to_vec();
    for _ in 0..depth {
        let mut outer = header.to_vec();
        outer.push(4);
        let mut length = bytes.len();
        while length >= 0x80 {
            outer.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        outer.push(length as u8);
        outer.extend(bytes);
        bytes = outer;
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compile_bomb_is_refused_in_time_and_the_host_lives() {
    let dir = tempfile::tempdir().unwrap();
    let (host, metrics) = host(dir.path(), "memory = \"192MiB\"\ntime = \"4s\"");
    let locals = format!(
        "(func {})",
        format!("(local{})", " i64".repeat(1_000)).repeat(1_000)
    );
    let switch = format!(
        "(func (param i32) {})",
        format!("(block (br_table{} (local.get 0)))", " 0".repeat(60_000)).repeat(80)
    );
    let many = "(func (param i32) (result i32) local.get 0 i32.const 7 i32.mul)".repeat(100_000);
    let long = format!(
        "(func (param f64) (result f64) local.get 0 {})",
        "local.get 0 f64.mul local.get 0 f64.sqrt f64.add ".repeat(400_000)
    );
    let deep = format!(
        "(func {} {})",
        "block ".repeat(200_000),
        "end ".repeat(200_000)
    );
    let bombs = [
        ("locals", with_module(&locals)),
        ("br_table", with_module(&switch)),
        ("functions", with_module(&many)),
        ("one long function", with_module(&long)),
        ("deep blocks", with_module(&deep)),
        ("deep components", nested(2_000)),
    ];
    for (name, bomb) in bombs {
        let began = Instant::now();
        let error = try_load(&host, &bomb).await.unwrap_err();
        let (code, took) = (error.code(), began.elapsed());
        // What compiles after all does not fit the contract.
        let typed = ["compile", "compile_time", "compile_memory", "contract"];
        assert!(typed.contains(&code), "{name}: {code}: {error}");
        assert!(took < Duration::from_secs(12), "{name}: {took:?}");
    }
    let limits =
        metrics.limit_hits("plugins.compile.time") + metrics.limit_hits("plugins.compile.memory");
    assert!(limits > 0, "none of them needed the limits");
    let good = Guest::default().component();
    try_load(&host, &good).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn more_code_than_the_limit_is_refused_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let (host, metrics) = host(dir.path(), "output = \"4KiB\"");
    let component = Guest::default().component();
    let error = try_load(&host, &component).await.unwrap_err();
    assert_eq!(error.code(), "compile_output", "{error}");
    assert_eq!(metrics.limit_hits("plugins.compile.output"), 1);
}
