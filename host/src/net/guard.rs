//! What may be fetched at all: raw string, scheme, port and host of a URL,
//! then the address behind it.
//!
//! The string is judged once, before `url` normalises it: `url` silently drops
//! tabs, newlines and an empty user name, turns backslashes around, and finds a
//! host in `http:host` and `http:///host`, where others read a path. Names are judged by the
//! addresses they resolve to (in [`super::resolver`]), literals here.

use std::collections::BTreeMap;
use std::net::IpAddr;

use url::{Host, Url};

use super::address::AddressRules;
use crate::config::{Authorities, Key, Proxy};

/// The rules of one party that fetches: a site, the schedule, hand-made links.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// Which resolved addresses may be connected to.
    pub addresses: AddressRules,
    /// Ports; empty allows every port but 0.
    pub ports: Vec<u16>,
    /// Names answered before DNS. The answer is judged like any other.
    pub hosts: BTreeMap<String, IpAddr>,
    /// Longest URL in bytes.
    pub max_url: usize,
    /// Trusted beside the built-in authorities.
    pub authorities: Authorities,
    /// Where all requests go out.
    pub proxy: Option<Proxy>,
    /// The site it is, for the log.
    pub site: Option<Key>,
}

/// Why the guard refused.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Denied {
    /// Not a URL that is ever fetched.
    #[error("not an acceptable URL: {0}")]
    Url(&'static str),
    /// Only http and https are fetched.
    #[error("scheme {0:?} is not fetched, only http and https")]
    Scheme(String),
    /// Outside `net.ports`.
    #[error("port {0} is not in net.ports: add it there")]
    Port(u16),
    /// A denied address; the name is given where one was resolved.
    #[error(
        "{host} is at a denied address, {ip} ({range}): allow_addresses of the site file or of [net] would allow it"
    )]
    Address {
        /// The host as the URL has it.
        host: String,
        /// The address it stands for.
        ip: IpAddr,
        /// The range's word.
        range: &'static str,
    },
    /// This service itself.
    #[error("this is where the service itself listens")]
    Own,
    /// Outside the hosts this plugin was granted.
    #[error("{0} is not among the hosts granted to this site's plugin")]
    Host(String),
}

impl Denied {
    /// Stable code for APIs, logs and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Url(_) => "url_denied",
            Self::Scheme(_) => "scheme_denied",
            Self::Port(_) => "port_denied",
            Self::Address { .. } => "address_denied",
            Self::Own => "own_address",
            Self::Host(_) => "host_denied",
        }
    }
}

impl Policy {
    /// Parses a string that somebody else wrote and judges everything about
    /// it that needs no lookup.
    pub fn parse(&self, raw: &str) -> Result<Url, Denied> {
        let url = self.read(raw)?;
        self.judge(&url)?;
        Ok(url)
    }

    /// Parses it and judges how it is written; whoever fetches it judges the rest.
    pub fn read(&self, raw: &str) -> Result<Url, Denied> {
        if raw.len() > self.max_url {
            return Err(Denied::Url("longer than net.max_url"));
        }
        judge_raw(raw)?;
        Url::parse(raw).map_err(|_| Denied::Url("cannot be parsed"))
    }

    /// Judges a parsed URL: every fetch and every redirect hop passes here.
    pub fn judge(&self, url: &Url) -> Result<(), Denied> {
        if !is_fetched(url.scheme()) {
            return Err(Denied::Scheme(url.scheme().to_owned()));
        }
        if url.as_str().len() > self.max_url {
            return Err(Denied::Url("longer than net.max_url"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Denied::Url("holds a user name or password"));
        }
        let port = url.port_or_known_default().unwrap_or(0);
        if port == 0 || !(self.ports.is_empty() || self.ports.contains(&port)) {
            return Err(Denied::Port(port));
        }
        match url.host() {
            None => Err(Denied::Url("has no host")),
            Some(Host::Domain(name)) if is_host_name(name) => Ok(()),
            Some(Host::Domain(_)) => Err(Denied::Url("has a malformed host name")),
            Some(Host::Ipv4(ip)) => self.judge_address(&ip.to_string(), ip.into()),
            Some(Host::Ipv6(ip)) => self.judge_address(&ip.to_string(), ip.into()),
        }
    }

    /// Judges one address that `host` stands for.
    pub fn judge_address(&self, host: &str, ip: IpAddr) -> Result<(), Denied> {
        self.addresses.judge(ip).map_err(|range| Denied::Address {
            host: host.to_owned(),
            ip,
            range,
        })
    }
}

/// One text for each origin, however its host is written: by it requests are
/// counted.
pub(super) fn origin(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{}://{host}:{port}", url.scheme())
}

/// Judges a URL, or a reference to one, as somebody else wrote it.
fn judge_raw(raw: &str) -> Result<(), Denied> {
    if raw.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'\\') {
        return Err(Denied::Url(
            "holds a space, a control character or a backslash",
        ));
    }
    let hierarchy = match scheme(raw) {
        Some(scheme) if is_fetched(scheme) => &raw[scheme.len() + 1..],
        // Refused by its scheme.
        Some(_) => return Ok(()),
        None if raw.starts_with("//") => raw,
        None => return Ok(()),
    };
    let Some(authority) = hierarchy.strip_prefix("//") else {
        return Err(Denied::Url("has no // behind its scheme"));
    };
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() {
        Err(Denied::Url("has no host"))
    } else if authority.contains('@') {
        Err(Denied::Url("holds a user name or password"))
    } else {
        Ok(())
    }
}

/// A redirect's target: its raw string is judged here, what it parses to with
/// every hop.
pub(super) fn follow(base: &Url, location: &str) -> Result<Url, Denied> {
    judge_raw(location)?;
    let url = base.join(location);
    url.map_err(|_| Denied::Url("a redirect cannot be parsed"))
}

/// What stands before the colon, if it is a scheme (RFC 3986, section 3.1).
fn scheme(raw: &str) -> Option<&str> {
    let (scheme, _) = raw.split_once(':')?;
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
    let is_one = scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(fits);
    is_one.then_some(scheme)
}

fn is_fetched(scheme: &str) -> bool {
    ["http", "https"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
}

/// Letters, digits, `-` and `_` in labels of 1–63, 253 in all, one trailing
/// dot allowed: what `url` lets through beyond that is not a name (RFC 1123).
fn is_host_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn policy() -> Policy {
        Policy {
            addresses: AddressRules::default(),
            ports: vec![80, 443],
            hosts: BTreeMap::new(),
            max_url: 8192,
            authorities: Authorities::default(),
            proxy: None,
            site: None,
        }
    }

    #[test]
    fn ordinary_urls_pass() {
        for raw in [
            "https://example.org/a.m3u8?x=1#f",
            "http://EXAMPLE.org.",
            "http://1.1.1.1/",
            "http://[2606:4700::1111]/",
            "https://xn--bcher-kva.example/",
            "https://a_b.example/",
            "HTTPS://example.org?a@b:c//d",
            "http://example.org/a@b/c:d",
            "http://example.org#@",
        ] {
            assert!(
                policy().parse(raw).is_ok(),
                "{raw}: {:?}",
                policy().parse(raw)
            );
        }
    }

    #[test]
    fn each_spelling_of_something_else_is_refused_with_its_code() {
        for (raw, code) in [
            ("http://169.254.169.254/latest", "address_denied"),
            ("http://0x7f.1/", "address_denied"),
            ("http://2130706433/", "address_denied"),
            ("http://017700000001/", "address_denied"),
            ("http://127.1/", "address_denied"),
            ("http://①②⑦.0.0.1/", "address_denied"),
            ("http://%31%32%37.0.0.1/", "address_denied"),
            ("http://[::ffff:127.0.0.1]/", "address_denied"),
            ("http://[::1]/", "address_denied"),
            ("file:///etc/passwd", "scheme_denied"),
            ("gopher://127.0.0.1/", "scheme_denied"),
            ("javascript:alert(1)", "scheme_denied"),
            ("http://example.org:22/", "port_denied"),
            ("http://example.org:0/", "port_denied"),
            ("http://user@example.org/", "url_denied"),
            ("http://@example.org/", "url_denied"),
            ("http://:@example.org/", "url_denied"),
            ("HTTP://@example.org?x", "url_denied"),
            ("http:///example.org/", "url_denied"),
            ("http:////example.org/", "url_denied"),
            ("http:/example.org/", "url_denied"),
            ("http:example.org", "url_denied"),
            ("http:", "url_denied"),
            ("http://?example.org", "url_denied"),
            ("//example.org/", "url_denied"),
            ("http://example.org\\@127.0.0.1/", "url_denied"),
            ("http://exa\tmple.org/", "url_denied"),
            ("http://example.org/\r\nx", "url_denied"),
            ("http://example..org/", "url_denied"),
            ("http://*/", "url_denied"),
            ("http://./", "url_denied"),
            ("/relative", "url_denied"),
            ("", "url_denied"),
        ] {
            let refused = policy().parse(raw).expect_err(raw);
            assert_eq!(refused.code(), code, "{raw}: {refused}");
        }
    }

    #[test]
    fn a_reference_may_lack_what_a_url_must_have() {
        for (raw, is_fine) in [
            ("a.ts", true),
            ("/a.ts", true),
            ("../a:b@c/d", true),
            ("1:2", true),
            ("?a=http:b@c", true),
            ("#a", true),
            ("", true),
            ("//example.org/a@b", true),
            ("http://example.org/a@b", true),
            // Another scheme's name is what it is refused by.
            ("file:///etc/passwd", true),
            ("//@example.org/a", false),
            ("///example.org/a", false),
            ("//?a", false),
            ("http:a.ts", false),
            ("hTTp:/a.ts", false),
            ("https://a@b", false),
            ("a\\b", false),
            ("a b", false),
            ("a\u{7f}b", false),
        ] {
            assert_eq!(judge_raw(raw).is_ok(), is_fine, "{raw}");
        }
    }

    #[test]
    fn an_empty_port_list_allows_every_port_but_zero() {
        let policy = Policy {
            ports: vec![],
            ..policy()
        };
        assert!(policy.parse("http://example.org:12345/").is_ok());
        assert!(policy.parse("http://example.org:0/").is_err());
    }

    #[test]
    fn a_url_longer_than_the_limit_is_refused_also_after_normalising() {
        let policy = Policy {
            max_url: 30,
            ..policy()
        };
        assert!(policy.parse("http://example.org/1234567890123").is_err());
        // 27 bytes here, more once `url` has percent-encoded it.
        assert!(policy.parse("http://example.org/äääää").is_err());
    }
}
