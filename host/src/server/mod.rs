//! The listener: accept, limit, time out, drain.
//!
//! `axum::serve` installs no timer, so a client that never finishes its
//! headers would stay for ever; this accept loop gives hyper one. Connections
//! are bounded in all and per client address, a write that the client does not
//! take is cut, and the drain at the end has a cap: relay bodies are
//! long-lived by nature.

mod forwarded;
mod guard;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub use forwarded::ClientAddress;
pub use guard::{Accepted, protect};

use crate::config;
use crate::metrics::Metrics;
use forwarded::Proxies;

/// A request's header block; hyper's default is 400 KiB.
const MAX_HEADER_BYTES: usize = 32 << 10;
const MAX_HEADERS: usize = 64;
/// A pause after an accept that failed for want of descriptors, so that the
/// loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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
    let proxies = Proxies::new(&config.trusted_proxies);
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
        let max = if proxies.contains(peer.ip()) {
            usize::MAX
        } else {
            config.max_connections_per_client
        };
        let Some(client) = clients.enter(peer.ip(), max) else {
            metrics.limit("server.max_connections_per_client");
            continue;
        };
        let proxies = proxies.clone();
        let app =
            app.clone()
                .map_request(move |mut request: http::Request<hyper::body::Incoming>| {
                    let client = proxies.client(peer.ip(), request.headers());
                    request.extensions_mut().insert(ConnectInfo(peer));
                    request.extensions_mut().insert(client);
                    request
                });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(config.header_timeout)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEADER_BYTES)
            .serve_connection(
                TokioIo::new(Box::pin(patient(stream, config.write_timeout))),
                TowerToHyperService::new(app),
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

/// A connection that is cut when the client takes no byte for `write`.
fn patient(stream: TcpStream, write: Duration) -> TimeoutStream<TcpStream> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(write));
    stream
}

/// Connections per client address.
#[derive(Clone, Debug, Default)]
struct Clients(Arc<Mutex<HashMap<IpAddr, usize>>>);

struct Client {
    clients: Clients,
    ip: IpAddr,
}

impl Clients {
    fn enter(&self, ip: IpAddr, max: usize) -> Option<Client> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(ip).or_default();
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(Client {
            clients: self.clone(),
            ip,
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let mut open = self
            .clients
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use axum::Extension;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::config::Config;

    #[test]
    fn a_client_has_so_many_places_and_gets_them_back() {
        let clients = Clients::default();
        let ip = IpAddr::from([127, 0, 0, 1]);
        let first = clients.enter(ip, 2).expect("first");
        let _second = clients.enter(ip, 2).expect("second");
        assert!(clients.enter(ip, 2).is_none());
        assert!(clients.enter(IpAddr::from([127, 0, 0, 9]), 2).is_some());
        drop(first);
        assert!(clients.enter(ip, 2).is_some());
    }

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
        let serving = tokio::spawn({
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
        serving.await.expect("the end");
    }
}
