//! The child's side: reads a component, writes its code, within limits that it
//! sets itself before it reads the first byte.

use std::io::{Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::plugins::engine::settings;

/// Exit code: the compiler's verdict, its reason on standard error
/// (sysexits.h: EX_DATAERR).
pub(super) const REFUSED: i32 = 65;
/// Exit code: a mapping or a thread was refused (EX_OSERR).
pub(super) const OUT_OF_MEMORY: i32 = 71;

/// What the parent calls its program with.
pub(super) fn arguments(memory: u64, time: Duration) -> [String; 5] {
    // The parent's clock ends it; this is for a child without a parent.
    let seconds = time.as_secs().saturating_add(1);
    [
        "compile".into(),
        "--memory".into(),
        memory.to_string(),
        "--seconds".into(),
        seconds.to_string(),
    ]
}

/// Compiles what comes on standard input to standard output, with `memory`
/// bytes of address space besides what the program itself takes, and
/// `seconds` of processor time.
pub fn compile_standard_input(memory: u64, seconds: u64) -> ExitCode {
    let code = match compile(memory, seconds) {
        Ok(()) => return ExitCode::SUCCESS,
        Err((code, reason)) => {
            let _ = std::io::stderr().write_all(reason.as_bytes());
            code
        }
    };
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

fn compile(memory: u64, seconds: u64) -> Result<(), (i32, String)> {
    let io = |error: std::io::Error| (1, error.to_string());
    limit(memory, seconds).map_err(io)?;
    let mut component = Vec::new();
    std::io::stdin().read_to_end(&mut component).map_err(io)?;
    let engine = wasmtime::Engine::new(&settings()).map_err(|e| (1, format!("{e:#}")))?;
    let code = engine.precompile_component(&component).map_err(|error| {
        match error.downcast_ref::<std::io::Error>() {
            Some(io) if io.kind() == std::io::ErrorKind::OutOfMemory => {
                (OUT_OF_MEMORY, io.to_string())
            }
            _ => (REFUSED, format!("{error:#}")),
        }
    })?;
    std::io::stdout().write_all(&code).map_err(io)
}

fn limit(memory: u64, seconds: u64) -> std::io::Result<()> {
    let at_most = |most: u64| Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    setrlimit(Resource::As, at_most(memory))?;
    setrlimit(Resource::Cpu, at_most(seconds))?;
    // No dump of what it held.
    setrlimit(Resource::Core, at_most(0))?;
    // Viewers come first. Where that is refused, it is as it was.
    let _ = rustix::process::nice(10);
    Ok(())
}
