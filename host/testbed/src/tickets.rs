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

/// Whose players a stream's random is for: the CDN asks for that site's headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    SiteA,
    SiteB,
}

#[derive(Debug)]
struct Seat {
    audience: Audience,
    /// Seconds since 1970; from then on it is refused.
    expires: Option<u64>,
}

#[derive(Debug)]
struct Kept {
    sessions: Bounded<String, ()>,
    pages: Bounded<String, OpenPage>,
    hops: Bounded<String, ()>,
    last_hops: Bounded<String, ()>,
    live: Bounded<String, Seat>,
    /// Site B's form tokens, by visitor.
    forms: Bounded<String, String>,
    members: Bounded<String, ()>,
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
            forms: Bounded::new(CAPACITY),
            members: Bounded::new(CAPACITY),
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
        let seat = Seat {
            audience: Audience::SiteA,
            expires: None,
        };
        kept.live.insert(live.clone(), seat);
        Some(live)
    }

    /// A random for a stream that ends at a second since 1970, which it names.
    pub(crate) fn sign(&self, expires: u64) -> String {
        let signed = format!("{expires}-{}", random());
        let seat = Seat {
            audience: Audience::SiteB,
            expires: Some(expires),
        };
        self.lock().live.insert(signed.clone(), seat);
        signed
    }

    /// Whom the CDN serves a stream's random, if it knows it and it has not
    /// expired. `now` is in seconds since 1970.
    pub(crate) fn audience(&self, live: &str, now: u64) -> Option<Audience> {
        let kept = self.lock();
        let seat = kept.live.get(&live.to_owned())?;
        let expired = seat.expires.is_some_and(|expires| expires <= now);
        (!expired).then_some(seat.audience)
    }

    /// A visitor and the token of the form shown to it.
    pub(crate) fn open_form(&self) -> (String, String) {
        let (visit, token) = (random(), random());
        self.lock().forms.insert(visit.clone(), token.clone());
        (visit, token)
    }

    /// Spends a form, if the token is the one shown to this visitor.
    pub(crate) fn close_form(&self, visit: &str, token: &str) -> bool {
        let mut kept = self.lock();
        let visit = visit.to_owned();
        let fits = kept.forms.get(&visit).is_some_and(|shown| shown == token);
        fits && kept.forms.remove(&visit).is_some()
    }

    /// A session of one who has logged in.
    pub(crate) fn admit_member(&self) -> String {
        let member = random();
        self.lock().members.insert(member.clone(), ());
        member
    }

    pub(crate) fn is_member(&self, member: &str) -> bool {
        self.lock().members.get(&member.to_owned()).is_some()
    }

    /// Forgets every session of those who logged in.
    pub(crate) fn end_sessions(&self) {
        self.lock().members = Bounded::new(CAPACITY);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Every change is one call that cannot panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
