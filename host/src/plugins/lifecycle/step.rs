//! The step: one input, what changes, what is to be done.

use super::{
    Context, Effect, Held, Impossible, Input, Kind, PluginError, Slot, Told, Trial, Version,
};

impl<G: Clone> Slot<G> {
    /// Takes one input. `Err` only for [`Input::Act`]: then nothing changed.
    pub(in crate::plugins) fn step(
        &mut self,
        input: Input<G>,
        context: &Context<'_>,
    ) -> Result<Vec<Effect<G>>, Impossible> {
        let mut effects = Vec::new();
        let out = &mut effects;
        match input {
            Input::Seen { digest, forced } => self.seen(digest, forced, out),
            Input::Unusable { code, message } => {
                self.trial = None;
                self.fail(code, message, None, context, out);
                self.restore_if_idle(None, out);
            }
            Input::Gone => self.gone(out),
            Input::Loaded { version, proven } => self.loaded(version, proven, context, out),
            Input::Refused {
                digest,
                code,
                message,
            } => {
                if self.trial.take_if(|trial| trial.is_of(&digest)).is_some() {
                    self.fail(code, message, Some(digest), context, out);
                }
            }
            Input::Probed { digest, against } => self.probed(&digest, against, context, out),
            Input::Restored(version) => self.restored(version, context, out),
            Input::NotRestored { code, message } => {
                if self.current.is_none() && self.error.is_none() {
                    self.fail(code, message, None, context, out);
                }
            }
            Input::Returned(version) => self.returned(version, context, out),
            Input::Reported { number, outcome } => self.reported(number, outcome, context, out),
            Input::Compared {
                number,
                better,
                code,
                message,
            } => {
                if better && self.on_probation(number) {
                    self.roll_back(code, &message, context, out);
                }
            }
            Input::Decided { disabled, approved } => self.decided(disabled, approved, out),
            Input::Act(act) => self.act(act, context, out)?,
        }
        Ok(effects)
    }

    fn seen(&mut self, digest: String, forced: bool, out: &mut Vec<Effect<G>>) {
        if self.disabled {
            // Enabling looks again.
            return;
        }
        if !forced {
            let known = |other: Option<&str>| other == Some(digest.as_str());
            if known(self.quarantined.as_ref().map(|q| q.digest.as_str())) {
                self.restore_if_idle(None, out);
                return;
            }
            let waiting = known(self.held.as_ref().map(|held| held.version.digest.as_str()));
            let trying = self
                .trial
                .as_ref()
                .is_some_and(|trial| trial.is_of(&digest));
            if waiting || trying {
                return;
            }
        }
        // The file has changed since, or is wanted all the same.
        self.held = None;
        self.trial = None;
        if self.quarantined.take().is_some() {
            out.push(Effect::RememberNotes);
        }
        let current = self
            .current
            .as_ref()
            .map(|live| live.version.digest.as_str());
        if current == Some(digest.as_str()) && !forced {
            // The good version is back in place: an error about another one is over.
            self.error
                .take_if(|error| error.digest.as_deref() != Some(digest.as_str()));
            return;
        }
        out.push(tell(Kind::Seen, "a new file", Some(&digest), None));
        // So that there is something to fall back to.
        self.restore_if_idle(Some(&digest), out);
        self.trial = Some(Trial::Loading {
            digest: digest.clone(),
        });
        out.push(Effect::Load { digest });
    }

    fn gone(&mut self, out: &mut Vec<Effect<G>>) {
        let served = self.serving().is_some();
        self.current = None;
        self.fallback = None;
        self.previous = None;
        self.trial = None;
        self.held = None;
        self.quarantined = None;
        self.error = None;
        // The operator took it away: it must not come back by itself.
        out.push(Effect::Forget);
        out.push(tell(Kind::Removed, "its file is gone", None, None));
        if served {
            out.push(Effect::Changed);
        }
    }

    fn loaded(
        &mut self,
        version: Version<G>,
        proven: bool,
        context: &Context<'_>,
        out: &mut Vec<Effect<G>>,
    ) {
        let wanted =
            matches!(&self.trial, Some(Trial::Loading { digest }) if *digest == version.digest);
        if !wanted {
            // The file changed meanwhile, or nobody wants it any more.
            return;
        }
        self.trial = None;
        let missing =
            self.approved
                .missing(&version.asked, proven, context.by_name, context.grants);
        if let Some(wants) = missing {
            let message = format!(
                "it waits for approval: hosts [{}], secrets [{}]",
                list(&wants.hosts),
                list(&wants.secrets)
            );
            out.push(tell_of(Kind::Held, &message, &version));
            self.held = Some(Held {
                version,
                wants,
                since: context.now,
            });
        } else if proven {
            // The very bytes that were proven before need neither probe nor
            // probation: a site that is down must not unload them.
            self.serve(version, true, context, out);
        } else {
            self.trial = Some(Trial::Probing(version.clone()));
            out.push(Effect::Probe(version));
        }
    }

    fn probed(
        &mut self,
        digest: &str,
        against: Option<(&'static str, String)>,
        context: &Context<'_>,
        out: &mut Vec<Effect<G>>,
    ) {
        let probing = |trial: &mut Trial<G>| matches!(trial, Trial::Probing(version) if version.digest == digest);
        let Some(Trial::Probing(version)) = self.trial.take_if(probing) else {
            return;
        };
        match against {
            None => self.serve(version, false, context, out),
            Some((code, message)) => {
                self.fail(code, message, Some(digest.to_owned()), context, out);
            }
        }
    }

    fn restored(&mut self, version: Version<G>, context: &Context<'_>, out: &mut Vec<Effect<G>>) {
        let unwanted = self.disabled
            || self.current.is_some()
            || self.is_quarantined(&version.digest)
            || self
                .approved
                .missing(&version.asked, true, context.by_name, context.grants)
                .is_some();
        if !unwanted {
            let error = self.error.take();
            self.serve_again(version, None, context, out);
            self.error = error;
        }
    }

    fn fail(
        &mut self,
        code: &'static str,
        message: String,
        digest: Option<String>,
        context: &Context<'_>,
        out: &mut Vec<Effect<G>>,
    ) {
        let told = format!("{code}: {message}");
        out.push(tell(Kind::Refused, &told, digest.as_deref(), None));
        self.error = Some(PluginError {
            code,
            message,
            at: context.now,
            digest,
        });
    }

    /// With nothing serving, the last version that proved itself does.
    pub(super) fn restore_if_idle(&self, except: Option<&str>, out: &mut Vec<Effect<G>>) {
        if self.current.is_none() && !self.disabled {
            out.push(Effect::Restore {
                except: except.map(str::to_owned),
            });
        }
    }

    pub(super) fn on_probation(&self, number: u64) -> bool {
        let live = self.current.as_ref();
        self.fallback.is_some() && live.is_some_and(|live| live.number == number && !live.settled)
    }

    fn is_quarantined(&self, digest: &str) -> bool {
        self.quarantined
            .as_ref()
            .is_some_and(|q| q.digest == digest)
    }
}

impl<G> Trial<G> {
    pub(super) fn is_of(&self, wanted: &str) -> bool {
        self.digest() == wanted
    }

    pub(super) fn digest(&self) -> &str {
        match self {
            Self::Loading { digest } => digest,
            Self::Probing(version) => &version.digest,
        }
    }
}

pub(super) fn list(texts: &std::collections::BTreeSet<String>) -> String {
    texts
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

pub(super) fn tell<G>(
    kind: Kind,
    message: &str,
    digest: Option<&str>,
    version: Option<&str>,
) -> Effect<G> {
    Effect::Tell(Told {
        kind,
        message: message.to_owned(),
        digest: digest.map(str::to_owned),
        version: version.map(str::to_owned),
    })
}

pub(super) fn tell_of<G>(kind: Kind, message: &str, of: &Version<G>) -> Effect<G> {
    tell(kind, message, Some(&of.digest), Some(&of.version))
}
