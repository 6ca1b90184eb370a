//! The login cookie: who, until when, and a seal that only the token's own key
//! makes. It names no token and needs no list of sessions.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Who;
use super::token::Token;

/// Of the cookie, one for all paths of the host.
pub const NAME: &str = "f1_streams_login";

const VERSION: u8 = 1;
/// Version, who, whose, expiry.
const HEAD: usize = 1 + 1 + 8 + 8;
const SEALED: usize = HEAD + 32;
/// So many of a request are looked at: a browser has one, and another where a host
/// above this one set it.
pub(super) const MOST: usize = 3;

/// What a cookie says, not yet believed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    pub(super) who: Who,
    bytes: [u8; SEALED],
}

/// `expires` in seconds since 1970.
pub(super) fn seal(token: &Token, who: Who, expires: i64) -> String {
    let mut bytes = Vec::with_capacity(SEALED);
    bytes.extend([VERSION, u8::from(who == Who::Admin)]);
    bytes.extend(token.id);
    bytes.extend(expires.to_be_bytes());
    let tag = token.sign(&bytes);
    bytes.extend(tag.as_ref());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The values of our cookie in a `Cookie` header (RFC 6265, section 4.2.1). Others
/// of the host may hold whatever they like.
pub(super) fn values(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    header.split(|byte| *byte == b';').filter_map(|pair| {
        let value = pair.trim_ascii().strip_prefix(NAME.as_bytes())?;
        value.strip_prefix(b"=")
    })
}

impl Opened {
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
        let bytes: [u8; SEALED] = bytes.try_into().ok()?;
        let who = match (bytes[0], bytes[1]) {
            (VERSION, 0) => Who::Viewer,
            (VERSION, 1) => Who::Admin,
            _ => return None,
        };
        Some(Self { who, bytes })
    }

    /// Whether `token` sealed it, and it has not ended.
    pub(super) fn is_of(&self, token: &Token, now: i64) -> bool {
        let (head, tag) = self.bytes.split_at(HEAD);
        let expires = head[10..].try_into().map(i64::from_be_bytes);
        head[2..10] == token.id
            && token.verify(head, tag)
            && expires.is_ok_and(|expires| now < expires)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_token_opens_a_cookie_and_only_until_it_ends() {
        let (token, other) = (Token::new(b"one"), Token::new(b"two"));
        let sealed = seal(&token, Who::Viewer, 100);
        let opened = Opened::parse(sealed.as_bytes()).expect("a cookie");
        assert_eq!(opened.who, Who::Viewer);
        assert!(opened.is_of(&token, 99));
        assert!(!opened.is_of(&token, 100), "ended");
        assert!(!opened.is_of(&other, 99));
    }

    #[test]
    fn no_changed_bit_opens() {
        let token = Token::new(b"one");
        let sealed = URL_SAFE_NO_PAD
            .decode(seal(&token, Who::Viewer, 100))
            .expect("base64");
        for bit in 0..sealed.len() * 8 {
            let mut bytes = sealed.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let opened = Opened::parse(URL_SAFE_NO_PAD.encode(bytes).as_bytes());
            assert!(
                !opened.is_some_and(|opened| opened.is_of(&token, 0)),
                "{bit}"
            );
        }
        for length in 0..sealed.len() {
            let cut = URL_SAFE_NO_PAD.encode(&sealed[..length]);
            assert!(Opened::parse(cut.as_bytes()).is_none(), "{length}");
        }
    }

    #[test]
    fn it_is_found_among_others() {
        let found = |header: &str| {
            let found = values(header.as_bytes()).map(String::from_utf8_lossy);
            found.collect::<Vec<_>>().join("|")
        };
        assert_eq!(found("x=é; f1_streams_login=x"), "x");
        assert_eq!(found("a=b; f1_streams_login=x; c"), "x");
        assert_eq!(found("f1_streams_login=x;f1_streams_login=y"), "x|y");
        assert_eq!(found("xf1_streams_login=x; F1_STREAMS_LOGIN=y"), "");
        assert_eq!(found(""), "");
    }
}
