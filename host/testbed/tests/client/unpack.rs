//! A decoder of packed scripts that shares nothing with the packer.

/// Unpacks by the letter of the unpacker, from the literals in the script
/// and with nothing of the packer's own.
pub(crate) fn unpack(script: &str) -> String {
    let call = &script[script.rfind("}('").unwrap() + 3..];
    let (payload, rest) = call.split_once("',62,").unwrap();
    let (count, rest) = rest.split_once(",'").unwrap();
    let (words, end) = rest.split_once("'.split('|'),0,{}))").unwrap();
    assert_eq!(end, "");
    let words: Vec<&str> = words.split('|').collect();
    assert_eq!(words.len(), count.parse::<usize>().unwrap());
    let value = |token: &str| {
        token.chars().fold(0, |value, c| {
            value * 62
                + match c {
                    '0'..='9' => c as usize - '0' as usize,
                    'a'..='z' => c as usize - 'a' as usize + 10,
                    'A'..='Z' => c as usize - 'A' as usize + 36,
                    _ => panic!("{c} is no digit"),
                }
        })
    };
    let mut out = String::new();
    let mut token = String::new();
    for c in payload
        .replace("\\'", "'")
        .replace("\\\\", "\\")
        .chars()
        .chain(['\0'])
    {
        if c.is_ascii_alphanumeric() {
            token.push(c);
            continue;
        }
        if !token.is_empty() {
            let word = words[value(&token)];
            out.push_str(if word.is_empty() { &token } else { word });
            token.clear();
        }
        out.push(c);
    }
    out.trim_end_matches('\0').to_owned()
}
