//! `setup`: what other commands need and the machine does not have. Every step
//! looks first, says one line when it does something, and is silent when there
//! is nothing to do.

use std::fs;

use xshell::{Shell, cmd};

use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{apt, frontend, javascript, python};

/// The browsers that the tests can use, in order.
const BROWSERS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
];

/// What a command is about to do.
pub(crate) struct Needs {
    /// Build plugins in Rust.
    pub(crate) plugins: bool,
    /// Build plugins in JavaScript and Python.
    pub(crate) languages: bool,
    /// Drive a browser and decode media.
    pub(crate) browser: bool,
}

impl Needs {
    pub(crate) fn everything() -> Self {
        Self {
            plugins: true,
            languages: true,
            browser: true,
        }
    }
}

/// The frontend is needed by all: the service embeds it.
pub(crate) fn run(
    workspace: &Workspace,
    toolchain: Option<Toolchain>,
    needs: Needs,
) -> anyhow::Result<()> {
    let sh = workspace.shell()?;
    if needs.plugins {
        Toolchain::ensure(&sh, toolchain)?;
    }
    if needs.browser {
        media_and_browser(&sh)?;
        python::ensure_players(workspace)?;
        readers(workspace)?;
    }
    frontend::ensure(workspace)?;
    if needs.languages {
        javascript::ensure(workspace)?;
        python::ensure(workspace)?;
    }
    Ok(())
}

/// The browser's path, for tests that drive it.
pub(crate) fn browser() -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<_> = std::env::split_paths(&path).collect();
    let places = BROWSERS
        .iter()
        .flat_map(|name| dirs.iter().map(move |dir| dir.join(name)));
    places.into_iter().find(|place| place.is_file())
}

/// What reads feeds in the tests and is Debian's: libical for Python, xmllint, and the
/// DTD of XMLTV, which comes with a library that nobody needs.
fn readers(workspace: &Workspace) -> anyhow::Result<()> {
    let sh = workspace.shell()?;
    let has_ical = "import gi; gi.require_version('ICalGLib', '3.0')";
    let has_ical = cmd!(sh, "/usr/bin/python3 -I -c {has_ical}").quiet();
    if !apt::in_path("xmllint") || has_ical.ignore_stderr().run().is_err() {
        let packages = ["libxml2-utils", "python3-gi", "gir1.2-ical-3.0"];
        apt::install(&sh, "what reads feeds in the tests", &packages)?;
    }
    let dtd = workspace.target.join("tools/xmltv.dtd");
    if !dtd.exists() {
        apt::extract(
            &sh,
            "libxmltv-perl",
            "usr/share/sgml/xmltv/dtd/0.5/xmltv.dtd",
            &dtd,
        )?;
    }
    Ok(())
}

fn media_and_browser(sh: &Shell) -> anyhow::Result<()> {
    let mut missing = Vec::new();
    if !apt::in_path("ffmpeg") || !apt::in_path("ffprobe") {
        missing.push("ffmpeg");
    }
    if !apt::in_path("mpv") {
        missing.push("mpv");
    }
    if browser().is_none() {
        missing.push("chromium");
    }
    // Without any font a browser lays out empty boxes.
    if fs::read_dir("/usr/share/fonts").map_or(true, |mut all| all.next().is_none()) {
        missing.push("fonts-dejavu-core");
    }
    if missing.is_empty() {
        return Ok(());
    }
    apt::install(sh, "what plays streams in the tests", &missing)
}
