//! Doing what a step asks for: load, try, keep.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Loader, blocking};
use crate::plugins::call::CallError;
use crate::plugins::lifecycle::{Effect, Grant, Input, Version};
use crate::plugins::load::{LoadError, digest, load};
use crate::plugins::outcome::ExtractError;
use crate::plugins::registry::Loaded;

impl Loader {
    /// Does `effects` and what follows from them, one after the other. `bytes`
    /// are those of the file that was seen.
    pub(super) async fn drive(
        &self,
        key: &str,
        effects: Vec<Effect<Loaded>>,
        bytes: Option<&Arc<[u8]>>,
    ) {
        let mut todo = VecDeque::from(effects);
        while let Some(effect) = todo.pop_front() {
            if let Some(input) = self.act_on(key, effect, bytes).await {
                // What follows from one comes before the next.
                for effect in self.step(key, input).into_iter().rev() {
                    todo.push_front(effect);
                }
            }
        }
    }

    async fn act_on(
        &self,
        key: &str,
        effect: Effect<Loaded>,
        bytes: Option<&Arc<[u8]>>,
    ) -> Option<Input<Loaded>> {
        let inner = &self.0;
        let (copies, name) = (inner.copies.clone(), key.to_owned());
        match effect {
            Effect::Load { digest } => Some(self.load_seen(key, digest, bytes?).await),
            Effect::Probe(version) => Some(self.probe(key, version).await),
            Effect::Restore { except } => {
                let copy: Arc<[u8]> = blocking(move || copies.good(&name)).await??.into();
                let wanted = except.is_none_or(|digest_of_new| digest_of_new != digest(&copy));
                let version = if wanted {
                    self.load_copy(key, copy).await
                } else {
                    None
                };
                version.map(Input::Restored)
            }
            Effect::LoadPrevious => {
                let copy = blocking(move || copies.previous(&name)).await.flatten();
                let version = match copy {
                    Some(copy) => self.load_copy(key, copy.into()).await,
                    None => None,
                };
                Some(Input::Returned(version))
            }
            Effect::Keep(version) => {
                let kept = version.handle.take_bytes()?;
                self.copy(key, move || copies.keep(&name, &kept)).await;
                None
            }
            Effect::KeepPrevious => {
                self.copy(key, move || copies.keep_previous(&name)).await;
                None
            }
            Effect::Forget => {
                self.copy(key, move || {
                    copies.forget(&name);
                    Ok(())
                })
                .await;
                None
            }
            Effect::RememberNotes => {
                let registry = inner.registry.clone();
                self.copy(key, move || match registry.notes(&name) {
                    Some(notes) => copies.write_notes(&name, &notes),
                    None => Ok(()),
                })
                .await;
                None
            }
            Effect::RememberDecisions => {
                self.remember(key).await;
                None
            }
            Effect::LookAgain { forced } => {
                inner.signals.look_again(key, forced);
                None
            }
            // Done where the step was taken.
            Effect::Compare { .. } | Effect::Changed | Effect::Tell(_) => None,
        }
    }

    async fn load_seen(&self, key: &str, digest: String, bytes: &Arc<[u8]>) -> Input<Loaded> {
        let (copies, name) = (self.0.copies.clone(), key.to_owned());
        let copy = blocking(move || copies.good(&name)).await.flatten();
        let proven = copy.is_some_and(|copy| copy[..] == bytes[..]);
        match self.load(key, bytes.clone(), !proven).await {
            Ok(version) => Input::Loaded { version, proven },
            Err(error) => Input::Refused {
                digest,
                code: error.code(),
                message: error.to_string(),
            },
        }
    }

    async fn load_copy(&self, key: &str, copy: Arc<[u8]>) -> Option<Version<Loaded>> {
        let loaded = self.load(key, copy, false).await;
        loaded
            .inspect_err(|error| {
                // As a text, whose line feeds are escaped.
                let error = error.to_string();
                tracing::warn!(plugin = key, error, "a copy cannot be used");
            })
            .ok()
    }

    /// `keep`: its bytes may become the good copy.
    async fn load(
        &self,
        key: &str,
        bytes: Arc<[u8]>,
        keep: bool,
    ) -> Result<Version<Loaded>, LoadError> {
        let generation = load(&self.0.host, key, bytes.clone()).await?;
        let info = &generation.info;
        Ok(Version {
            digest: info.digest.clone(),
            version: info.version.clone(),
            asked: Grant {
                hosts: info.hosts.iter().cloned().collect(),
                secrets: info.secrets.iter().cloned().collect(),
            },
            handle: Loaded::new(generation, keep.then_some(bytes)),
        })
    }

    /// Tries a version on its sites. Trouble of a site never holds a fix back;
    /// a fault of the plugin does, and so does a changed layout where the
    /// version that serves still finds it.
    async fn probe(&self, key: &str, version: Version<Loaded>) -> Input<Loaded> {
        let inner = &self.0;
        let generation = &version.handle.generation;
        let mut against = None;
        let sites = inner.sites.of_plugin(key);
        for site in sites.into_iter().filter(|site| site.enabled) {
            let Err(error) = generation.probe(&inner.host, &site).await else {
                continue;
            };
            let holds_back = match &error {
                CallError::Run(_) => true,
                CallError::Guest(ExtractError::LayoutChanged(_)) => {
                    match inner.registry.current(key) {
                        Some((old, _)) => old.probe(&inner.host, &site).await.is_ok(),
                        None => false,
                    }
                }
                CallError::Guest(_) => false,
            };
            if holds_back {
                let error = LoadError::Probe {
                    site: site.key.clone(),
                    error,
                };
                against = Some((error.code(), error.to_string()));
                break;
            }
            tracing::info!(plugin = key, site = site.key, %error, "probe: the site's trouble, not the plugin's");
        }
        Input::Probed {
            digest: version.digest,
            against,
        }
    }

    async fn copy(&self, key: &str, work: impl FnOnce() -> std::io::Result<()> + Send + 'static) {
        let _one = self.0.copying.lock().await;
        if let Some(Err(error)) = blocking(work).await {
            tracing::warn!(plugin = key, %error, "the copies on local disk are not up to date");
        }
    }

    /// In the background: the mount may hang, and nothing waits for it.
    async fn remember(&self, key: &str) {
        let (this, key) = (self.clone(), key.to_owned());
        self.0.tasks.spawn(async move {
            let _one = this.0.deciding.lock().await;
            // The newest, however many wait.
            let Some(record) = this.0.registry.record(&key) else {
                tracing::warn!(
                    plugin = key,
                    "a decision is not on disk: the old ones cannot be read"
                );
                return;
            };
            let (decisions, name) = (this.0.decisions.clone(), key.clone());
            if let Some(Err(error)) = blocking(move || decisions.write(&name, &record)).await {
                tracing::warn!(plugin = key, %error, "a decision is not on disk");
            }
        });
    }
}
