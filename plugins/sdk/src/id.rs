//! Stream ids from what a site calls its streams.

/// The contract's longest id.
const MAX: usize = 64;

/// Any text as a stream's id: letters, digits, `-` and `_` stay, everything
/// else becomes `-`, once for a run and never at an end. A text of which
/// nothing would be left becomes a number made of it. Equal texts give equal
/// ids, on every machine; two different ones may collide.
#[must_use]
pub fn id(text: &str) -> String {
    let mut id = String::new();
    for c in text.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => id.push(c),
            _ if id.ends_with('-') || id.is_empty() => {}
            _ => id.push('-'),
        }
        if id.len() >= MAX {
            break;
        }
    }
    id.truncate(id.trim_end_matches('-').len());
    if id.is_empty() {
        id = opaque_id(text);
    }
    id
}

/// An id that does not show the text it is made of: viewers see ids, and must
/// not learn an address from one.
#[must_use]
pub fn opaque_id(text: &str) -> String {
    format!("s{:016x}", fnv(text.as_bytes()))
}

/// FNV-1a: short, and the same in every language.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_stay_stays() {
        let long = "x".repeat(100);
        for (text, expected) in [
            ("main_1", "main_1"),
            ("live.example:8080", "live-example-8080"),
            ("  Sky – F1 (HD)!", "Sky-F1-HD"),
            ("--a--", "a"),
            (&long, &long[..64]),
        ] {
            assert_eq!(id(text), expected, "{text}");
        }
    }

    #[test]
    fn a_name_in_another_script_still_has_a_steady_id() {
        assert_eq!(id(""), "scbf29ce484222325");
        assert_eq!(id("Матч"), id("Матч"));
        assert_ne!(id("Матч"), id("Спорт"));
        assert_eq!(id("Матч").len(), 17);
    }
}
