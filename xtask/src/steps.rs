//! A run of named steps: all of them are tried, and a summary ends it. A step
//! that cannot run has failed.

use std::time::{Duration, Instant};

/// What has been run so far.
#[derive(Default)]
pub(crate) struct Steps(Vec<Step>);

/// A step has failed, and the summary has said so.
#[derive(Debug)]
pub(crate) struct Failed;

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a step failed")
    }
}

impl std::error::Error for Failed {}

struct Step {
    name: &'static str,
    took: Duration,
    error: Option<String>,
}

impl Steps {
    /// Runs one step; what it returns is there for steps that build on it.
    pub(crate) fn run<T>(
        &mut self,
        name: &'static str,
        step: impl FnOnce() -> anyhow::Result<T>,
    ) -> Option<T> {
        println!("\n── {name}");
        let begun = Instant::now();
        let result = step();
        let error = result.as_ref().err().map(|error| format!("{error:#}"));
        if let Some(error) = &error {
            eprintln!("error: {error}");
        }
        self.0.push(Step {
            name,
            took: begun.elapsed(),
            error,
        });
        result.ok()
    }

    /// A step whose ground is missing.
    pub(crate) fn impossible(&mut self, name: &'static str, why: &str) {
        self.0.push(Step {
            name,
            took: Duration::ZERO,
            error: Some(why.into()),
        });
    }

    /// Prints the summary; an error where a step failed.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        let (summary, failed) = self.summary();
        println!("\n{summary}");
        if failed > 0 {
            return Err(Failed.into());
        }
        Ok(())
    }

    fn summary(&self) -> (String, usize) {
        let mut lines = Vec::new();
        for Step { name, took, error } in &self.0 {
            let first = error
                .as_deref()
                .map(|error| error.lines().next().unwrap_or("failed"));
            let (verdict, detail) = match first {
                None => ("ok    ", format!("{:.1} s", took.as_secs_f64())),
                Some(first) => ("FAILED", first.to_owned()),
            };
            lines.push(format!("{verdict} {name:<24} {detail}"));
        }
        let failed = self.0.iter().filter(|step| step.error.is_some()).count();
        lines.push(format!("{} passed, {failed} failed", self.0.len() - failed));
        (lines.join("\n"), failed)
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_failure_is_counted_and_later_steps_still_run() {
        let mut steps = Steps::default();
        assert_eq!(steps.run("one", || Ok(1)), Some(1));
        assert_eq!(
            steps.run("two", || -> anyhow::Result<()> { bail!("no\nmore") }),
            None
        );
        assert_eq!(steps.run("three", || Ok(3)), Some(3));
        steps.impossible("four", "no ground");
        let (summary, failed) = steps.summary();
        assert_eq!(failed, 2);
        assert!(
            summary.contains("FAILED two                      no\n"),
            "{summary}"
        );
        assert_eq!(summary.lines().last(), Some("2 passed, 2 failed"));
        assert!(steps.finish().is_err());
        assert!(Steps::default().finish().is_ok());
    }
}
