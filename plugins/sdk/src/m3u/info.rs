//! `#EXTINF:-1 tvg-id="a" group-title="b, c",Title, with a comma`.

/// What one such line says.
#[derive(Debug, PartialEq)]
pub(super) struct Info<'l> {
    pub(super) duration: Option<f64>,
    pub(super) attributes: Vec<(&'l str, &'l str)>,
    pub(super) title: &'l str,
}

/// Attributes of one line; lists have up to a dozen.
const MAX_ATTRIBUTES: usize = 64;

/// Reads what stands behind `#EXTINF:`; there is no text that it refuses.
pub(super) fn read(line: &str) -> Info<'_> {
    let number = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.');
    let line = line.trim_start();
    let end = line.find(|c| !number(c)).unwrap_or(line.len());
    let duration = line[..end].parse().ok().filter(|seconds| *seconds > 0.0);
    let mut attributes = Vec::new();
    let mut rest = &line[end..];
    while let Some((name, value, after)) = attribute(rest) {
        rest = after;
        if attributes.len() < MAX_ATTRIBUTES {
            attributes.push((name, value));
        }
    }
    let (_, title) = rest.split_once(',').unwrap_or(("", ""));
    Info {
        duration,
        attributes,
        title: title.trim(),
    }
}

/// The first `name="value"` or `name=value`, and what follows it.
fn attribute(text: &str) -> Option<(&str, &str, &str)> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'))?;
    let value = text[end..].strip_prefix('=')?;
    let name = &text[..end];
    for quote in ['"', '\''] {
        if let Some(value) = value.strip_prefix(quote) {
            // Without its end it is a value up to the title.
            let (value, rest) = match value.split_once(quote) {
                Some(found) => found,
                None => split_at(value, |c| c == ','),
            };
            return Some((name, value, rest));
        }
    }
    let (value, rest) = split_at(value, |c| c == ',' || c.is_whitespace());
    Some((name, value, rest))
}

fn split_at(text: &str, found: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(found).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_lists_have_them() {
        let check = |line, duration, attributes: &[(&str, &str)], title| {
            let expected = Info {
                duration,
                attributes: attributes.to_vec(),
                title,
            };
            assert_eq!(read(line), expected, "{line}");
        };
        check("-1,News", None, &[], "News");
        check("12.5, A, B ", Some(12.5), &[], "A, B");
        check(
            r#"-1 tvg-id="a.b" group-title="x, y" tvg-logo="",F1, live"#,
            None,
            &[("tvg-id", "a.b"), ("group-title", "x, y"), ("tvg-logo", "")],
            "F1, live",
        );
        check(
            "0 tvg-id=a tvg-name='b c',T",
            None,
            &[("tvg-id", "a"), ("tvg-name", "b c")],
            "T",
        );
        check(r#"-1 tvg-id="a,T"#, None, &[("tvg-id", "a")], "T");
        check("-1 tvg-id", None, &[], "");
        check("", None, &[], "");
        check("é,é", None, &[], "é");
    }
}
