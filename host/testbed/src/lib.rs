//! A simulated internet for tests, benches and the demo, on loopback addresses
//! and ephemeral ports: a site that hides its stream, one behind a log-in, two
//! redirecting hosts, a CDN with live HLS streams of every kind, two schedule
//! APIs, a log of what reached them, and faults. Nothing of it is part of the
//! shipped binary.
//!
//! It opens no outbound socket and names no host outside its own `.test`
//! names, apart from the refused targets that its test pages name. Every
//! listener is bound before [`Testbed::start`] returns; dropping the
//! [`Testbed`] ends its servers and their connections. What it remembers is
//! bounded: [`log::CAPACITY`] requests, a fixed number of tokens per kind and
//! [`server::MAX_CONNECTIONS`] connections per listener.

mod bounded;
mod cdn;
mod clock;
mod control;
mod cookies;
pub mod faults;
mod kinds;
pub mod log;
mod mp4;
mod packer;
mod schedule;
pub mod server;
pub mod site_b;
mod sites;
mod tickets;
mod ts;
mod wire;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

pub use faults::{
    Faults,
    wire::{self as wires, Wire},
};
pub use log::{Request, Role};

use clock::Clock;
use faults::FaultStore;
use log::RequestLog;
use server::Endpoint;
use tickets::Tickets;

/// Where the testbed listens.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address of the sites, the redirecting hosts and the CDN.
    pub sites_ip: IpAddr,
    /// The address of the schedule APIs.
    pub schedule_ip: IpAddr,
    /// The control port; `None` is a free port of `sites_ip`.
    pub control: Option<SocketAddr>,
    /// Added to the wall clock for the stream's time line (not for the log and
    /// not for the schedule), so that a test can begin just before the loop
    /// wraps or the 33-bit time stamps overflow.
    pub stream_clock_offset: Duration,
    /// How long site B's signed addresses open.
    pub signed_for: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sites_ip: Ipv4Addr::new(127, 0, 0, 2).into(),
            schedule_ip: Ipv4Addr::new(127, 0, 0, 3).into(),
            control: None,
            stream_clock_offset: Duration::ZERO,
            signed_for: Duration::from_secs(600),
        }
    }
}

/// What a user of the testbed needs to know: the document the binary prints.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Info {
    /// The site's base URL.
    pub site_a: String,
    /// The base URL of the site with the log-in form.
    pub site_b: String,
    /// The names to resolve, and to what.
    pub hosts: BTreeMap<String, IpAddr>,
    /// Every port in use.
    pub ports: Vec<u16>,
    /// Origin of the redirecting host that the site's page names.
    pub go: String,
    /// Origin of the second redirecting host.
    pub edge: String,
    /// Origin of the CDN.
    pub cdn: String,
    /// Base URL of the Jolpica-shaped API.
    pub jolpica: String,
    /// Base URL of the OpenF1-shaped API.
    pub openf1: String,
    /// Origin of the control port, by address.
    pub control: String,
}

/// A running testbed; dropped, it stops.
#[derive(Debug)]
pub struct Testbed {
    info: Info,
    log: RequestLog,
    faults: FaultStore,
    // Owns every accept loop, and through them every connection.
    tickets: Arc<Tickets>,
    _servers: JoinSet<()>,
}

impl Testbed {
    /// Binds every listener and starts serving.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let clock = Clock::new(options.stream_clock_offset);
        let sites_ip = options.sites_ip;
        let site_a = Endpoint::bind(Role::SiteA, "site-a.test", (sites_ip, 0).into()).await?;
        let site_b = Endpoint::bind(Role::SiteB, "site-b.test", (sites_ip, 0).into()).await?;
        let go = Endpoint::bind(Role::Go, "go.test", (sites_ip, 0).into()).await?;
        let edge = Endpoint::bind(Role::Edge, "edge.test", (sites_ip, 0).into()).await?;
        let cdn = Endpoint::bind(Role::Cdn, "cdn.test", (sites_ip, 0).into()).await?;
        let schedule_at = (options.schedule_ip, 0).into();
        let schedule = Endpoint::bind(Role::Schedule, "schedule.test", schedule_at).await?;
        let control_at = options.control.unwrap_or((sites_ip, 0).into());
        let control = Endpoint::bind(Role::Control, "control.test", control_at).await?;

        let info = Info {
            site_a: site_a.origin(),
            site_b: site_b.origin(),
            hosts: [&site_a, &site_b, &go, &edge, &cdn, &schedule]
                .map(|endpoint| (endpoint.name.to_owned(), endpoint.address.ip()))
                .into_iter()
                .chain([(cdn::OTHER_NAME.to_owned(), cdn.address.ip())])
                .collect(),
            ports: [&site_a, &site_b, &go, &edge, &cdn, &schedule, &control]
                .map(|endpoint| endpoint.address.port())
                .into(),
            go: go.origin(),
            edge: edge.origin(),
            cdn: cdn.origin(),
            jolpica: format!("{}/ergast/f1/", schedule.origin()),
            openf1: format!("{}/v1/", schedule.origin()),
            control: format!("http://{}", control.address),
        };

        let log = RequestLog::new(clock);
        let faults = FaultStore::new(clock);
        let tickets = Arc::new(Tickets::default());
        let sites = sites::Sites::new(&info, Arc::clone(&tickets));
        let members = site_b::SiteB::new(&info, Arc::clone(&tickets), clock, options.signed_for);
        let origin = cdn::Cdn::new(&info, Arc::clone(&tickets), faults.clone(), clock)
            .context("reading the embedded media")?;
        let season = schedule::router(clock, &info.jolpica)?;
        let controls = control::router(info.clone(), log.clone(), faults.clone());

        let mut servers = JoinSet::new();
        servers.spawn(site_a.serve(
            sites::site_router(sites.clone()),
            log.clone(),
            faults.clone(),
        ));
        servers.spawn(site_b.serve(site_b::router(members), log.clone(), faults.clone()));
        servers.spawn(go.serve(sites::go_router(sites.clone()), log.clone(), faults.clone()));
        servers.spawn(edge.serve(sites::edge_router(sites), log.clone(), faults.clone()));
        servers.spawn(cdn.serve(cdn::router(origin), log.clone(), faults.clone()));
        servers.spawn(schedule.serve(season, log.clone(), faults.clone()));
        servers.spawn(control.serve(controls, log.clone(), faults.clone()));

        Ok(Self {
            info,
            log,
            faults,
            tickets,
            _servers: servers,
        })
    }

    /// Addresses and names.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// Every remembered request, oldest first.
    pub fn log(&self) -> Vec<Request> {
        self.log.entries(None)
    }

    /// How often the CDN was asked for what, by path and query.
    pub fn fetches(&self) -> BTreeMap<String, usize> {
        let mut fetches = BTreeMap::new();
        for request in self.log.entries(Some(Role::Cdn)) {
            *fetches.entry(request.path).or_default() += 1;
        }
        fetches
    }

    /// How many requests are remembered.
    pub fn log_len(&self) -> usize {
        self.log.len()
    }

    /// How many requests the log's bound has pushed out.
    pub fn log_dropped(&self) -> u64 {
        self.log.dropped()
    }

    /// Forgets the remembered requests.
    pub fn clear_log(&self) {
        self.log.clear();
    }

    /// Ends every stream URL that was handed out: the CDN answers 403 to it
    /// from now on.
    pub fn revoke_streams(&self) {
        self.tickets.revoke_live();
    }

    /// Ends every session on site B: its members have to log in again.
    pub fn end_sessions(&self) {
        self.tickets.end_sessions();
    }

    /// The faults in force.
    pub fn faults(&self) -> Faults {
        self.faults.get()
    }

    /// Replaces all faults; `Faults::default()` is none.
    pub fn set_faults(&self, faults: Faults) {
        self.faults.set(faults);
    }
}
