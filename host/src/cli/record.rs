//! `record`: a case from life, through the real guard, or from a bundle.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use super::test_plugin::{indented, stage};
use crate::cases::{CallKind, Recorded};
use crate::config::{self, Config};
use crate::files;
use crate::net::Answer;

/// Of a bundle; the service's own are far smaller.
const MAX_BUNDLE: u64 = 64 << 20;
const MAX_SITE: u64 = 256 << 10;

/// What is recorded.
pub(super) enum From {
    /// One call now, with a site file.
    Site(PathBuf, CallKind),
    /// A call that failed.
    Bundle(PathBuf),
}

pub(super) async fn run(config: Config, file: &Path, dir: &Path, from: From) -> Result<ExitCode> {
    let stage = stage(config, file).await?;
    let recorded = match &from {
        From::Site(path, call) => {
            let shown = || path.display().to_string();
            let text = files::read(path, MAX_SITE).with_context(shown)?;
            let text = String::from_utf8(text).with_context(shown)?;
            let site = config::load_site(path, &text).with_context(shown)?;
            if site.config.plugin != stage.key() {
                let (other, key) = (&site.config.plugin, stage.key());
                anyhow::bail!("{}: a site of the plugin {other}, not {key}", shown());
            }
            stage.record(&site, *call, dir).await?
        }
        From::Bundle(path) => {
            let shown = || path.display().to_string();
            let text = files::read(path, MAX_BUNDLE).with_context(shown)?;
            stage.record_from(&text, dir).await.with_context(shown)?
        }
    };
    super::print(&told(&recorded, &from));
    Ok(
        if recorded.problems.is_empty() && recorded.outcome.is_ok() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        },
    )
}

fn told(recorded: &Recorded, from: &From) -> String {
    let Recorded {
        case,
        outcome,
        problems,
        now,
    } = recorded;
    let mut lines: Vec<String> = Vec::new();
    for (index, exchange) in case.exchanges.iter().enumerate() {
        let came = match &exchange.answer {
            Answer::Failed(failure) => failure.code().to_owned(),
            Answer::Response {
                status, body, cut, ..
            } => {
                let cut = if *cut {
                    ", cut: plugins.limits.capture"
                } else {
                    ""
                };
                format!("{} ({} bytes{cut})", status.as_u16(), body.len())
            }
        };
        let (method, url) = (&exchange.method, &exchange.url);
        lines.push(format!("{:>3}  {method} {url} → {came}", index + 1));
    }
    match outcome {
        Ok(value) => lines.push(format!("outcome: {value}")),
        Err(fault) => lines.push(format!("✗ the plugin failed: {fault}")),
    }
    match now {
        Some(Ok(value)) => lines.push(format!("played back: {value}")),
        Some(Err(fault)) => lines.push(format!("played back, the plugin fails: {fault}")),
        None => {}
    }
    for problem in problems {
        lines.push(format!("✗ {}", indented(problem).trim_start()));
    }
    let dir = case.dir.display();
    lines.push(match from {
        From::Site(..) if outcome.is_ok() && problems.is_empty() => {
            format!("recorded in {dir}; what came is expected")
        }
        From::Site(..) if outcome.is_ok() => {
            format!("{dir} is no good recording: mend what is said above, then record again")
        }
        _ => format!(
            "recorded in {dir}; it expects nothing yet: fix the plugin, then accept its outcome \
             with --update (cargo xtask test-plugins KEY --update)"
        ),
    });
    lines.join("\n")
}
