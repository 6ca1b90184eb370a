//! Content lines of iCalendar (RFC 5545, section 3.1): escaped, folded, ended.

/// Octets of a line, its end not counted.
const WIDTH: usize = 75;

/// Adds `name:value` to `out`; `value` stands as it is.
pub(super) fn put(out: &mut String, name: &str, value: &str) {
    let mut left = WIDTH;
    for c in name.chars().chain([':']).chain(value.chars()) {
        // Never inside of a character: readers that fold back octets would cope,
        // those that read text line by line drop the whole calendar.
        if c.len_utf8() > left {
            out.push_str("\r\n ");
            left = WIDTH - 1;
        }
        out.push(c);
        left -= c.len_utf8();
    }
    out.push_str("\r\n");
}

/// As [`put`], of a value that is text (section 3.3.11).
pub(super) fn put_text(out: &mut String, name: &str, text: &str) {
    put(out, name, &escaped(text));
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            // Not part of any text (section 3.1: CONTROL).
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(name: &str, text: &str) -> String {
        let mut out = String::new();
        put_text(&mut out, name, text);
        out
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(
            line("SUMMARY", "a\\b;c,d\r\ne\u{7}:\"f\""),
            "SUMMARY:a\\\\b\\;c\\,d\\ne:\"f\"\r\n"
        );
    }

    #[test]
    fn a_line_of_75_octets_is_whole_and_one_more_is_folded() {
        let whole = line("SUMMARY", &"x".repeat(67));
        assert_eq!(whole.len(), 75 + 2);
        assert!(!whole.contains("\r\n "));
        let folded = line("SUMMARY", &"x".repeat(68));
        assert_eq!(folded, format!("SUMMARY:{}\r\n x\r\n", "x".repeat(67)));
        // Two octets that do not fit go to the next line together.
        let folded = line("SUMMARY", &format!("{}ã", "x".repeat(66)));
        assert_eq!(folded, format!("SUMMARY:{}\r\n ã\r\n", "x".repeat(66)));
    }

    proptest! {
        #[test]
        fn what_is_folded_is_the_same_unfolded(text in any::<String>()) {
            let folded = line("DESCRIPTION", &text);
            let lines: Vec<&str> = folded.strip_suffix("\r\n").unwrap().split("\r\n").collect();
            for line in &lines {
                prop_assert!(line.len() <= WIDTH, "{line:?}");
            }
            let unfolded = folded.replace("\r\n ", "");
            prop_assert_eq!(unfolded, format!("DESCRIPTION:{}\r\n", escaped(&text)));
        }
    }
}
