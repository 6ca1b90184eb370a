//! The command line: one file a subcommand, all of them over the same parts
//! that `serve` runs.

mod check_plugin;
mod extract;
mod link;
mod plugin_file;
mod record;
mod serve;
mod test_plugin;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::cases::{CallKind, Options};
use crate::config::{self, Config};
use crate::log::{Limit, visible};
use crate::metrics::Metrics;
use crate::plugins::compile_standard_input;

/// Finds live streams on the sites you may use, proves that they play, and
/// plays them through its own proxy.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXIT_CODES)]
pub struct Cli {
    /// The configuration; without it f1-streams.toml here, where there is one.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service.
    Serve,
    /// Run one extraction of a site and print what it found as JSON.
    Extract {
        /// The site file's stem.
        site: String,
    },
    /// Load a plugin as the service would and print the verdict.
    CheckPlugin {
        /// A component; its stem is the plugin's key.
        file: PathBuf,
    },
    /// Play a plugin's recorded cases back, also with changed answers, and say
    /// what is not as expected.
    TestPlugin {
        /// A component; its stem is the plugin's key.
        file: PathBuf,
        /// The directory of the cases; known for a file in a workspace's
        /// target/plugins.
        #[arg(long, value_name = "DIR")]
        cases: Option<PathBuf>,
        /// Accept what comes: write it to each case's expected.json.
        #[arg(long)]
        update: bool,
        /// Only the answers as they were recorded.
        #[arg(long)]
        no_mutations: bool,
    },
    /// Make a case: of one call now, or of a failed call's bundle.
    Record {
        /// A component; its stem is the plugin's key.
        file: PathBuf,
        /// Where the case goes, such as plugins/KEY/tests/live.
        case: PathBuf,
        /// Call the plugin on this site, through the network.
        #[arg(long, value_name = "FILE", required_unless_present = "from")]
        site: Option<PathBuf>,
        /// Take what a bundle holds.
        #[arg(long, value_name = "BUNDLE", conflicts_with = "site")]
        from: Option<PathBuf>,
        /// Record `probe` instead of `extract`.
        #[arg(long, conflicts_with = "from")]
        probe: bool,
    },
    /// Seal a URL, or open a link.
    Link {
        /// Which route serves it; by the URL's ending where it is not given.
        #[arg(long, value_enum)]
        kind: Option<LinkKind>,
        /// Print what LINK holds: a path that was handed out, or its `url`.
        #[arg(long, value_name = "LINK", conflicts_with = "url")]
        open: Option<String>,
        /// The upstream URL to seal.
        #[arg(required_unless_present = "open")]
        url: Option<String>,
    },
    /// Compile a component from standard input to standard output; the service
    /// runs this for itself.
    #[command(hide = true)]
    Compile {
        /// Bytes of address space.
        #[arg(long)]
        memory: u64,
        /// Of processor time.
        #[arg(long)]
        seconds: u64,
    },
    /// Print the resolved configuration with the origin of each value.
    Config {
        /// Print every key with its documentation and default instead.
        #[arg(long)]
        defaults: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LinkKind {
    /// A playlist.
    Proxy,
    /// Bytes.
    Relay,
}

const EXIT_CODES: &str = "\
Exit codes: 0 it went well, 1 it did not and says why, 2 wrong arguments,
64 the configuration is not usable.";

/// Bad configuration, before anything is bound (sysexits.h: EX_USAGE).
const EX_USAGE: u8 = 64;

/// Parses the command line, resolves the configuration, runs the command.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::Config { defaults: true } = cli.command {
        return print(config::DEFAULTS);
    }
    // No configuration, no runtime: only what it was given.
    if let Command::Compile { memory, seconds } = cli.command {
        return compile_standard_input(memory, seconds);
    }
    let loaded = match Config::load(cli.config.as_deref(), config::environment()) {
        Ok(loaded) => loaded,
        Err(error) => {
            complain(&format!("the configuration is not usable:\n{error}"));
            return ExitCode::from(EX_USAGE);
        }
    };
    if let Command::Config { .. } = cli.command {
        return print(&loaded.print());
    }
    let metrics = Metrics::new();
    let limit = match log(&loaded.config, &cli.command, metrics.clone()) {
        Ok(limit) => limit,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    let config = loaded.config;
    let result = runtime.block_on(async {
        match cli.command {
            Command::Serve => serve::run(config, metrics).await,
            Command::Extract { site } => extract::run(config, &site).await,
            Command::CheckPlugin { file } => check_plugin::run(config, &file).await,
            Command::TestPlugin {
                file,
                cases,
                update,
                no_mutations,
            } => {
                let mutations = !no_mutations;
                let options = Options { update, mutations };
                test_plugin::run(config, &file, cases, options).await
            }
            Command::Record {
                file,
                case,
                site,
                from,
                probe,
            } => {
                let call = if probe {
                    CallKind::Probe
                } else {
                    CallKind::Extract
                };
                let from = match (from, site) {
                    (Some(bundle), _) => record::From::Bundle(bundle),
                    (None, site) => record::From::Site(site.unwrap_or_default(), call),
                };
                record::run(config, &file, &case, from).await
            }
            Command::Link {
                kind,
                open: Some(link),
                ..
            } => link::open(&config, kind, &link).await,
            Command::Link { kind, url, .. } => link::seal(&config, kind, &url.unwrap_or_default()),
            Command::Config { .. } | Command::Compile { .. } => Ok(ExitCode::SUCCESS),
        }
    });
    // A thread stuck on a network mount must not hold the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    limit.finish();
    result.unwrap_or_else(|error| {
        complain(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

/// Logs go to standard error: standard output is for what was asked for.
fn log(config: &Config, command: &Command, metrics: Metrics) -> std::io::Result<Limit> {
    let filter = match command {
        Command::Serve => config.log.filter.as_str(),
        // A plugin complains of each changed answer.
        Command::TestPlugin { .. } => "warn,plugin=off",
        _ => "warn",
    };
    crate::log::start(filter, &config.log, metrics)
}

/// Standard output; a closed pipe is the reader's choice.
fn print(text: &str) -> ExitCode {
    use std::io::Write;
    let _ = std::io::stdout().write_all(format!("{}\n", text.trim_end()).as_bytes());
    ExitCode::SUCCESS
}

fn complain(text: &str) {
    use std::io::Write;
    let _ = std::io::stderr().write_all(format!("f1-streams: {}\n", visible(text)).as_bytes());
}
