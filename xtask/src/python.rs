//! Plugins in Python: componentize-py of the version and hashes that its
//! requirements file names, in `target/tools/python`; nothing is installed for
//! the machine, except on Debian what brings pip, where there is none. The
//! tests' players that are written in Python come the same way.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::bail;
use xshell::{Shell, cmd};

use crate::apt;
use crate::digest::Sum;
use crate::process::quietly;
use crate::stage::Stage;
use crate::workspace::{Plugin, Workspace};

const REQUIREMENTS: &str = include_str!("../tools/python/requirements.txt");

/// What the tests play streams with, besides what Debian has: streamlink; and what
/// reads the feeds.
const PLAYERS: &str = include_str!("../tools/python/players.txt");

/// Debian 12's, and the oldest that the generated types are for. What a plugin
/// runs on is the Python inside of it.
const PYTHON: (u32, u32) = (3, 11);

/// Not by its console script, whose first line has a path of this machine.
const RUN: &str = "import sys; sys.path.insert(0, sys.argv.pop(1)); \
    from componentize_py import script; sys.exit(script())";

/// Installs the tools where they are not; returns the directory of modules.
pub(crate) fn ensure(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    packages(workspace, "python", "plugins in Python", REQUIREMENTS)
}

/// As [`ensure`], for players: `target/tools/players/site`.
pub(crate) fn ensure_players(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    packages(workspace, "players", "the tests' players", PLAYERS)
}

fn packages(
    workspace: &Workspace,
    name: &str,
    purpose: &str,
    wanted: &str,
) -> anyhow::Result<PathBuf> {
    let dir = workspace.target.join("tools").join(name);
    let (stamp, site) = (dir.join("installed"), dir.join("site"));
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(site);
    }
    let sh = workspace.shell()?;
    let pip = pip(&sh, &dir.join("venv"))?;
    println!("setup: pip install for {purpose}");
    if site.exists() {
        fs::remove_dir_all(&site)?;
    }
    let requirements = dir.join("requirements.txt");
    fs::create_dir_all(&dir)?;
    fs::write(&requirements, wanted)?;
    let pinned = ["--no-deps", "--require-hashes", "--only-binary", ":all:"];
    let quiet = ["--disable-pip-version-check", "--no-compile"];
    quietly(cmd!(
        sh,
        "{pip} -m pip install {quiet...} {pinned...} --target {site} -r {requirements}"
    ))?;
    fs::write(stamp, wanted)?;
    Ok(site)
}

/// What they are, for what is made with them.
pub(crate) fn tools() -> String {
    Sum::default().text(REQUIREMENTS).finish()
}

pub(crate) fn sdk(workspace: &Workspace) -> PathBuf {
    workspace.root.join("plugins/sdk-py")
}

/// Read by this machine's Python, which writes nothing.
pub(crate) fn check_syntax(workspace: &Workspace) -> anyhow::Result<()> {
    let files = workspace.sources(&["py"])?;
    let read = "import ast, sys\nfor file in sys.argv[1:]: ast.parse(open(file).read(), file)";
    let sh = workspace.shell()?;
    quietly(cmd!(sh, "python3 -I -c {read} {files...}"))
}

/// What of the SDK needs no host. The contract's types are generated, for this
/// and for editors, in `target/tools/python/bindings`.
pub(crate) fn test(workspace: &Workspace) -> anyhow::Result<()> {
    let site = ensure(workspace)?;
    let bindings = workspace.target.join("tools/python/bindings");
    if bindings.exists() {
        fs::remove_dir_all(&bindings)?;
    }
    let (sh, world) = (workspace.shell()?, world(workspace));
    quietly(cmd!(
        sh,
        "python3 -I -c {RUN} {site} --quiet {world...} bindings {bindings}"
    ))?;
    let sdk = sdk(workspace);
    let path = std::env::join_paths([&sdk, &bindings])?;
    let tests = cmd!(sh, "python3 -B -m unittest discover -s").arg(sdk.join("tests"));
    quietly(tests.env("PYTHONPATH", path))
}

/// Builds one plugin to a component.
pub(crate) fn build(workspace: &Workspace, plugin: &Plugin, to: &Path) -> anyhow::Result<()> {
    let site = ensure(workspace)?;
    let (key, version) = (&plugin.key, &plugin.version);
    let manifest = format!("KEY = \"{key}\"\nVERSION = \"{version}\"\n");
    let file = "f1_streams/manifest.py";
    let stage = Stage::new(plugin, &sdk(workspace), (file, &manifest))?;
    let sh = workspace.shell()?;
    sh.change_dir(stage.path());
    let world = world(workspace);
    // Otherwise it looks into this machine's packages, too.
    let _alone = sh.push_env("VIRTUAL_ENV", stage.path().join("none"));
    quietly(cmd!(
        sh,
        "python3 -I -c {RUN} {site} --quiet {world...} componentize --stub-wasi -p {key} -p sdk-py -o {to} plugin"
    ))
}

fn world(workspace: &Workspace) -> [std::ffi::OsString; 4] {
    let wit = workspace.root.join("wit");
    ["-d".into(), wit.into(), "-w".into(), "extractor".into()]
}

/// An interpreter with pip: this machine's, or one made from it.
fn pip(sh: &Shell, venv: &Path) -> anyhow::Result<PathBuf> {
    if !apt::in_path("python3") {
        apt::install(sh, "Python", &["python3", "python3-venv"])?;
    }
    let version = "import sys; print(*sys.version_info[:2])";
    let found = cmd!(sh, "python3 -c {version}")
        .quiet()
        .ignore_stderr()
        .read();
    let found = found.unwrap_or_default();
    let mut parts = found.split(' ').map_while(|part| part.parse().ok());
    if (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < PYTHON {
        let (major, minor) = PYTHON;
        bail!("Python {major}.{minor} or newer is needed for plugins in Python; found {found:?}");
    }
    let works = |python: &Path| {
        let version = cmd!(sh, "{python} -m pip --version");
        version
            .ignore_stdout()
            .ignore_stderr()
            .quiet()
            .run()
            .is_ok()
    };
    let own = PathBuf::from("python3");
    if works(&own) {
        return Ok(own);
    }
    let made = venv.join("bin/python3");
    let make = || quietly(cmd!(sh, "python3 -m venv --clear {venv}"));
    // Debian has its own part of it in a package of its own.
    if make().is_err() {
        apt::install(sh, "Python's venv", &["python3-venv"])?;
        make()?;
    }
    if !works(&made) {
        bail!("python3 has no pip, and neither has the environment that it made");
    }
    Ok(made)
}
