//! What serves, and what its calls say of it.

use super::step::{list, tell_of};
use super::{
    Breaker, Context, Effect, Kind, Live, Outcome, PluginError, Quarantined, Slot, Version,
};
use crate::config::Grants;

impl<G: Clone> Slot<G> {
    pub(super) fn reported(
        &mut self,
        number: u64,
        outcome: Outcome,
        context: &Context<'_>,
        out: &mut Vec<Effect<G>>,
    ) {
        self.calls += 1;
        if let Outcome::Fault { .. } = outcome {
            self.faults += 1;
        }
        let probation = self.on_probation(number);
        // What an older generation did says nothing of the one that serves.
        let Some(live) = self.current.as_mut().filter(|live| live.number == number) else {
            return;
        };
        if let Outcome::Fault { code, message } = outcome {
            let opened = live.breaker.fault(context.at, context.breaker);
            if opened {
                let told = format!("{} faults in a row: {message}", live.breaker.faults);
                out.push(tell_of(Kind::BreakerOpen, &told, &live.version));
            }
            if probation && let Some(old) = self.fallback.clone() {
                // A page may make every version fail.
                out.push(Effect::Compare {
                    number,
                    old,
                    code,
                    message: message.clone(),
                });
            }
            self.error = Some(PluginError {
                code,
                message,
                at: context.now,
                digest: None,
            });
            return;
        }
        if live.breaker.answer() {
            out.push(tell_of(
                Kind::BreakerClosed,
                "it answers again",
                &live.version,
            ));
        }
        match outcome {
            Outcome::Usable => {
                if !live.settled {
                    live.settled = true;
                    let version = live.version.clone();
                    out.push(tell_of(Kind::Settled, "it found streams", &version));
                    let before = self.fallback.take();
                    if let Some(before) = before.filter(|old| old.digest != version.digest) {
                        self.previous = Some(before.kept());
                    }
                    out.push(Effect::Keep(version));
                    out.push(Effect::RememberNotes);
                }
                self.error.take_if(|error| error.digest.is_none());
            }
            Outcome::LayoutChanged(message) if probation => {
                if let Some(old) = self.fallback.clone() {
                    out.push(Effect::Compare {
                        number,
                        old,
                        code: "layout_changed",
                        message,
                    });
                }
            }
            Outcome::Answer | Outcome::LayoutChanged(_) | Outcome::Fault { .. } => {}
        }
    }

    /// Makes `version` the one that serves.
    pub(super) fn serve(
        &mut self,
        version: Version<G>,
        settled: bool,
        context: &Context<'_>,
        out: &mut Vec<Effect<G>>,
    ) {
        self.trial = None;
        self.held = None;
        self.error = None;
        // The bytes that proved themselves need no probation, whichever way they
        // come: nothing is its own way back.
        let again = |live: &Live<G>| live.settled && live.version.digest == version.digest;
        let before = |old: &Version<G>| old.digest == version.digest;
        let settled = settled
            || self.current.as_ref().is_some_and(again)
            || self.fallback.as_ref().is_some_and(before);
        self.generations += 1;
        if context.grants == Grants::Declared {
            self.approve_by_dropping(&version, out);
        }
        let live = Live {
            version: version.clone(),
            number: self.generations,
            since: context.now,
            settled,
            breaker: Breaker::default(),
        };
        let old = self.current.replace(live);
        if settled {
            // Nothing to fall back from.
            self.fallback = None;
        } else if let Some(old) = old.filter(|old| old.settled) {
            // An unproven predecessor is nothing to come back to.
            self.fallback = Some(old.version);
        }
        let message = format!("generation {}", self.generations);
        out.push(tell_of(Kind::Live, &message, &version));
        out.push(Effect::Changed);
    }

    /// Makes `version` serve that proved itself before. A file that is on its
    /// way or waits goes on, unless it is the one that failed: nobody would
    /// hand it over again.
    pub(super) fn serve_again(
        &mut self,
        version: Version<G>,
        failed: Option<&str>,
        context: &Context<'_>,
        out: &mut Vec<Effect<G>>,
    ) {
        let (trial, held) = (self.trial.take(), self.held.take());
        self.serve(version, true, context, out);
        let goes_on = |digest: &str| failed != Some(digest);
        self.trial = trial.filter(|trial| goes_on(trial.digest()));
        self.held = held.filter(|held| goes_on(&held.version.digest));
    }

    /// Back to the version that worked; the one that serves is not tried again
    /// by itself.
    pub(super) fn roll_back(
        &mut self,
        code: &'static str,
        reason: &str,
        context: &Context<'_>,
        out: &mut Vec<Effect<G>>,
    ) {
        let (Some(failed), Some(old)) = (self.current.as_ref(), self.fallback.take()) else {
            return;
        };
        let failed = failed.version.clone();
        self.quarantine(&failed, reason, context, out);
        self.serve_again(old, Some(&failed.digest), context, out);
        self.error = Some(PluginError {
            code,
            message: format!("rolled back to the last good version: {reason}"),
            at: context.now,
            digest: Some(failed.digest),
        });
    }

    pub(super) fn quarantine(
        &mut self,
        version: &Version<G>,
        reason: &str,
        context: &Context<'_>,
        out: &mut Vec<Effect<G>>,
    ) {
        out.push(tell_of(Kind::RolledBack, reason, version));
        out.push(tell_of(
            Kind::Quarantined,
            "until its file changes or is reloaded",
            version,
        ));
        self.quarantined = Some(Quarantined {
            digest: version.digest.clone(),
            reason: reason.to_owned(),
            since: context.now,
        });
        out.push(Effect::RememberNotes);
    }

    fn approve_by_dropping(&mut self, version: &Version<G>, out: &mut Vec<Effect<G>>) {
        use super::Approved::This;
        let more = match &self.approved {
            This(before) => version.asked.beyond(before, true),
            _ => version.asked.clone(),
        };
        if let This(_) = self.approved
            && more.is_empty()
        {
            return;
        }
        if let This(_) = self.approved {
            let message = format!(
                "it may reach more: hosts [{}], secrets [{}]",
                list(&more.hosts),
                list(&more.secrets)
            );
            out.push(tell_of(Kind::Widened, &message, version));
        }
        self.approved = self.approved.with(&more);
        out.push(Effect::RememberDecisions);
    }
}
