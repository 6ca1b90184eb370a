//! From the watched directory to the registry: does what the steps of
//! [`super::lifecycle`] ask for.
//!
//! What happens to one plugin happens in one order, and in tasks of its own:
//! a slow or broken one delays no other, and an operator who goes away stops
//! nothing half-way.

mod effects;
mod lanes;
mod watch;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch as watch_value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::call::{CallError, Hint, Host};
use super::copies::{Copies, Notes};
use super::decisions::{Decisions, Record};
use super::directory::{Directory, Signals};
use super::lifecycle::{Act, Effect, Impossible, Input, Outcome};
use super::load::{LoadError, digest, load};
use super::outcome::ExtractError;
use super::registry::{Loaded, Registry};
use super::site::{Site, Sites};
use super::trust::{Content, SIGNATURE, Signature};
use crate::config;
use crate::files;

/// Loads what the directory brings; cheap to clone.
#[derive(Clone, Debug)]
pub struct Loader(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    host: Host,
    registry: Registry,
    sites: Sites,
    copies: Copies,
    /// One change of the copies after the other.
    copying: tokio::sync::Mutex<()>,
    decisions: Decisions,
    deciding: tokio::sync::Mutex<()>,
    /// Plugins whose decisions are not on disk.
    unsaved: watch_value::Sender<BTreeMap<String, Saving>>,
    signals: Arc<Signals>,
    config: config::Plugins,
    directory: std::path::PathBuf,
    tasks: TaskTracker,
    /// Of [`Loader::watch`].
    stop: OnceLock<CancellationToken>,
}

/// For files on a mount that may hang. What is known without them serves.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Saving {
    Now,
    Failed,
}

/// Why an upload was not taken.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// It would not load.
    #[error(transparent)]
    Refused(#[from] LoadError),
    /// The plugins directory takes no files.
    #[error("the plugins directory cannot be written to: {0}")]
    Directory(std::io::Error),
}

impl Loader {
    /// Nothing happens before [`Loader::watch`]. Its work is done in tasks of
    /// `tasks`.
    pub fn new(
        host: Host,
        registry: Registry,
        sites: Sites,
        config: &config::Config,
        tasks: TaskTracker,
    ) -> Self {
        Self(Arc::new(Inner {
            host,
            registry,
            sites,
            copies: Copies::new(config),
            copying: tokio::sync::Mutex::default(),
            decisions: Decisions::new(config),
            deciding: tokio::sync::Mutex::default(),
            unsaved: watch_value::Sender::default(),
            signals: Arc::default(),
            config: config.plugins.clone(),
            directory: config.plugins_dir(),
            tasks,
            stop: OnceLock::new(),
        }))
    }

    /// Does what an operator wants, and returns when it is done: whether what
    /// was decided is on disk.
    pub async fn act(&self, key: &str, act: Act) -> Result<bool, Impossible> {
        let registry = &self.0.registry;
        let rollback = act == Act::Rollback;
        let before = registry.number(key);
        let effects = registry.step(key, Input::Act(act), self.by_name(key))?;
        let (this, driven) = (self.clone(), key.to_owned());
        let task = self.0.tasks.spawn(async move {
            this.drive(&driven, effects, None).await;
        });
        // It goes on by itself; a panic in it is logged there.
        let _ = task.await;
        if rollback && registry.number(key) == before {
            // The copy was lost.
            return Err(Impossible::NothingToRollBack);
        }
        let mut unsaved = self.0.unsaved.subscribe();
        let written = unsaved.wait_for(|all| all.get(key) != Some(&Saving::Now));
        let _ = tokio::time::timeout(PATIENCE, written).await;
        Ok(!self.0.unsaved.borrow().contains_key(key))
    }

    /// Puts a file into the plugins directory as `<key>.wasm`, with the signature
    /// that came with it beside, if it loads and the directory is in order: what
    /// lies under a mount that is away is not written to.
    pub async fn upload(
        &self,
        key: &str,
        content: Content,
        directory: &Directory,
    ) -> Result<super::Info, UploadError> {
        let in_order = || match directory.status().error {
            Some(error) => Err(UploadError::Directory(std::io::Error::other(error))),
            None => Ok(()),
        };
        in_order()?;
        let generation = load(&self.0.host, key, content.clone()).await?;
        // That took a while.
        in_order()?;
        let path = self.0.directory.join(format!("{key}.wasm"));
        let beside = self.0.directory.join(format!("{key}.wasm{SIGNATURE}"));
        let write = blocking(move || {
            // Before the file: what serves is not judged again when its signature
            // changes.
            if let Signature::Text(text) = &content.signature {
                files::write_in_place(&beside, text.as_bytes())?;
            }
            files::write_in_place(&path, &content.bytes)
        });
        let written = tokio::time::timeout(PATIENCE, write).await;
        written
            .unwrap_or_else(|_| Some(Err(std::io::ErrorKind::TimedOut.into())))
            .unwrap_or_else(|| Err(std::io::Error::other("the host is stopping")))
            .map_err(UploadError::Directory)?;
        // An upload is on purpose.
        let notes = self.0.registry.notes(key);
        let quarantined = notes.and_then(|notes| notes.quarantined);
        let forced = quarantined.is_some_and(|of| of.digest == generation.info.digest);
        self.0.signals.look_again(key, forced);
        Ok(generation.info)
    }

    /// An extraction of generation `number` ended; `Ok` carries how many
    /// usable streams it brought. Settles, rolls back, keeps the copy.
    pub async fn report(
        &self,
        site: &Arc<Site>,
        hint: &Hint,
        number: u64,
        outcome: Result<usize, &CallError>,
    ) {
        let outcome = match outcome {
            Ok(0) => Outcome::Answer,
            Ok(_) => Outcome::Usable,
            Err(CallError::Guest(ExtractError::LayoutChanged(at))) => {
                Outcome::LayoutChanged(at.clone())
            }
            Err(CallError::Guest(_)) => Outcome::Answer,
            Err(CallError::Run(error)) => Outcome::Fault {
                code: error.code(),
                message: error.to_string(),
            },
        };
        let key = &site.plugin;
        let usable = matches!(outcome, Outcome::Usable);
        let mut effects = self.step(key, Input::Reported { number, outcome });
        let keeps = |effect: &Effect<_>| matches!(effect, Effect::Keep(_));
        if usable && !effects.iter().any(keeps) {
            // It could not be kept when it settled.
            let unkept = self.0.registry.unkept(key, number);
            effects.extend(unkept.map(Effect::Keep));
        }
        let compare = effects
            .iter()
            .position(|effect| matches!(effect, Effect::Compare { .. }));
        if let Some(Effect::Compare {
            number,
            old,
            code,
            message,
        }) = compare.map(|at| effects.remove(at))
        {
            let old = &old.handle.generation;
            let found = old.extract(&self.0.host, site, hint).await;
            let (better, how) = match (code, found) {
                ("layout_changed", found) => {
                    let finds = found.is_ok_and(|found| !found.streams.is_empty());
                    (finds, "finds it")
                }
                (_, found) => (!matches!(found, Err(CallError::Run(_))), "does not fail"),
            };
            effects.extend(self.step(
                key,
                Input::Compared {
                    number,
                    better,
                    code,
                    message: format!("{}: {message}; the version before {how}", site.key),
                },
            ));
        }
        self.drive(key, effects, None).await;
    }

    /// For inputs that are never impossible: what is gone needs nothing.
    fn step(&self, key: &str, input: Input<Loaded>) -> Vec<Effect<Loaded>> {
        let by_name = self.by_name(key);
        let stepped = self.0.registry.step(key, input, by_name);
        stepped.unwrap_or_default()
    }

    /// Whether some site of this plugin has no grants of its own.
    fn by_name(&self, key: &str) -> bool {
        let sites = self.0.sites.of_plugin(key);
        sites.is_empty() || sites.iter().any(|site| !site.has_grants())
    }

    /// Begins a plugin's slot with what outlived the last start.
    async fn open(&self, key: &str) {
        if self.0.registry.knows(key) {
            return;
        }
        if key.parse::<config::Key>().is_err() {
            // A file's name that is none: shown, and nothing is known of it.
            self.0
                .registry
                .adopt(key, Ok(Record::default()), Notes::default());
            return;
        }
        let (decisions, name) = (self.0.decisions.clone(), key.to_owned());
        let mut read = Box::pin(blocking(move || decisions.read(&name)));
        let answer = tokio::time::timeout(PATIENCE, &mut read).await;
        let (record, late) = match answer {
            Ok(Some(Ok(record))) => (Ok(record), None),
            Ok(Some(Err(error))) => (Err(error.to_string()), None),
            Ok(None) => (Err("the read ended".to_owned()), None),
            Err(_) => (
                Err("the state directory does not answer".to_owned()),
                Some(read),
            ),
        };
        let unread = record.as_ref().err().cloned();
        let (copies, name) = (self.0.copies.clone(), key.to_owned());
        let notes = blocking(move || copies.notes(&name)).await;
        self.0
            .registry
            .adopt(key, record, notes.unwrap_or_default());
        if let Some(error) = unread {
            tracing::warn!(
                plugin = key,
                error,
                "operators' decisions cannot be read yet"
            );
            let reading = self.clone().read_on(key.to_owned(), late);
            let stop = self.0.stop.get().cloned().unwrap_or_default();
            let task = async move { stop.run_until_cancelled(reading).await };
            self.0.tasks.spawn(task);
        }
    }

    /// Reads what operators decided until it can be read; `late` is a read
    /// that is still under way.
    async fn read_on<F>(self, key: String, mut late: Option<F>)
    where
        F: Future<Output = Option<std::io::Result<Record>>> + Unpin + Send,
    {
        loop {
            let answer = match late.take() {
                Some(late) => late.await,
                None => {
                    tokio::time::sleep(PATIENCE).await;
                    let (decisions, name) = (self.0.decisions.clone(), key.clone());
                    blocking(move || decisions.read(&name)).await
                }
            };
            if !self.0.registry.knows(&key) {
                return;
            }
            match answer {
                Some(Ok(record)) => {
                    let decided = Input::Decided {
                        disabled: record.disabled,
                        approved: record.approved(),
                    };
                    let effects = self.step(&key, decided);
                    return self.drive(&key, effects, None).await;
                }
                Some(Err(error)) => {
                    tracing::debug!(plugin = key, %error, "operators' decisions cannot be read");
                }
                // It panicked, or the runtime ends.
                None => return,
            }
        }
    }
}

/// `None`: it panicked, or the runtime ends.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}
