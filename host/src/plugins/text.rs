//! Text that somebody else wrote, made fit for a page, a log line or a header.

use crate::log::is_hidden;

/// Text without control characters and bidirectional controls, at most `max`
/// bytes, cut at a character.
pub(super) fn clean(text: &str, max: usize) -> String {
    keep(text, max, |c| !is_hidden(c))
}

/// As [`clean`], with its line feeds: for what is shown by itself, never for a
/// line of the log.
pub(super) fn clean_lines(text: &str, max: usize) -> String {
    keep(text, max, |c| c == '\n' || !is_hidden(c))
}

/// The lines of such a text as one, for the log.
pub(super) fn one_line(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ")
}

fn keep(text: &str, max: usize, is_kept: impl Fn(char) -> bool) -> String {
    let mut out = String::new();
    for c in text.chars().filter(|c| is_kept(*c)) {
        if out.len() + c.len_utf8() > max {
            break;
        }
        out.push(c);
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_loses_what_could_forge_a_line_or_turn_it_around() {
        for (dirty, expect) in [
            ("plain", "plain"),
            ("a\r\nb\0c\u{1b}[31m", "abc[31m"),
            ("a\u{9b}31m\u{85}b", "a31mb"),
            ("a\u{2028}b\u{2029}c", "abc"),
            ("\u{202e}gnp.exe", "gnp.exe"),
            ("a\u{61c}\u{2066}b\u{e0041}", "ab"),
            ("  Zandvoort – été  ", "Zandvoort – été"),
        ] {
            assert_eq!(clean(dirty, 100), expect);
        }
        assert_eq!(clean("äää", 5), "ää", "cut at a character");
        let lines = clean_lines("\na\r\n  b\u{2028}\u{1b}[31m\n", 100);
        assert_eq!(lines, "a\n  b[31m");
        assert_eq!(one_line(&lines), "a b[31m");
    }
}
