//! Every chore of a developer and an operator, one file per command. The
//! project has no shell scripts: what a chore needs, it installs or names.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to whoever runs it"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "no part of the service: it reads its own environment and clock"
)]

mod apt;
mod bench;
mod build_plugins;
mod check;
mod component;
mod demo;
#[cfg(test)]
mod deployment;
mod digest;
mod e2e;
mod frontend;
mod inspect;
mod install;
mod javascript;
mod language;
mod lock;
mod manifest;
mod new_plugin;
mod player;
mod process;
mod python;
mod record;
mod scaffolds;
mod screenshots;
mod setup;
mod stack;
mod stage;
mod steps;
mod supply;
mod test;
mod test_plugins;
mod toolchain;
mod viewer;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::build_plugins::Which;
use crate::language::Language;
use crate::setup::Needs;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about,
    disable_version_flag = true
)]
struct Arguments {
    /// Builds plugins with this tool chain, instead of the first that is there.
    #[arg(long, global = true, value_enum)]
    toolchain: Option<Toolchain>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Installs what is missing for `demo`, `test` and `check`.
    Setup,
    /// Starts a simulated internet and the service on loopback.
    Demo(demo::Arguments),
    /// Runs every test of the project.
    Test,
    /// Formatting, lints, documentation and dependencies: what a change must pass besides its tests.
    Check,
    /// Lists what is shipped that others wrote, in docs/licences.md.
    Licences {
        /// Only says whether the list is right.
        #[arg(long)]
        check: bool,
    },
    /// Builds plugins to target/plugins/KEY.wasm and lists them in plugins.lock there.
    BuildPlugins {
        /// Only this one.
        key: Option<String>,
        /// Only those in this language.
        #[arg(long, value_enum, conflicts_with = "key")]
        lang: Option<Language>,
    },
    /// Plays the plugins' recorded cases back, also with changed answers.
    TestPlugins {
        /// Only this one's.
        key: Option<String>,
        /// Accept what comes as what is expected.
        #[arg(long)]
        update: bool,
    },
    /// Records a case of a plugin, from its site or from a bundle.
    Record(record::Arguments),
    /// Makes a plugin that passes its first case.
    NewPlugin(new_plugin::Arguments),
    /// Says what a plugin's file is, and whether the service would take it.
    Inspect {
        /// The file.
        file: PathBuf,
    },
    /// Runs the browser tests against a demo of their own.
    E2e,
    /// Builds a plugin and puts it into a running service's plugins directory.
    Install {
        /// The plugin.
        key: String,
        /// The plugins directory.
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Measures what it costs, with a release build.
    Bench {
        /// What is measured.
        #[command(subcommand)]
        subject: bench::Subject,
    },
    /// Takes the documentation's pictures from a demo of their own.
    Screenshots {
        /// Where they go.
        dir: PathBuf,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A summary is the last word.
            if !error.is::<steps::Failed>() {
                eprintln!("error: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(Arguments { toolchain, command }: Arguments) -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    match command {
        Command::Setup => setup::run(&workspace, toolchain, Needs::everything()),
        Command::Demo(arguments) => demo::run(&workspace, toolchain, &arguments),
        Command::Test => test::run(&workspace, toolchain),
        Command::Check => check::run(&workspace),
        Command::Licences { check } => supply::licences(&workspace, check),
        Command::BuildPlugins { key, lang } => {
            let which = key.as_deref().map(Which::One);
            let which = which.or(lang.map(Which::In)).unwrap_or(Which::All);
            build_plugins::run(&workspace, toolchain, which)
        }
        Command::TestPlugins { key, update } => {
            test_plugins::run(&workspace, toolchain, key.as_deref(), update)
        }
        Command::Record(arguments) => record::run(&workspace, toolchain, arguments),
        Command::NewPlugin(arguments) => new_plugin::run(&workspace, &arguments),
        Command::Inspect { file } => inspect::run(&workspace, &file),
        Command::E2e => e2e::run(&workspace, toolchain),
        Command::Install { key, to } => install::run(&workspace, toolchain, &key, &to),
        Command::Bench { subject } => bench::run(&workspace, toolchain, &subject),
        Command::Screenshots { dir } => screenshots::run(&workspace, toolchain, &dir),
    }
}
