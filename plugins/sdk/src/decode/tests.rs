//! What holds for every decoder, whatever it is given.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// All of them on one text; none of them may panic.
fn decode_all(text: &str) {
    let _ = (unpack(text), base64(text), atob(text), hex(text));
    let _ = (js_string(text), js_string_after(text, "="));
    let _ = (js_value(text), js_value_after(text, "="), js_values(text));
    let _ = (json_after(text, "="), json_assigned(text, "x"));
    let _ = (
        unescape(text),
        percent(text),
        entities(text),
        media_links(text),
    );
}

/// Pieces that mean something to one decoder or another.
const PIECES: [&str; 48] = [
    "'",
    "\"",
    "`",
    "\\",
    "\\x",
    "\\u",
    "\\u{",
    "}",
    "{",
    "[",
    "]",
    "(",
    ")",
    ",",
    ".",
    "+",
    "=",
    "x",
    "68",
    "%",
    "%u00",
    "&",
    "&amp;",
    "&#x",
    ";",
    "é",
    "🏁",
    "\n",
    " ",
    "0",
    "a",
    "eval(function(p,a,c,k,e,d)",
    ".split('|')",
    "'a|b'",
    ".split('')",
    ".reverse()",
    ".join('')",
    "atob(",
    "String.fromCharCode(",
    "JSON.parse(",
    "https://c.test/a.m3u8",
    ".m3u8",
    ".mpd",
    "https://",
    "\\/",
    "null",
    "\u{0}",
    "62,9,",
];

proptest! {
    #[test]
    fn no_text_makes_a_decoder_panic(text in any::<String>()) {
        decode_all(&text);
    }

    #[test]
    fn no_mixture_of_meaningful_pieces_does(
        pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40),
    ) {
        decode_all(&pieces.concat());
    }

    #[test]
    fn what_was_encoded_comes_back(text in "[ -~é🏁]{0,60}") {
        let bytes = text.as_bytes();
        let hexed: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        prop_assert_eq!(hex(&hexed), Ok(text.clone()));
        let percented: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
        prop_assert_eq!(percent(&percented), text.clone());
        let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        prop_assert_eq!(unescape(&units), text.clone());
        let numbers: String = text.chars().map(|c| format!("&#{};", u32::from(c))).collect();
        prop_assert_eq!(entities(&numbers), text.clone());
        let quoted = serde_json::to_string(&text).expect("JSON");
        prop_assert_eq!(js_value(&quoted), Ok((text.clone(), "")));
        let letters: Vec<_> = text.chars().map(|c| serde_json::to_string(&c).expect("JSON")).collect();
        let list = format!("[{}].join('')", letters.join(","));
        prop_assert_eq!(js_value(&list), Ok((text.clone(), "")));
        let reversed: String = text.chars().rev().collect();
        let reversed = serde_json::to_string(&reversed).expect("JSON");
        let expression = format!("{reversed}.split('').reverse().join('')");
        prop_assert_eq!(js_value(&expression), Ok((text, "")));
    }
}

/// 128 KiB of each piece, and of what opens something and never closes
/// it. This takes some 50 ms each without optimisation; quadratic
/// time would be minutes.
#[test]
fn time_is_in_proportion_to_the_text() {
    let open = [
        "x=",
        "x={",
        "x=['",
        "&#",
        "%4",
        "'+'",
        "\\\\",
        "//.",
        "x=JSON.parse('",
    ];
    for piece in PIECES.iter().copied().chain(open) {
        let text = piece.repeat(128 * 1024 / piece.len());
        let began = Instant::now();
        decode_all(&text);
        let took = began.elapsed();
        assert!(took < Duration::from_secs(10), "{piece:?} took {took:?}");
    }
}
