//! Is a stream really playing?
//!
//! A check walks the way a player would: the playlist answers (level 0), is a
//! playlist with media (1), advances between two looks (2), and its newest
//! segment is really media (3), of which it reads only the beginning. Checks
//! are bounded in number, time and frequency and read at most a playlist and
//! `health.segment_bytes`, so that checking is no load on anybody's origin.

mod pace;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use http::HeaderValue;
use http::header::RANGE;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

use self::pace::Pace;

use crate::catalog::{Entry, Health, State};
use crate::clock::Clock;
use crate::config;
use crate::media::{Content, behind_picture, sniff};
use crate::metrics::Metrics;
use crate::net::FetchError;
use crate::playlist::{self, Context, Limits, MediaState, Variables};
use crate::plugins::{Protection, Quality, StreamKind};

/// Checks streams; cheap to clone.
#[derive(Clone, Debug)]
pub struct Checker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: config::Health,
    max_playlist: u64,
    limits: Limits,
    clock: Clock,
    metrics: Metrics,
    places: Semaphore,
    pace: Pace,
}

/// How a check failed: what a viewer may read, with no upstream in it.
struct Fault {
    level: u8,
    state: State,
    reason: String,
}

/// Between two looks at a live playlist of which nothing is known yet.
const SECOND_LOOK: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(10);

impl Checker {
    /// Playlists are bounded as the relay bounds them.
    pub fn new(
        config: config::Health,
        relay: &config::Relay,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        let places = Semaphore::new(config.concurrency);
        Self(Arc::new(Inner {
            config,
            max_playlist: relay.playlist.as_u64(),
            limits: Limits {
                lines: relay.playlist_lines,
                line: relay.playlist_line.as_u64(),
                output: relay.playlist_output.as_u64(),
                variables: relay.variables.as_u64(),
            },
            clock,
            metrics,
            places,
            pace: Pace::default(),
        }))
    }

    /// Checks all of `entries` at once, as many as `health.concurrency` lets.
    pub async fn check_all(&self, entries: Vec<Arc<Entry>>) -> Vec<(Arc<Entry>, Health)> {
        join_all(entries.into_iter().map(|entry| async move {
            let health = self.check(&entry).await;
            (entry, health)
        }))
        .await
    }

    async fn check(&self, entry: &Entry) -> Health {
        let limit = self.0.config.per_minute;
        if !self.0.pace.allows(&entry.stream.url, limit, Instant::now()) {
            self.0.metrics.limit("health.per_minute");
            return entry.health.clone();
        }
        if self.0.places.available_permits() == 0 {
            self.0.metrics.limit("health.concurrency");
        }
        let Ok(_place) = self.0.places.acquire().await else {
            return entry.health.clone();
        };
        let mut health = Health {
            checked_at: Some(self.0.clock.now()),
            newest: entry.health.newest,
            // A check that gets no answer unlearns nothing.
            protection: entry.health.protection,
            quality: entry.health.quality.clone(),
            ..Health::default()
        };
        if entry.stream.kind != StreamKind::Hls {
            health.reason = Some("only HLS streams are checked and played".into());
            return health;
        }
        let walked = tokio::time::timeout(self.0.config.timeout, self.walk(entry, &mut health));
        let result = walked.await.unwrap_or_else(|_| {
            self.0.metrics.limit("health.timeout");
            Err(Fault {
                level: health.level,
                state: State::Down,
                reason: "no answer in time".into(),
            })
        });
        match result {
            Ok(()) => (health.level, health.state) = (3, State::Up),
            Err(fault) => {
                (health.level, health.state) = (fault.level, fault.state);
                health.reason = Some(fault.reason);
            }
        }
        health
    }

    fn context<'a>(&self, base: &'a Url, parent: &'a Variables) -> Context<'a> {
        Context {
            base,
            parent,
            limits: self.0.limits,
            directives: true,
        }
    }

    async fn walk(&self, entry: &Entry, health: &mut Health) -> Result<(), Fault> {
        let began = Instant::now();
        let (body, base) = self.playlist(entry, entry.stream.url.clone()).await?;
        let offered = playlist::multivariant(&body, &self.context(&base, &Variables::default()));
        let mut parent = Variables::default();
        let mut session_keys = playlist::Protection::None;
        let (body, base) = match offered {
            None => (body, base),
            Some(offered) => {
                health.quality = offered.best().map(quality);
                // As a player begins: with the first that is listed.
                let Some(variant) = offered.variants.into_iter().next() else {
                    return Err(Fault {
                        level: 0,
                        state: State::Down,
                        reason: "the playlist has no variant".into(),
                    });
                };
                (parent, session_keys) = (offered.variables, offered.protection);
                self.playlist(entry, variant.url).await?
            }
        };
        health.latency_ms = u64::try_from(began.elapsed().as_millis()).ok();
        let mut state = playlist::media_state(&body, &self.context(&base, &parent));
        health.protection = Some(protection(state.protection.max(session_keys)));
        if health.protection == Some(Protection::Drm) {
            return Err(Fault {
                level: 1,
                state: State::Down,
                reason: "protected media".into(),
            });
        }
        let Some(newest) = newest(&state) else {
            return Err(Fault {
                level: 0,
                state: State::Down,
                reason: "the playlist has no media".into(),
            });
        };
        health.level = 1;

        // The last look is enough if it was another playlist.
        let mut advances = state.ended || health.newest.is_some_and(|before| before != newest);
        let mut seen = newest;
        if !advances {
            let wait = state
                .target_duration
                .unwrap_or_default()
                .clamp(*SECOND_LOOK.start(), *SECOND_LOOK.end());
            tokio::time::sleep(wait).await;
            let (body, base) = self.playlist(entry, base).await?;
            state = playlist::media_state(&body, &self.context(&base, &parent));
            seen = self::newest(&state).unwrap_or(newest);
            advances = seen != newest;
        }
        health.newest = Some(seen);
        if !advances {
            return Err(Fault {
                level: 1,
                state: State::Degraded,
                reason: "the playlist does not advance".into(),
            });
        }
        health.level = 2;
        self.segment(entry, &state).await
    }

    async fn playlist(&self, entry: &Entry, url: Url) -> Result<(bytes::Bytes, Url), Fault> {
        let fault = |error: FetchError| down(0, &error);
        let response = entry
            .egress
            .send(entry.egress.get(url), &*entry.profile, "health")
            .await
            .map_err(fault)?;
        if !response.status.is_success() {
            return Err(status(0, response.status));
        }
        let (base, encoding) = (response.url.clone(), response.encoding());
        let body = response.collect(self.0.max_playlist).await.map_err(fault)?;
        let refused = |reason: String| Fault {
            level: 0,
            state: State::Down,
            reason,
        };
        let text = playlist::decompress(&body, encoding.as_deref(), self.0.max_playlist)
            .map_err(|_| refused("the playlist's compression cannot be undone".into()))?;
        if !playlist::is_playlist(&text) {
            return Err(refused("the answer is not a playlist".into()));
        }
        let body = match text {
            Cow::Owned(text) => text.into(),
            Cow::Borrowed(_) => body,
        };
        Ok((body, base))
    }

    /// Only the beginning of the newest segment: enough to see what it is.
    async fn segment(&self, entry: &Entry, state: &MediaState) -> Result<(), Fault> {
        let Some(segment) = &state.newest else {
            return Ok(());
        };
        let want = self.0.config.segment_bytes.as_u64().max(1);
        let start = segment.range.and_then(|range| range.offset).unwrap_or(0);
        let mut request = entry.egress.get(segment.url.clone());
        let range = format!("bytes={start}-{}", start.saturating_add(want - 1));
        request.headers.insert(
            RANGE,
            HeaderValue::try_from(range).expect("digits are a header value"),
        );
        let fault = |error: FetchError| Fault {
            state: State::Degraded,
            ..down(2, &error)
        };
        let mut response = entry
            .egress
            .send(request, &*entry.profile, "health")
            .await
            .map_err(fault)?;
        if !response.status.is_success() {
            return Err(Fault {
                state: State::Degraded,
                ..status(2, response.status)
            });
        }
        let mut head = Vec::new();
        let picture =
            |head: &[u8]| matches!(sniff(head), Content::Media(kind) if kind.starts_with("image/"));
        let mut enough = want.min(512);
        while (head.len() as u64) < enough {
            match response.chunk().await.map_err(fault)? {
                Some(chunk) => head.extend_from_slice(&chunk),
                None => break,
            }
            // Media may stand behind it.
            if picture(&head) {
                enough = want;
            }
        }
        // The rest is not read: dropping the response ends the transfer.
        let media = match sniff(&head) {
            _ if picture(&head) && !segment.encrypted => behind_picture(&head).is_some(),
            Content::Media(_) => true,
            Content::Playlist => false,
            // Encrypted bytes look like anything.
            _ => segment.encrypted && !head.is_empty(),
        };
        if media {
            Ok(())
        } else {
            Err(Fault {
                level: 2,
                state: State::Degraded,
                reason: "the newest segment is not media".into(),
            })
        }
    }
}

/// Of the newest segment; a byterange playlist has one URL for many.
fn newest(state: &MediaState) -> Option<u64> {
    state.newest.as_ref().map(|segment| segment.sequence)
}

fn quality(variant: &playlist::Variant) -> Quality {
    let height = variant.resolution.map(|(_, height)| height);
    Quality {
        height: height.and_then(|height| height.try_into().ok()),
        bandwidth: variant.bandwidth.and_then(|bits| bits.try_into().ok()),
        label: None,
    }
}

fn protection(found: playlist::Protection) -> Protection {
    match found {
        playlist::Protection::None => Protection::None,
        playlist::Protection::ClearKey => Protection::ClearKey,
        playlist::Protection::Drm => Protection::Drm,
    }
}

fn status(level: u8, status: http::StatusCode) -> Fault {
    Fault {
        level,
        state: State::Down,
        reason: format!("the upstream answered {}", status.as_u16()),
    }
}

fn down(level: u8, error: &FetchError) -> Fault {
    let reason = match error {
        FetchError::Denied(denied) => format!("the guard refuses its address ({})", denied.code()),
        other => other.to_string(),
    };
    Fault {
        level,
        state: State::Down,
        reason,
    }
}
