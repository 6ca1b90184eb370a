//! A run of named steps: all of them are tried, and a summary ends it. A step
//! that cannot run has failed, except one that says it was not run: what it needs
//! is not to be had everywhere, and the summary says how to run it where it is.

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

/// A step found what it needs missing: neither passed nor failed. Why, and how to
/// run it, in one line.
#[derive(Debug)]
pub(crate) struct NotRun(pub(crate) String);

impl std::fmt::Display for NotRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotRun {}

struct Step {
    name: &'static str,
    outcome: Outcome,
}

enum Outcome {
    Passed(Duration),
    Failed(String),
    NotRun(String),
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
        let outcome = match &result {
            Ok(_) => Outcome::Passed(begun.elapsed()),
            Err(error) => match error.downcast_ref() {
                Some(NotRun(why)) => {
                    println!("not run: {why}");
                    Outcome::NotRun(why.clone())
                }
                None => {
                    eprintln!("error: {error:#}");
                    Outcome::Failed(format!("{error:#}"))
                }
            },
        };
        self.0.push(Step { name, outcome });
        result.ok()
    }

    /// A step whose ground is missing.
    pub(crate) fn impossible(&mut self, name: &'static str, why: &str) {
        let outcome = Outcome::Failed(why.into());
        self.0.push(Step { name, outcome });
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
        let (mut failed, mut not_run) = (0, 0);
        for Step { name, outcome } in &self.0 {
            let (verdict, detail) = match outcome {
                Outcome::Passed(took) => ("ok", format!("{:.1} s", took.as_secs_f64())),
                Outcome::Failed(error) => {
                    failed += 1;
                    ("FAILED", first_line(error))
                }
                Outcome::NotRun(why) => {
                    not_run += 1;
                    ("not run", first_line(why))
                }
            };
            lines.push(format!("{verdict:<7} {name:<24} {detail}"));
        }
        let passed = self.0.len() - failed - not_run;
        // In words that test runners use, too.
        let skipped = match not_run {
            0 => String::new(),
            _ => format!(", {not_run} skipped"),
        };
        lines.push(format!("{passed} passed, {failed} failed{skipped}"));
        (lines.join("\n"), failed)
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or("failed").to_owned()
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
            summary.contains("FAILED  two                      no\n"),
            "{summary}"
        );
        assert_eq!(summary.lines().last(), Some("2 passed, 2 failed"));
        assert!(steps.finish().is_err());
        assert!(Steps::default().finish().is_ok());
    }

    #[test]
    fn what_was_not_run_is_neither_passed_nor_failed() {
        let mut steps = Steps::default();
        assert_eq!(steps.run("one", || Ok(1)), Some(1));
        let missing = || -> anyhow::Result<()> { Err(NotRun("no database".into()).into()) };
        assert_eq!(steps.run("two", missing), None);
        let (summary, failed) = steps.summary();
        assert_eq!(failed, 0);
        let line = "not run two                      no database\n";
        assert!(summary.contains(line), "{summary}");
        let last = summary.lines().last();
        assert_eq!(last, Some("1 passed, 0 failed, 1 skipped"));
        assert!(steps.finish().is_ok());
    }
}
