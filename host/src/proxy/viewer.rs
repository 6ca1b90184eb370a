//! A body as one viewer gets it: pieces of a flight or of the window, and no
//! byte beyond what was promised. A body that breaks off ends as an error, never
//! as a clean end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::StatusCode;
use http::header::{IF_RANGE, RANGE};
use http_body::{Frame, SizeHint};

use super::fetch::Body;
use super::flight::{Piece, Reader};
use super::range::{Asked, ContentRange};
use super::source::Source;
use super::window::{Segment, There};
use super::{Proxy, Upstream};
use crate::metrics::{Counted, Metrics};
use crate::net::{Class, FetchError};

/// What a viewer's connection polls.
pub(super) struct Viewer {
    from: From,
    resume: Arc<Resume>,
    /// Where the next byte is in the resource.
    at: u64,
    /// Bytes that are still promised; `None`: all there are.
    left: Option<u64>,
    metrics: Metrics,
    _open: Counted,
}

enum From {
    Window {
        segment: Arc<Segment>,
        /// The piece that has the next byte, and where that piece begins.
        piece: usize,
        begin: u64,
    },
    Flight(Reader),
    /// What it needs is no longer here.
    Asking(BoxFuture<'static, Result<Source, FetchError>>),
    Own(Box<Source>),
}

/// How one who was left behind goes on.
pub(super) struct Resume {
    pub(super) proxy: Proxy,
    pub(super) upstream: Upstream,
    pub(super) body: Body,
}

impl Viewer {
    /// Of `segment` from `at`, `left` bytes.
    pub(super) fn of_segment(segment: Arc<Segment>, resume: Resume, at: u64, left: u64) -> Self {
        Self::new(From::window(segment), resume, at, Some(left))
    }

    /// Of a flight from `at`, `left` bytes, if that is known.
    pub(super) fn of_flight(reader: Reader, resume: Resume, at: u64, left: Option<u64>) -> Self {
        Self::new(From::Flight(reader), resume, at, left)
    }

    fn new(from: From, resume: Resume, at: u64, left: Option<u64>) -> Self {
        let metrics = resume.proxy.0.metrics.clone();
        Self {
            from,
            resume: Arc::new(resume),
            at,
            left,
            _open: metrics.relay_opened(),
            metrics,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, FetchError>> {
        loop {
            match &mut self.from {
                From::Window {
                    segment,
                    piece,
                    begin,
                } => {
                    let bytes = match segment.piece(*piece) {
                        There::Piece(bytes) => bytes,
                        There::End => return Poll::Ready(Ok(None)),
                        There::Gone => {
                            self.from = self.resume.clone().from(self.at);
                            continue;
                        }
                    };
                    let skipped = self.at - *begin;
                    if skipped < bytes.len() as u64 {
                        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
                        return Poll::Ready(Ok(Some(bytes.slice(skipped..))));
                    }
                    *begin += bytes.len() as u64;
                    *piece += 1;
                }
                From::Flight(reader) => match ready!(reader.poll(cx))? {
                    Piece::Bytes(bytes) => return Poll::Ready(Ok(Some(bytes))),
                    Piece::Whole(segment) => self.from = From::window(segment),
                    Piece::End => return Poll::Ready(Ok(None)),
                    Piece::Gone => self.from = self.resume.clone().from(self.at),
                },
                From::Asking(answer) => {
                    let source = ready!(answer.poll_unpin(cx))?;
                    self.from = From::Own(Box::new(source));
                }
                From::Own(source) => return source.poll(cx),
            }
        }
    }
}

impl From {
    fn window(segment: Arc<Segment>) -> Self {
        let begin = segment.body.span().0;
        Self::Window {
            segment,
            piece: 0,
            begin,
        }
    }
}

impl http_body::Body for Viewer {
    type Data = Bytes;
    type Error = FetchError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, FetchError>>> {
        let this = &mut *self;
        if this.left == Some(0) {
            return Poll::Ready(None);
        }
        let Some(mut bytes) = ready!(this.poll(cx))? else {
            let short = |_| {
                Err(FetchError::Protocol(
                    "the body ended before its length".into(),
                ))
            };
            return Poll::Ready(this.left.map(short));
        };
        if let Some(left) = &mut this.left {
            bytes.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= bytes.len() as u64;
        }
        this.at += bytes.len() as u64;
        this.metrics.relayed(bytes.len());
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl Resume {
    fn from(self: Arc<Self>, at: u64) -> From {
        From::Asking(async move { self.ask(at).await }.boxed())
    }

    /// The same resource from `at`; whatever is not surely the same is an error.
    async fn ask(&self, at: u64) -> Result<Source, FetchError> {
        let Self {
            proxy,
            upstream,
            body,
        } = self;
        let changed = || FetchError::Protocol("the rest of the body cannot be had".into());
        let asked = Asked::From {
            first: at + body.skipped,
            last: None,
        };
        let mut request = upstream.egress.get(upstream.url.clone());
        request.class = Class::Body;
        request.headers.insert(RANGE, asked.header());
        let strong = body.head.etag.as_ref();
        if let Some(etag) = strong.filter(|etag| !etag.as_bytes().starts_with(b"W/")) {
            request.headers.insert(IF_RANGE, etag.clone());
        }
        let response = upstream
            .egress
            .send(request, &*upstream.profile, "relay")
            .await?;
        let got = response.headers.get(http::header::CONTENT_RANGE);
        let got = got.and_then(ContentRange::parse).ok_or_else(changed)?;
        let known = body.length.map(|length| length + body.skipped);
        let same = response.status == StatusCode::PARTIAL_CONTENT
            && asked.is_answered_by(got)
            && !response.is_encoded()
            && match (known, got.total) {
                (Some(known), Some(total)) => known == total,
                (Some(_), None) => true,
                // Nobody promised how much there is: this must be all of it.
                (None, total) => total == Some(got.span.last + 1),
            };
        match same {
            true => Ok(Source::new(
                response,
                &proxy.0.config,
                proxy.0.metrics.clone(),
            )),
            false => Err(changed()),
        }
    }
}
