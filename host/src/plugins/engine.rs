//! One wasmtime engine for all plugins, and the thread that makes its time
//! pass.
//!
//! Compiling happens elsewhere ([`super::compile`]), with the same settings.

use std::time::Duration;

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
pub struct Engine {
    pub(super) wasm: wasmtime::Engine,
    pub(super) linker: std::sync::Arc<Linker<Call>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}

impl Engine {
    /// Starts the engine and its ticker thread, which ends with the engine.
    pub fn new(plugins: &config::Plugins) -> Result<Self> {
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
            linker: std::sync::Arc::new(linker),
        })
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
