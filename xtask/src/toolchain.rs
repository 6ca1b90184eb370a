//! What compiles Rust to `wasm32-unknown-unknown`: the Rust that runs this
//! with the target's standard library, or Debian's packages, which build that
//! library from source and need neither rustup nor its server.
//!
//! The two never share a target directory: each would throw the other's away.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::ValueEnum;
use xshell::{Shell, cmd};

use crate::apt;
use crate::process::quietly;
use crate::workspace::{Workspace, cargo};

const TARGET: &str = "wasm32-unknown-unknown";

const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];
const DEBIAN_LINKER: &str = "wasm-ld-19";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

/// Set by rustup and by the Cargo that runs this, for its own tool chain.
const FOREIGN: [&str; 6] = [
    "RUSTUP_TOOLCHAIN",
    "RUSTC",
    "RUSTDOC",
    "CARGO",
    "RUSTFLAGS",
    "LD_LIBRARY_PATH",
];

/// A way to build plugins.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Toolchain {
    /// This Rust, with the target added by rustup.
    Rustup,
    /// Debian's rustc-web, whatever this Rust is.
    Debian,
}

impl Toolchain {
    /// The wanted one, or the first that works, installing it where needed.
    pub(crate) fn ensure(sh: &Shell, wanted: Option<Self>) -> anyhow::Result<Self> {
        let choice = match wanted {
            Some(one) => vec![one],
            None => vec![Self::Rustup, Self::Debian],
        };
        if let Some(there) = choice.iter().find(|one| one.is_installed(sh)) {
            return Ok(*there);
        }
        if choice.contains(&Self::Rustup) {
            match add_target(sh) {
                Ok(()) => return Ok(Self::Rustup),
                Err(why) if !choice.contains(&Self::Debian) => return Err(why),
                Err(why) => {
                    println!("setup: {why:#}");
                    println!("setup: trying Debian's packages instead");
                }
            }
        }
        let purpose = format!("Rust for {TARGET}");
        apt::install(sh, &purpose, &DEBIAN_PACKAGES).or_else(|why| {
            bail!("{why:#} (or, with rustup: rustup target add {TARGET})");
        })?;
        if !Self::Debian.is_installed(sh) {
            bail!("Debian's packages are installed and do not bring {TARGET}");
        }
        Ok(Self::Debian)
    }

    pub(crate) fn is_installed(self, sh: &Shell) -> bool {
        match self {
            Self::Rustup => {
                let libraries = cmd!(sh, "rustc --print target-libdir --target {TARGET}");
                libraries
                    .quiet()
                    .ignore_stderr()
                    .read()
                    .is_ok_and(|dir| Path::new(&dir).is_dir())
            }
            Self::Debian => {
                let sysroot = cmd!(sh, "/usr/bin/rustc --print sysroot").env_remove_all(&FOREIGN);
                let sysroot = sysroot.quiet().ignore_stderr().read();
                let source = "lib/rustlib/src/rust/library/Cargo.toml";
                Path::new(DEBIAN_CARGO).is_file()
                    && Path::new("/usr/bin").join(DEBIAN_LINKER).exists()
                    && sysroot.is_ok_and(|root| Path::new(&root).join(source).is_file())
            }
        }
    }

    /// Builds the packages; returns the directory of their modules.
    pub(crate) fn build(self, workspace: &Workspace, packages: &[&str]) -> anyhow::Result<PathBuf> {
        let sh = workspace.shell()?;
        let profile = ["--profile", "plugin", "--target", TARGET];
        let packages: Vec<_> = packages
            .iter()
            .flat_map(|package| ["-p", package])
            .collect();
        let dir = self.dir(workspace);
        match self {
            Self::Rustup => {
                let cargo = cargo();
                cmd!(
                    sh,
                    "{cargo} build {profile...} {packages...} --target-dir {dir}"
                )
                .quiet()
                .run()?;
            }
            Self::Debian => {
                let std = "-Zbuild-std=std,panic_abort";
                cmd!(
                    sh,
                    "{DEBIAN_CARGO} build {std} {profile...} {packages...} --target-dir {dir}"
                )
                .env_remove_all(&FOREIGN)
                .env("PATH", "/usr/bin:/bin")
                // Debian's compiler is a stable one; building std is not.
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER)
                .quiet()
                .run()?;
            }
        }
        Ok(dir.join(TARGET).join("plugin"))
    }

    /// Clippy over every plugin and what it is built on, as WebAssembly.
    pub(crate) fn lint(workspace: &Workspace) -> anyhow::Result<()> {
        let sh = workspace.shell()?;
        let cargo = cargo();
        let packages: Vec<_> = workspace.members().flat_map(|key| ["-p", key]).collect();
        let dir = Self::Rustup.dir(workspace);
        let clippy = cmd!(sh, "{cargo} clippy {packages...} --target {TARGET}");
        let clippy = clippy
            .args(["--profile", "plugin", "--target-dir"])
            .arg(dir);
        clippy.args(["--", "-D", "warnings"]).quiet().run()?;
        Ok(())
    }

    fn dir(self, workspace: &Workspace) -> PathBuf {
        workspace.target.join("guests").join(self.name())
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rustup => "rustup",
            Self::Debian => "debian",
        }
    }
}

fn add_target(sh: &Shell) -> anyhow::Result<()> {
    if !apt::in_path("rustup") {
        bail!("there is no rustup");
    }
    println!("setup: rustup target add {TARGET}");
    let add = cmd!(sh, "rustup target add {TARGET}").env("RUST_BACKTRACE", "0");
    quietly(add)?;
    if !Toolchain::Rustup.is_installed(sh) {
        bail!("rustup added {TARGET} to another Rust than this one");
    }
    Ok(())
}

trait EnvRemoveAll {
    fn env_remove_all(self, names: &[&str]) -> Self;
}

impl EnvRemoveAll for xshell::Cmd<'_> {
    fn env_remove_all(self, names: &[&str]) -> Self {
        names.iter().fold(self, xshell::Cmd::env_remove)
    }
}
