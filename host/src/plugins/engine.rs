//! One wasmtime engine for all plugins, and the thread that makes its time
//! pass.
//!
//! Compiling happens on the blocking pool, one thread per component: it is
//! outside wasmtime's security promise, so it must not take all cores.

use std::time::Duration;

use wasmtime::component::Linker;
use wasmtime::{Config, Result};

use super::bindings::Extractor;
use super::call::Call;

/// How often running guests are looked at. Also the precision of every
/// wall-time limit of a call.
pub(super) const TICK: Duration = Duration::from_millis(10);

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
    pub fn new() -> Result<Self> {
        let mut config = Config::new();
        config
            .wasm_component_model(true)
            .epoch_interruption(true)
            // Guests recurse little; the async stack must hold it and the host's frames.
            .max_wasm_stack(512 << 10)
            .async_stack_size(2 << 20);
        let wasm = wasmtime::Engine::new(&config)?;
        let mut linker = Linker::new(&wasm);
        Extractor::add_to_linker::<_, wasmtime::component::HasSelf<Call>>(&mut linker, |call| {
            call
        })?;
        start_ticker(&wasm)?;
        Ok(Self {
            wasm,
            linker: std::sync::Arc::new(linker),
        })
    }
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
