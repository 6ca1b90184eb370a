//! `serve`: bind → build → run until a signal → drain.

use std::future::Future;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::TcpListener;

use crate::app::App;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::net::SystemNames;

pub(super) async fn run(config: Config, metrics: Metrics) -> Result<ExitCode> {
    let listener = bind(config.server.listen, "server.listen").await?;
    let metrics_listener = match config.metrics.listen {
        Some(listen) => Some(bind(listen, "metrics.listen").await?),
        None => None,
    };
    let address = listener.local_addr()?;
    let nobody_named = config.server.hosts.is_empty() && config.server.public_url.is_none();
    if address.ip().is_unspecified() && nobody_named {
        tracing::warn!(
            "only localhost is answered: set server.hosts to the names or addresses that viewers type"
        );
    }
    let data_dir = config.data_dir.display().to_string();
    let app = App::build(config, address, metrics, Arc::new(SystemNames))?;
    tracing::info!(address = %format!("http://{address}"), data_dir, "serving");
    app.run(listener, metrics_listener, signalled()?).await;
    Ok(ExitCode::SUCCESS)
}

async fn bind(listen: SocketAddr, key: &str) -> Result<TcpListener> {
    TcpListener::bind(listen)
        .await
        .with_context(|| format!("{key} = {listen} cannot be bound; set {key} to a free port"))
}

fn signalled() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
