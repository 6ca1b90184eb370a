//! The f1-streams binary; the story is told in `cli`.

use std::process::ExitCode;

/// Segments are large, short-lived and made on one thread to be dropped on another,
/// for which the system's gives pages back and takes them again all the time: a
/// fifth of what a relayed byte costs (docs/benchmarks.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    f1_streams::cli::main()
}
