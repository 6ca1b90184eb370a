//! The operator's side of a plugin: where its site is, and its settings. A
//! plugin has no address, header or token of its own; what is missing here is
//! `bad-config`, with the name of the key.

use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::bindings::f1_streams::extractor::config;
use crate::{Error, error::bad_config};

/// This call's site: its base URL, if it has one, and its `[settings]` as `S`.
#[derive(Clone, Debug)]
pub struct Site<S> {
    base: Option<String>,
    /// The `[settings]` table of the site file.
    pub settings: S,
}

impl<S: DeserializeOwned> Site<S> {
    /// Reads the site's configuration from the host. A site without a base URL
    /// loads; what needs one says so when it asks.
    ///
    /// # Errors
    /// `bad-config` naming what is missing or wrong.
    pub fn load() -> Result<Self, Error> {
        Self::parse(&config::get_json())
    }

    pub(crate) fn parse(document: &str) -> Result<Self, Error> {
        let wrong = |error: serde_json::Error| bad_config(error.to_string());
        let mut document: Value = serde_json::from_str(document).map_err(wrong)?;
        // Taken out, so that settings may refuse unknown fields.
        let base = document
            .as_object_mut()
            .and_then(|keys| keys.remove("base_url"));
        let base = match base {
            None => None,
            Some(Value::String(base)) if is_absolute(&base) => Some(base),
            Some(_) => return Err(bad_config("base_url is not an absolute URL")),
        };
        Ok(Self {
            base,
            settings: serde_json::from_value(document).map_err(wrong)?,
        })
    }
}

impl<S> Site<S> {
    /// The base URL, as the operator wrote it and without a final slash.
    ///
    /// # Errors
    /// `bad-config` where there is none.
    pub fn base(&self) -> Result<&str, Error> {
        let base = self.base.as_deref();
        base.ok_or_else(|| bad_config("base_url is missing"))
    }

    /// A path below the base URL, whose own path is kept; an absolute URL
    /// stays as it is.
    ///
    /// # Errors
    /// `bad-config` where there is no base URL or the two make no address.
    pub fn url(&self, path: &str) -> Result<String, Error> {
        if is_absolute(path) {
            return Ok(path.into());
        }
        below(self.base()?, path)
    }

    /// A secret by name; the plugin's info must list it.
    ///
    /// # Errors
    /// `bad-config` where the operator has not configured it.
    pub fn secret(&self, name: &str) -> Result<String, Error> {
        config::secret(name).ok_or_else(|| bad_config(format!("secret {name} is missing")))
    }
}

fn is_absolute(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.has_host())
}

/// A path below a base URL, whose own path is kept.
pub(crate) fn below(base: &str, path: &str) -> Result<String, Error> {
    let (base, path) = (base.trim_end_matches('/'), path.trim_start_matches('/'));
    match Url::parse(&format!("{base}/{path}")) {
        Ok(url) if url.has_host() => Ok(url.into()),
        Ok(_) => Err(bad_config(format!("{base} is not an absolute URL"))),
        Err(error) => Err(bad_config(format!("{base} with {path}: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        event_path: String,
    }

    fn load(document: &str) -> Result<Site<Settings>, Error> {
        Site::parse(document)
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (document, expected) in [
            ("{}", "event_path"),
            ("[]", "invalid"),
            (r#"{"base_url":7}"#, "base_url is not an absolute URL"),
            (
                r#"{"base_url":"site.test"}"#,
                "base_url is not an absolute URL",
            ),
            (r#"{"base_url":"http://s.test"}"#, "event_path"),
            (
                r#"{"base_url":"http://s.test","event_path":"/","evnt":1}"#,
                "evnt",
            ),
            ("{", "EOF"),
        ] {
            match load(document).map(|site| site.settings) {
                Err(Error::BadConfig(what)) if what.contains(expected) => {}
                other => panic!("{document}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_base_url_is_missed_only_where_it_is_needed() {
        let site = load(r#"{"event_path":"/x"}"#).expect("valid");
        let missing = Err(Error::BadConfig("base_url is missing".into()));
        assert_eq!(site.url("/x"), missing);
        assert_eq!(site.base().map(String::from), missing);
        assert_eq!(site.url("https://o.test/y"), Ok("https://o.test/y".into()));
    }

    #[test]
    fn paths_go_below_the_base() {
        for (base, path, expected) in [
            (
                "http://s.test:81",
                "/event/live",
                "http://s.test:81/event/live",
            ),
            ("http://s.test/", "event", "http://s.test/event"),
            (
                "http://s.test/sub/",
                "/event?x=1",
                "http://s.test/sub/event?x=1",
            ),
            ("http://s.test", "https://o.test/y", "https://o.test/y"),
        ] {
            let site =
                load(&format!(r#"{{"base_url":"{base}","event_path":"{path}"}}"#)).expect("valid");
            assert_eq!(site.url(&site.settings.event_path), Ok(expected.into()));
        }
    }
}
