//! An empty WASI for guests that other tool chains made.
//!
//! Their runtimes import it whether they use it or not. It has no files, no
//! sockets, no environment, no arguments and nothing to read; what they print
//! becomes log lines of the site; the clocks are ours, in milliseconds; and an
//! HTTP request is denied: the guarded fetch stays the only way out. What waits
//! in it (`wasi:io`) is written out here, so that no wait outlasts the call.

mod http;
mod io;
mod output;

use rand::SeedableRng;
use rand::rngs::StdRng;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings;
use wasmtime_wasi::random::{WasiRandom, WasiRandomView};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::WasiHttpCtx;

use self::output::Printer;
use super::call::Call;
use super::journal::{Journal, Output};
use crate::clock::Clock;
use crate::config::PluginLimits;

/// What the WASI imports of one call work with.
pub(super) struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
    http: WasiHttpCtx,
    hooks: http::Denied,
}

/// Random bytes that a guest gets at once: making them takes the host's time.
const RANDOM: u64 = 64 << 10;
/// Header fields of a request that nobody will send, in bytes.
const FIELDS: usize = 16 << 10;

impl Wasi {
    /// `seed` makes everything random repeat itself.
    pub(super) fn new(
        limits: &PluginLimits,
        clock: &Clock,
        journal: &Journal,
        seed: Option<u64>,
    ) -> Self {
        let mut builder = WasiCtx::builder();
        builder
            .stdout(Printer::new(journal.clone(), Output::Stdout))
            .stderr(Printer::new(journal.clone(), Output::Stderr))
            .wall_clock(Wall(clock.clone()))
            .monotonic_clock(Monotonic::new(clock.clone()))
            .max_random_size(RANDOM)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        if let Some(seed) = seed {
            builder
                .secure_random(StdRng::seed_from_u64(seed))
                .insecure_random(StdRng::seed_from_u64(seed))
                .insecure_random_seed(seed.into());
        }
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(FIELDS);
        Self {
            ctx: builder.build(),
            table,
            http,
            hooks: http::Denied,
        }
    }
}

impl WasiView for Call {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi.ctx,
            table: &mut self.wasi.table,
        }
    }
}

/// All of WASI 0.2 that a guest may import.
pub(super) fn add_to_linker(linker: &mut Linker<Call>) -> wasmtime::Result<()> {
    use bindings::{cli, clocks, filesystem, random, sockets};
    let l = linker;
    io::add_to_linker(l)?;
    http::add_to_linker(l)?;
    clocks::wall_clock::add_to_linker::<Call, WasiClocks>(l, Call::clocks)?;
    clocks::monotonic_clock::add_to_linker::<Call, WasiClocks>(l, Call::clocks)?;
    random::random::add_to_linker::<Call, WasiRandom>(l, Call::random)?;
    random::insecure::add_to_linker::<Call, WasiRandom>(l, Call::random)?;
    random::insecure_seed::add_to_linker::<Call, WasiRandom>(l, Call::random)?;
    cli::exit::add_to_linker::<Call, WasiCli>(l, Call::cli)?;
    cli::environment::add_to_linker::<Call, WasiCli>(l, Call::cli)?;
    cli::stdin::add_to_linker::<Call, WasiCli>(l, Call::cli)?;
    cli::stdout::add_to_linker::<Call, WasiCli>(l, Call::cli)?;
    cli::stderr::add_to_linker::<Call, WasiCli>(l, Call::cli)?;
    cli::terminal_input::add_to_linker::<Call, WasiCli>(l, Call::cli)?;
    cli::terminal_output::add_to_linker::<Call, WasiCli>(l, Call::cli)?;
    cli::terminal_stdin::add_to_linker::<Call, WasiCli>(l, Call::cli)?;
    cli::terminal_stdout::add_to_linker::<Call, WasiCli>(l, Call::cli)?;
    cli::terminal_stderr::add_to_linker::<Call, WasiCli>(l, Call::cli)?;
    filesystem::preopens::add_to_linker::<Call, WasiFilesystem>(l, Call::filesystem)?;
    filesystem::types::add_to_linker::<Call, WasiFilesystem>(l, Call::filesystem)?;
    sockets::instance_network::add_to_linker::<Call, WasiSockets>(l, Call::sockets)?;
    sockets::network::add_to_linker::<Call, WasiSockets>(l, &Default::default(), Call::sockets)?;
    sockets::ip_name_lookup::add_to_linker::<Call, WasiSockets>(l, Call::sockets)?;
    sockets::tcp::add_to_linker::<Call, WasiSockets>(l, Call::sockets)?;
    sockets::tcp_create_socket::add_to_linker::<Call, WasiSockets>(l, Call::sockets)?;
    sockets::udp::add_to_linker::<Call, WasiSockets>(l, Call::sockets)?;
    sockets::udp_create_socket::add_to_linker::<Call, WasiSockets>(l, Call::sockets)
}

const RESOLUTION: Duration = Duration::from_millis(1);

/// The host's time of day.
struct Wall(Clock);

impl HostWallClock for Wall {
    fn resolution(&self) -> Duration {
        RESOLUTION
    }

    fn now(&self) -> Duration {
        let ms = u64::try_from(self.0.now().as_millisecond()).unwrap_or(0);
        Duration::from_millis(ms)
    }
}

/// Time since the call began, by the same clock: it stands still where that
/// does, and never goes back where that does.
struct Monotonic {
    clock: Clock,
    began: i64,
    /// The latest time that was told, in milliseconds.
    latest: AtomicU64,
}

impl Monotonic {
    fn new(clock: Clock) -> Self {
        Self {
            began: clock.now().as_millisecond(),
            clock,
            latest: AtomicU64::new(0),
        }
    }
}

impl HostMonotonicClock for Monotonic {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        let since = self.clock.now().as_millisecond() - self.began;
        let since = u64::try_from(since).unwrap_or(0);
        let ms = self.latest.fetch_max(since, Relaxed).max(since);
        ms * 1_000_000
    }
}
