//! One stream of the catalog and its health.

use std::cmp::Reverse;
use std::sync::Arc;

use jiff::Timestamp;

use crate::net::{Egress, Profile};
use crate::plugins::{Protection, Quality, Site, Stream, StreamKind};

/// One current stream. Everything that names its upstream stays in here.
#[derive(Clone, Debug)]
pub struct Entry {
    /// `site.stream-id`, stable across extractions.
    pub id: String,
    /// The site's key.
    pub site: String,
    /// As the extraction returned it.
    pub stream: Stream,
    /// What fetching its media needs.
    pub profile: Arc<Profile>,
    /// The site's way out.
    pub egress: Egress,
    /// As last checked.
    pub health: Health,
    /// When an extraction last returned it.
    pub found_at: Timestamp,
}

/// Whether a stream really plays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The verdict.
    pub state: State,
    /// 0 answers, 1 is a playlist with media, 2 advances, 3 its newest segment
    /// is really media.
    pub level: u8,
    /// When it was last checked.
    pub checked_at: Option<Timestamp>,
    /// From the request for the playlist to its last byte, in milliseconds.
    pub latency_ms: Option<u64>,
    /// Why it is not `up`; stable code and words without an upstream's name.
    pub reason: Option<String>,
    /// The newest media sequence number seen, to see whether it advances.
    pub newest: Option<u64>,
    /// What the playlists themselves say of protection.
    pub protection: Option<Protection>,
    /// The best that its multivariant playlist offers.
    pub quality: Option<Quality>,
}

/// A stream's state, best first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its newest segment is media, and it advances.
    Up,
    /// Answers, but something is wrong.
    Degraded,
    /// Not checked yet.
    #[default]
    Unknown,
    /// Cannot be played.
    Down,
}

impl Entry {
    /// What `site`'s extraction returned at `found_at`, not checked yet.
    pub fn new(site: &Site, stream: Stream, found_at: Timestamp) -> Self {
        let profile = Profile {
            rules: stream.rules.clone(),
            jar: stream.use_cookies.then(|| site.jar.clone()),
        };
        Self {
            id: format!("{}.{}", site.key, stream.id),
            site: site.key.clone(),
            stream,
            profile: Arc::new(profile),
            egress: site.egress.clone(),
            health: Health::default(),
            found_at,
        }
    }

    /// What the checker found, else what the site says; if either says that a
    /// DRM system protects it, it is so.
    pub fn protection(&self) -> Protection {
        match (self.stream.protection, self.health.protection) {
            (Protection::Drm, _) => Protection::Drm,
            (said, found) => found.unwrap_or(said),
        }
    }

    /// Its best quality: what its playlist says, and where that says nothing, the
    /// site.
    pub fn quality(&self) -> Quality {
        let (said, found) = (&self.stream.quality, self.health.quality.as_ref());
        Quality {
            height: found.and_then(|found| found.height).or(said.height),
            bandwidth: found.and_then(|found| found.bandwidth).or(said.bandwidth),
            label: said.label.clone(),
        }
    }

    /// Whether offering it to a viewer makes sense.
    pub fn playable(&self) -> bool {
        self.stream.kind == StreamKind::Hls
            && self.protection() != Protection::Drm
            && self.health.state != State::Down
    }

    /// Sorts best first: state, the extractor's rank, height, then id, so that
    /// the order is stable.
    pub(super) fn order(&self) -> impl Ord + use<> {
        (
            !self.playable(),
            self.health.state,
            Reverse(self.stream.rank),
            Reverse(self.quality().height),
            self.id.clone(),
        )
    }
}
