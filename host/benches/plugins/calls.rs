//! One call: nothing but itself, with fetches, and what it holds meanwhile.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::routing::get;
use f1_streams::clock::Clock;
use f1_streams::config::Config;
use f1_streams::metrics::Metrics;
use f1_streams::net::Net;
use f1_streams::plugins::{Generation, Hint, Host, Site, Sites, load};
use wasmtime::component::{Component, Linker};

use super::figures;
use super::it::guests::{Guest, NOT_FOUND};

const CALLS: usize = 2000;
/// What each upstream answer waits, which stands for a site's distance.
const AWAY: Duration = Duration::from_millis(100);

/// The plugin that `cargo xtask build-plugins` made.
pub(crate) fn built(key: &str) -> Result<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../target/plugins/{key}.wasm"));
    std::fs::read(&path).with_context(|| format!("{}: build it first", path.display()))
}

struct Bench {
    host: Host,
    sites: Sites,
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let text = "[net]\nports = []\nallow_addresses = [\"127.0.0.1/32\"]\n\
                    [plugins]\nmax_calls = 256\n";
        let mut config = Config::from_toml(text, dir.path())?.config;
        config.program = env!("CARGO_BIN_EXE_f1-streams").into();
        let (clock, metrics) = (Clock::system(), Metrics::new());
        let net = Net::new(config.net.clone(), metrics.clone());
        let host =
            Host::new(&config, clock, metrics).map_err(|error| anyhow::anyhow!("{error:#}"))?;
        let sites = Sites::new(&config.data_dir, net);
        Ok(Self { host, sites, dir })
    }

    async fn load(&self, key: &str, bytes: Vec<u8>) -> Result<Generation> {
        Ok(load(&self.host, key, Arc::<[u8]>::from(bytes)).await?)
    }

    fn site(&self, key: &str, text: &str) -> Result<Arc<Site>> {
        let dir = self.dir.path().join("data/sites");
        std::fs::create_dir_all(&dir)?;
        std::fs::write(dir.join(format!("{key}.toml")), text)?;
        self.sites.reload(&[]);
        self.sites.get(key).context("the site file was refused")
    }
}

/// A guest that answers at once, through our host and through wasmtime alone.
pub(crate) async fn empty() -> Result<()> {
    let guest = Guest {
        key: "empty",
        probe: NOT_FOUND,
        ..Guest::default()
    };
    let bytes = guest.component();
    let bench = Bench::new()?;
    let site = bench.site("empty", "")?;
    let generation = bench.load("empty", bytes.clone()).await?;
    let mut ours = Vec::new();
    for _ in 0..CALLS {
        let began = Instant::now();
        let answer = generation.probe(&bench.host, &site).await;
        ours.push(began.elapsed());
        ensure!(answer.is_err(), "the guest answers not-found");
    }
    let ours = figures::print("instantiate and one empty call", ours);
    busy(&bench, &generation, &site).await?;
    let bare = figures::print("  the same in wasmtime alone, no limits", alone(&bytes)?);
    figures::ratio("  ours to wasmtime alone", ours, bare);
    Ok(())
}

/// The same while other calls keep the guests' threads awake: without the time
/// that a thread takes to wake up, twice a call.
async fn busy(bench: &Bench, generation: &Generation, site: &Arc<Site>) -> Result<()> {
    const CALLERS: usize = 8;
    let began = Instant::now();
    let callers = (0..CALLERS).map(|_| async {
        for _ in 0..CALLS / CALLERS {
            let _ = generation.probe(&bench.host, site).await;
        }
    });
    futures::future::join_all(callers).await;
    let each = began.elapsed() / u32::try_from(CALLS)?;
    figures::print("  a call's share of the time of eight at once", vec![each]);
    Ok(())
}

fn alone(bytes: &[u8]) -> Result<Vec<Duration>> {
    let plain = |error: wasmtime::Error| anyhow::anyhow!("{error:#}");
    let engine = wasmtime::Engine::default();
    let component = Component::from_binary(&engine, bytes).map_err(plain)?;
    let mut linker = Linker::<()>::new(&engine);
    linker
        .define_unknown_imports_as_traps(&component)
        .map_err(plain)?;
    let pre = linker.instantiate_pre(&component).map_err(plain)?;
    let mut times = Vec::new();
    for _ in 0..CALLS {
        let began = Instant::now();
        let mut store = wasmtime::Store::new(&engine, ());
        let instance = pre.instantiate(&mut store).map_err(plain)?;
        let exports = instance
            .get_export_index(&mut store, None, "f1-streams:extractor/extraction@1.0.0")
            .context("the extraction interface")?;
        let probe = instance
            .get_export_index(&mut store, Some(&exports), "probe")
            .context("its probe")?;
        let probe = instance
            .get_func(&mut store, probe)
            .context("which is a function")?;
        let mut results = [wasmtime::component::Val::Bool(false)];
        probe.call(&mut store, &[], &mut results).map_err(plain)?;
        drop(store);
        times.push(began.elapsed());
    }
    Ok(times)
}

/// A real plugin that asks all its instances in one `send-all`, two requests
/// each; `plugins.limits.parallel` run at once, 8 by default.
pub(crate) async fn fetches() -> Result<()> {
    let address = upstream().await?;
    let bench = Bench::new()?;
    let generation = bench.load("owncast", built("owncast")?).await?;
    let mut medians = Vec::new();
    for instances in [1, 4] {
        let site = bench.site(
            &format!("owncast-{instances}"),
            &owncast(&address, instances),
        )?;
        let mut times = Vec::new();
        for _ in 0..20 {
            let began = Instant::now();
            let found = generation
                .extract(&bench.host, &site, &Hint::default())
                .await;
            times.push(began.elapsed());
            let found = found.map_err(|error| anyhow::anyhow!("{error}"))?;
            ensure!(found.streams.len() == instances, "every instance is live");
        }
        let what = format!("{} fetches in one send-all, {AWAY:?} away", 2 * instances);
        medians.push(figures::print(&what, times));
    }
    figures::ratio("  eight to two", medians[1], medians[0]);
    Ok(())
}

/// Resident memory while many calls wait for their fetches.
pub(crate) async fn memory() -> Result<()> {
    const LIVE: u64 = 128;
    let address = upstream().await?;
    let bench = Bench::new()?;
    let generation = Arc::new(bench.load("owncast", built("owncast")?).await?);
    let site = bench.site("owncast", &owncast(&address, 1))?;
    generation
        .extract(&bench.host, &site, &Hint::default())
        .await?;
    let before = resident()?;
    let calls = (0..LIVE).map(|_| {
        let (generation, host, site) = (generation.clone(), bench.host.clone(), site.clone());
        tokio::spawn(async move {
            generation
                .extract(&host, &site, &Hint::default())
                .await
                .is_ok()
        })
    });
    let calls: Vec<_> = calls.collect();
    tokio::time::sleep(AWAY / 2).await;
    let during = resident()?;
    for call in calls {
        call.await?;
    }
    let each = during.saturating_sub(before) / LIVE;
    println!(
        "{:<52} {:>7} KiB",
        format!("memory of one live call, of {LIVE}"),
        each >> 10
    );
    Ok(())
}

fn owncast(address: &str, instances: usize) -> String {
    let each = (0..instances).map(|n| format!("{{ url = \"{address}/{n}\", label = \"{n}\" }}"));
    let each: Vec<_> = each.collect();
    format!(
        "plugin = \"owncast\"\nbase_url = \"{address}\"\n[settings]\ninstances = [{}]\n",
        each.join(", ")
    )
}

async fn upstream() -> Result<String> {
    let slow = |body: &'static str| async move {
        tokio::time::sleep(AWAY).await;
        ([(http::header::CONTENT_TYPE, "application/json")], body)
    };
    let app = Router::new()
        .route(
            "/{n}/api/status",
            get(move || slow(r#"{"online":true,"viewerCount":1,"streamTitle":"x"}"#)),
        )
        .route(
            "/{n}/api/config",
            get(move || slow(r#"{"name":"An instance"}"#)),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

/// Bytes, of this process (proc_pid_statm(5): pages of 4 KiB here).
fn resident() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages = text.split(' ').nth(1).context("the resident pages")?;
    Ok(pages.parse::<u64>()? * u64::try_from(rustix::param::page_size())?)
}
