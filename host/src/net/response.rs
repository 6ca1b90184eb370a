//! A response as it arrives: its head at once, its body piece by piece.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, DATE, RETRY_AFTER, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, StatusCode};
use http_body::Body as _;
use tokio::time::Sleep;
use url::Url;

use super::error::FetchError;
use super::patience::Patience;
use super::places::Place;
use super::tape::Note;

/// A response whose body has not been read yet.
#[derive(Debug)]
pub struct Response {
    /// Any status.
    pub status: StatusCode,
    /// As the origin sent them.
    pub headers: HeaderMap,
    /// After redirects: relative references resolve against this (RFC 3986, 5.1.3).
    pub url: Url,
    body: Body,
    note: Option<Note>,
}

#[derive(Debug)]
enum Body {
    Open {
        inner: reqwest::Body,
        /// Between two pieces: `net.read_timeout`, unless the request said
        /// otherwise.
        patience: Patience,
        /// Until the body is read or given up.
        place: Place,
        /// A piece that came before its time (`net.bytes_per_origin`). Nothing is
        /// read meanwhile, so that only the origin's own silence tries patience.
        held: Option<(Bytes, Pin<Box<Sleep>>)>,
    },
    /// `cut`: the recording has only the beginning.
    Replay { left: Option<Bytes>, cut: bool },
}

// === impl Response ===

impl Response {
    pub(super) fn open(inner: reqwest::Response, read: Duration, place: Place) -> Self {
        let url = inner.url().clone();
        let (head, inner) = http::Response::<reqwest::Body>::from(inner).into_parts();
        Self {
            status: head.status,
            headers: head.headers,
            url,
            body: Body::Open {
                inner,
                patience: Patience::new(read),
                place,
                held: None,
            },
            note: None,
        }
    }

    /// `Content-Encoding`, in small letters, where it says something. Nothing has
    /// been decoded.
    pub fn encoding(&self) -> Option<String> {
        let value = self.headers.get(CONTENT_ENCODING)?;
        Some(value.to_str().unwrap_or("?").trim().to_ascii_lowercase())
    }

    pub(super) fn replay(
        (status, headers): (StatusCode, HeaderMap),
        url: Url,
        body: Bytes,
        cut: bool,
    ) -> Self {
        let left = Some(body);
        Self {
            status,
            headers,
            url,
            body: Body::Replay { left, cut },
            note: None,
        }
    }

    /// What is read of its body goes on the tape, too.
    pub(super) fn noted(self, note: Note) -> Self {
        Self {
            note: Some(note),
            ..self
        }
    }

    /// The length the origin promised, in bytes. Beside a transfer coding a length
    /// says nothing (RFC 9112, section 6.3).
    pub fn content_length(&self) -> Option<u64> {
        if self.headers.contains_key(TRANSFER_ENCODING) {
            return None;
        }
        self.headers
            .get(CONTENT_LENGTH)?
            .to_str()
            .ok()?
            .parse()
            .ok()
    }

    /// Whether the body says where it ends; otherwise it ends with the connection
    /// (RFC 9112, section 6.3).
    pub fn is_delimited(&self) -> bool {
        let codings = self.headers.get_all(TRANSFER_ENCODING);
        match codings.iter().next_back() {
            Some(codings) => {
                let last = codings.as_bytes().rsplit(|b| *b == b',').next();
                last.is_some_and(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"chunked"))
            }
            None => self.headers.contains_key(CONTENT_LENGTH),
        }
    }

    /// Whether the body is encoded although nothing but identity was asked for.
    pub fn is_encoded(&self) -> bool {
        self.headers
            .get(CONTENT_ENCODING)
            .is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
    }

    /// The next piece as it arrives, never empty; `None` at the end. A body that
    /// ends short of its promised length is an error, never an end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, FetchError> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// As [`Response::chunk`], for whoever polls by himself; the last one who
    /// did is woken.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, FetchError>> {
        if let Some(note) = &self.note {
            note.reading();
        }
        let piece = ready!(self.body.poll(cx));
        if let Some(note) = &self.note {
            note.read(&piece);
        }
        Poll::Ready(piece)
    }

    /// Whether nothing came because we read no faster (`net.bytes_per_origin`).
    pub fn is_held_back(&self) -> bool {
        matches!(&self.body, Body::Open { held: Some(_), .. })
    }

    /// The whole body, at most `max` bytes: a longer one is an error, never cut.
    pub async fn collect(self, max: u64) -> Result<Bytes, FetchError> {
        self.collect_counted(max, |_| Ok(())).await
    }

    /// As [`Response::collect`]; `count` sees every piece's length as it
    /// arrives and may end it.
    pub async fn collect_counted(
        mut self,
        max: u64,
        mut count: impl FnMut(u64) -> Result<(), FetchError>,
    ) -> Result<Bytes, FetchError> {
        if self.content_length().is_some_and(|length| length > max) {
            return Err(FetchError::BodyTooLarge(max));
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            count(chunk.len() as u64)?;
            if (body.len() + chunk.len()) as u64 > max {
                return Err(FetchError::BodyTooLarge(max));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

impl Body {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, FetchError>> {
        let (inner, patience, place, held) = match self {
            Self::Open {
                inner,
                patience,
                place,
                held,
            } => (inner, patience, place, held),
            Self::Replay { left, cut } => {
                return Poll::Ready(match left.take().filter(|bytes| !bytes.is_empty()) {
                    None if *cut => Err(FetchError::Protocol("the recording ends here".into())),
                    bytes => Ok(bytes),
                });
            }
        };
        while held.is_none() {
            match Pin::new(&mut *inner).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    patience.rewarded();
                    // Trailers say nothing to us.
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        let due = place.due();
                        place.came(data.len());
                        let Some(due) = due else {
                            return Poll::Ready(Ok(Some(data)));
                        };
                        *held = Some((data, Box::pin(tokio::time::sleep_until(due))));
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error.into())),
                Poll::Ready(None) => return Poll::Ready(Ok(None)),
                Poll::Pending => {
                    ready!(patience.poll(cx));
                    return Poll::Ready(Err(FetchError::Timeout("net.read_timeout")));
                }
            }
        }
        if let Some((_, due)) = held {
            ready!(due.as_mut().poll(cx));
        }
        Poll::Ready(Ok(held.take().map(|(data, _)| data)))
    }
}

/// How long `Retry-After` asks to be left alone (RFC 9110, section 10.2.3). A date is
/// held against the answer's own `Date`: whose clock is right is no question then.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| Some(headers.get(name)?.to_str().ok()?.trim());
    let when = text(RETRY_AFTER)?;
    if let Ok(seconds) = when.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let time = |text| httpdate::parse_http_date(text).ok();
    time(when)?.duration_since(time(text(DATE)?)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let date = "Mon, 01 Jun 2026 12:00:00 GMT";
        for (value, date, expect) in [
            ("120", None, Some(120)),
            (" 0 ", Some(date), Some(0)),
            ("Mon, 01 Jun 2026 12:02:05 GMT", Some(date), Some(125)),
            ("Mon, 01 Jun 2026 11:59:00 GMT", Some(date), None),
            ("Mon, 01 Jun 2026 12:02:05 GMT", None, None),
            ("Monday, 01-Jun-26 12:02:05 GMT", Some(date), Some(125)),
            ("Mon Jun  1 12:02:05 2026", Some(date), Some(125)),
            ("-1", None, None),
            ("soon", Some(date), None),
            ("99999999999999999999999", None, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().expect("a value"));
            if let Some(date) = date {
                headers.insert(DATE, date.parse().expect("a value"));
            }
            let wait = retry_after(&headers).map(|wait| wait.as_secs());
            assert_eq!(wait, expect, "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn a_transfer_coding_decides_where_a_body_ends() {
        for (fields, length, delimited) in [
            (vec![], None, false),
            (vec![("content-length", "5")], Some(5), true),
            (vec![("transfer-encoding", "chunked")], None, true),
            (vec![("transfer-encoding", "gzip, Chunked ")], None, true),
            (vec![("transfer-encoding", "identity")], None, false),
            (vec![("transfer-encoding", "chunked, x")], None, false),
            (
                vec![("transfer-encoding", "x"), ("transfer-encoding", "chunked")],
                None,
                true,
            ),
            (
                vec![("content-length", "5"), ("transfer-encoding", "identity")],
                None,
                false,
            ),
            (
                vec![("content-length", "5"), ("transfer-encoding", "chunked")],
                None,
                true,
            ),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in &fields {
                headers.append(*name, value.parse().expect("a value"));
            }
            let url = "http://a.test/".parse().expect("a URL");
            let response = Response::replay((StatusCode::OK, headers), url, Bytes::new(), false);
            assert_eq!(response.content_length(), length, "{fields:?}");
            assert_eq!(response.is_delimited(), delimited, "{fields:?}");
        }
    }
}
