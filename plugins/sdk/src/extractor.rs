//! What a plugin implements, and how the contract's exports call it.
//!
//! The host gives every call a fresh instance: nothing set up here outlives a
//! call, and nothing may.

use std::collections::{HashMap, HashSet};

use crate::bindings::exports::f1_streams::extractor::{extraction, metadata};
use crate::{Error, Hint, Stream, id, log};

/// One site's extractor.
pub trait Extractor {
    /// What the plugin is. Pure: may not fetch, log or read configuration.
    fn info() -> Info;

    /// The live streams found on this site, best first.
    ///
    /// # Errors
    /// Why nothing usable came back; see [`Error`].
    fn extract(hint: &Hint) -> Result<Vec<Stream>, Error>;

    /// Is the site reachable and shaped as expected? Implement it where that
    /// can be told with fewer requests than `extract` makes.
    ///
    /// # Errors
    /// As for `extract`.
    fn probe() -> Result<(), Error> {
        let nothing_known = Hint {
            session: None,
            event_name: None,
            starts_at: None,
            ends_at: None,
            languages: Vec::new(),
            extra: Vec::new(),
        };
        Self::extract(&nothing_known).map(drop)
    }
}

/// Exports a type that implements [`Extractor`] as this component's plugin.
#[macro_export]
macro_rules! export {
    ($plugin:ident) => {
        $crate::bindings::__export_component!($plugin);
    };
}

/// What a plugin says about itself.
#[derive(Clone, Debug)]
pub struct Info(metadata::PluginInfo);

impl Info {
    /// `key` is also the stem of the plugin's file; `version` is semantic.
    #[must_use]
    pub fn new(key: &str, name: &str, version: &str) -> Self {
        Self(metadata::PluginInfo {
            key: key.into(),
            name: name.into(),
            version: version.into(),
            homepage: None,
            allowed_hosts: Vec::new(),
            config_schema: None,
            secrets: Vec::new(),
            refresh_after: None,
            attributes: Vec::new(),
        })
    }

    /// The hosts it asks for, as `https://example.org`, or `*` for whatever
    /// the operator's site file grants.
    #[must_use]
    pub fn hosts<'a>(mut self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        self.0
            .allowed_hosts
            .extend(hosts.into_iter().map(String::from));
        self
    }

    /// The secrets it reads with [`Site::secret`](crate::Site::secret).
    #[must_use]
    pub fn secrets<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.0.secrets.extend(names.into_iter().map(String::from));
        self
    }

    /// JSON Schema (2020-12) of a site's settings.
    #[must_use]
    pub fn config_schema(mut self, schema: &str) -> Self {
        self.0.config_schema = Some(schema.into());
        self
    }

    /// Where its author publishes it.
    #[must_use]
    pub fn homepage(mut self, url: &str) -> Self {
        self.0.homepage = Some(url.into());
        self
    }
}

impl<T: Extractor> metadata::Guest for T {
    fn describe() -> metadata::PluginInfo {
        T::info().0
    }
}

impl<T: Extractor> extraction::Guest for T {
    fn extract(hint: Hint) -> Result<Vec<extraction::StreamInfo>, Error> {
        log::panics();
        answer(T::extract(&hint))
    }

    fn probe() -> Result<(), Error> {
        log::panics();
        T::probe()
    }
}

/// The contract has no empty success: a site that works and shows nothing is
/// `not-found`.
fn answer(found: Result<Vec<Stream>, Error>) -> Result<Vec<extraction::StreamInfo>, Error> {
    match found?
        .into_iter()
        .map(Stream::into_info)
        .collect::<Vec<_>>()
    {
        streams if streams.is_empty() => Err(Error::NotFound),
        streams => Ok(streams),
    }
}

/// Makes a stream of each item. One that fails is logged and left out; if all
/// of them do, the most telling error is the answer: `layout-changed`, because
/// that needs a person, and `not-found` only where every item says so.
///
/// # Errors
/// `not-found` without items, otherwise the error of an item when none is left.
pub fn keep_good<T>(
    items: impl IntoIterator<Item = T>,
    make: impl FnMut(T) -> Result<Stream, Error>,
) -> Result<Vec<Stream>, Error> {
    let (streams, errors) = sift(items, make);
    for error in &errors {
        log::warn("a stream was left out", [("reason", format!("{error:?}"))]);
    }
    choose(streams, errors)
}

/// All streams of several sources, each named for the log. One that fails is
/// logged and loses only its own; if nothing is left, the most telling error is
/// the answer, as with [`keep_good`].
///
/// # Errors
/// `not-found` without sources, otherwise the error of one when nothing is left.
pub fn gather<N: ToString>(
    sources: impl IntoIterator<Item = (N, Result<Vec<Stream>, Error>)>,
) -> Result<Vec<Stream>, Error> {
    let (mut streams, mut errors) = (Vec::new(), Vec::new());
    for (name, found) in sources {
        match found {
            Ok(found) => streams.extend(found),
            Err(Error::NotFound) => errors.push(Error::NotFound),
            Err(error) => {
                let fields = [
                    ("source", name.to_string()),
                    ("reason", format!("{error:?}")),
                ];
                log::warn("a source was left out", fields);
                errors.push(error);
            }
        }
    }
    choose(streams, errors)
}

/// Makes ids unique: of streams whose ids are equal, the second gets `-2` behind
/// it, the third `-3`.
#[must_use]
pub fn distinct(streams: Vec<Stream>) -> Vec<Stream> {
    let mut seen: HashMap<String, u32> = HashMap::new();
    let mut taken: HashSet<String> = streams.iter().map(|one| one.id().to_owned()).collect();
    let rename = |stream: Stream| {
        let count = seen.entry(stream.id().to_owned()).or_default();
        *count += 1;
        if *count == 1 {
            return stream;
        }
        loop {
            let end = format!("-{count}");
            let id = id(&format!("{:.*}{end}", 64 - end.len(), stream.id()));
            if taken.insert(id.clone()) {
                return stream.with_id(id);
            }
            *count += 1;
        }
    };
    streams.into_iter().map(rename).collect()
}

fn sift<T>(
    items: impl IntoIterator<Item = T>,
    mut make: impl FnMut(T) -> Result<Stream, Error>,
) -> (Vec<Stream>, Vec<Error>) {
    let (mut streams, mut errors) = (Vec::new(), Vec::new());
    for item in items {
        match make(item) {
            Ok(stream) => streams.push(stream),
            Err(error) => errors.push(error),
        }
    }
    (streams, errors)
}

fn choose(streams: Vec<Stream>, errors: Vec<Error>) -> Result<Vec<Stream>, Error> {
    if !streams.is_empty() {
        return Ok(streams);
    }
    let telling = |error: &Error| match error {
        Error::LayoutChanged(_) => 0,
        Error::NotFound => 2,
        _ => 1,
    };
    // The first of the most telling ones.
    let error = errors.into_iter().min_by_key(telling);
    Err(error.unwrap_or(Error::NotFound))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout_changed;

    fn kept(items: &[Result<&str, Error>]) -> Result<Vec<String>, Error> {
        let (streams, errors) = sift(items.iter().cloned(), |item| {
            item.map(|id| Stream::hls(id, "http://cdn.test/x.m3u8"))
        });
        answer(choose(streams, errors)).map(|all| all.into_iter().map(|one| one.id).collect())
    }

    #[test]
    fn one_bad_stream_does_not_lose_the_others() {
        assert_eq!(
            kept(&[Ok("a"), Err(layout_changed("script")), Ok("b")]),
            Ok(vec!["a".into(), "b".into()])
        );
    }

    #[test]
    fn when_none_is_left_the_most_telling_error_is_the_answer() {
        let network = Error::Network("timed out".into());
        assert_eq!(kept(&[Err(network.clone())]), Err(network.clone()));
        assert_eq!(
            kept(&[Err(network.clone()), Err(layout_changed("script"))]),
            Err(layout_changed("script"))
        );
        assert_eq!(
            kept(&[Err(Error::NotFound), Err(network.clone())]),
            Err(network)
        );
    }

    #[test]
    fn equal_ids_get_numbers_that_nobody_has() {
        let long = "x".repeat(64);
        let ids = ["a", "b", "a", "a-2", "a", &long, &long];
        let streams = ids.map(|id| Stream::hls(id, "http://cdn.test/x.m3u8"));
        let renamed = distinct(streams.into());
        let renamed: Vec<_> = renamed.iter().map(Stream::id).collect();
        let shorter = format!("{}-2", &long[..62]);
        assert_eq!(renamed, ["a", "b", "a-3", "a-2", "a-4", &long, &shorter]);
    }

    #[test]
    fn nothing_found_is_not_an_empty_success() {
        assert_eq!(kept(&[]), Err(Error::NotFound));
        assert_eq!(
            answer(Ok(Vec::new())).map(|all| all.len()),
            Err(Error::NotFound)
        );
    }
}
