//! `check`: what a change must pass besides its tests.

use anyhow::Context as _;
use xshell::cmd;

use crate::setup::{self, Needs};
use crate::steps::{NotRun, Steps};
use crate::toolchain::Toolchain;
use crate::workspace::{Workspace, cargo};
use crate::{apt, frontend, javascript, python, supply};

/// A public item's words may lead to a private one: readers have the source.
const DOC_FLAGS: &str = "-D warnings -A rustdoc::private-intra-doc-links";

pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let sh = workspace.shell()?;
    let cargo = &cargo();
    let mut steps = Steps::default();
    steps.run("setup", || {
        setup::run(
            workspace,
            None,
            Needs {
                plugins: false,
                languages: false,
                browser: false,
            },
        )
    });
    steps.run("formatting", || {
        Ok(cmd!(sh, "{cargo} fmt --all --check").quiet().run()?)
    });
    steps.run("lints", || {
        let deny = ["--", "-D", "warnings"];
        Ok(
            cmd!(sh, "{cargo} clippy --workspace --all-targets {deny...}")
                .quiet()
                .run()?,
        )
    });
    // Debian's Rust has no clippy; the step above has seen the same code,
    // compiled for this machine.
    if Toolchain::Rustup.is_installed(&sh) {
        steps.run("lints of plugins", || {
            Toolchain::lint(workspace).context("for WebAssembly")
        });
    }
    // A workspace of its own, which nothing else here builds.
    steps.run("fuzz targets", || {
        let target = workspace.target.join("fuzz");
        let check = cmd!(
            sh,
            "{cargo} check --locked --bins --manifest-path host/fuzz/Cargo.toml --target-dir {target}"
        );
        Ok(check.quiet().run()?)
    });
    // Private items too: most of the words about how it works are there.
    steps.run("documentation", || {
        let doc = cmd!(
            sh,
            "{cargo} doc --workspace --no-deps --document-private-items"
        );
        Ok(doc.env("RUSTDOCFLAGS", DOC_FLAGS).quiet().run()?)
    });
    steps.run("frontend types", || {
        frontend::script(workspace, "check", &[], &[])
    });
    steps.run("frontend formatting", || {
        frontend::script(workspace, "format:check", &[], &[])
    });
    steps.run("plugins' formatting", || {
        javascript::check_format(workspace)
    });
    // Where there is none, the build says how to get it.
    if apt::in_path("python3") {
        steps.run("python syntax", || python::check_syntax(workspace));
    }
    supply::check(workspace, &mut steps);
    steps.run("terraform formatting", || {
        // An operator's tool that a developer need not have.
        if !apt::in_path("terraform") {
            let why =
                "there is no terraform; where there is: terraform fmt -check -recursive stacks";
            return Err(NotRun(why.into()).into());
        }
        Ok(cmd!(sh, "terraform fmt -check -recursive stacks")
            .quiet()
            .run()?)
    });
    steps.finish()
}
