//! From an error of the runtime to whose fault it was. By types wherever
//! wasmtime has one; three of its limits have none.

use bytesize::ByteSize;
use wasmtime::{Error, Trap};
use wasmtime_wasi::{I32Exit, ResourceTableError};

use super::{Call, RunError};
use crate::plugins::meters::Over;

/// Longest text of a trap, in bytes: it has the guest's frames, a line each,
/// and their names may be long.
const FRAMES: usize = 7 << 10;
/// Of what stands after them, which says why it trapped.
const CAUSES: usize = 1 << 10;

/// Why an export did not return.
pub(super) fn run(error: &Error, call: &Call, stack: ByteSize) -> RunError {
    let metrics = &call.metrics;
    if call.impure {
        return RunError::Impure;
    }
    match call.time.over {
        Some(Over::Wall) if call.outbound.is_none() => {
            metrics.limit("plugins.limits.describe");
            return RunError::Deadline(call.limits.describe);
        }
        Some(Over::Wall) => {
            metrics.limit("plugins.limits.wall");
            return RunError::Deadline(call.limits.wall);
        }
        Some(Over::Cpu) => {
            metrics.limit("plugins.limits.cpu");
            return RunError::Cpu(call.limits.cpu);
        }
        None => {}
    }
    let trap = error.downcast_ref::<Trap>();
    if trap == Some(&Trap::StackOverflow) {
        metrics.limit("plugins.limits.stack");
        return RunError::Stack(stack);
    }
    match call.limiter.refused {
        Some(key @ "plugins.limits.table_elements") => {
            metrics.limit("plugins.limits.table_elements");
            return RunError::Resources(key);
        }
        Some(_) => {
            metrics.limit("plugins.limits.memory");
            return RunError::Memory(call.limits.memory);
        }
        None => {}
    }
    if let Some(I32Exit(status)) = error.downcast_ref() {
        return RunError::Trap(format!("it exited with status {status}"));
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        metrics.limit("plugins.limits.handles");
        return RunError::Resources("plugins.limits.handles");
    }
    if is_too_much_copied(error) {
        metrics.limit("plugins.limits.copied");
        return RunError::Resources("plugins.limits.copied");
    }
    let text = text(error, call);
    match trap {
        Some(_) => RunError::Trap(text),
        // What the canonical ABI cannot lift: text that is not UTF-8, a pointer
        // to nowhere, a case that no variant has.
        None => RunError::InvalidOutput(text),
    }
}

/// Why a guest could not be instantiated.
pub(super) fn instantiation(error: &Error, call: &Call, stack: ByteSize) -> RunError {
    let metrics = &call.metrics;
    match counted(error) {
        Some("instance") => {
            metrics.limit("plugins.limits.instances");
            return RunError::Resources("plugins.limits.instances");
        }
        Some("memory") => {
            metrics.limit("plugins.limits.memories");
            return RunError::Resources("plugins.limits.memories");
        }
        Some("table") => {
            metrics.limit("plugins.limits.tables");
            return RunError::Resources("plugins.limits.tables");
        }
        _ => {}
    }
    match run(error, call, stack) {
        // Only a trap of a start function is the guest running.
        RunError::InvalidOutput(text) => RunError::Instantiate(text),
        other => other,
    }
}

/// What happened and where, then why; never the host's own frames.
fn text(error: &Error, call: &Call) -> String {
    let scrubber = call.journal.scrubber();
    let text = scrubber.lines(&error.to_string(), FRAMES);
    let causes: Vec<_> = error
        .chain()
        .skip(1)
        .map(|e| format!("\n    {e}"))
        .collect();
    if causes.is_empty() {
        return text;
    }
    let causes = format!("Caused by:{}", causes.concat());
    format!("{text}\n\n{}", scrubber.lines(&causes, CAUSES))
}

/// Whether `set_hostcall_fuel` ended it. Its error is a type that wasmtime
/// keeps to itself: only the type's name can be asked for. The hostile guest
/// that returns a long text is the test.
fn is_too_much_copied(error: &Error) -> bool {
    format!("{:?}", error.root_cause()) == "HostcallFuelExhausted"
}

/// What there were too many of in a store ("instance", "memory", "table"):
/// wasmtime says that in a text alone.
fn counted(error: &Error) -> Option<&'static str> {
    let text = error.root_cause().to_string();
    let rest = text.strip_prefix("resource limit exceeded: ")?;
    ["instance", "memory", "table"]
        .into_iter()
        .find(|what| rest.starts_with(what))
}
