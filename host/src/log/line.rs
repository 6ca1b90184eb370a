//! One event, one line, and nothing in it but what can be seen.
//!
//! tracing-subscriber escapes some control characters of messages, none of
//! fields that are displayed, and no line feed; in JSON, serde_json escapes those
//! below U+0020 alone. So the finished line is gone through once more.

use std::fmt::{self, Write};

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

#[derive(Clone, Copy, Debug)]
pub(super) enum Format {
    Text,
    Json,
}

/// What the format within writes, as one line.
#[derive(Debug)]
pub(super) struct OneLine<F>(pub(super) F, pub(super) Format);

impl<S, N, F> FormatEvent<S, N> for OneLine<F>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> FormatFields<'w> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.0
            .format_event(context, Writer::new(&mut line), event)?;
        let line = line.strip_suffix('\n').unwrap_or(&line);
        escape(line, self.1, &mut writer)?;
        writer.write_char('\n')
    }
}

/// For a terminal: lines stay lines.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::new();
    for (i, line) in text.lines().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        // Writing into a String cannot fail.
        let _ = escape(line, Format::Text, &mut out);
    }
    out
}

fn escape(line: &str, format: Format, out: &mut impl Write) -> fmt::Result {
    let mut rest = line;
    while let Some(at) = rest.find(is_hidden) {
        let (before, after) = rest.split_at(at);
        out.write_str(before)?;
        let mut chars = after.chars();
        if let Some(hidden) = chars.next() {
            match format {
                Format::Text => write!(out, "{}", hidden.escape_default())?,
                // Only within its texts can there be any.
                Format::Json => {
                    for unit in hidden.encode_utf16(&mut [0; 2]) {
                        write!(out, "\\u{unit:04x}")?;
                    }
                }
            }
        }
        rest = chars.as_str();
    }
    out.write_str(rest)
}

/// Characters that are not seen themselves and change what is: control
/// characters, line and paragraph separators, and what Unicode calls format
/// characters (bidirectional controls, joiners, tags).
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use tracing::error;

    use super::*;
    use crate::log::tests::started;

    /// Everything that must not come out as it is.
    fn hostile() -> String {
        let hidden = ('\0'..='\u{10ffff}').filter(|c| is_hidden(*c));
        hidden.chain("Zürich \"ok\" \\n".chars()).collect()
    }

    fn logged(format: &str) -> String {
        let (lines, _, _, _guard) = started(&format!("[log]\nformat = \"{format}\""));
        let text = hostile();
        let cause = std::io::Error::other(text.clone());
        error!("{text}");
        error!(field = text, shown = %text, debugged = ?text, error = %cause, "x");
        error!(error = &cause as &dyn std::error::Error, "y");
        let span = tracing::error_span!("span", of = %text);
        span.in_scope(|| error!("z"));
        lines.text()
    }

    #[test]
    fn no_event_is_more_than_a_line_or_touches_the_terminal() {
        for format in ["text", "json"] {
            let logged = logged(format);
            let lines: Vec<_> = logged.split_terminator('\n').collect();
            assert_eq!(lines.len(), 4, "{format}: {logged}");
            for line in lines {
                let bad = line.chars().find(|c| is_hidden(*c));
                assert_eq!(bad, None, "{format}: {line}");
            }
            assert!(logged.contains("Zürich"), "{logged}");
        }
    }

    #[test]
    fn json_says_what_was_said() {
        let logged = logged("json");
        let first = logged.lines().next().expect("a line");
        let value: serde_json::Value = serde_json::from_str(first).expect("JSON");
        // The message's own escapes are tracing-subscriber's.
        let second = logged.lines().nth(1).expect("a line");
        let fields: serde_json::Value = serde_json::from_str(second).expect("JSON");
        assert_eq!(fields["fields"]["field"], hostile());
        assert_eq!(value["level"], "ERROR");
        for line in logged.lines() {
            assert!(serde_json::from_str::<serde_json::Value>(line).is_ok());
        }
    }

    #[test]
    fn for_a_terminal_lines_stay_lines() {
        assert_eq!(
            visible("a\u{1b}[2J\nb\u{202e}\t"),
            "a\\u{1b}[2J\nb\\u{202e}\\t"
        );
    }
}
