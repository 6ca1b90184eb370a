//! Places for requests under way. Each upstream origin has so many of them for
//! each class of requests, so that what takes as long as a viewer likes keeps
//! nobody from what is short.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use super::error::FetchError;
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
pub(super) type Place = OwnedSemaphorePermit;

/// All places there are.
#[derive(Debug)]
pub(super) struct Places {
    usual: usize,
    held: usize,
    /// How long to wait for one.
    patience: Duration,
    origins: DashMap<(String, Class), Arc<Semaphore>>,
    metrics: Metrics,
}

/// Beyond so many, those are forgotten where no request is under way.
const MAX_ORIGINS: usize = 1024;

impl Places {
    pub(super) fn new(config: &config::Net, metrics: Metrics) -> Self {
        Self {
            usual: config.per_origin,
            held: config.held_per_origin,
            patience: config.connect_timeout,
            origins: DashMap::new(),
            metrics,
        }
    }

    /// A place at the origin of `url`, as soon as there is one.
    pub(super) async fn take(&self, url: &Url, class: Class) -> Result<Place, FetchError> {
        if self.origins.len() > MAX_ORIGINS {
            self.origins
                .retain(|_, places| Arc::strong_count(places) > 1);
        }
        let count = match class {
            Class::Held => self.held,
            Class::Text | Class::Body => self.usual,
        };
        let places = self
            .origins
            .entry((url.origin().ascii_serialization(), class))
            .or_insert_with(|| Arc::new(Semaphore::new(count)))
            .clone();
        if places.available_permits() == 0 {
            match class {
                Class::Held => self.metrics.limit("net.held_per_origin"),
                Class::Text | Class::Body => self.metrics.limit("net.per_origin"),
            }
        }
        match tokio::time::timeout(self.patience, places.acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(FetchError::Busy),
        }
    }
}
