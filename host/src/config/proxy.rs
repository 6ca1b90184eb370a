//! The egress proxy of a site.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;

use super::secret::Secret;

/// Where a site's fetches go out, `http://proxy.lan:3128`, and what it wants to be
/// told. It has no `Display`, and its `Debug` shows neither user nor password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Proxy {
    /// Scheme, host and port alone.
    url: Url,
    /// `user:password`, where it asks for one.
    credentials: Option<Secret>,
}

// === impl Proxy ===

impl Proxy {
    /// Where it is; nothing secret.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// `user:password`, to be sent to nobody but the proxy.
    pub fn credentials(&self) -> Option<&Secret> {
        self.credentials.as_ref()
    }

    /// What of it is nobody's business, as far as it says something.
    pub fn secret_texts(&self) -> impl Iterator<Item = &str> {
        let pair = self.credentials.as_ref().map(Secret::reveal);
        let password = pair.and_then(|pair| Some(pair.split_once(':')?.1));
        pair.into_iter()
            .chain(password)
            .filter(|text| !text.is_empty())
    }
}

impl FromStr for Proxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The text is not repeated: there may be a password in it.
        let mut url = Url::parse(text.trim()).map_err(|error| format!("not a URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("must begin with http:// or https://".to_owned());
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err("must end behind its host and port".to_owned());
        }
        let user = percent_decode_str(url.username()).decode_utf8();
        let password = percent_decode_str(url.password().unwrap_or_default()).decode_utf8();
        let (Ok(user), Ok(password)) = (user, password) else {
            return Err("has a user or password that is not UTF-8".to_owned());
        };
        // RFC 7617, section 2.
        if user.contains(':') || [&user, &password].iter().any(|part| has_control(part)) {
            return Err("has a character in its user or password that cannot be sent".to_owned());
        }
        let named = !(user.is_empty() && password.is_empty());
        let credentials = named.then(|| Secret::new(format!("{user}:{password}")));
        if url.set_username("").is_err() || url.set_password(None).is_err() {
            return Err("has no host".to_owned());
        }
        Ok(Self { url, credentials })
    }
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("url", &self.url.as_str())
            .field("credentials", &self.credentials)
            .finish()
    }
}
