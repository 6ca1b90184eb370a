//! Listeners and connections: HTTP/1.1, one endpoint per simulated party.
//!
//! Every request is noted in the log, then passes the party's faults, then
//! its routes. The `Host` header is not looked at: names are the client's
//! business. A faulty answer of the CDN may be written past the server
//! ([`raw`]). Bounds: [`MAX_CONNECTIONS`] per listener, and a client has
//! [`HEAD_TIME`] to send a request's head.

mod raw;

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use anyhow::Context as _;
use axum::{
    Router,
    body::Body,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::{Method, Request};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tower::ServiceExt as _;

use crate::{
    faults::FaultStore,
    log::{Entry, RequestLog, Role},
    wire,
};
use raw::{Ended, Shared};

/// Further connections wait in the kernel's queue. Above what a load test of
/// 64 connections needs by far.
pub const MAX_CONNECTIONS: usize = 1_024;

/// How long a connection may idle or dawdle before a request's head is there.
pub const HEAD_TIME: Duration = Duration::from_secs(60);

/// A bound listener under a name.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) role: Role,
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    listener: TcpListener,
}

impl Endpoint {
    pub(crate) async fn bind(
        role: Role,
        name: &'static str,
        address: SocketAddr,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("listening on {address} for {name}"))?;
        let address = listener.local_addr()?;
        Ok(Self {
            role,
            name,
            address,
            listener,
        })
    }

    /// The origin under the endpoint's name.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}:{}", self.name, self.address.port())
    }

    /// Accepts until it is dropped, and then its connections end with it.
    pub(crate) async fn serve(self, router: Router, log: RequestLog, faults: FaultStore) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if connections.len() < MAX_CONNECTIONS => {
                    match accepted {
                        Ok((stream, _)) => {
                            let party = Party {
                                role: self.role,
                                router: router.clone(),
                                log: log.clone(),
                                faults: faults.clone(),
                            };
                            connections.spawn(party.connection(stream));
                        }
                        Err(error) => {
                            tracing::warn!(%error, name = self.name, "cannot accept");
                            // Out of descriptors, say: do not spin on it.
                            tokio::time::sleep(Duration::from_millis(50)).await;
                        }
                    }
                }
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
            }
        }
    }
}

struct Party {
    role: Role,
    router: Router,
    log: RequestLog,
    faults: FaultStore,
}

impl Party {
    async fn connection(self, stream: TcpStream) {
        // Dripped bodies are small writes that must not wait for each other.
        let _ = stream.set_nodelay(true);
        let stream = Arc::new(stream);
        let service = service_fn(|request| self.answer(request, &stream));
        let served = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .serve_connection(TokioIo::new(Shared(Arc::clone(&stream))), service)
            .await;
        if let Err(error) = served {
            tracing::debug!(%error, role = ?self.role, "a connection ended early");
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        socket: &TcpStream,
    ) -> Result<Response<Body>, Ended> {
        let (head, body) = request.into_parts();
        let entry = (self.role != Role::Control).then(|| self.log.note(self.role, &head));
        let mut request = Request::from_parts(head, Body::new(body));
        let gate = self.faults.gate(self.role, request.uri().path()).await;
        let wire = match self.role {
            Role::Cdn => self.faults.wire(&request.uri().to_string()),
            _ => None,
        };
        let response = match (gate, &entry, wire) {
            (Some(status), ..) => status.into_response(),
            (None, Some(entry), Some(wire)) => {
                let with_body = request.method() != Method::HEAD;
                let router = self.router.clone();
                let answer = wire::answer(&wire, &self.faults, request, router).await;
                if let Some(raw) = &answer.raw {
                    entry.answered(answer.response.status().as_u16());
                    return Err(raw::send(socket, &answer, raw, with_body, entry).await);
                }
                answer.response.map(Body::from)
            }
            _ => {
                if self.role == Role::Cdn {
                    wire::unmoved(&mut request);
                }
                match self.router.clone().oneshot(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                }
            }
        };
        let Some(entry) = entry else {
            return Ok(response);
        };
        entry.answered(response.status().as_u16());
        Ok(response.map(|body| Body::new(NotedBody { body, entry })))
    }
}

/// A body that notes when its bytes are taken. The server takes a chunk when
/// it is about to write it, some microseconds before the system call.
struct NotedBody {
    body: Body,
    entry: Entry,
}

impl HttpBody for NotedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.entry.sent(data.len());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for NotedBody {
    fn drop(&mut self) {
        self.entry.finished();
    }
}
