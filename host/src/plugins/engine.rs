//! The wasmtime engines, the threads that guests run on, and the one that makes
//! their time pass. The stack of a guest is its engine's, so there is one for each
//! stack that the configuration gives to a plugin, mostly one.
//!
//! Compiling happens elsewhere ([`super::compile`]), with the same settings.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;
use tokio::runtime::{self, Handle, Runtime};
use wasmtime::component::Linker;
use wasmtime::{Config, Result};

use super::bindings::Extractor;
use super::call::Call;
use super::wasi;
use crate::config;

/// How often running guests are looked at. Also the precision of every
/// wall-time limit of a call.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// What the host's own functions may use of a call's stack.
const HOST_STACK: usize = 1536 << 10;

/// All of it; cheap to clone.
#[derive(Clone)]
pub(super) struct Engine {
    /// By stack; one at least.
    worlds: Arc<BTreeMap<ByteSize, World>>,
    threads: Arc<Threads>,
}

/// An engine and the linker of the world.
#[derive(Clone)]
pub(super) struct World {
    pub(super) wasm: wasmtime::Engine,
    pub(super) linker: Arc<Linker<Call>>,
}

/// The threads on which guests compute: a guest gives its thread back once a
/// tick, which is too seldom for viewers to wait for. Their requests run with
/// everybody else's.
struct Threads(Option<Runtime>);

/// How much guests give way to everything else in the process (see nice(2)).
const NICE: i32 = 10;

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}

impl Engine {
    /// Starts the engines and their ticker thread, which ends with them.
    pub(super) fn new(plugins: &config::Plugins) -> Result<Self> {
        let own = plugins
            .overrides
            .values()
            .map(|own| plugins.limits.with(own));
        let stacks = own.map(|limits| limits.stack).chain([plugins.limits.stack]);
        let worlds: Result<BTreeMap<_, _>> = stacks
            .map(|stack| Ok((stack, World::new(stack)?)))
            .collect();
        let worlds = worlds?;
        start_ticker(worlds.values().map(|world| world.wasm.weak()).collect())?;
        Ok(Self {
            worlds: Arc::new(worlds),
            threads: Arc::new(Threads::start(plugins.max_calls)?),
        })
    }

    /// For guests with that stack: one of the configuration's.
    pub(super) fn of(&self, stack: ByteSize) -> &World {
        self.worlds
            .get(&stack)
            .expect("the configuration, which all limits come from, was read for it")
    }

    /// Any of them: code is the same for all.
    pub(super) fn any(&self) -> &World {
        self.worlds.values().next().expect("there is one at least")
    }

    /// Where guests run.
    pub(super) fn threads(&self) -> &Handle {
        self.threads
            .0
            .as_ref()
            .expect("taken in drop alone")
            .handle()
    }
}

impl World {
    fn new(stack: ByteSize) -> Result<Self> {
        let stack = usize::try_from(stack.as_u64()).unwrap_or(usize::MAX / 2);
        let mut config = settings();
        config
            .max_wasm_stack(stack)
            // The async stack must hold the guest's and the host's frames.
            .async_stack_size(stack + HOST_STACK);
        let wasm = wasmtime::Engine::new(&config)?;
        let mut linker = Linker::new(&wasm);
        Extractor::add_to_linker::<_, wasmtime::component::HasSelf<Call>>(&mut linker, |call| {
            call
        })?;
        wasi::add_to_linker(&mut linker)?;
        Ok(Self {
            wasm,
            linker: Arc::new(linker),
        })
    }
}

impl Threads {
    /// One for each processor, but no more than there are calls.
    fn start(calls: usize) -> Result<Self> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = runtime::Builder::new_multi_thread()
            .thread_name("guests")
            .worker_threads(processors.min(calls))
            .on_thread_start(|| {
                // Where it is not allowed, guests are as important as the rest.
                let _ = rustix::process::setpriority_process(None, NICE);
            })
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // May be dropped by a task, which must not wait.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// What code is compiled for: the same here and in the child that compiles.
pub(super) fn settings() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true).epoch_interruption(true);
    config
}

/// An own OS thread: a busy runtime must not stop the clock that ends busy
/// guests.
fn start_ticker(engines: Vec<wasmtime::EngineWeak>) -> Result<()> {
    std::thread::Builder::new()
        .name("epoch-ticker".into())
        .spawn(move || {
            while tick(&engines) {
                std::thread::sleep(TICK);
            }
        })?;
    Ok(())
}

/// `false` when they have all ended.
fn tick(engines: &[wasmtime::EngineWeak]) -> bool {
    let alive = engines.iter().filter_map(wasmtime::EngineWeak::upgrade);
    alive.map(|engine| engine.increment_epoch()).count() > 0
}
