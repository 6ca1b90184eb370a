//! The operator's side of a plugin: where its site is, and its settings. A
//! plugin has no address, header or token of its own; what is missing here is
//! `bad-config`, with the name of the key.

use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::bindings::f1_streams::extractor::config;
use crate::{Error, error::bad_config};

/// This call's site: its base URL and its `[settings]` as `S`.
#[derive(Clone, Debug)]
pub struct Site<S> {
    base: String,
    /// The `[settings]` table of the site file.
    pub settings: S,
}

impl<S: DeserializeOwned> Site<S> {
    /// Reads the site's configuration from the host.
    ///
    /// # Errors
    /// `bad-config` naming what is missing or wrong.
    pub fn load() -> Result<Self, Error> {
        Self::parse(&config::get_json())
    }

    fn parse(document: &str) -> Result<Self, Error> {
        let wrong = |error: serde_json::Error| bad_config(error.to_string());
        let mut document: Value = serde_json::from_str(document).map_err(wrong)?;
        // Taken out, so that settings may refuse unknown fields.
        let base = document
            .as_object_mut()
            .and_then(|keys| keys.remove("base_url"));
        let Some(Value::String(base)) = base else {
            return Err(bad_config("base_url is missing"));
        };
        match Url::parse(&base) {
            Ok(url) if url.has_host() => {}
            _ => return Err(bad_config("base_url is not an absolute URL")),
        }
        Ok(Self {
            base,
            settings: serde_json::from_value(document).map_err(wrong)?,
        })
    }
}

impl<S> Site<S> {
    /// A path below the base URL, whose own path is kept; an absolute URL
    /// stays as it is.
    ///
    /// # Errors
    /// `bad-config` where the two make no address.
    pub fn url(&self, path: &str) -> Result<String, Error> {
        if Url::parse(path).is_ok_and(|url| url.has_host()) {
            return Ok(path.into());
        }
        let (base, path) = (
            self.base.trim_end_matches('/'),
            path.trim_start_matches('/'),
        );
        match Url::parse(&format!("{base}/{path}")) {
            Ok(url) => Ok(url.into()),
            Err(error) => Err(bad_config(format!("base_url with {path}: {error}"))),
        }
    }

    /// A secret by name; the plugin's info must list it.
    ///
    /// # Errors
    /// `bad-config` where the operator has not configured it.
    pub fn secret(&self, name: &str) -> Result<String, Error> {
        config::secret(name).ok_or_else(|| bad_config(format!("secret {name} is missing")))
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
            ("{}", "base_url is missing"),
            ("[]", "base_url is missing"),
            (r#"{"base_url":7}"#, "base_url is missing"),
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
