//! Builds the host anew when the page that it embeds has changed.
#![allow(clippy::print_stdout, reason = "a build script speaks to cargo so")]

use std::path::Path;

fn main() {
    // Before the page is first built, its parent stands for it: a path that is
    // not there would mean "always".
    let built = Path::new("../frontend/build");
    let watched = if built.exists() {
        built
    } else {
        Path::new("../frontend")
    };
    println!("cargo::rerun-if-changed={}", watched.display());
}
