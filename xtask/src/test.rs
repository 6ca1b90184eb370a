//! `test`: every test of the project. A step that cannot run has failed.

use anyhow::Context as _;
use xshell::cmd;

use crate::build_plugins::{self, Which};
use crate::language::Language;
use crate::setup::{self, Needs};
use crate::stack::{self, Stack};
use crate::steps::{NotRun, Steps};
use crate::toolchain::Toolchain;
use crate::workspace::{Workspace, cargo};
use crate::{demo, e2e, frontend, javascript, python, scaffolds, test_plugins};

pub(crate) fn run(workspace: &Workspace, toolchain: Option<Toolchain>) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    steps.run("setup", || {
        setup::run(workspace, toolchain, Needs::everything())
    });
    // Before the Rust tests, which load the built plugins.
    let built = steps.run("plugins and programs", || {
        stack::build_with_tests(workspace, toolchain)
    });
    steps.run("plugins in other languages", || {
        for language in [Language::Js, Language::Python] {
            build_plugins::run(workspace, toolchain, Which::In(language))?;
        }
        javascript::test(workspace)?;
        python::test(workspace)
    });
    match built {
        Some(()) => drop(steps.run("plugin cases", || {
            test_plugins::play(workspace, None, false)
        })),
        None => steps.impossible("plugin cases", "there are no built plugins"),
    }
    steps.run("new plugins", || scaffolds::run(workspace, toolchain));
    steps.run("rust", || rust(workspace));
    steps.run("network namespace", || {
        let none = |error| NotRun(format!("no network namespaces here: {error:#}"));
        namespaces(workspace).map_err(none)?;
        in_a_namespace(workspace)
    });
    steps.run("rust documentation", || documentation(workspace));
    steps.run("frontend types", || {
        frontend::script(workspace, "check", &[], &[])
    });
    steps.run("frontend", || frontend::script(workspace, "test", &[], &[]));
    let stack = built.and_then(|()| steps.run("whole system", || whole_system(workspace)));
    match &stack {
        Some(stack) => drop(steps.run("browser", || {
            e2e::browse(workspace, stack, "e2e", &[]).map_err(|error| stack.explain(error))
        })),
        None => steps.impossible("browser", "there is no running system to look at"),
    }
    drop(stack);
    steps.finish()
}

fn rust(workspace: &Workspace) -> anyhow::Result<()> {
    let sh = workspace.shell()?;
    let (cargo, but) = (cargo(), workspace.without_plugins());
    // The same tests with either; nextest runs them side by side.
    if cmd!(sh, "{cargo} nextest --version")
        .quiet()
        .ignore_stdout()
        .ignore_stderr()
        .run()
        .is_ok()
    {
        cmd!(sh, "{cargo} nextest run --workspace {but...}")
            .quiet()
            .run()?;
    } else {
        cmd!(sh, "{cargo} test --workspace --lib --bins --tests {but...}")
            .quiet()
            .run()?;
    }
    Ok(())
}

/// Whether this machine lets us have a network of our own, and can set it up.
fn namespaces(workspace: &Workspace) -> anyhow::Result<()> {
    let sh = workspace.shell()?;
    let root = cmd!(sh, "id -u").quiet().read()? == "0";
    let map: &[&str] = if root { &[] } else { &["--map-root-user"] };
    cmd!(sh, "unshare {map...} --net ip link set lo up")
        .quiet()
        .ignore_stderr()
        .run()
        .context("unshare --net ip link set lo up")
}

/// The tests that need one.
fn in_a_namespace(workspace: &Workspace) -> anyhow::Result<()> {
    let sh = workspace.shell()?;
    let (cargo, but) = (cargo(), workspace.without_plugins());
    let test = ["--test", "it", "--", "--ignored", "namespace::"];
    cmd!(sh, "{cargo} test --workspace {but...} {test...}")
        .quiet()
        .run()?;
    Ok(())
}

fn documentation(workspace: &Workspace) -> anyhow::Result<()> {
    let sh = workspace.shell()?;
    let (cargo, but) = (cargo(), workspace.without_plugins());
    cmd!(sh, "{cargo} test --doc --workspace {but...}")
        .quiet()
        .run()?;
    Ok(())
}

fn whole_system(workspace: &Workspace) -> anyhow::Result<Stack> {
    let stack = Stack::start(workspace, "test", 0)?;
    demo::check(&stack)?;
    Ok(stack)
}
