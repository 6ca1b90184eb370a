//! What a stream's multivariant playlist named: where each rendition is, and
//! which one a URL leads to.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use url::{Origin, Url};

use crate::playlist::Variables;

/// As last seen.
#[derive(Debug)]
pub(super) struct Renditions {
    /// The stream's URL then: when it has changed, these are old.
    pub(super) learned_from: Url,
    /// What it defined.
    pub(super) variables: Variables,
    /// By rendition key.
    urls: HashMap<Arc<str>, Arc<Url>>,
    /// Rendition keys. Of several that have one URL, it is the first's.
    by_url: HashMap<Arc<Url>, Arc<str>>,
    /// The same without the query; `None` where that leads to several URLs.
    by_path: HashMap<(Origin, String), Option<Arc<str>>>,
    /// About what all of it holds in memory, in bytes.
    pub(super) weight: usize,
}

impl Renditions {
    /// `named` are keys and URLs, in the playlist's order.
    pub(super) fn new(learned_from: Url, named: Vec<(String, Url)>, variables: Variables) -> Self {
        let mut this = Self {
            learned_from,
            variables,
            urls: HashMap::with_capacity(named.len()),
            by_url: HashMap::with_capacity(named.len()),
            by_path: HashMap::with_capacity(named.len()),
            weight: 512,
        };
        for (key, url) in named {
            // Its path is there twice.
            this.weight += key.len() + 2 * url.as_str().len() + 512;
            let (key, url): (Arc<str>, _) = (key.into(), Arc::new(url));
            if let Entry::Vacant(first) = this.by_url.entry(url.clone()) {
                let alike = this.by_path.entry(bare(&url));
                alike
                    .and_modify(|only| *only = None)
                    .or_insert_with(|| Some(key.clone()));
                first.insert(key.clone());
            }
            this.urls.entry(key).or_insert(url);
        }
        this
    }

    pub(super) fn url(&self, key: &str) -> Option<&Url> {
        self.urls.get(key).map(|url| &**url)
    }

    /// The key of the rendition that `url` leads to. It may have another query.
    pub(super) fn key(&self, url: &Url) -> Option<&str> {
        let same = self.by_url.get(url);
        let key = same.or_else(|| self.by_path.get(&bare(url))?.as_ref())?;
        Some(key)
    }
}

fn bare(url: &Url) -> (Origin, String) {
    (url.origin(), url.path().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(named: &[(&str, &str)]) -> Renditions {
        let named = named.iter().map(|(key, url)| {
            let url = Url::parse(url).expect("a URL");
            ((*key).to_owned(), url)
        });
        let from = Url::parse("http://up.test/").expect("a URL");
        Renditions::new(from, named.collect(), Variables::default())
    }

    #[test]
    fn a_url_leads_to_the_first_rendition_that_has_it() {
        let known = known(&[
            ("stereo", "http://up.test/v?t=1"),
            ("surround", "http://up.test/v?t=1"),
            ("low", "http://up.test/low?t=1"),
            ("a", "http://up.test/same?v=a"),
            ("b", "http://up.test/same?v=b"),
        ]);
        for (url, expect) in [
            ("http://up.test/v?t=1", Some("stereo")),
            // Another query, of one that only twins have.
            ("http://up.test/v", Some("stereo")),
            ("http://up.test:80/low?t=2", Some("low")),
            ("http://up.test/same?v=b", Some("b")),
            ("http://up.test/same?v=c", None),
            ("https://up.test/low?t=1", None),
            ("http://other.test/low?t=1", None),
        ] {
            let found = known.key(&Url::parse(url).expect("a URL"));
            assert_eq!(found, expect, "{url}");
        }
        let surround = known.url("surround").map(Url::as_str);
        assert_eq!(surround, Some("http://up.test/v?t=1"));
        assert_eq!(known.url("none"), None);
    }
}
