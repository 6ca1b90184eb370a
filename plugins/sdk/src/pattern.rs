//! Regular expressions over text whose shape is not ours. The engine is linear
//! in the text, whatever the text holds.

use crate::{Error, layout_changed};
use regex_lite::Regex;

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

#[cfg(test)]
mod tests {
    use super::*;

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
