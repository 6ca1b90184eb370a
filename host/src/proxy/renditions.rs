//! What a stream's multivariant playlist named: where each rendition is, and
//! which one a URL leads to. Learned again from the stream's current URL when it
//! is not known, or is there no longer.

use std::collections::HashMap;
use std::collections::hash_map;
use std::sync::Arc;

use futures::FutureExt as _;
use http::StatusCode;
use url::{Origin, Url};

use super::{Directives, Proxy, playlist};
use crate::answer::Failure;
use crate::catalog::Entry;
use crate::playlist::{Context, Named, Variables, multivariant};

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
            if let hash_map::Entry::Vacant(first) = this.by_url.entry(url.clone()) {
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

/// Where a rendition is, as far as is known; `true` where that was learned just
/// now.
///
/// When the stream's URL has changed since, what was known goes on until what the
/// new one says is there: it may not answer, and nobody waits for it meanwhile.
pub(super) async fn url(
    proxy: &Proxy,
    entry: &Arc<Entry>,
    rendition: &str,
) -> Result<(Url, bool), Failure> {
    let known = proxy.0.renditions.get(&entry.id);
    let found = known.and_then(|known| Some((known.url(rendition)?.clone(), known)));
    let Some((url, known)) = found else {
        return Ok((learn(proxy, entry, rendition).await?, true));
    };
    if known.learned_from != entry.stream.url {
        let (this, entry) = (proxy.clone(), entry.clone());
        let learning = async move { drop(anew(&this, &entry).await) };
        proxy.0.background.spawn(learning);
    }
    Ok((url, false))
}

/// Where a rendition is by the stream's multivariant playlist as it is now.
pub(super) async fn learn(
    proxy: &Proxy,
    entry: &Arc<Entry>,
    rendition: &str,
) -> Result<Url, Failure> {
    let known = anew(proxy, entry).await?;
    known.url(rendition).cloned().ok_or_else(|| {
        Failure::new(
            StatusCode::NOT_FOUND,
            "rendition_gone",
            "the stream no longer has this rendition",
        )
    })
}

/// A URL that has expired, or whose server is gone, answers so.
pub(super) fn may_have_moved(failure: &Failure) -> bool {
    matches!(failure.status.as_u16(), 401 | 403 | 404 | 410 | 502 | 504)
}

/// One fetch for all who ask at the same time.
async fn anew(proxy: &Proxy, entry: &Arc<Entry>) -> Result<Arc<Renditions>, Failure> {
    let key = (entry.id.clone(), entry.stream.url.clone());
    let begin = || {
        let (proxy, entry) = (proxy.clone(), entry.clone());
        async move {
            let (offered, variables) = offered(&proxy, &entry).await?;
            let named = offered
                .into_iter()
                .map(|named| (named.key.as_str().to_owned(), named.url));
            Ok(remember(&proxy, &entry, named.collect(), variables))
        }
        .boxed()
    };
    proxy.0.learning.get(&key, || None, begin).await
}

/// What the stream's multivariant playlist names now.
pub(super) async fn offered(
    proxy: &Proxy,
    entry: &Entry,
) -> Result<(Vec<Named>, Variables), Failure> {
    let upstream = proxy.upstream_of(entry);
    let document = playlist::fetch(proxy, &upstream, &Directives::default(), None).await?;
    let context = Context {
        base: &document.base,
        parent: &Variables::default(),
        limits: proxy.playlist_limits(),
        directives: true,
    };
    let offered = multivariant(&document.body, &context);
    Ok(offered.map_or_else(Default::default, |offered| {
        (offered.playlists, offered.variables)
    }))
}

pub(super) fn remember(
    proxy: &Proxy,
    entry: &Entry,
    named: Vec<(String, Url)>,
    variables: Variables,
) -> Arc<Renditions> {
    let any = !named.is_empty();
    let learned_from = entry.stream.url.clone();
    let known = Arc::new(Renditions::new(learned_from, named, variables));
    if any {
        let kept = &proxy.0.renditions;
        kept.insert(entry.id.clone(), known.clone());
    }
    known
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
