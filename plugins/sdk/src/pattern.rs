//! Regular expressions over text whose shape is not ours. The engine is linear
//! in the text, whatever the text holds.

use regex_lite::Regex;
use serde::{Deserialize, Deserializer, de};

use crate::{Error, layout_changed};

/// The first match of `pattern`: its first group, or all of it without groups.
///
/// # Errors
/// `layout-changed` where nothing matches.
pub fn find<'t>(pattern: &str, text: &'t str) -> Result<&'t str, Error> {
    let regex = Regex::new(pattern)
        .map_err(|error| Error::Other(format!("the plugin's pattern is wrong: {error}")))?;
    let found = regex
        .captures(text)
        .and_then(|groups| groups.get(1).or(groups.get(0)));
    found
        .map(|part| part.as_str())
        .ok_or_else(|| layout_changed(format!("pattern {pattern}")))
}

/// A pattern that an operator writes into the settings. One that is wrong is
/// `bad-config` when the site is loaded.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Whether it matches anywhere in a text.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = |error| de::Error::custom(format!("pattern {text}: {error}"));
        Regex::new(&text).map(Self).map_err(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operators_pattern_is_checked_when_it_is_read() {
        let read = |text: &str| serde_json::from_value::<Pattern>(text.into());
        let pattern = read("(?i)formula 1|^f1").expect("valid");
        assert!(pattern.is_in("Live: FORMULA 1") && pattern.is_in("F1 TV"));
        assert!(!pattern.is_in("Pro F1"));
        let error = read("(").expect_err("an error").to_string();
        assert!(error.contains("pattern (:"), "{error}");
    }

    #[test]
    fn the_group_wins_over_the_whole_and_a_miss_names_the_pattern() {
        assert_eq!(find("id=([0-9]+)", "x id=42 id=43"), Ok("42"));
        assert_eq!(find("id=[0-9]+", "x id=42"), Ok("id=42"));
        assert_eq!(
            find("id=([0-9]+)", "none"),
            Err(layout_changed("pattern id=([0-9]+)"))
        );
        assert!(matches!(find("(", "("), Err(Error::Other(_))));
    }
}
