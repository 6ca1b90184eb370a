//! What operators do to a plugin.

use super::Approved::{self, Never, This};
use super::step::{tell, tell_of};
use super::{Act, Context, Effect, Impossible, Kind, Slot, Trial, Version};

impl<G: Clone> Slot<G> {
    pub(super) fn act(
        &mut self,
        act: Act,
        context: &Context<'_>,
        out: &mut Vec<Effect<G>>,
    ) -> Result<(), Impossible> {
        match act {
            Act::Reload => out.push(Effect::LookAgain { forced: true }),
            Act::Rollback => self.roll_back_by_hand(context, out)?,
            Act::Approve { digest } => {
                let held = self.held.as_ref().ok_or(Impossible::NothingHeld)?;
                if held.version.digest != digest {
                    return Err(Impossible::Changed);
                }
                let held = held.clone();
                self.held = None;
                self.approved = self.approved.with(&held.wants);
                out.push(Effect::RememberDecisions);
                out.push(tell_of(Kind::Approved, "by an operator", &held.version));
                self.trial = Some(Trial::Probing(held.version.clone()));
                out.push(Effect::Probe(held.version));
            }
            Act::Disable => {
                if self.disabled {
                    return Err(Impossible::AlreadyDisabled);
                }
                self.disable();
                self.by_hand = true;
                out.push(tell(Kind::Disabled, "by an operator", None, None));
                out.push(Effect::RememberNotes);
                out.push(Effect::RememberDecisions);
                out.push(Effect::Changed);
            }
            Act::Enable => {
                if !self.disabled {
                    return Err(Impossible::NotDisabled);
                }
                self.disabled = false;
                self.by_hand = true;
                out.push(tell(Kind::Enabled, "by an operator", None, None));
                out.push(Effect::RememberNotes);
                out.push(Effect::RememberDecisions);
                self.restore_if_idle(None, out);
                out.push(Effect::Changed);
                // What came meanwhile.
                out.push(Effect::LookAgain { forced: false });
            }
        }
        Ok(())
    }

    fn disable(&mut self) {
        self.disabled = true;
        self.trial = None;
        self.held = None;
    }

    /// What was decided since the start counts more than what was before it.
    pub(super) fn decided(&mut self, disabled: bool, before: Approved, out: &mut Vec<Effect<G>>) {
        if self.unread.take().is_none() {
            return;
        }
        self.approved = match (before, &self.approved) {
            (This(before), This(since)) => This(before.and(since)),
            (Never, This(since)) => This(since.clone()),
            (before, _) => before,
        };
        if !self.by_hand && disabled != self.disabled {
            if disabled {
                self.disable();
                out.push(tell(Kind::Disabled, EARLIER, None, None));
            } else {
                self.disabled = false;
                out.push(tell(Kind::Enabled, EARLIER, None, None));
                self.restore_if_idle(None, out);
                out.push(Effect::LookAgain { forced: false });
            }
            out.push(Effect::RememberNotes);
            out.push(Effect::Changed);
        }
        if self.held.take().is_some() {
            // It may have been approved long ago.
            out.push(Effect::LookAgain { forced: false });
        }
        out.push(Effect::RememberDecisions);
    }

    fn roll_back_by_hand(
        &mut self,
        context: &Context<'_>,
        out: &mut Vec<Effect<G>>,
    ) -> Result<(), Impossible> {
        if self.current.is_none() {
            return Err(Impossible::NothingToRollBack);
        }
        if self.fallback.is_some() {
            self.roll_back("rolled_back", BY_HAND, context, out);
            self.error = None;
            return Ok(());
        }
        if self.previous.is_none() {
            return Err(Impossible::NothingToRollBack);
        }
        out.push(Effect::LoadPrevious);
        Ok(())
    }

    /// The copy of the version before is there, or is not.
    pub(super) fn returned(
        &mut self,
        version: Option<Version<G>>,
        context: &Context<'_>,
        out: &mut Vec<Effect<G>>,
    ) {
        let Some(known) = self.previous.clone() else {
            return;
        };
        let Some(version) = version.filter(|version| version.digest == known.digest) else {
            // Lost, or another one's.
            self.previous = None;
            out.push(Effect::RememberNotes);
            return;
        };
        let Some(failed) = self.current.as_ref().map(|live| live.version.clone()) else {
            return;
        };
        let missing = self
            .approved
            .missing(&version.asked, true, context.by_name, context.grants);
        if missing.is_some() {
            return;
        }
        self.previous = None;
        // Before the notes: a crash between leaves a copy that may serve.
        out.push(Effect::KeepPrevious);
        self.quarantine(&failed, BY_HAND, context, out);
        self.serve_again(version, Some(&failed.digest), context, out);
    }
}

const BY_HAND: &str = "by an operator";
const EARLIER: &str = "by an operator, before the last start";
