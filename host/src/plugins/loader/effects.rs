//! Doing what a step asks for: load, try, keep.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use tokio::sync::OwnedSemaphorePermit;

use super::{Loader, Saving, blocking};
use crate::plugins::call::CallError;
use crate::plugins::lifecycle::{Effect, Grant, Input, Version};
use crate::plugins::load::{Generation, LoadError, digest, load};
use crate::plugins::outcome::ExtractError;
use crate::plugins::registry::Loaded;
use crate::plugins::site::Site;
use crate::plugins::trust::{Content, Signature};

/// Sites that a version is tried on at once.
const PROBES: usize = 4;

/// What was seen, and the room that it takes.
pub(super) struct Seen {
    pub(super) content: Content,
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

impl Loader {
    /// Does `effects` and what follows from them, one after the other. `file`
    /// is the one that was seen.
    pub(super) async fn drive(
        &self,
        key: &str,
        effects: Vec<Effect<Loaded>>,
        mut file: Option<Seen>,
    ) {
        let mut todo = VecDeque::from(effects);
        while let Some(effect) = todo.pop_front() {
            if let Some(input) = self.act_on(key, effect, &mut file).await {
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
        file: &mut Option<Seen>,
    ) -> Option<Input<Loaded>> {
        let inner = &self.0;
        let (copies, name) = (inner.copies.clone(), key.to_owned());
        match effect {
            Effect::Load { digest } => {
                // Gone when it is loaded: nothing else needs it.
                let file = file.take()?;
                Some(self.load_seen(key, digest, &file.content).await)
            }
            Effect::Probe(version) => Some(self.probe(key, version).await),
            Effect::Restore { except } => {
                let copy = blocking(move || copies.good(&name)).await??;
                let wanted =
                    except.is_none_or(|digest_of_new| digest_of_new != digest(&copy.bytes));
                if !wanted {
                    return None;
                }
                Some(match self.load_copy(key, copy).await {
                    Ok(version) => Input::Restored(version),
                    Err(error) => Input::NotRestored {
                        code: error.code(),
                        message: format!("the copy of its last good version: {error}"),
                    },
                })
            }
            Effect::LoadPrevious => {
                let copy = blocking(move || copies.previous(&name)).await.flatten();
                let version = match copy {
                    Some(copy) => self.load_copy(key, copy).await.ok(),
                    None => None,
                };
                Some(Input::Returned(version))
            }
            Effect::Keep(version) => {
                let unkept = version.handle.unkept()?;
                let keep = move || copies.keep_staged(&name, &unkept);
                // Else its next usable answer asks again.
                if self.copy(key, keep).await {
                    version.handle.is_kept();
                }
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
                self.remember(key);
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

    async fn load_seen(&self, key: &str, digest: String, content: &Content) -> Input<Loaded> {
        let (copies, name) = (self.0.copies.clone(), key.to_owned());
        let copy = blocking(move || copies.good(&name)).await.flatten();
        let copy = copy.filter(|copy| copy.bytes == content.bytes);
        let proven = copy.is_some();
        let mut loaded = self.load(key, content.clone(), !proven).await;
        if let (Err(LoadError::Trust(_)), Some(copy)) = (&loaded, copy)
            && let Ok(version) = self.load(key, copy, false).await
        {
            // The file lost its signature, and these very bytes have theirs here.
            loaded = Ok(version);
        } else if proven && loaded.is_ok() && content.signature != Signature::Missing {
            // They proved themselves before they were signed, or were signed anew.
            let (copies, name, content) = (self.0.copies.clone(), key.to_owned(), content.clone());
            self.copy(key, move || copies.sign(&name, &content)).await;
        }
        match loaded {
            Ok(version) => Input::Loaded { version, proven },
            Err(error) => Input::Refused {
                digest,
                code: error.code(),
                message: error.to_string(),
            },
        }
    }

    async fn load_copy(&self, key: &str, copy: Content) -> Result<Version<Loaded>, LoadError> {
        let loaded = self.load(key, copy, false).await;
        loaded.inspect_err(|error| {
            // As a text, whose line feeds are escaped.
            let error = error.to_string();
            tracing::warn!(plugin = key, error, "a copy cannot be used");
        })
    }

    /// `keep`: its content may become the good copy.
    async fn load(
        &self,
        key: &str,
        content: Content,
        keep: bool,
    ) -> Result<Version<Loaded>, LoadError> {
        let generation = load(&self.0.host, key, content.clone()).await?;
        let copies = self.0.copies.clone();
        let staged = match keep {
            true => blocking(move || copies.stage(content)).await,
            false => None,
        };
        let info = &generation.info;
        Ok(Version {
            digest: info.digest.clone(),
            version: info.version.clone(),
            asked: Grant {
                hosts: info.hosts.iter().cloned().collect(),
                secrets: info.secrets.iter().cloned().collect(),
            },
            handle: Loaded::new(generation, staged),
        })
    }

    /// Tries a version on its sites, some at a time and all of them within
    /// twice a call's wall time: what is not tried by then has its probation.
    async fn probe(&self, key: &str, version: Version<Loaded>) -> Input<Loaded> {
        let inner = &self.0;
        let generation = &version.handle.generation;
        let sites = inner.sites.of_plugin(key);
        let enabled = sites.into_iter().filter(|site| site.enabled);
        let tries = enabled.map(|site| self.probe_site(key, generation.clone(), site));
        let mut tries = stream::iter(tries).buffer_unordered(PROBES);
        let first = async {
            while let Some(found) = tries.next().await {
                if found.is_some() {
                    return found;
                }
            }
            None
        };
        let most = 2 * inner.config.limits.wall;
        let against = tokio::time::timeout(most, first).await;
        let against = against.unwrap_or_else(|_| {
            tracing::warn!(plugin = key, "probe: not every site answered in time");
            None
        });
        Input::Probed {
            digest: version.digest,
            against: against.map(|error| (error.code(), error.to_string())),
        }
    }

    /// What speaks against the version. Trouble of a site never holds a fix
    /// back; a fault of the plugin does where the version that serves has none
    /// there, and so does a changed layout where that one still finds it.
    async fn probe_site(
        &self,
        key: &str,
        generation: Arc<Generation>,
        site: Arc<Site>,
    ) -> Option<LoadError> {
        let inner = &self.0;
        let error = generation.probe(&inner.host, &site).await.err()?;
        let holds_back = match &error {
            CallError::Run(_) => match inner.registry.current(key) {
                Some((old, _)) => {
                    let before = old.probe(&inner.host, &site).await;
                    !matches!(before, Err(CallError::Run(_)))
                }
                None => true,
            },
            CallError::Guest(ExtractError::LayoutChanged(_)) => match inner.registry.current(key) {
                Some((old, _)) => old.probe(&inner.host, &site).await.is_ok(),
                None => false,
            },
            CallError::Guest(_) => false,
        };
        let site = site.key.clone();
        if !holds_back {
            tracing::info!(plugin = key, site, %error, "probe: the site's trouble, not the plugin's");
            return None;
        }
        Some(LoadError::Probe { site, error })
    }

    async fn copy(
        &self,
        key: &str,
        work: impl FnOnce() -> std::io::Result<()> + Send + 'static,
    ) -> bool {
        let _one = self.0.copying.lock().await;
        let done = blocking(work).await;
        if let Some(Err(error)) = &done {
            tracing::warn!(plugin = key, %error, "the copies on local disk are not up to date");
        }
        matches!(done, Some(Ok(())))
    }

    /// In the background: the mount may hang, and nothing waits for it.
    fn remember(&self, key: &str) {
        let (this, key) = (self.clone(), key.to_owned());
        let note = |loader: &Self, key: &str, how: Saving| {
            let unsaved = &loader.0.unsaved;
            unsaved.send_modify(|all| {
                all.insert(key.to_owned(), how);
            });
        };
        note(&this, &key, Saving::Now);
        self.0.tasks.spawn(async move {
            if this.save(&key).await {
                this.0.unsaved.send_modify(|all| {
                    all.remove(&key);
                });
            } else {
                note(&this, &key, Saving::Failed);
            }
        });
    }

    async fn save(&self, key: &str) -> bool {
        let _one = self.0.deciding.lock().await;
        // The newest, however many wait.
        let Some((record, by_hand)) = self.0.registry.record(key) else {
            tracing::warn!(
                plugin = key,
                "a decision is not on disk before the old ones are read"
            );
            return false;
        };
        let (decisions, name) = (self.0.decisions.clone(), key.to_owned());
        let disabled = record.disabled;
        match blocking(move || decisions.write(&name, record, by_hand)).await {
            Some(Ok(())) => {
                self.0.registry.recorded(key, disabled);
                true
            }
            Some(Err(error)) => {
                tracing::warn!(plugin = key, %error, "a decision is not on disk");
                false
            }
            None => false,
        }
    }
}
