//! `bench relay`: runs it, and puts its tables into docs/benchmarks.md.

use std::fs;

use anyhow::{Context as _, ensure};
use xshell::cmd;

use super::peers;
use crate::workspace::{Workspace, cargo};

const BEGIN: &str = "<!-- made by `cargo xtask bench relay` -->\n";
const END: &str = "<!-- end -->\n";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A short run, for development: docs/benchmarks.md stays as it is.
    #[arg(long)]
    quick: bool,
    /// Only this one, such as relay or nginx-unbuffered, and others that are
    /// given the same way: docs/benchmarks.md stays as it is.
    #[arg(long = "peer", value_name = "PEER")]
    peers: Vec<String>,
    /// What else the measuring program is told; it lists it with `-- --help`.
    #[arg(last = true)]
    options: Vec<String>,
}

pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> anyhow::Result<()> {
    let installed = peers::ensure(workspace)?;
    let tables = installed.join("relay.md");
    let quick = arguments.quick.then_some("--quick");
    let peers = arguments.peers.iter();
    let peers = peers.flat_map(|peer| ["--peer", peer.as_str()]);
    let options = &arguments.options;
    let (sh, cargo) = (workspace.shell()?, cargo());
    cmd!(
        sh,
        "{cargo} bench -p f1-streams --bench relay -- --installed {installed} --write {tables}"
    )
    .args(quick)
    .args(peers)
    .args(options)
    .quiet()
    .run()?;
    if arguments.quick || !arguments.peers.is_empty() || !options.is_empty() {
        return Ok(());
    }
    let file = workspace.root.join("docs/benchmarks.md");
    let text = with_tables(&fs::read_to_string(&file)?, &fs::read_to_string(tables)?)?;
    fs::write(&file, text)?;
    println!("written: docs/benchmarks.md");
    Ok(())
}

/// `text` with other tables between the marks.
fn with_tables(text: &str, tables: &str) -> anyhow::Result<String> {
    let (before, rest) = text
        .split_once(BEGIN)
        .context("docs/benchmarks.md has no mark")?;
    let (_, after) = rest
        .split_once(END)
        .context("docs/benchmarks.md has no second mark")?;
    ensure!(!tables.is_empty(), "there are no tables");
    Ok(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let text = format!("before\n{BEGIN}old\n{END}after\n");
        let changed = with_tables(&text, "new").expect("marks");
        assert_eq!(changed, format!("before\n{BEGIN}\nnew\n{END}after\n"));
        assert!(with_tables("no marks", "new").is_err());
        assert!(with_tables(&text, "").is_err());
    }
}
