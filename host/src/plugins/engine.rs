//! One wasmtime engine for all plugins, the threads that guests run on, and the
//! one that makes their time pass.
//!
//! Compiling happens elsewhere ([`super::compile`]), with the same settings.

use std::sync::Arc;
use std::time::Duration;

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

/// The engine and the linker of the world; cheap to clone.
#[derive(Clone)]
pub(super) struct Engine {
    pub(super) wasm: wasmtime::Engine,
    pub(super) linker: Arc<Linker<Call>>,
    threads: Arc<Threads>,
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
    /// Starts the engine and its ticker thread, which ends with the engine.
    pub(super) fn new(plugins: &config::Plugins) -> Result<Self> {
        let stack = usize::try_from(plugins.stack.as_u64()).unwrap_or(usize::MAX / 2);
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
        start_ticker(&wasm)?;
        Ok(Self {
            wasm,
            linker: Arc::new(linker),
            threads: Arc::new(Threads::start(plugins.max_calls)?),
        })
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
fn start_ticker(engine: &wasmtime::Engine) -> Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new()
        .name("epoch-ticker".into())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })?;
    Ok(())
}
