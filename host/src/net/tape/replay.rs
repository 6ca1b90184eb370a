//! A wire made of a recording.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::COOKIE;
use http::{HeaderMap, HeaderName, Method};
use url::Url;

use super::{Answer, Exchange, Failure};
use crate::net::error::FetchError;
use crate::net::guard::Denied;
use crate::net::request::Request;
use crate::net::response::Response;

/// Answers each request by the first exchange that was not used yet and fits:
/// equal method, URL and body, and the exchange's headers among those sent.
/// Clones share what is used up.
#[derive(Clone, Debug)]
pub struct Replay(Arc<Mutex<Deck>>);

#[derive(Debug)]
struct Deck {
    exchanges: Arc<[Exchange]>,
    used: Vec<bool>,
    missed: Vec<Missed>,
}

/// A request that no exchange was left for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// As it would have been sent.
    pub method: Method,
    /// Without fragment.
    pub url: Url,
    /// All that would have been sent.
    pub headers: HeaderMap,
    /// Empty where there was none.
    pub body: Bytes,
}

// === impl Replay ===

impl Replay {
    /// Of `exchanges`, none of them used.
    pub fn new(exchanges: Arc<[Exchange]>) -> Self {
        Self(Arc::new(Mutex::new(Deck {
            used: vec![false; exchanges.len()],
            exchanges,
            missed: Vec::new(),
        })))
    }

    /// Requests that got no answer, in order.
    pub fn missed(&self) -> Vec<Missed> {
        self.lock().missed.clone()
    }

    /// Which exchanges nobody asked for.
    pub fn unused(&self) -> Vec<usize> {
        let deck = self.lock();
        let unused = deck.used.iter().enumerate().filter(|(_, used)| !**used);
        unused.map(|(index, _)| index).collect()
    }

    pub(in crate::net) fn answer(
        &self,
        request: &Request,
        headers: &HeaderMap,
    ) -> Result<Response, FetchError> {
        let mut asked = Missed {
            method: request.method.clone(),
            url: request.url.clone(),
            headers: headers.clone(),
            body: request.body.clone(),
        };
        asked.url.set_fragment(None);
        let mut deck = self.lock();
        let found = (0..deck.used.len())
            .find(|index| !deck.used[*index] && asked.fits(&deck.exchanges[*index]));
        let Some(index) = found else {
            deck.missed.push(asked);
            return Err(FetchError::Protocol("not in the recording".into()));
        };
        deck.used[index] = true;
        match deck.exchanges[index].answer.clone() {
            Answer::Failed(failure) => Err(failure.again(&request.url)),
            Answer::Response {
                status,
                headers,
                body,
                cut,
            } => {
                let head = (status, headers);
                Ok(Response::replay(head, request.url.clone(), body, cut))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Deck> {
        // Every change is one step that cannot panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Missed ===

impl Missed {
    fn fits(&self, exchange: &Exchange) -> bool {
        self.method == exchange.method
            && self.url == exchange.url
            && self.body == exchange.body
            && self.lacks(exchange).is_none()
    }

    /// A header that `exchange` asks for and this request does not have.
    pub fn lacks<'e>(&self, exchange: &'e Exchange) -> Option<&'e HeaderName> {
        let listed = exchange.headers.iter();
        let mut missing = listed.filter(|(name, value)| {
            let mut sent = self.headers.get_all(*name).iter();
            if **name == COOKIE {
                !sent.any(|sent| cookies(sent.as_bytes()) == cookies(value.as_bytes()))
            } else {
                !sent.any(|sent| sent == *value)
            }
        });
        missing.next().map(|(name, _)| name)
    }
}

/// A jar promises no order (RFC 6265, section 4.2.2).
fn cookies(header: &[u8]) -> Vec<&[u8]> {
    let mut pairs: Vec<_> = header
        .split(|b| *b == b';')
        .map(<[u8]>::trim_ascii)
        .collect();
    pairs.sort_unstable();
    pairs
}

impl Failure {
    /// As it felt when it was recorded, but at once.
    fn again(self, url: &Url) -> FetchError {
        match self {
            Self::Dns => FetchError::Dns,
            Self::Connect => FetchError::Connect,
            Self::Tls => FetchError::Tls,
            Self::Timeout => FetchError::Timeout("net.first_byte_timeout"),
            Self::Protocol => FetchError::Protocol("as in the recording".into()),
            Self::Denied => Denied::Host(url.origin().ascii_serialization()).into(),
        }
    }
}
