//! The whole service: every room built from its own part of the
//! configuration, and run until it is told to stop.
//!
//! Bound listeners and the shutdown future are passed in, so that a test runs
//! the very same service.

mod background;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::background::{hint, poll_schedule, sweep, tell_rollbacks};
use crate::alerts::{self, Alerts};
use crate::api::{self, Ready};
use crate::auth::Auth;
use crate::cases::Diagnostics;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config::Config;
use crate::extraction::{self, Scheduler};
use crate::health::Checker;
use crate::metrics::Metrics;
use crate::net::{Names, Net, SystemNames};
use crate::plugins::{Host, Loader, Registry, Sites};
use crate::proxy::{Links, Proxy};
use crate::schedule::{self, Schedule};
use crate::server::{self, Accepted};

/// Egress, engine and sites of one process.
pub(crate) struct Foundation {
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    pub(crate) net: Net,
    pub(crate) host: Host,
    pub(crate) sites: Sites,
}

pub(crate) fn foundation(config: &Config) -> Result<Foundation> {
    let names = Arc::new(SystemNames);
    foundation_with(config, Metrics::new(), names)
}

fn foundation_with(config: &Config, metrics: Metrics, names: Arc<dyn Names>) -> Result<Foundation> {
    let clock = Clock::system();
    let net = Net::with_names(config.net.clone(), metrics.clone(), names);
    let host = Host::new(config, clock.clone(), metrics.clone())
        .map_err(|e| anyhow::anyhow!("the WebAssembly engine: {e:#}"))?;
    let sites = Sites::new(&config.data_dir, net.clone());
    Ok(Foundation {
        clock,
        metrics,
        net,
        host,
        sites,
    })
}

/// The whole service, built and not yet running.
pub struct App {
    config: Config,
    metrics: Metrics,
    net: Net,
    schedule: Schedule,
    scheduler: Scheduler,
    sender: Option<alerts::Sender>,
    router: Router,
    ready: Ready,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl App {
    /// Builds every room from its own part of the configuration. `address` is
    /// where the main listener was bound; `metrics` is what the log counts in, too,
    /// and `names` answers for the system's resolver.
    pub fn build(
        config: Config,
        address: SocketAddr,
        metrics: Metrics,
        names: Arc<dyn Names>,
    ) -> Result<Self> {
        for dir in [config.plugins_dir(), config.sites_dir()] {
            // A directory that cannot be made now may be mounted later.
            if let Err(error) = std::fs::create_dir_all(&dir) {
                tracing::warn!(path = %dir.display(), %error, "directory");
            }
        }
        let Foundation {
            clock,
            metrics,
            net,
            host,
            sites,
        } = foundation_with(&config, metrics, names)?;
        let listeners = config.metrics.listen.into_iter().chain([address]);
        net.refuse_own(listeners.collect(), &config.server);
        let links = Links::open(
            &config.links.key_file,
            config.links.lifetime,
            config.links.bucket,
        )?;
        let auth = Auth::open(&config.auth, clock.clone(), metrics.clone())?;
        let schedule_clock = clock.clone();
        let schedule = Schedule::open(
            schedule::Config {
                jolpica_url: config.schedule.jolpica_url.clone(),
                openf1_url: config.schedule.openf1_url.clone(),
                interval: config.schedule.interval,
                interval_near: config.schedule.interval_near,
                between_requests: Duration::from_secs(1),
                settle: Duration::from_secs(1),
            },
            &config.data_dir,
            move || schedule_clock.now(),
        );
        let catalog = Catalog::new(clock.clone(), config.links.lifetime);
        let registry = Registry::new(&config.plugins, clock.clone());
        let tasks = TaskTracker::new();
        let loader = Loader::new(
            host.clone(),
            registry.clone(),
            sites.clone(),
            &config,
            tasks.clone(),
        );
        let checker = Checker::new(
            config.health.clone(),
            &config.relay,
            clock.clone(),
            metrics.clone(),
        );
        let diagnostics = Diagnostics::new(
            &config.data_dir,
            config.plugins.diagnostics.clone(),
            metrics.clone(),
        );
        let (alerts, sender) =
            Alerts::new(&config.webhook, &net, metrics.clone()).context("the webhook's way out")?;
        let parts = extraction::Parts {
            host,
            registry: registry.clone(),
            loader: loader.clone(),
            sites: sites.clone(),
            checker,
            catalog: catalog.clone(),
            diagnostics: diagnostics.clone(),
            alerts: alerts.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
        };
        let hinted = schedule.clone();
        let scheduler = Scheduler::new(parts, &config, move || hint(&hinted));
        let keys = links.clone();
        let by_hand = net.egress(net.policy(&[])).context("the outgoing client")?;
        let proxy = Proxy::new(
            links,
            catalog.clone(),
            by_hand,
            &config,
            clock.clone(),
            metrics.clone(),
        );

        let (stop, ready) = (CancellationToken::new(), Ready::default());
        let (directory, load) = loader
            .watch(stop.clone())
            .context("the plugins directory cannot be watched")?;
        tasks.spawn(load);
        tasks.spawn(keys.follow(config.links.poll, stop.clone()));
        tasks.spawn(auth.clone().follow(config.auth.poll, stop.clone()));
        tasks.spawn(tell_rollbacks(
            registry.notices(),
            alerts,
            clock.clone(),
            stop.clone(),
        ));
        let parts = api::Parts {
            catalog,
            schedule: schedule.clone(),
            scheduler: scheduler.clone(),
            registry,
            sites,
            directory: Arc::new(directory),
            proxy,
            auth,
            clock,
            loader,
            metrics: metrics.clone(),
            stop: stop.clone(),
            diagnostics,
            ready: ready.clone(),
        };
        let router = api::router(parts, &config, Accepted::new(&config, address));
        Ok(Self {
            config,
            metrics,
            net,
            schedule,
            scheduler,
            sender,
            router,
            ready,
            stop,
            tasks,
        })
    }

    /// Serves until `shutdown`, then drains: answers under way may finish
    /// within `server.drain`.
    pub async fn run(
        self,
        listener: TcpListener,
        metrics_listener: Option<TcpListener>,
        shutdown: impl Future<Output = ()>,
    ) {
        sweep(&self.config);
        self.tasks.spawn(self.scheduler.run(self.stop.clone()));
        if let Some(sender) = self.sender {
            self.tasks.spawn(sender.run(self.stop.clone()));
        }
        self.tasks.spawn(poll_schedule(
            self.schedule,
            self.net,
            self.config.schedule.max_body.as_u64(),
            self.metrics.clone(),
            self.stop.clone(),
        ));
        if let Some(listener) = metrics_listener {
            let app = metrics_router(self.metrics.clone(), Accepted::metrics(&self.config));
            let (config, metrics, stop) = (
                self.config.server.clone(),
                self.metrics.clone(),
                self.stop.clone(),
            );
            self.tasks
                .spawn(async move { server::serve(listener, app, &config, metrics, stop).await });
        }
        self.ready.set(true);
        let draining = CancellationToken::new();
        let serving = server::serve(
            listener,
            self.router,
            &self.config.server,
            self.metrics,
            draining.clone(),
        );
        tokio::pin!(serving);
        tokio::select! {
            () = &mut serving => {}
            () = shutdown => {
                tracing::info!("stopping");
                self.ready.set(false);
                self.stop.cancel();
                draining.cancel();
                serving.await;
            }
        }
        self.stop.cancel();
        self.tasks.close();
        // Calls into guests end by their own deadlines; do not wait for them
        // longer than for viewers.
        if tokio::time::timeout(self.config.server.drain, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("background tasks were cut");
        }
    }
}

fn metrics_router(metrics: Metrics, accepted: Accepted) -> Router {
    let text = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Router::new()
        .route(
            "/metrics",
            get(move || {
                let body = metrics.encode();
                async move { ([(http::header::CONTENT_TYPE, text)], body) }
            }),
        )
        .layer(axum::middleware::from_fn_with_state(
            accepted,
            server::protect,
        ))
}
