//! What a value looks like: a date that will be over, a credential, a word.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use url::Url;

/// In the names of headers and settings that carry credentials, besides those
/// below.
const TELLING: &[&str] = &["auth", "cookie", "key", "session", "ticket"];

/// In the names of what a site hands out.
const SURE: &[&str] = &[
    "apikey",
    "authtoken",
    "bearer",
    "jwt",
    "passw",
    "secret",
    "sessid",
    "sessionid",
    "signature",
    "token",
];
/// The same, as words of their own: "author" is none.
const SURE_WORDS: &[&str] = &["auth", "authorization", "credential", "pwd", "sid", "sig"];
/// At the end of names that may as well be something else's.
const VAGUE: &[&str] = &["key", "session", "ticket"];
/// Shorter values are nobody's credentials.
pub(super) const SHORTEST: usize = 4;

/// A `Set-Cookie` line that says how long it lasts, not until when.
pub(super) fn by_age(line: &str, time: Timestamp) -> String {
    let attribute = |part: &&str, name: &str| {
        let found = part.trim().split_once('=');
        found
            .filter(|(key, _)| key.trim().eq_ignore_ascii_case(name))
            .map(|(_, v)| v.trim().to_owned())
    };
    let expires = line.split(';').find_map(|part| attribute(&part, "expires"));
    // "Sun, 22-Nov-2026 …" is as common as the date of RFC 9110.
    let expires = expires.map(|text| text.replace('-', " "));
    let Some(expires) = expires.and_then(|text| jiff::fmt::rfc2822::parse(&text).ok()) else {
        return line.to_owned();
    };
    let left = expires.timestamp().duration_since(time).as_secs().max(0);
    let aged = line
        .split(';')
        .any(|part| attribute(&part, "max-age").is_some());
    let kept = line
        .split(';')
        .filter(|part| attribute(part, "expires").is_none());
    let kept = kept.collect::<Vec<_>>().join(";");
    if aged {
        kept
    } else {
        format!("{kept}; Max-Age={left}")
    }
}

/// The password of `Basic` credentials (RFC 7617).
pub(super) fn basic(scheme: &str, token: &str) -> Option<String> {
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(token).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    Some(text.split_once(':')?.1.to_owned())
}

/// A URL that says who is asked and no more.
pub(super) fn is_origin(value: &str) -> bool {
    let url = Url::parse(value).ok();
    url.is_some_and(|url| {
        let origin = url.origin();
        origin.is_tuple() && url.as_str().strip_suffix('/') == Some(&*origin.ascii_serialization())
    })
}

/// Long enough for a session, and no word.
pub(super) fn is_random(value: &str) -> bool {
    value.len() >= 16 || (value.len() >= 8 && value.bytes().any(|b| b.is_ascii_digit()))
}

/// A credential by its name and its looks. What a site names is most often
/// none ("key", "session": a race's), so the vaguer the name, the more it must
/// look like one.
pub(super) fn is_credential(name: &str, value: &str) -> bool {
    let digit = value.bytes().any(|b| b.is_ascii_digit());
    if value.len() < SHORTEST || value.contains(char::is_whitespace) {
        return false;
    }
    let name = name.to_ascii_lowercase();
    if is_sure(&name) {
        // "token_type": "Bearer", "auth": "required".
        return digit || value.len() > 16;
    }
    if VAGUE.iter().any(|vague| name.ends_with(vague)) {
        return value.len() >= 24 || (digit && value.len() >= 12);
    }
    false
}

/// In lower case.
fn is_sure(name: &str) -> bool {
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    SURE.iter().any(|sure| name.contains(sure)) || words.any(|word| SURE_WORDS.contains(&word))
}

pub(super) fn tells(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    is_sure(&name) || TELLING.iter().any(|part| name.contains(part))
}

/// A name as part of a placeholder.
pub(super) fn word(name: &str) -> String {
    let letter = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    name.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_kept_by_its_age() {
        let now = "2026-11-22T12:00:00Z".parse().expect("a time");
        for (line, expect) in [
            ("a=1; Path=/", "a=1; Path=/"),
            (
                "a=1; Expires=Sun, 22 Nov 2026 13:00:00 GMT; Path=/",
                "a=1; Path=/; Max-Age=3600",
            ),
            (
                "a=1; expires=Sun, 22-Nov-2026 12:00:09 GMT",
                "a=1; Max-Age=9",
            ),
            ("a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "a=; Max-Age=0"),
            (
                "a=1; Max-Age=7; Expires=Sun, 22 Nov 2026 13:00:00 GMT",
                "a=1; Max-Age=7",
            ),
            ("a=1; Expires=some day", "a=1; Expires=some day"),
        ] {
            assert_eq!(by_age(line, now), expect);
        }
    }

    #[test]
    fn credentials_are_told_from_words() {
        assert_eq!(basic("Basic", "bWU6c2VjcmV0").as_deref(), Some("secret"));
        assert_eq!(basic("Bearer", "bWU6c2VjcmV0"), None);
        assert!(is_origin("https://id.example") && is_origin("http://id.example:8080/"));
        assert!(!is_origin("https://me:word@id.example/") && !is_origin("https://id.example/x"));
        assert!(is_random("k3yk3yk3") && is_random("abcdefghijklmnop"));
        assert!(!is_random("dark") && !is_random("deleted"));
        assert!(tells("X-Api-Key") && tells("Cookie") && tells("X-Sid") && !tells("referer"));
        for (name, value) in [
            ("token", "a1b2c3"),
            ("accessToken", "abcdefghijklmnopq"),
            ("X-Sid", "12ab"),
            ("session", "0123456789ab"),
        ] {
            assert!(is_credential(name, value), "{name}");
        }
        for (name, value) in [
            ("token_type", "Bearer"),
            ("author", "hamilton44"),
            ("session", "Practice 1"),
            ("session", "qualifying"),
            ("session_key", "9158"),
            ("token", "1"),
            ("monkey", "banana"),
        ] {
            assert!(!is_credential(name, value), "{name}");
        }
        assert_eq!(word("Api Key_1"), "api-key-1");
    }
}
