//! The listener: accept, limit, time out, drain.
//!
//! `axum::serve` installs no timer, so a client that never finishes its headers
//! would stay for ever; this accept loop bounds connections in all and per client,
//! requests under way per client, and every wait for a client (`connection`). The
//! drain at the end has a cap: relay bodies are long-lived by nature.

mod clients;
mod connection;
mod forwarded;
mod guard;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse as _, Response};
use http::header::X_CONTENT_TYPE_OPTIONS;
use http::{HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

pub use clients::household;
pub use forwarded::ClientAddress;
pub use guard::{Accepted, protect};

use crate::answer::Failure;
use crate::config;
use crate::metrics::Metrics;
use clients::Clients;
use connection::{Answer, Patient, Turn, UnderWay};
use forwarded::Proxies;

/// A request's header block; hyper's default is 400 KiB.
const MAX_HEADER_BYTES: usize = 32 << 10;
const MAX_HEADERS: usize = 64;
/// A pause after an accept that failed for want of descriptors, so that the
/// loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What every connection's requests go through.
#[derive(Clone)]
struct Door {
    app: Router,
    proxies: Proxies,
    /// Requests under way.
    requests: Clients,
    config: Arc<config::Server>,
    metrics: Metrics,
}

/// Serves `app` on `listener` until `stop`, then drains.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    config: &config::Server,
    metrics: Metrics,
    stop: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(config.max_connections));
    let clients = Clients::default();
    let door = Door {
        app,
        proxies: Proxies::new(&config.trusted_proxies),
        requests: Clients::default(),
        config: Arc::new(config.clone()),
        metrics: metrics.clone(),
    };
    let mut connections = JoinSet::new();
    loop {
        if places.available_permits() == 0 {
            metrics.limit("server.max_connections");
        }
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, peer, place)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // A proxy stands for many clients.
        let max = if door.proxies.contains(peer.ip()) {
            usize::MAX
        } else {
            config.max_connections_per_client
        };
        let Some(client) = clients.enter(peer.ip(), max) else {
            metrics.limit("server.max_connections_per_client");
            continue;
        };
        let turn = Turn::default();
        let stream = Patient::new(stream, turn.clone(), door.config.clone(), metrics.clone());
        let door = door.clone();
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // With one, hyper reads as soon as a connection is idle, so that ours
            // begins; it never comes first.
            .header_read_timeout(config.idle_timeout + config.header_timeout)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEADER_BYTES)
            .serve_connection(
                TokioIo::new(stream),
                service_fn(move |request| door.clone().answer(request, peer, turn.clone())),
            );
        let connection = graceful.watch(connection);
        while connections.try_join_next().is_some() {}
        connections.spawn(async move {
            // A client that goes away is no news.
            if let Err(error) = connection.await {
                tracing::debug!(%peer, %error, "connection ended");
            }
            drop((place, client));
        });
    }
    drop(listener);
    if tokio::time::timeout(config.drain, graceful.shutdown())
        .await
        .is_err()
    {
        metrics.limit("server.drain");
        tracing::warn!(drain = ?config.drain, "answers were cut at the end of the drain");
    }
    connections.shutdown().await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Small answers must not wait for an acknowledgement.
            let _ = stream.set_nodelay(true);
            Some((stream, peer, place))
        }
        Err(error) => {
            tracing::warn!(%error, "accept");
            None
        }
    }
}

impl Door {
    async fn answer(
        self,
        mut request: Request<Incoming>,
        peer: SocketAddr,
        turn: Turn,
    ) -> Result<Response<Answer>, Infallible> {
        let client = self.proxies.client(peer.ip(), request.headers());
        let most = self.config.requests_per_client;
        let Some(place) = self.requests.enter(client.0, most) else {
            self.metrics.limit("server.requests_per_client");
            return Ok(of(too_many(), turn.busy(None)));
        };
        let under_way = turn.busy(Some(place));
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(client);
        let Ok(response) = self.app.oneshot(request).await;
        Ok(of(response, under_way))
    }
}

fn of(response: Response, request: UnderWay) -> Response<Answer> {
    response.map(|body| Answer::new(body, request))
}

/// Nothing that guards answers has seen it.
fn too_many() -> Response {
    let mut failure = Failure::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_requests",
        "too many requests of this client are under way",
    );
    failure.retry_after = Some(1);
    let mut response = failure.into_response();
    let nosniff = HeaderValue::from_static("nosniff");
    response
        .headers_mut()
        .insert(X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use axum::Extension;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::config::Config;

    #[tokio::test]
    async fn each_request_says_whose_it_is() {
        let text = "[server]\ntrusted_proxies = [\"127.0.0.1\"]";
        let config = Config::from_toml(text, Path::new("/data")).expect("a configuration");
        let app = Router::new().route(
            "/",
            get(async |Extension(ClientAddress(ip)): Extension<ClientAddress>| ip.to_string()),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("its address");
        let (stop, metrics) = (CancellationToken::new(), Metrics::new());
        let server = config.config.server;
        let mut serving = JoinSet::new();
        serving.spawn({
            let stop = stop.clone();
            async move { serve(listener, app, &server, metrics, stop).await }
        });
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        // One connection, many clients.
        for (field, client) in [
            ("X-Forwarded-For: 192.0.2.1", "192.0.2.1"),
            ("Forwarded: for=192.0.2.2", "192.0.2.2"),
            ("Accept: text/plain", "127.0.0.1"),
        ] {
            let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n");
            let sent = stream.write_all(request.as_bytes()).await;
            sent.expect("a request");
            let mut answer = String::new();
            while !answer.ends_with(client) {
                let byte = stream.read_u8().await.expect("more of the answer");
                answer.push(byte.into());
            }
        }
        stop.cancel();
        drop(stream);
        serving.join_all().await;
    }
}
