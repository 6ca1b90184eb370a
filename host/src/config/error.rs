//! What is wrong with a configuration: all of it, not only what came first.

use std::fmt;

use super::origin::Origin;

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, thiserror::Error)]
pub struct ConfigError {
    /// In the order of layers; never empty.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, where there is one.
    pub key: Option<String>,
    /// Where its value came from, where it came from somewhere.
    pub origin: Option<Origin>,
    /// What is wrong, and where it can be said, what to write instead.
    pub message: String,
}

// === impl ConfigError ===

impl ConfigError {
    pub(super) fn one(message: String) -> Self {
        let problem = Problem {
            key: None,
            origin: None,
            message,
        };
        Self {
            problems: vec![problem],
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

// === impl Problem ===

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            None | Some(Origin::Default) => {}
            Some(origin) => write!(f, "{origin}: ")?,
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)
    }
}
