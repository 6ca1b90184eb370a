//! `test-plugin`: a plugin's recorded cases, played back, for people.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use super::plugin_file::load_file;
use crate::app::foundation;
use crate::cases::{Case, Options, Report, Stage};
use crate::config::{Config, Trust};

pub(super) async fn run(
    config: Config,
    file: &Path,
    cases: Option<PathBuf>,
    options: Options,
) -> Result<ExitCode> {
    let stage = stage(config, file).await?;
    let key = stage.key();
    let dir = match cases.or_else(|| beside_sources(file, key.as_str())) {
        Some(dir) => dir,
        None => bail!("say where the cases are: --cases DIR"),
    };
    let found = Case::load_all(&dir, &key).with_context(|| dir.display().to_string())?;
    if found.is_empty() {
        bail!("there is no case in {}", dir.display());
    }
    let (mut failed, all) = (0, found.len());
    for (name, case) in found {
        let text = match case {
            Ok(case) => {
                let report = stage.check(&Arc::new(case), options).await;
                failed += usize::from(!report.problems.is_empty());
                line(&report)
            }
            Err(error) => {
                failed += 1;
                format!("✗ {name}\n{}", indented(&error))
            }
        };
        super::print(&text);
    }
    let passed = all - failed;
    super::print(&format!("{key}: {passed} passed, {failed} failed"));
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The plugin through the production loader. An author tries and records a file
/// before it is signed or pinned, and names it himself.
pub(super) async fn stage(mut config: Config, file: &Path) -> Result<Stage> {
    config.plugins.trust = Trust::Any;
    let host = foundation(&config)?.host;
    let generation = load_file(&host, file, config.plugins.max_file.as_u64()).await?;
    Ok(Stage::new(generation, host, &config))
}

/// Of `target/plugins/KEY.wasm` in a workspace: `plugins/KEY/tests`.
fn beside_sources(file: &Path, key: &str) -> Option<PathBuf> {
    let file = file.canonicalize().ok()?;
    let plugins = file.parent()?;
    if !plugins.ends_with("target/plugins") {
        return None;
    }
    let tests = plugins
        .parent()?
        .parent()?
        .join("plugins")
        .join(key)
        .join("tests");
    tests.is_dir().then_some(tests)
}

fn line(report: &Report) -> String {
    let mark = if report.problems.is_empty() {
        '✓'
    } else {
        '✗'
    };
    let mut text = format!(
        "{mark} {:<24} {:>6} ms",
        report.name,
        report.took.as_millis()
    );
    if report.mutated > 0 {
        // Writing into a String cannot fail.
        let _ = write!(text, "  {} changed answers", report.mutated);
    }
    if report.updated {
        text.push_str("  expected.json written");
    }
    for problem in &report.problems {
        text.push('\n');
        text.push_str(&indented(problem));
    }
    for line in &report.log {
        let _ = write!(text, "\n    log {line}");
    }
    text
}

pub(super) fn indented(text: &str) -> String {
    let lines = text.lines().enumerate();
    let lines = lines.map(|(i, line)| match i {
        0 => format!("    {line}"),
        _ => format!("      {line}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}
