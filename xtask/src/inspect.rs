//! `inspect`: what a file is, as the bytes say, and what the service says about
//! it by `f1-streams check-plugin`, which loads it as it would to run it.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::Value;
use xshell::cmd;

use crate::component::Surface;
use crate::digest;
use crate::test_plugins::program;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, file: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    row("file", &file.display().to_string());
    row("size", &format!("{} bytes", bytes.len()));
    row("sha256", &digest::of(&bytes));
    match Surface::of(&bytes) {
        Ok(Surface { imports, exports }) => {
            rows("imports", &imports);
            rows("exports", &exports);
        }
        Err(why) => row("format", &format!("not a component: {why:#}")),
    }
    let verdict = check(workspace, file)?;
    if let Some(Value::Object(plugin)) = verdict.get("plugin") {
        // The rest is said above, from the bytes.
        for name in ["key", "name", "version", "hosts", "secrets"] {
            rows(name, &texts(plugin.get(name)));
        }
    }
    // Of the configuration here, as `plugins.trust` says.
    rows("trust", &texts(verdict.get("trust")));
    match verdict.get("error") {
        None => {
            row("verdict", "accepted");
            Ok(())
        }
        Some(error) => {
            let said = |name| error.get(name).and_then(Value::as_str).unwrap_or("?");
            row("verdict", &format!("refused ({})", said("code")));
            bail!("{}", said("message"));
        }
    }
}

fn check(workspace: &Workspace, file: &Path) -> anyhow::Result<Value> {
    let (sh, program) = (workspace.shell()?, program(workspace)?);
    let file = std::path::absolute(file)?;
    let output = cmd!(sh, "{program} check-plugin {file}")
        .quiet()
        .ignore_status()
        .output()?;
    serde_json::from_slice(&output.stdout).with_context(|| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        format!("f1-streams check-plugin said no verdict: {said}")
    })
}

fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(items)) => items.iter().flat_map(|item| texts(Some(item))).collect(),
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Null) | None => Vec::new(),
        Some(other) => vec![other.to_string()],
    }
}

fn rows(name: &str, values: &[String]) {
    let mut values = values.iter();
    row(name, values.next().map_or("–", String::as_str));
    values.for_each(|value| row("", value));
}

fn row(name: &str, value: &str) {
    println!("{name:<8} {value}");
}
