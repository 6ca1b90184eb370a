//! From the watched directory to the registry: load, try, swap, keep a copy
//! of what proved itself.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::call::{CallError, Host};
use super::directory::{Directory, Event};
use super::load::{Generation, LoadError, digest, load};
use super::registry::{Registry, Verdict};
use super::site::Sites;
use super::validate::ExtractError;
use crate::config;
use crate::files;

/// Loads what the directory brings; see the module's words.
#[derive(Clone, Debug)]
pub struct Loader {
    host: Host,
    registry: Registry,
    sites: Sites,
    /// `cache_dir/plugins`: local disk, ours alone.
    last_good: PathBuf,
    max_file: u64,
    /// Compiling takes a core: it must not take all of them.
    compiling: Arc<Semaphore>,
}

impl Loader {
    /// Nothing happens before [`Loader::run`].
    pub fn new(host: Host, registry: Registry, sites: Sites, config: &config::Config) -> Self {
        Self {
            host,
            registry,
            sites,
            last_good: config.cache_dir.join("plugins"),
            max_file: config.plugins.max_file.as_u64(),
            compiling: Arc::new(Semaphore::new(2)),
        }
    }

    /// Starts watching `dir`; the task returned loads until `stop`, in tasks
    /// of `tasks`.
    pub fn watch(
        self,
        dir: PathBuf,
        config: &config::Plugins,
        stop: CancellationToken,
        tasks: TaskTracker,
    ) -> std::io::Result<(Directory, impl Future<Output = ()> + Send + 'static)> {
        let (sender, events) = mpsc::channel(4);
        let (clock, metrics) = (self.host.clock.clone(), self.host.metrics.clone());
        let directory = Directory::watch(dir, config, clock, metrics, sender)?;
        let task = async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.run(events, tasks) => {}
            }
        };
        Ok((directory, task))
    }

    /// One task an event, so that a slow or broken plugin delays no other; the
    /// events of one key one after the other.
    async fn run(self, mut events: mpsc::Receiver<Event>, tasks: TaskTracker) {
        let mut running: HashMap<String, JoinHandle<()>> = HashMap::new();
        while let Some(event) = events.recv().await {
            running.retain(|_, task| !task.is_finished());
            let key = event.key().to_owned();
            let (this, before) = (self.clone(), running.remove(&key));
            let task = tasks.spawn(async move {
                if let Some(before) = before {
                    // However it ended: what comes now is newer.
                    let _ = before.await;
                }
                this.handle(event).await;
            });
            running.insert(key, task);
        }
    }

    async fn handle(&self, event: Event) {
        match event {
            Event::File { key, bytes, forced } => self.file(&key, bytes, forced).await,
            Event::Unusable { file, why } => {
                let key = file.strip_suffix(".wasm").unwrap_or(&file);
                if key.parse::<config::Key>().is_ok() {
                    self.ensure_last_good(key, None).await;
                }
                self.registry.refused(key, None, &LoadError::File(why));
            }
            Event::Gone { key } => {
                self.registry.remove(&key);
                let path = self.copy_of(&key);
                // The operator took it away: it must not come back by itself.
                let _ = tokio::task::spawn_blocking(move || std::fs::remove_file(path)).await;
            }
            Event::Started { found: true } => {}
            // A mount that is not there yet: what was proven before serves.
            Event::Started { found: false } => self.restore_missing().await,
        }
    }

    async fn file(&self, key: &str, bytes: Arc<[u8]>, forced: bool) {
        let digest = digest(&bytes);
        if !self.registry.wants(key, &digest) && !forced {
            return;
        }
        self.ensure_last_good(key, Some(&digest)).await;
        // The very bytes that were proven before need neither probe nor
        // probation: after a restart a site that is down must not unload them.
        let proven = self.read_copy(key).await.is_some_and(|copy| copy == bytes);
        let tried = if proven {
            self.load(key, bytes.clone()).await
        } else {
            self.try_out(key, bytes.clone()).await
        };
        match tried {
            Ok(generation) => {
                self.registry.swap(generation, bytes, proven);
            }
            Err(error) => self.registry.refused(key, Some(digest), &error),
        }
    }

    async fn load(&self, key: &str, bytes: Arc<[u8]>) -> Result<Generation, LoadError> {
        // Never closed, so there is always a place in the end.
        let _place = self.compiling.acquire().await;
        load(&self.host, key, bytes).await
    }

    /// Loads and probes. Trouble of the site never holds a fix back; a fault
    /// of the plugin does, and so does a changed layout where the version that
    /// serves still finds it.
    async fn try_out(&self, key: &str, bytes: Arc<[u8]>) -> Result<Generation, LoadError> {
        let generation = self.load(key, bytes).await?;
        for site in self
            .sites
            .of_plugin(key)
            .into_iter()
            .filter(|site| site.enabled)
        {
            let error = match generation.probe(&self.host, &site).await {
                Ok(()) => continue,
                Err(error) => error,
            };
            let holds_back = match &error {
                CallError::Run(_) => true,
                CallError::Guest(ExtractError::LayoutChanged(_)) => {
                    match self.registry.current(key) {
                        Some((old, _)) => old.probe(&self.host, &site).await.is_ok(),
                        None => false,
                    }
                }
                CallError::Guest(_) => false,
            };
            if holds_back {
                return Err(LoadError::Probe {
                    site: site.key.clone(),
                    error,
                });
            }
            tracing::info!(plugin = key, site = site.key, %error, "probe: the site's trouble, not the plugin's");
        }
        Ok(generation)
    }

    /// With nothing serving, the last version that proved itself serves before
    /// another one is tried, so that there is something to fall back to.
    async fn ensure_last_good(&self, key: &str, digest_of_new: Option<&str>) {
        if self.registry.current(key).is_some() {
            return;
        }
        let Some(bytes) = self.read_copy(key).await else {
            return;
        };
        if digest_of_new == Some(digest(&bytes).as_str()) {
            return;
        }
        match self.load(key, bytes.clone()).await {
            // A file may have come meanwhile.
            Ok(_) if self.registry.current(key).is_some() => {}
            Ok(generation) => {
                self.registry.swap(generation, bytes, true);
            }
            Err(error) => tracing::warn!(plugin = key, %error, "the last good copy cannot be used"),
        }
    }

    async fn restore_missing(&self) {
        let dir = self.last_good.clone();
        let keys = tokio::task::spawn_blocking(move || {
            let Ok(entries) = std::fs::read_dir(dir) else {
                return Vec::new();
            };
            entries
                .flatten()
                .filter_map(|entry| entry.file_name().into_string().ok())
                .filter_map(|name| name.strip_suffix(".wasm").map(str::to_owned))
                .filter(|key| key.parse::<config::Key>().is_ok())
                .take(256)
                .collect()
        });
        for key in keys.await.unwrap_or_default() {
            self.ensure_last_good(&key, None).await;
        }
    }

    /// An extraction ended: settles, rolls back, keeps the copy.
    pub async fn report(&self, key: &str, number: u64, outcome: Result<usize, &CallError>) {
        if let Verdict::Settled(bytes) = self.registry.report(key, number, outcome) {
            let path = self.copy_of(key);
            let written = tokio::task::spawn_blocking(move || files::write(&path, &bytes)).await;
            if let Ok(Err(error)) = written {
                tracing::warn!(plugin = key, %error, "no last-good copy could be written");
            }
        }
    }

    fn copy_of(&self, key: &str) -> PathBuf {
        self.last_good.join(format!("{key}.wasm"))
    }

    async fn read_copy(&self, key: &str) -> Option<Arc<[u8]>> {
        let (path, max) = (self.copy_of(key), self.max_file);
        let read = tokio::task::spawn_blocking(move || files::read(&path, max)).await;
        Some(read.ok()?.ok()?.into())
    }
}
