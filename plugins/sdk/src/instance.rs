//! Several servers of one kind in one site: `[[settings.instances]]`, each with
//! a `url`, a `label` where the server's own name will not do, and whatever
//! else the plugin defines as `O`. Without the list, the base URL is the one.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use url::Url;

use crate::site::below;
use crate::{Error, Site, error::bad_config, id};

/// As many as a call has requests.
const MAX: usize = 64;

/// One server.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance<O = Plain> {
    url: String,
    label: Option<String>,
    /// Its place in the list, from 1; none for the base URL.
    number: Option<usize>,
    /// What else the plugin defines.
    pub own: O,
}

/// An instance with nothing but `url` and `label`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plain {}

/// Settings that are a list of instances and nothing else.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, bound = "O: DeserializeOwned")]
pub struct Instances<O = Plain> {
    #[serde(default)]
    instances: Vec<Instance<O>>,
}

impl<O: DeserializeOwned + Default> Instances<O> {
    /// Reads the site's configuration: its instances, at least one.
    ///
    /// # Errors
    /// `bad-config` naming what is missing or wrong.
    pub fn load() -> Result<Vec<Instance<O>>, Error> {
        let mut site = Site::<Self>::load()?;
        let listed = std::mem::take(&mut site.settings.instances);
        site.instances(listed)
    }
}

impl<S> Site<S> {
    /// The instances that the settings list, or the base URL as the only one.
    ///
    /// # Errors
    /// `bad-config` where there are none or too many.
    pub fn instances<O: Default>(
        &self,
        listed: Vec<Instance<O>>,
    ) -> Result<Vec<Instance<O>>, Error> {
        if listed.len() > MAX {
            return Err(bad_config(format!("more than {MAX} instances")));
        }
        if listed.is_empty() {
            return Ok(vec![Instance {
                url: self.base()?.to_owned(),
                label: None,
                number: None,
                own: O::default(),
            }]);
        }
        let numbered = (1..).zip(listed).map(|(number, mut instance)| {
            instance.number = Some(number);
            instance
        });
        Ok(numbered.collect())
    }
}

impl<O> Instance<O> {
    /// Where it is, as the operator wrote it.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.url
    }

    /// An address on this server; its URL's own path is kept.
    ///
    /// # Errors
    /// `bad-config` where the two make no address.
    pub fn url(&self, path: &str) -> Result<String, Error> {
        below(&self.url, path)
    }

    /// Its host, with a port where the URL has one, and the URL's own path: for
    /// the operator. Viewers must not learn where a stream comes from.
    #[must_use]
    pub fn name(&self) -> String {
        let url = Url::parse(&self.url).ok();
        let named = url.as_ref().and_then(|url| Some((url, url.host_str()?)));
        let Some((url, host)) = named else {
            return self.url.clone();
        };
        let port = url.port().map(|port| format!(":{port}"));
        let path = url.path().trim_end_matches('/');
        format!("{host}{}{path}", port.unwrap_or_default())
    }

    /// The operator's label, where there is one.
    #[must_use]
    pub fn configured_label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// What viewers read: the operator's label, else the server's own name
    /// where it has one, else its number.
    #[must_use]
    pub fn label(&self, own: Option<&str>) -> String {
        let own = own.map(str::trim).filter(|own| !own.is_empty());
        match self.label.as_deref().or(own) {
            Some(label) => label.to_owned(),
            None => format!("Server {}", self.number.unwrap_or(1)),
        }
    }

    /// The id of a stream on this server that the server calls `stream`: of a
    /// list's servers it begins with the label, or else with the number. So a
    /// label keeps ids steady when the list changes.
    #[must_use]
    pub fn id(&self, stream: &str) -> String {
        let number = self.number.map(|number| number.to_string());
        match self.label.as_ref().or(number.as_ref()) {
            Some(server) => id(&format!("{server} {stream}")),
            None => id(stream),
        }
    }
}

impl<'de, O: DeserializeOwned> Deserialize<'de> for Instance<O> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut keys = Map::deserialize(deserializer)?;
        // Taken out, so that the rest may refuse unknown fields.
        let mut take = |key| match keys.remove(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(D::Error::custom(format!(
                "an instance's {key} is not a text"
            ))),
        };
        let (url, label) = (take("url")?, take("label")?);
        let own = O::deserialize(Value::Object(keys)).map_err(D::Error::custom)?;
        let url = url.ok_or_else(|| D::Error::custom("an instance has no url"))?;
        Ok(Self {
            url,
            label,
            number: None,
            own,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(document: &str) -> Result<Vec<Instance>, Error> {
        let mut site = Site::<Instances>::parse(document)?;
        let listed = std::mem::take(&mut site.settings.instances);
        site.instances(listed)
    }

    #[test]
    fn the_list_or_the_base_url() {
        let one = load(r#"{"base_url":"https://a.test/sub"}"#).expect("valid");
        assert_eq!(one.len(), 1);
        assert_eq!(one[0].url("/api"), Ok("https://a.test/sub/api".into()));
        let two = r#"{"base_url":"https://a.test","instances":[
            {"url":"https://b.test"},{"url":"https://c.test:81/x/","label":"C"}]}"#;
        let two = load(two).expect("valid");
        let names: Vec<_> = two.iter().map(Instance::name).collect();
        assert_eq!(names, ["b.test", "c.test:81/x"]);
        assert_eq!(two[0].label(Some(" B's ")), "B's");
        assert_eq!(two[0].label(Some(" ")), "Server 1");
        assert_eq!(two[1].label(Some("own")), "C");
        assert_eq!(
            [one[0].id("cam/1"), two[0].id("cam/1"), two[1].id("cam/1")],
            ["cam-1", "1-cam-1", "C-cam-1"]
        );
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let many = r#"{"url":"https://b.test"},"#.repeat(MAX + 1);
        let many = format!(r#"{{"instances":[{}]}}"#, many.trim_end_matches(','));
        for (document, expected) in [
            ("{}", "base_url is missing"),
            (r#"{"instances":[{}]}"#, "an instance has no url"),
            (r#"{"instances":[{"url":7}]}"#, "url is not a text"),
            (
                r#"{"instances":[{"url":"https://b.test","lable":"x"}]}"#,
                "lable",
            ),
            (r#"{"instance":[]}"#, "instance"),
            (&many, "more than 64 instances"),
        ] {
            match load(document) {
                Err(Error::BadConfig(what)) if what.contains(expected) => {}
                other => panic!("{document}: {other:?}"),
            }
        }
        let odd = load(r#"{"instances":[{"url":"b.test"}]}"#).expect("loads");
        assert!(matches!(odd[0].url("/api"), Err(Error::BadConfig(_))));
    }
}
