//! The request profile: what fetching one stream's media needs. It stays on
//! the server; a link names the stream, never a header value.

use http::HeaderMap;
use http::header::{COOKIE, HeaderName, HeaderValue};
use url::Url;

use super::jar::Jar;
use super::request::Rules;
use crate::config::{HostPattern, is_reserved_header};

/// Headers for media requests to some hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderRule {
    /// Empty: every host that the stream's playlists name.
    pub hosts: Vec<HostPattern>,
    /// In order; a later rule overrides an earlier one of the same name.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// Header rules and cookies of one stream.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// All rules that match a hop's host apply, later ones overriding.
    pub rules: Vec<HeaderRule>,
    /// The site's cookies, where the stream needs them.
    pub jar: Option<Jar>,
}

impl Rules for Profile {
    fn apply(&self, url: &Url, headers: &mut HeaderMap) {
        for rule in &self.rules {
            if rule.hosts.is_empty() || rule.hosts.iter().any(|host| host.matches(url)) {
                for (name, value) in &rule.headers {
                    headers.insert(name.clone(), value.clone());
                }
            }
        }
        if let Some(value) = self.jar.as_ref().and_then(|jar| jar.header(url)) {
            headers.insert(COOKIE, value);
        }
    }

    fn received(&self, url: &Url, headers: &HeaderMap) {
        if let Some(jar) = &self.jar {
            jar.receive(url, headers);
        }
    }
}

/// Why a header that a guest or an operator names is not sent.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidHeader {
    /// Not a header name (RFC 9110, section 5.1).
    #[error("{0:?} is not a header name")]
    Name(String),
    /// Holds CR, LF, NUL or another control character.
    #[error("the value of {0} holds a character that no header may hold")]
    Value(HeaderName),
    /// Framing, routing and forwarding headers are the host's.
    #[error("{0} is set by the host alone")]
    Reserved(HeaderName),
}

/// Checks one header that somebody else wants sent.
pub fn check_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), InvalidHeader> {
    let name = HeaderName::try_from(name)
        .map_err(|_| InvalidHeader::Name(name.escape_debug().to_string()))?;
    if is_reserved_header(&name) {
        return Err(InvalidHeader::Reserved(name));
    }
    match HeaderValue::from_str(value) {
        Ok(value) => Ok((name, value)),
        Err(_) => Err(InvalidHeader::Value(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_rules_override_and_hosts_scope() {
        let header = |v: &str| check_header("referer", v).expect("header");
        let profile = Profile {
            rules: vec![
                HeaderRule {
                    hosts: vec![],
                    headers: vec![header("http://all/")],
                },
                HeaderRule {
                    hosts: vec!["http://cdn.test".parse().expect("pattern")],
                    headers: vec![header("http://cdn/")],
                },
            ],
            jar: None,
        };
        let sent = |url: &str| {
            let mut headers = HeaderMap::new();
            profile.apply(&Url::parse(url).expect("url"), &mut headers);
            headers["referer"].to_str().expect("ascii").to_owned()
        };
        assert_eq!(sent("http://cdn.test/"), "http://cdn/");
        assert_eq!(sent("http://other.test/"), "http://all/");
    }

    #[test]
    fn framing_and_forged_headers_are_refused() {
        for name in [
            "Host",
            "content-length",
            "Transfer-Encoding",
            "X-Forwarded-For",
            "Proxy-Authorization",
            "content_length",
            "X_Forwarded-For",
            "a b",
            "",
        ] {
            assert!(check_header(name, "x").is_err(), "{name}");
        }
        assert!(check_header("x-ok", "a\r\nHost: b").is_err());
        assert!(check_header("x-ok", "a\0").is_err());
        assert!(check_header("X-Ok", "fine").is_ok());
    }
}
