//! What a playlist carries for nobody: characters that steer a terminal or turn
//! text around, and markup. Titles and names travel from here into players' pages,
//! terminals and logs, and none of them needs either.

use std::borrow::Cow;

use super::decode::as_utf8;

/// The text without them; nearly always there are none.
pub fn harmless(text: Vec<u8>) -> Vec<u8> {
    // All bytes, without a way out on the first: so it takes sixteen at a time.
    let odd = text.iter().fold(0, |odd, b| {
        odd | u8::from(*b == b'<') | u8::from(*b >= 0x7f) | u8::from(*b < b' ' && !is_blank(*b))
    });
    if odd == 0 {
        return text;
    }
    let clean = match as_utf8(&text) {
        Cow::Borrowed(known) => without(known),
        Cow::Owned(known) => Some(without(&known).unwrap_or(known)),
    };
    clean.map_or(text, String::into_bytes)
}

fn is_blank(b: u8) -> bool {
    matches!(b, b'\t' | b'\n' | b'\r')
}

/// `None`: it has none. From its end: what stands behind a `<` says whether a tag
/// begins there, and another one, or what hides, may stand between.
fn without(text: &str) -> Option<String> {
    let goes = || {
        let mut behind = ' ';
        move |c: char| {
            let goes = hides(c) || c == '<' && opens(behind);
            if c != '<' && !hides(c) {
                behind = c;
            }
            goes
        }
    };
    if !text.chars().rev().any(goes()) {
        return None;
    }
    let mut goes = goes();
    let kept: String = text.chars().rev().filter(|c| !goes(*c)).collect();
    Some(kept.chars().rev().collect())
}

/// Control characters, line and paragraph separators, and bidirectional controls.
fn hides(c: char) -> bool {
    let is_kept = u8::try_from(c).is_ok_and(is_blank);
    c.is_control() && !is_kept
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}')
}

fn opens(behind: char) -> bool {
    behind.is_ascii_alphabetic() || matches!(behind, '/' | '!' | '?')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_reader_goes_and_all_else_stays() {
        for (text, clean) in [
            (
                "#EXTINF:2,Qualifying\r\na.ts\n",
                "#EXTINF:2,Qualifying\r\na.ts\n",
            ),
            ("a\tb", "a\tb"),
            ("1 < 2, <3, a<", "1 < 2, <3, a<"),
            ("Große Preise: São Paulo 🏁", "Große Preise: São Paulo 🏁"),
            ("<script>x</script>", "script>x/script>"),
            ("<!DOCTYPE a><?xml", "!DOCTYPE a>?xml"),
            ("<\0script", "script"),
            ("<<b<<<i", "bi"),
            ("\u{1b}[31m\u{7}", "[31m"),
            ("a\0b\u{7f}\u{9b}c", "abc"),
            ("a\u{202e}b\u{2066}\u{2028}\u{200f}", "ab"),
        ] {
            let got = harmless(text.as_bytes().to_vec());
            assert_eq!(got, clean.as_bytes(), "{text:?}");
        }
        let latin = harmless(b"Gro\xdfe <b>\x9b".to_vec());
        assert_eq!(latin, "Große b>".as_bytes());
    }

    #[test]
    fn many_marks_take_linear_time() {
        let marks = "<".repeat(1 << 20);
        assert_eq!(
            harmless((marks.clone() + " ").into_bytes()).len(),
            (1 << 20) + 1
        );
        assert_eq!(harmless((marks + "a").into_bytes()), b"a");
    }
}
