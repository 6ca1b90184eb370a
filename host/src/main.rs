//! The f1-streams binary; the story is told in `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    f1_streams::cli::main()
}
