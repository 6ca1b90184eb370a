//! `e2e`: the frontend's browser tests against a running system.

use anyhow::Context as _;

use crate::frontend;
use crate::setup::{self, Needs};
use crate::stack::{self, Stack};
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, toolchain: Option<Toolchain>) -> anyhow::Result<()> {
    setup::run(workspace, toolchain, Needs::everything())?;
    stack::build(workspace, toolchain)?;
    let stack = Stack::start(workspace, "e2e", 0)?;
    browse(workspace, &stack, "e2e", &[]).map_err(|error| stack.explain(error))
}

/// Runs a script of the frontend that drives a browser on this system.
pub(crate) fn browse(
    workspace: &Workspace,
    stack: &Stack,
    script: &str,
    arguments: &[&str],
) -> anyhow::Result<()> {
    let base = stack.viewer.base().as_str().trim_end_matches('/');
    let plugins = stack.dir.join("data/plugins");
    let plugins = plugins.to_str().context("a path that is not UTF-8")?;
    let built = workspace.target.join("plugins");
    let built = built.to_str().context("a path that is not UTF-8")?;
    let program = workspace.target.join("debug/f1-streams");
    let program = program.to_str().context("a path that is not UTF-8")?;
    let mut environment = vec![
        ("F1_BASE_URL", base),
        ("F1_ADMIN_TOKEN", stack.admin_token.as_str()),
        ("F1_TESTBED_CONTROL", stack.control.as_str()),
        ("F1_PLUGINS_DIR", plugins),
        ("F1_BUILT_PLUGINS_DIR", built),
        ("F1_HOST_PROGRAM", program),
    ];
    let browser = setup::browser();
    if let (None, Some(browser)) = (
        std::env::var_os("CHROMIUM"),
        browser.as_deref().and_then(std::path::Path::to_str),
    ) {
        environment.push(("CHROMIUM", browser));
    }
    frontend::script(workspace, script, arguments, &environment)
}
