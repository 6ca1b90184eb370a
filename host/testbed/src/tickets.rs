//! The secrets that the site, the redirecting hosts and the CDN hand to each
//! other: sessions, form tokens and the randoms of the way to the stream.
//!
//! Each is 130 bits of randomness, so that a step cannot be skipped by
//! guessing. Form tokens and the two hops' randoms are spent when they are
//! used. Bound: [`CAPACITY`] of each kind; the oldest are forgotten.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rand::distr::{Alphanumeric, SampleString as _};

use crate::bounded::Bounded;

/// Far more than one test or demo has open at a time, and under a megabyte.
const CAPACITY: usize = 2_048;

/// Base-62 characters for 130 bits.
const LENGTH: usize = 22;

pub(crate) fn random() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), LENGTH)
}

/// Where an event page's stream URL leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// To the live stream, over the two redirects.
    Live,
    /// To a cloud's metadata service.
    Metadata,
    /// To a private network.
    Private,
    /// To the host's own machine.
    Loopback,
}

/// What one event page carries.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) token: String,
    pub(crate) event: String,
}

#[derive(Debug)]
struct OpenPage {
    session: String,
    event: String,
    target: Target,
}

#[derive(Debug)]
struct Kept {
    sessions: Bounded<String, ()>,
    pages: Bounded<String, OpenPage>,
    hops: Bounded<String, ()>,
    last_hops: Bounded<String, ()>,
    live: Bounded<String, ()>,
}

/// Every secret that is valid now.
#[derive(Debug)]
pub(crate) struct Tickets(Mutex<Kept>);

impl Default for Tickets {
    fn default() -> Self {
        Self(Mutex::new(Kept {
            sessions: Bounded::new(CAPACITY),
            pages: Bounded::new(CAPACITY),
            hops: Bounded::new(CAPACITY),
            last_hops: Bounded::new(CAPACITY),
            live: Bounded::new(CAPACITY),
        }))
    }
}

impl Tickets {
    /// The visitor's own session where it is known, else a new one.
    pub(crate) fn session(&self, presented: Option<String>) -> String {
        let mut kept = self.lock();
        if let Some(session) = presented.filter(|session| kept.sessions.get(session).is_some()) {
            return session;
        }
        let session = random();
        kept.sessions.insert(session.clone(), ());
        session
    }

    /// Makes a page for a session.
    pub(crate) fn open_page(&self, session: &str, target: Target) -> Page {
        let page = Page {
            token: random(),
            event: random(),
        };
        let open = OpenPage {
            session: session.to_owned(),
            event: page.event.clone(),
            target,
        };
        self.lock().pages.insert(page.token.clone(), open);
        page
    }

    /// Spends a form token, if session and event are the ones it was made for.
    pub(crate) fn redeem(&self, token: &str, session: &str, event: &str) -> Option<Target> {
        let mut kept = self.lock();
        let token = token.to_owned();
        let page = kept.pages.get(&token)?;
        if page.session != session || page.event != event {
            return None;
        }
        kept.pages.remove(&token).map(|page| page.target)
    }

    /// Forgets every stream's random.
    pub(crate) fn revoke_live(&self) {
        self.lock().live = Bounded::new(CAPACITY);
    }

    /// The random of the first redirecting host.
    pub(crate) fn start_walk(&self) -> String {
        let hop = random();
        self.lock().hops.insert(hop.clone(), ());
        hop
    }

    /// Spends a first hop's random for a second hop's.
    pub(crate) fn walk(&self, hop: &str) -> Option<String> {
        let mut kept = self.lock();
        kept.hops.remove(&hop.to_owned())?;
        let next = random();
        kept.last_hops.insert(next.clone(), ());
        Some(next)
    }

    /// Spends a second hop's random for a stream's, which lasts.
    pub(crate) fn arrive(&self, hop: &str) -> Option<String> {
        let mut kept = self.lock();
        kept.last_hops.remove(&hop.to_owned())?;
        let live = random();
        kept.live.insert(live.clone(), ());
        Some(live)
    }

    /// Whether the CDN knows a stream's random.
    pub(crate) fn is_live(&self, live: &str) -> bool {
        self.lock().live.get(&live.to_owned()).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Every change is one call that cannot panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
