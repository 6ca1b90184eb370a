//! What requests wait for before they go out: a place among those under way, at
//! the origin and in all, and the origin's turn.
//!
//! Each upstream origin has so many places for each class of requests, so that what
//! takes as long as a viewer likes keeps nobody from what is short. Of what is
//! short so much a second may be asked, too: media is bounded by its places alone,
//! because each of its requests takes as long as a viewer does.

use std::sync::Arc;

use dashmap::DashMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use url::Url;

use super::error::FetchError;
use super::guard::origin;
use super::rate::Rate;
use crate::config;
use crate::metrics::Metrics;

/// Which places a request waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Class {
    /// Read to its end at once: playlists, keys, pages.
    #[default]
    Text,
    /// A reload that the origin holds until there is something new.
    Held,
    /// Read as fast as viewers take it: media.
    Body,
}

/// Taken until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    origin: Arc<AtOrigin>,
    _there: OwnedSemaphorePermit,
    _in_all: OwnedSemaphorePermit,
}

/// All places there are.
#[derive(Debug)]
pub(super) struct Places {
    config: config::Net,
    in_all: Arc<Semaphore>,
    origins: DashMap<String, Arc<AtOrigin>>,
    metrics: Metrics,
}

/// One origin's.
#[derive(Debug)]
struct AtOrigin {
    text: Arc<Semaphore>,
    held: Arc<Semaphore>,
    body: Arc<Semaphore>,
    /// Of what is short.
    requests: Rate,
    /// Of bodies; `None` without a limit.
    bytes: Option<(Rate, Metrics)>,
}

/// Beyond so many, those are forgotten where no request is under way.
const MAX_ORIGINS: usize = 1024;

impl Places {
    pub(super) fn new(config: &config::Net, metrics: Metrics) -> Self {
        Self {
            config: config.clone(),
            in_all: Arc::new(Semaphore::new(config.max_requests)),
            origins: DashMap::new(),
            metrics,
        }
    }

    /// A place at the origin of `url`, as soon as there is one.
    pub(super) async fn take(&self, url: &Url, class: Class) -> Result<Place, FetchError> {
        let origin = self.origin(url);
        // The wait is the same for all there is to wait for.
        let now = Instant::now();
        let latest = now + self.config.connect_timeout;
        if class != Class::Body {
            let turn = origin.requests.take_by(1, now, latest);
            if turn.is_none_or(|turn| turn > now) {
                self.metrics.limit("net.rate_per_origin");
                tokio::time::sleep_until(turn.ok_or(FetchError::Busy)?).await;
            }
        }
        let (there, key) = match class {
            Class::Text => (&origin.text, "net.per_origin"),
            Class::Held => (&origin.held, "net.held_per_origin"),
            Class::Body => (&origin.body, "net.per_origin"),
        };
        let both = async {
            let there = self.permit(there, key).await?;
            Ok::<_, FetchError>((there, self.permit(&self.in_all, "net.max_requests").await?))
        };
        let both = tokio::time::timeout_at(latest, both).await;
        let (there, in_all) = both.unwrap_or(Err(FetchError::Busy))?;
        Ok(Place {
            origin,
            _there: there,
            _in_all: in_all,
        })
    }

    async fn permit(
        &self,
        places: &Arc<Semaphore>,
        key: &'static str,
    ) -> Result<OwnedSemaphorePermit, FetchError> {
        if places.available_permits() == 0 {
            self.metrics.limit(key);
        }
        let permit = places.clone().acquire_owned().await;
        // None of them is ever closed.
        permit.map_err(|_| FetchError::Busy)
    }

    fn origin(&self, url: &Url) -> Arc<AtOrigin> {
        let name = origin(url);
        if let Some(origin) = self.origins.get(&name) {
            return origin.clone();
        }
        if self.origins.len() >= MAX_ORIGINS {
            self.origins
                .retain(|_, origin| Arc::strong_count(origin) > 1);
        }
        let new = || Arc::new(AtOrigin::new(&self.config, &self.metrics));
        self.origins.entry(name).or_insert_with(new).clone()
    }
}

impl AtOrigin {
    fn new(config: &config::Net, metrics: &Metrics) -> Self {
        let now = Instant::now();
        let places = |count| Arc::new(Semaphore::new(count));
        let bytes = Some(config.bytes_per_origin.as_u64()).filter(|bytes| *bytes > 0);
        Self {
            text: places(config.per_origin),
            held: places(config.held_per_origin),
            body: places(config.per_origin),
            requests: Rate::new(config.rate_per_origin as u64, now),
            bytes: bytes.map(|bytes| (Rate::new(bytes, now), metrics.clone())),
        }
    }
}

impl Place {
    /// When the next piece of a body may be read, where that is not now.
    pub(super) fn due(&self) -> Option<Instant> {
        let (bytes, metrics) = self.origin.bytes.as_ref()?;
        let due = Some(bytes.taken()).filter(|due| *due > Instant::now())?;
        metrics.limit("net.bytes_per_origin");
        Some(due)
    }

    /// A piece of a body came.
    pub(super) fn came(&self, length: usize) {
        if let Some((bytes, _)) = &self.origin.bytes {
            bytes.take(length as u64, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lookups::tests::config;
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    fn places(text: &str) -> (Places, Metrics) {
        let metrics = Metrics::new();
        (Places::new(&config(text), metrics.clone()), metrics)
    }

    #[tokio::test]
    async fn all_requests_together_have_so_many_places() {
        let (places, metrics) = places("max_requests = 2\nconnect_timeout = \"100ms\"\n");
        let of = |n: usize| url(&format!("https://{n}.test/"));
        let one = places.take(&of(1), Class::Body).await.expect("a place");
        let _two = places.take(&of(2), Class::Text).await.expect("a place");
        assert_eq!(metrics.limit_hits("net.max_requests"), 0);
        let third = places.take(&of(3), Class::Held).await;
        assert_eq!(third.expect_err("none is free"), FetchError::Busy);
        assert_eq!(metrics.limit_hits("net.max_requests"), 1);
        drop(one);
        assert!(places.take(&of(3), Class::Held).await.is_ok());
    }

    #[tokio::test]
    async fn what_is_short_is_asked_for_so_often_and_media_as_its_places_let() {
        let (places, metrics) = places("rate_per_origin = 1\nconnect_timeout = \"100ms\"\n");
        let (one, other) = (url("https://a.test/x"), url("https://b.test/"));
        let ask = async |url: &Url, class| places.take(url, class).await.map(drop);
        assert_eq!(ask(&one, Class::Text).await, Ok(()));
        for class in [Class::Held, Class::Text] {
            assert_eq!(ask(&one, class).await, Err(FetchError::Busy));
        }
        assert_eq!(metrics.limit_hits("net.rate_per_origin"), 2);
        for _ in 0..10 {
            assert_eq!(ask(&one, Class::Body).await, Ok(()));
        }
        assert_eq!(ask(&other, Class::Held).await, Ok(()));
        assert_eq!(metrics.limit_hits("net.rate_per_origin"), 2);
    }

    #[tokio::test]
    async fn the_bodies_of_one_origin_share_what_they_bring_a_second() {
        let take = async |text: &str, url: &Url| {
            let (places, metrics) = places(text);
            let one = places.take(url, Class::Body).await.expect("a place");
            let two = places.take(url, Class::Text).await.expect("a place");
            (one, two, places, metrics)
        };
        let (origin, other) = (url("https://a.test/"), url("https://b.test/"));
        let (one, two, places, metrics) = take("bytes_per_origin = \"1kB\"\n", &origin).await;
        one.came(1000);
        assert_eq!((one.due(), two.due()), (None, None), "a second's worth");
        two.came(60_000);
        assert!(one.due().is_some() && two.due().is_some());
        let other = places.take(&other, Class::Body).await;
        assert_eq!(other.expect("a place").due(), None);
        assert_eq!(metrics.limit_hits("net.bytes_per_origin"), 2);
        let (free, ..) = take("", &origin).await;
        free.came(usize::MAX);
        assert_eq!(free.due(), None);
    }

    #[tokio::test]
    async fn origins_without_a_request_are_forgotten() {
        let (places, _) = places("");
        let of = |n: usize| url(&format!("https://{n}.test/"));
        let kept = places.take(&of(0), Class::Text).await.expect("a place");
        for n in 1..=MAX_ORIGINS {
            drop(places.take(&of(n), Class::Text).await.expect("a place"));
        }
        assert_eq!(places.origins.len(), 2);
        drop(kept);
    }
}
