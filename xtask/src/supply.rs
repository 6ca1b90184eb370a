//! What others wrote and this project is made of: where it comes from, under
//! which licence, and what is known against it.
//!
//! What can be judged by what is committed always is. What needs news from
//! outside is judged by what can be had here, and is `not run` where that is
//! nothing: never passed, and no failure of the change at hand.

mod deny;
mod licences;
mod npm;

use crate::steps::Steps;
use crate::workspace::Workspace;

pub(crate) use licences::run as licences;

/// All of it, a step each.
pub(crate) fn check(workspace: &Workspace, steps: &mut Steps) {
    steps.run("crates", || deny::policy(workspace));
    steps.run("crates' advisories", || deny::advisories(workspace));
    steps.run("npm packages", || npm::locks(workspace));
    steps.run("npm advisories", || npm::audit(workspace));
    steps.run("licences", || licences(workspace, true));
}
