//! Compiling a component, outside of this process.
//!
//! What a hostile component can make a compiler do is outside wasmtime's
//! security promise, so compiling happens in a child of our own program
//! ([`child`]) with limits on its memory and processor time, and is killed at
//! `plugins.compile.time`. What came of it is kept on local disk ([`cache`])
//! and taken back only as what we made ourselves ([`artefact`]).

mod artefact;
mod cache;
mod child;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, OnceLock};

use bytesize::ByteSize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::Semaphore;
use wasmtime::component::Component;

pub use child::compile_standard_input;

use self::artefact::{FRONT, Maker};
use self::cache::Cache;
use super::engine::Engine;
use crate::config::{self, Config};
use crate::metrics::Metrics;

/// Why a component has no compiled form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// The compiler's answer.
    #[error("it does not compile: {0}")]
    Refused(String),
    /// Not done within `plugins.compile.time`.
    #[error("compiling it took longer than plugins.compile.time = {0:?}")]
    Time(std::time::Duration),
    /// The compiler gave up, which with sound input means for want of memory.
    #[error("compiling it takes more than plugins.compile.memory = {0}, or breaks the compiler")]
    Memory(ByteSize),
    /// Its code is longer than `plugins.compile.output`.
    #[error("its code is longer than plugins.compile.output = {0}")]
    Output(ByteSize),
    /// Not the component's fault.
    #[error("the compiler does not run: {0}")]
    Compiler(String),
}

impl CompileError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(_) => "compile",
            Self::Time(_) => "compile_time",
            Self::Memory(_) => "compile_memory",
            Self::Output(_) => "compile_output",
            Self::Compiler(_) => "compiler",
        }
    }
}

/// Turns components into code; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Compiler(Arc<Inner>);

struct Inner {
    program: PathBuf,
    limits: config::Compile,
    maker: Maker,
    places: Semaphore,
    cache_dir: PathBuf,
    /// Opened by the first that compiles: `None` where it cannot be used.
    cache: OnceLock<Option<Cache>>,
    metrics: Metrics,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Compiler").field(&self.limits).finish()
    }
}

/// Of a child's standard error; the rest is cut off.
const MAX_COMPLAINT: u64 = 8 << 10;

impl Compiler {
    /// Opens nothing before the first component comes.
    pub(super) fn new(engine: &Engine, config: &Config, metrics: Metrics) -> Self {
        let limits = config.plugins.compile.clone();
        Self(Arc::new(Inner {
            maker: Maker::new(&engine.any().wasm, &build()),
            program: config.program.clone(),
            places: Semaphore::new(limits.concurrency),
            limits,
            cache_dir: config.cache_dir.join("compiled"),
            cache: OnceLock::new(),
            metrics,
        }))
    }

    /// The component whose file has `digest`, from the cache or compiled, for
    /// `engine`.
    pub(super) async fn component(
        &self,
        engine: &wasmtime::Engine,
        digest: &str,
        bytes: &Arc<[u8]>,
    ) -> Result<Component, CompileError> {
        let (this, for_it, name) = (self.clone(), engine.clone(), digest.to_owned());
        let cached = blocking(move || this.cached(&for_it, &name)).await?;
        if let Some(component) = cached {
            self.0.metrics.compiled("cached");
            return Ok(component);
        }
        let compiled = self.compile(bytes).await;
        let outcome = compiled.as_ref().map_or_else(CompileError::code, |_| "ok");
        self.0.metrics.compiled(outcome);
        let (this, for_it, name) = (self.clone(), engine.clone(), digest.to_owned());
        let code = compiled?;
        blocking(move || this.keep(&for_it, &name, code)).await?
    }

    fn cached(&self, engine: &wasmtime::Engine, digest: &str) -> Option<Component> {
        let inner = &self.0;
        let cache = self.cache()?;
        let kept = cache.read(digest)?;
        let opened = inner
            .maker
            .open(cache.key(), digest, &kept)
            .and_then(|made| made.load(engine));
        if opened.is_none() {
            tracing::info!(
                digest,
                "a compiled copy is not of this host's making: again"
            );
        }
        opened
    }

    /// `code` has room before it.
    fn keep(
        &self,
        engine: &wasmtime::Engine,
        digest: &str,
        mut code: Vec<u8>,
    ) -> Result<Component, CompileError> {
        let inner = &self.0;
        let made = inner.maker.made(&code[FRONT..]);
        let component = made.load(engine).ok_or_else(|| {
            CompileError::Compiler("what it made is not for this engine: another build?".into())
        })?;
        if let Some(cache) = self.cache() {
            inner.maker.seal(cache.key(), digest, &mut code);
            if let Err(error) = cache.write(digest, &code) {
                tracing::warn!(%error, "a compiled copy could not be kept");
            }
        }
        Ok(component)
    }

    /// Blocking.
    fn cache(&self) -> Option<&Cache> {
        let open = || {
            let room = self.0.limits.cache.as_u64();
            if room == 0 {
                return None;
            }
            Cache::open(&self.0.cache_dir, room, self.0.metrics.clone())
                .inspect_err(|error| {
                    let path = self.0.cache_dir.display();
                    tracing::warn!(%path, %error, "compiled plugins are not kept");
                })
                .ok()
        };
        self.0.cache.get_or_init(open).as_ref()
    }

    async fn compile(&self, bytes: &Arc<[u8]>) -> Result<Vec<u8>, CompileError> {
        let inner = &self.0;
        if inner.places.available_permits() == 0 {
            inner.metrics.limit("plugins.compile.concurrency");
        }
        // Never closed, so there is always a place in the end.
        let _place = inner.places.acquire().await;
        let time = inner.limits.time;
        match tokio::time::timeout(time, self.run_child(bytes)).await {
            Ok(result) => result,
            // The child died with its handle.
            Err(_) => {
                inner.metrics.limit("plugins.compile.time");
                Err(CompileError::Time(time))
            }
        }
    }

    /// Its code after [`FRONT`] bytes of room.
    async fn run_child(&self, bytes: &Arc<[u8]>) -> Result<Vec<u8>, CompileError> {
        let inner = &self.0;
        let memory = inner.limits.memory.as_u64();
        let trouble = |error: std::io::Error| {
            CompileError::Compiler(format!("{}: {error}", inner.program.display()))
        };
        let mut child = Command::new(&inner.program)
            .args(child::arguments(memory, inner.limits.time))
            .env_clear()
            // Else the allocator takes a gigabyte of address space at once, which is
            // all that there is: what compiles then is a matter of luck.
            .env("MIMALLOC_ARENA_RESERVE", "0")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(trouble)?;
        let missing = || CompileError::Compiler("a pipe is missing".into());
        let mut stdin = child.stdin.take().ok_or_else(missing)?;
        let most = inner.limits.output;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let mut stdout = stdout.take(most.as_u64().saturating_add(1));
        let mut stderr = child.stderr.take().ok_or_else(missing)?.take(MAX_COMPLAINT);
        let (mut code, mut complaint) = (vec![0; FRONT], Vec::new());
        let send = async {
            // A child that died says more by how it died.
            let _ = stdin.write_all(bytes).await;
            drop(stdin);
        };
        let ((), read, _) = tokio::join!(
            send,
            stdout.read_to_end(&mut code),
            stderr.read_to_end(&mut complaint)
        );
        // Closed, so that a child that still writes ends.
        drop((stdout, stderr));
        if (code.len() - FRONT) as u64 > most.as_u64() {
            inner.metrics.limit("plugins.compile.output");
            return Err(CompileError::Output(most));
        }
        let status = child.wait().await.map_err(trouble)?;
        read.map_err(trouble)?;
        if status.success() {
            return Ok(code);
        }
        Err(self.verdict(status, &complaint))
    }

    fn verdict(&self, status: ExitStatus, complaint: &[u8]) -> CompileError {
        let inner = &self.0;
        let text = super::validate::clean(&String::from_utf8_lossy(complaint), 2048);
        match (status.code(), status.signal()) {
            (Some(child::REFUSED), _) => CompileError::Refused(text),
            (Some(child::OUT_OF_MEMORY), _)
            | (None, Some(libc_signal::ABORT | libc_signal::SEGV)) => {
                inner.metrics.limit("plugins.compile.memory");
                tracing::warn!(complaint = text, "the compiler gave up");
                CompileError::Memory(inner.limits.memory)
            }
            (None, Some(libc_signal::XCPU | libc_signal::KILL)) => {
                inner.metrics.limit("plugins.compile.time");
                CompileError::Time(inner.limits.time)
            }
            // A panic of the compiler.
            (Some(101), _) => CompileError::Refused(text),
            _ => CompileError::Compiler(format!("{status}: {text}")),
        }
    }
}

/// The signals that a limit ends a child with.
mod libc_signal {
    use rustix::process::Signal;

    pub(super) const ABORT: i32 = Signal::ABORT.as_raw();
    pub(super) const SEGV: i32 = Signal::SEGV.as_raw();
    pub(super) const XCPU: i32 = Signal::XCPU.as_raw();
    pub(super) const KILL: i32 = Signal::KILL.as_raw();
}

/// What tells one build of the compiler from another, besides what the engine
/// knows of itself: every crate in it, with version and checksum. Not its file,
/// whose time and size an image may have set alike, and which takes a second to
/// hash.
fn build() -> String {
    let crates = super::load::digest(include_bytes!("../../../Cargo.lock"));
    format!("{} {crates}", env!("CARGO_PKG_VERSION"))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CompileError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| CompileError::Compiler(error.to_string()))
}

/// wasmtime's own fingerprint of everything in the engine that compiled code
/// depends on.
fn fingerprint(engine: &wasmtime::Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}
