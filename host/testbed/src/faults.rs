//! What goes wrong on purpose. Set in the process or over the control port;
//! nothing goes wrong by itself and nothing is left to chance.

pub mod wire;

use std::{
    sync::{Arc, PoisonError, RwLock, RwLockWriteGuard},
    time::Duration,
};

use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::{bounded::Bounded, clock::Clock, log::Role, tickets};
use wire::Wire;

/// Tokens of redirects that may be open at a time.
const TOKENS: usize = 1_024;

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
    /// What is wrong with single answers of the CDN.
    pub wire: Vec<Wire>,
}

#[derive(Debug)]
struct Kept {
    faults: Faults,
    frozen_at: Option<Duration>,
    /// How often each of `faults.wire` has been met.
    met: Vec<u64>,
    tokens: Bounded<String, ()>,
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
            kept: Arc::new(RwLock::new(Kept {
                faults: Faults::default(),
                frozen_at: None,
                met: Vec::new(),
                tokens: Bounded::new(TOKENS),
            })),
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
        let mut kept = self.change();
        kept.met = vec![0; faults.wire.len()];
        kept.frozen_at = match (faults.playlist_frozen, kept.frozen_at) {
            (true, since) => since.or(Some(self.clock.stream())),
            (false, _) => None,
        };
        kept.faults = faults;
    }

    /// What is wrong with the answer to a path and query. It counts as met.
    pub(crate) fn wire(&self, target: &str) -> Option<Wire> {
        let mut kept = self.change();
        let Kept { faults, met, .. } = &mut *kept;
        let mut all = faults.wire.iter().zip(met);
        let (wire, met) = all.find(|(wire, met)| {
            wire.fits(target) && wire.times.is_none_or(|times| **met < times)
        })?;
        *met += 1;
        Some(wire.clone())
    }

    /// A redirect's token.
    pub(crate) fn hand_out(&self) -> String {
        let token = tickets::random();
        self.change().tokens.insert(token.clone(), ());
        token
    }

    /// Was this token handed out, and is this its first use?
    pub(crate) fn spend(&self, token: &str) -> bool {
        self.change().tokens.remove(&token.to_owned()).is_some()
    }

    fn change(&self) -> RwLockWriteGuard<'_, Kept> {
        self.kept.write().unwrap_or_else(PoisonError::into_inner)
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
