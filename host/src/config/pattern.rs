//! Where requests may go, as plugins ask for it and operators grant it.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// One origin, or all subdomains of one: `https://example.org`,
/// `https://*.example.org`, `http://camera.lan:8000`. Scheme, host and port must
/// all match; a wildcard stands for one label or more, never for none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPattern {
    scheme: Scheme,
    /// As it stands in a URL: lower case, ASCII, IPv6 in brackets.
    host: String,
    subdomains: bool,
    port: u16,
}

/// The schemes that are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain.
    Http,
    /// Over TLS.
    Https,
}

/// Text that is not a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an origin such as \"https://example.org\", \"https://*.example.org\" or \
     \"http://10.0.0.7:8080\""
)]
pub struct BadPattern;

// === impl HostPattern ===

impl HostPattern {
    /// The origin of a URL; `None` for what is not http or https, and for a host with a
    /// `*` in its name (a URL may spell it `%2A`): written out, it would be a wildcard.
    pub fn of(url: &Url) -> Option<Self> {
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        let host = url.host_str().filter(|host| !host.contains('*'))?;
        Some(Self {
            scheme,
            host: host.to_owned(),
            subdomains: false,
            port: url.port_or_known_default()?,
        })
    }

    /// Whether everything that `other` means is meant here, too.
    pub fn covers(&self, other: &Self) -> bool {
        let below = || {
            let labels = other.host.strip_suffix(&*self.host);
            labels.is_some_and(|labels| labels.ends_with('.') && labels.len() > 1)
        };
        let host = match (self.subdomains, other.subdomains) {
            (true, true) => self.host == other.host || below(),
            (true, false) => below(),
            (false, wider) => !wider && self.host == other.host,
        };
        host && self.scheme == other.scheme && self.port == other.port
    }

    /// Whether a request to `url` is meant.
    pub fn matches(&self, url: &Url) -> bool {
        let Some(other) = Self::of(url) else {
            return false;
        };
        let host = if self.subdomains {
            other
                .host
                .strip_suffix(&*self.host)
                .and_then(|labels| labels.strip_suffix('.'))
                .is_some_and(|labels| !labels.is_empty())
        } else {
            self.host == other.host
        };
        host && self.scheme == other.scheme && self.port == other.port
    }
}

impl FromStr for HostPattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(BadPattern)?;
        // A URL's parser would take its host from here: `https:example.org/x://`.
        let known = ["http", "https"];
        if !known.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return Err(BadPattern);
        }
        let (subdomains, rest) = match rest.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@', '\\']) {
            return Err(BadPattern);
        }
        let url = Url::parse(&format!("{scheme}://{authority}/")).map_err(|_| BadPattern)?;
        let named = matches!(url.host(), Some(Host::Domain(_)));
        if subdomains && !named {
            return Err(BadPattern);
        }
        let exact = Self::of(&url).ok_or(BadPattern)?;
        Ok(Self {
            subdomains,
            ..exact
        })
    }
}

impl<'de> serde::Deserialize<'de> for HostPattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bad = |error| serde::de::Error::custom(format!("{text:?}: {error}"));
        text.parse().map_err(bad)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, default) = match self.scheme {
            Scheme::Http => ("http", 80),
            Scheme::Https => ("https", 443),
        };
        let wildcard = if self.subdomains { "*." } else { "" };
        write!(f, "{scheme}://{wildcard}{}", self.host)?;
        if self.port != default {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_means_less() {
        let covers = |wide: &str, narrow: &str| {
            let [wide, narrow] = [wide, narrow].map(str::parse::<HostPattern>);
            wide.expect("pattern").covers(&narrow.expect("pattern"))
        };
        assert!(covers("https://a.example", "https://a.example"));
        assert!(covers("https://*.example", "https://a.example"));
        assert!(covers("https://*.example", "https://*.b.example"));
        assert!(covers("https://*.example", "https://*.example"));
        assert!(!covers("https://a.example", "https://*.a.example"));
        assert!(!covers("https://*.a.example", "https://a.example"));
        assert!(!covers("https://*.a.example", "https://ba.example"));
        assert!(!covers("https://*.a.example", "https://xa.a.example:8443"));
        assert!(!covers("http://*.example", "https://a.example"));
    }
}
