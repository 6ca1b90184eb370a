//! `screenshots`: the documentation's pictures, of a running system.

use std::path::Path;

use anyhow::Context as _;

use crate::e2e;
use crate::player;
use crate::setup::{self, Needs};
use crate::stack::{self, Stack};
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

pub(crate) fn run(
    workspace: &Workspace,
    toolchain: Option<Toolchain>,
    dir: &Path,
) -> anyhow::Result<()> {
    setup::run(workspace, toolchain, Needs::everything())?;
    stack::build(workspace, toolchain)?;
    let dir = std::path::absolute(dir)?;
    let dir = dir.to_str().context("a directory whose name is text")?;
    let stack = Stack::start(workspace, "screenshots", 0)?;
    player::wait_for_stream(&stack.viewer).map_err(|error| stack.explain(error))?;
    e2e::browse(workspace, &stack, "screenshots", &[dir])
}
