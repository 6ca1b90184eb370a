//! What goes wrong on purpose. Set in the process or over the control port;
//! nothing goes wrong by itself and nothing is left to chance.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::{clock::Clock, log::Role};

/// The faults in force. The default is none. Times are in milliseconds, as
/// they stand in the control port's JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// How long a segment's answer is held back, head and all.
    pub segment_first_byte_delay_ms: u64,
    /// Over how long a segment's body is spread: some bytes at once, the last
    /// ones after this time.
    pub segment_duration_ms: u64,
    /// The status that replaces every segment.
    #[serde(with = "status")]
    pub segment_status: Option<StatusCode>,
    /// The status that replaces every playlist.
    #[serde(with = "status")]
    pub playlist_status: Option<StatusCode>,
    /// The playlists stay as they were when this was set.
    pub playlist_frozen: bool,
    /// The status of every answer of the sites and the redirecting hosts.
    #[serde(with = "status")]
    pub site_status: Option<StatusCode>,
    /// How long the sites and the redirecting hosts hold back their answers.
    pub site_delay_ms: u64,
    /// The status of every answer of both schedule APIs.
    #[serde(with = "status")]
    pub schedule_status: Option<StatusCode>,
    /// How long both schedule APIs hold back their answers.
    pub schedule_delay_ms: u64,
    /// The status of the OpenF1-shaped API alone: the real one answers 401 to
    /// everything while a session is live.
    #[serde(with = "status")]
    pub openf1_status: Option<StatusCode>,
}

#[derive(Debug, Default)]
struct Kept {
    faults: Faults,
    frozen_at: Option<Duration>,
}

/// The shared faults.
#[derive(Debug, Clone)]
pub(crate) struct FaultStore {
    kept: Arc<RwLock<Kept>>,
    clock: Clock,
}

impl FaultStore {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            kept: Arc::default(),
            clock,
        }
    }

    pub(crate) fn get(&self) -> Faults {
        self.kept
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .faults
            .clone()
    }

    pub(crate) fn set(&self, faults: Faults) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.frozen_at = match (faults.playlist_frozen, kept.frozen_at) {
            (true, since) => since.or(Some(self.clock.stream())),
            (false, _) => None,
        };
        kept.faults = faults;
    }

    /// The instant that playlists show: now, or when they froze.
    pub(crate) fn playlist_time(&self) -> Duration {
        let frozen = self
            .kept
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .frozen_at;
        frozen.unwrap_or_else(|| self.clock.stream())
    }

    /// What holds for a party as a whole: waits, and says with which status to
    /// answer instead. The CDN's faults depend on what is asked for and are
    /// its own business.
    pub(crate) async fn gate(&self, role: Role, path: &str) -> Option<StatusCode> {
        let faults = self.get();
        let (delay, status) = match role {
            Role::SiteA | Role::SiteB | Role::Go | Role::Edge => {
                (faults.site_delay_ms, faults.site_status)
            }
            Role::Schedule if path.starts_with("/v1/") => (
                faults.schedule_delay_ms,
                faults.schedule_status.or(faults.openf1_status),
            ),
            Role::Schedule => (faults.schedule_delay_ms, faults.schedule_status),
            Role::Cdn | Role::Control => (0, None),
        };
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        status
    }
}

/// A status as a number that is one of a final answer.
mod status {
    use http::StatusCode;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(
        status: &Option<StatusCode>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        status.map(|status| status.as_u16()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<StatusCode>, D::Error> {
        let Some(number) = Option::<u16>::deserialize(deserializer)? else {
            return Ok(None);
        };
        match StatusCode::from_u16(number) {
            Ok(status) if (200..600).contains(&number) => Ok(Some(status)),
            _ => Err(D::Error::custom(format!(
                "{number} is not the status of an answer"
            ))),
        }
    }
}
