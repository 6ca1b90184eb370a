//! Packages from npm: what their lock files pin, and what the registry knows
//! against them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use xshell::cmd;

use crate::steps::NotRun;
use crate::workspace::Workspace;

/// Where each lock file is.
const DIRS: [&str; 2] = ["frontend", "xtask/tools/js"];

/// Advisories that do not concern us: the end of its address, and why.
const ACCEPTED: [(&str, &str); 0] = [];

#[derive(Deserialize)]
struct Lock {
    #[serde(rename = "lockfileVersion")]
    version: u32,
    packages: BTreeMap<String, Package>,
}

#[derive(Deserialize)]
struct Package {
    version: Option<String>,
    resolved: Option<String>,
    integrity: Option<String>,
    #[serde(default)]
    link: bool,
}

/// Every package is of the registry that npm is set up for, and pinned by its
/// digest.
pub(super) fn locks(workspace: &Workspace) -> anyhow::Result<()> {
    for dir in DIRS {
        let path = workspace.root.join(dir).join("package-lock.json");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let wrong = wrong(&text).with_context(|| path.display().to_string())?;
        if !wrong.is_empty() {
            bail!("{}: {}", path.display(), wrong.join("\n"));
        }
    }
    Ok(())
}

/// What a lock file should not say.
fn wrong(lock: &str) -> anyhow::Result<Vec<String>> {
    let lock: Lock = serde_json::from_str(lock)?;
    let mut wrong = Vec::new();
    // What is older pins no digests of its own.
    if lock.version < 3 {
        wrong.push(format!("its version is {}, not 3", lock.version));
    }
    // The one without a name is ours.
    for (name, package) in lock.packages.iter().filter(|(name, _)| !name.is_empty()) {
        let integrity = package.integrity.as_deref().unwrap_or_default();
        if package.link || package.version.is_none() {
            wrong.push(format!("{name} is no package of a registry"));
        }
        // Left out for the registry; what is named may be anywhere.
        if let Some(from) = &package.resolved {
            wrong.push(format!("{name} comes from {from}"));
        }
        if !integrity.split(' ').any(|one| one.starts_with("sha512-")) {
            wrong.push(format!("{name} is not pinned by a digest"));
        }
    }
    Ok(wrong)
}

/// Known vulnerabilities, as the registry tells them.
pub(super) fn audit(workspace: &Workspace) -> anyhow::Result<()> {
    let mut all = Vec::new();
    let mut silent = None;
    for dir in DIRS {
        let sh = workspace.shell()?;
        sh.change_dir(workspace.root.join(dir));
        let audit = cmd!(sh, "npm audit --json --package-lock-only");
        // It fails where it finds something, too.
        let report = audit.quiet().ignore_status().ignore_stderr().read()?;
        match found(&report, Path::new(dir)) {
            Ok(found) => all.extend(found.into_iter().map(|one| format!("{dir}: {one}"))),
            // What was found elsewhere comes first.
            Err(error) if error.is::<NotRun>() => silent = Some(error),
            Err(error) => return Err(error),
        }
    }
    if !all.is_empty() {
        bail!("{}", all.join("\n"));
    }
    silent.map_or(Ok(()), Err)
}

#[derive(Deserialize)]
struct Report {
    vulnerabilities: Option<BTreeMap<String, Vulnerable>>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct Vulnerable {
    /// What is known against the package itself, and the names of those that it
    /// is vulnerable by.
    via: Vec<Via>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Via {
    Advisory {
        name: String,
        title: String,
        url: String,
    },
    Other(serde_json::Value),
}

/// The advisories of a report.
fn found(report: &str, dir: &Path) -> anyhow::Result<BTreeSet<String>> {
    let report: Report = serde_json::from_str(report).unwrap_or(Report {
        vulnerabilities: None,
        message: None,
    });
    let Some(vulnerabilities) = report.vulnerabilities else {
        let said = report.message.unwrap_or_else(|| "nothing".into());
        // Where it was asked is a matter of this machine.
        let said = said.split(" - ").next().unwrap_or_default();
        let why = format!(
            "the registry tells no advisories here ({said}); where one does: npm audit, in {}",
            dir.display()
        );
        return Err(NotRun(why).into());
    };
    let mut found = BTreeSet::new();
    for via in vulnerabilities.into_values().flat_map(|one| one.via) {
        match via {
            Via::Advisory { url, .. } if ACCEPTED.iter().any(|(id, _)| url.ends_with(id)) => {}
            Via::Advisory { name, title, url } => {
                found.insert(format!("{name}: {title}, {url}"));
            }
            // Named with its own advisories.
            Via::Other(serde_json::Value::String(_)) => {}
            Via::Other(other) => bail!("npm reports in a way that is not known here: {other}"),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_pinned_to_the_registry_is_named() {
        let lock = |package: &str| {
            let ours = r#""": {"name": "x", "version": "1.0.0"}"#;
            let text =
                format!(r#"{{"lockfileVersion": 3, "packages": {{{ours}, "a": {package}}}}}"#);
            wrong(&text).expect("a lock file").join("; ")
        };
        let cases = [
            (r#"{"version": "1.0.0", "integrity": "sha512-AA=="}"#, ""),
            (
                r#"{"version": "1.0.0", "integrity": "sha1-AA=="}"#,
                "a is not pinned by a digest",
            ),
            (r#"{"version": "1.0.0"}"#, "a is not pinned by a digest"),
            (
                r#"{"version": "1.0.0", "resolved": "git+ssh://git@x.test/a.git#1", "integrity": "sha512-AA=="}"#,
                "a comes from git+ssh://git@x.test/a.git#1",
            ),
            (
                r#"{"link": true, "integrity": "sha512-AA=="}"#,
                "a is no package of a registry",
            ),
        ];
        for (package, expected) in cases {
            assert_eq!(lock(package), expected, "{package}");
        }
        let old = wrong(r#"{"lockfileVersion": 1, "packages": {}}"#).expect("a lock file");
        assert_eq!(old, ["its version is 1, not 3"]);
    }

    #[test]
    fn an_advisory_is_found_once_and_silence_is_no_report() {
        let found = |text: &str| found(text, Path::new("frontend"));
        let none = found(r#"{"auditReportVersion": 2, "vulnerabilities": {}}"#);
        assert!(none.expect("a report").is_empty());
        let advisory = r#"{"source": 1, "name": "a", "dependency": "a", "title": "T", "url": "https://x.test/GHSA-1", "severity": "high", "range": "<2"}"#;
        let report = format!(
            r#"{{"vulnerabilities": {{"a": {{"name": "a", "via": [{advisory}]}}, "b": {{"name": "b", "via": ["a"]}}}}}}"#
        );
        let one = found(&report).expect("a report");
        assert_eq!(Vec::from_iter(one), ["a: T, https://x.test/GHSA-1"]);
        for silence in [
            "",
            "npm ERR!",
            r#"{"message": "405 Method Not Allowed - POST x", "error": {}}"#,
            r#"{"error": {"code": "ENOTFOUND"}}"#,
        ] {
            let error = found(silence).expect_err("no report");
            assert!(error.is::<NotRun>(), "{silence}: {error}");
        }
        assert!(found(r#"{"vulnerabilities": {"a": {"via": [{"title": "T"}]}}}"#).is_err());
    }
}
