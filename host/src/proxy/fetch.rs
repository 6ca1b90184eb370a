//! From a link to a body that is shared: found in the window, joined on its
//! way, or fetched.

use std::borrow::Cow;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use futures::FutureExt as _;
use http::header::{CONTENT_RANGE, RANGE};
use http::{HeaderValue, StatusCode};

use super::budget::Budget;
use super::flight::Flight;
use super::head::{self, Head, Judged};
use super::links::Kind;
use super::range::{Asked, ContentRange};
use super::source::Source;
use super::text::Text;
use super::together::Together;
use super::window::{Address, Part, Segment, Window};
use super::{Proxy, Upstream, text};
use crate::answer::Failure;
use crate::config;
use crate::media;
use crate::metrics::Metrics;
use crate::net::{self, FetchError};

/// Everything that viewers share of segments.
#[derive(Debug)]
pub(super) struct Bodies {
    pub(super) window: Window,
    budget: Arc<Budget>,
    /// On their way; `None` in place of a part is a whole resource.
    open: Arc<DashMap<Part, Open>>,
    heads: Together<Part, Found>,
}

/// A flight that others may join.
#[derive(Clone, Debug)]
struct Open {
    body: Body,
    flight: Weak<Flight>,
    /// Asked for a part, the upstream sent all.
    ignores_ranges: bool,
}

/// Takes a flight out of the list.
#[derive(Debug)]
pub(super) struct Listed {
    open: Arc<DashMap<Part, Open>>,
    part: Part,
}

/// What is known of a body before it is read.
#[derive(Clone, Debug)]
pub(super) struct Body {
    pub(super) head: Head,
    /// Of the whole resource, in bytes.
    pub(super) length: Option<u64>,
    /// The part that the upstream sent, where it is not all.
    pub(super) part: Option<ContentRange>,
    /// Bytes of a picture that are left out at the beginning.
    pub(super) skipped: u64,
    /// Such bytes are there and stay, for one who asked for a part.
    as_is: bool,
    /// It has an end of its own; otherwise it ends with the connection, and may
    /// have broken off unnoticed.
    pub(super) is_delimited: bool,
}

/// Where the bytes are.
#[derive(Clone, Debug)]
pub(super) enum Found {
    Window(Arc<Segment>),
    Flight(Body, Arc<Flight>),
    /// A playlist under a segment's name, rewritten.
    Text(Arc<Text>),
}

/// Failures of connections are tried once more; the wait is random below this.
const RETRY_WITHIN: Duration = Duration::from_millis(200);
/// What a picture in front of packets may take.
const DISGUISE: usize = 64 << 10;

impl Bodies {
    pub(super) fn new(config: &config::Relay, metrics: Metrics) -> Self {
        Self {
            window: Window::new(config, metrics.clone()),
            budget: Arc::new(Budget::new(config, metrics.clone())),
            open: Arc::default(),
            heads: Together::new(config.refused, Some(metrics)),
        }
    }

    /// The body of `upstream`, or what of it was asked for.
    pub(super) async fn get(
        &self,
        proxy: &Proxy,
        upstream: &Upstream,
        kind: Kind,
        name: &str,
        asked: Option<Asked>,
    ) -> Result<Found, Failure> {
        let whole = (upstream.address(kind), None);
        let part = (whole.0.clone(), asked);
        let look = || {
            let kept = || self.kept(&whole, asked).or_else(|| self.kept(&part, None));
            let joined = || self.join(&whole, asked).or_else(|| self.join(&part, None));
            kept()
                .map(|found| (found, "window"))
                .or_else(|| Some((joined()?, "joined")))
        };
        let begin = || {
            let (proxy, upstream) = (proxy.clone(), upstream.clone());
            let (part, name) = (part.clone(), name.to_owned());
            async move { fetch(&proxy, &upstream, part, &name).await }.boxed()
        };
        self.heads.get(&part, look, begin).await
    }

    /// What the window has of it. A part is one of the bytes as they came, and of
    /// those that are there: a file of byte ranges grows while it is live.
    fn kept(&self, part: &Part, of_it: Option<Asked>) -> Option<Found> {
        let segment = self.window.get(part)?;
        let fits =
            of_it.is_none_or(|asked| segment.body.skipped == 0 && asked.is_within(segment.length));
        fits.then_some(Found::Window(segment))
    }

    /// A flight that is still there from its first byte, and has the part of it
    /// that is asked for.
    fn join(&self, part: &Part, of_it: Option<Asked>) -> Option<Found> {
        // A flight must not end while the list is held: its end takes it out.
        let open = self.open.get(part).map(|open| open.clone())?;
        let flight = open.flight.upgrade()?;
        let has = |asked: Asked| {
            open.body
                .length
                .is_none_or(|length| asked.is_within(length))
        };
        let fits = of_it.is_none_or(|asked| open.ignores_ranges && has(asked));
        (fits && flight.is_joinable()).then_some(Found::Flight(open.body, flight))
    }
}

impl Body {
    /// Where its bytes begin in the resource, and how many there are.
    pub(super) fn span(&self) -> (u64, Option<u64>) {
        match self.part {
            Some(range) => (range.span.first, Some(range.span.length())),
            None => (0, self.length),
        }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.open
            .remove_if(&self.part, |_, open| open.flight.strong_count() == 0);
    }
}

impl Upstream {
    pub(super) fn address(&self, kind: Kind) -> Address {
        Address {
            kind,
            stream: self.stream.clone(),
            url: self.url.to_string(),
        }
    }
}

/// Asks the upstream; a connection that fails before it answered is made once
/// more.
pub(super) async fn send(
    upstream: &Upstream,
    request: net::Request,
    purpose: &'static str,
) -> Result<net::Response, FetchError> {
    let again = request.clone();
    match upstream
        .egress
        .send(request, &*upstream.profile, purpose)
        .await
    {
        Err(FetchError::Connect | FetchError::Protocol(_)) => {
            let within = rand::random_range(Duration::ZERO..RETRY_WITHIN);
            tokio::time::sleep(within).await;
            upstream
                .egress
                .send(again, &*upstream.profile, purpose)
                .await
        }
        answered => answered,
    }
}

async fn fetch(
    proxy: &Proxy,
    upstream: &Upstream,
    part: Part,
    name: &str,
) -> Result<Found, Failure> {
    let (kind, asked) = (part.0.kind, part.1);
    let mut request = upstream.egress.get(upstream.url.clone());
    request.class = net::Class::Body;
    if let Some(asked) = asked {
        request.headers.insert(RANGE, asked.header());
    }
    let response = send(upstream, request, "relay").await?;
    let range = content_range(&response, asked)?;
    let first = range.map_or(0, |range| range.span.first);
    let length = match range {
        Some(range) => range.total,
        None => response.content_length(),
    };
    let (is_encoded, is_delimited) = (response.is_encoded(), response.is_delimited());
    let headers = response.headers.clone();
    let host = response.url.host_str().unwrap_or_default().to_owned();
    let mut source = Source::new(response, &proxy.0.config, proxy.0.metrics.clone());
    let read = beginning(&mut source, kind, first).await?;
    let seen = joined(&read);
    let judged = match first {
        _ if is_encoded => Judged::Playlist,
        0 => head::judge(kind, name, &seen)?,
        _ => Judged::Media(head::judge_middle(kind, name, &seen)?),
    };
    let as_is = matches!(judged, Judged::Disguised(_)) && asked.is_some();
    let (content_type, skipped) = match judged {
        Judged::Media(media) => (media, 0),
        Judged::Disguised(length) if asked.is_none() => {
            proxy.0.metrics.disguised();
            (HeaderValue::from_static("video/mp2t"), length as u64)
        }
        Judged::Disguised(_) => (media::type_by_name(name), 0),
        Judged::Playlist if range.is_none() => {
            let text = text::met(proxy, upstream, source.into_response(), &read).await?;
            return Ok(Found::Text(Arc::new(text)));
        }
        Judged::Playlist => {
            let why = "a part of a playlist is no media";
            return Err(Failure::upstream_is("upstream_not_media", why));
        }
    };
    let body = Body {
        head: Head::new(content_type, &headers, &host, skipped == 0),
        length: length.map(|length| length.saturating_sub(skipped)),
        part: range,
        skipped,
        as_is,
        is_delimited,
    };
    Ok(proxy.0.bodies.begin(part, body, read, source))
}

impl Bodies {
    fn begin(&self, (address, asked): Part, body: Body, read: Vec<Bytes>, source: Source) -> Found {
        let is_whole = body.part.is_none() && !body.as_is;
        let ignores_ranges = asked.is_some() && is_whole;
        let part = (address, asked.filter(|_| !ignores_ranges));
        let is_all = match (body.part, part.1) {
            (None, None) => body.is_delimited,
            (Some(got), Some(asked)) => asked.is_all_of(got),
            _ => false,
        };
        let kept = is_all.then(|| self.window.place(&part, &body)).flatten();
        let listed = Listed {
            open: self.open.clone(),
            part: part.clone(),
        };
        let read = without(read, body.skipped);
        let (first, length) = body.span();
        let span = (first, length.map(|length| first + length));
        let flight = Flight::new(span, read, source, &self.budget, kept, listed);
        let open = Open {
            body: body.clone(),
            flight: Arc::downgrade(&flight),
            ignores_ranges,
        };
        self.open.insert(part, open);
        Found::Flight(body, flight)
    }
}

/// The part that the upstream sends, if it is not all. An answer to something
/// else than was asked is none.
fn content_range(
    response: &net::Response,
    asked: Option<Asked>,
) -> Result<Option<ContentRange>, Failure> {
    let not_what = |why| Failure::upstream_is("upstream_range", why);
    match response.status {
        StatusCode::OK => Ok(None),
        StatusCode::PARTIAL_CONTENT => {
            let got = response.headers.get(CONTENT_RANGE);
            let got = got.and_then(ContentRange::parse);
            let got =
                got.ok_or_else(|| not_what("the upstream does not say which part it sent"))?;
            let is_whole = asked.is_none();
            let asked = asked.unwrap_or(Asked::From {
                first: 0,
                last: None,
            });
            if !asked.is_answered_by(got) {
                return Err(not_what(
                    "the upstream sent another part than was asked for",
                ));
            }
            let length = response.content_length();
            if length.is_some_and(|length| length != got.span.length()) {
                return Err(not_what("the upstream sent another length than it says"));
            }
            let all = got.span.first == 0 && got.total == Some(got.span.length());
            if is_whole && !all {
                return Err(not_what("the upstream sent a part where all was asked for"));
            }
            // All there is now may be a part of what there will be.
            Ok(Some(got).filter(|_| !is_whole))
        }
        status => Err(Failure::upstream(status, &response.headers)),
    }
}

/// The first pieces: as many as tell what they are.
async fn beginning(source: &mut Source, kind: Kind, first: u64) -> Result<Vec<Bytes>, FetchError> {
    let mut read: Vec<Bytes> = Vec::new();
    let mut length = 0;
    while length < media::ENOUGH {
        let Some(piece) = source.next().await? else {
            return Ok(read);
        };
        length += piece.len();
        read.push(piece);
    }
    let is_picture = |read: &[Bytes]| {
        let seen = joined(read);
        matches!(media::sniff(&seen), media::Content::Media(kind) if kind.starts_with("image/"))
            && media::behind_picture(&seen).is_none()
    };
    if kind == Kind::Segment && first == 0 && is_picture(&read) {
        while length < DISGUISE + media::ENOUGH {
            let Some(piece) = source.next().await? else {
                break;
            };
            length += piece.len();
            read.push(piece);
        }
    }
    Ok(read)
}

/// What was read, in one piece: mostly it is one, of hundreds of kilobytes, that
/// is not copied to be looked at.
fn joined(read: &[Bytes]) -> Cow<'_, [u8]> {
    match read {
        [one] => Cow::Borrowed(one),
        some => Cow::Owned(some.concat()),
    }
}

/// Without the first `skipped` bytes.
fn without(read: Vec<Bytes>, skipped: u64) -> Vec<Bytes> {
    let mut left = usize::try_from(skipped).unwrap_or(usize::MAX);
    let rest = read.into_iter().filter_map(|mut piece| {
        let cut = left.min(piece.len());
        left -= cut;
        bytes::Buf::advance(&mut piece, cut);
        Some(piece).filter(|piece| !piece.is_empty())
    });
    rest.collect()
}
