//! A slot with the directory, the disk and the admin around it.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::super::*;
use crate::config::Grants;
use crate::plugins::copies::Notes;

/// Files by number: an even one asks for a second host.
pub(super) const FILES: u8 = 5;

pub(super) fn version(file: u8) -> Version<u8> {
    let mut hosts = BTreeSet::from(["https://a.example".to_owned()]);
    if file.is_multiple_of(2) {
        hosts.insert("https://b.example".into());
    }
    Version {
        digest: format!("d{file}"),
        version: format!("1.{file}"),
        asked: Grant {
            hosts,
            secrets: BTreeSet::new(),
        },
        handle: file,
    }
}

/// What the world does; what the slot asked for is answered from its effects.
#[derive(Clone, Debug)]
pub(super) enum Move {
    Drop(u8),
    Unusable,
    Gone,
    /// Answers the oldest unanswered effect: `good` or not.
    Answer {
        good: bool,
    },
    /// An answer that nobody asked for, as from a task that was overtaken.
    Stale(u8),
    Report {
        old: bool,
        outcome: u8,
    },
    Act(Act),
    /// The host starts again: what is on disk is all that is known.
    Restart,
}

pub(super) fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        3 => (0..FILES).prop_map(Move::Drop),
        1 => Just(Move::Unusable),
        1 => Just(Move::Gone),
        8 => proptest::bool::weighted(0.8).prop_map(|good| Move::Answer { good }),
        1 => (0..FILES).prop_map(Move::Stale),
        6 => (proptest::bool::weighted(0.2), 0..4u8)
            .prop_map(|(old, outcome)| Move::Report { old, outcome }),
        1 => Just(Move::Restart),
        2 => prop_oneof![
            Just(Act::Reload),
            Just(Act::Rollback),
            // What is held then.
            Just(APPROVE),
            Just(Act::Disable),
            Just(Act::Enable),
        ]
        .prop_map(Move::Act),
    ]
}

/// Of the version that is held.
pub(super) const APPROVE: Act = Act::Approve {
    digest: String::new(),
};

/// A slot with the directory, the disk and the admin around it.
pub(super) struct World {
    pub(super) slot: Slot<u8>,
    grants: Grants,
    pub(super) breaker: config::Breaker,
    pub(super) file: Option<u8>,
    /// The copies on disk: last good, and the one before.
    pub(super) good: Option<u8>,
    pub(super) before: Option<u8>,
    /// What is written beside the copies.
    pub(super) notes: Notes,
    /// What is written of operators' decisions: disabled, approved.
    pub(super) record: (bool, Approved),
    pub(super) waiting: Vec<Effect<u8>>,
    pub(super) at: Instant,
    /// Everything that an operator ever let have its hosts.
    pub(super) approved: BTreeSet<u8>,
}

impl World {
    pub(super) fn new(grants: Grants) -> Self {
        Self {
            slot: Slot::default(),
            grants,
            breaker: config::Breaker {
                faults: 3,
                wait: Duration::from_secs(1),
                wait_max: Duration::from_secs(8),
            },
            file: None,
            good: None,
            before: None,
            notes: Notes::default(),
            record: (false, Approved::Never),
            waiting: Vec::new(),
            at: Instant::now(),
            approved: BTreeSet::new(),
        }
    }

    pub(super) fn step(&mut self, input: Input<u8>) {
        let context = Context {
            now: Timestamp::UNIX_EPOCH,
            at: self.at,
            grants: self.grants,
            breaker: &self.breaker,
            by_name: true,
        };
        let Ok(effects) = self.slot.step(input, &context) else {
            return;
        };
        for effect in effects {
            match effect {
                Effect::Keep(version) => {
                    if self.good != Some(version.handle) {
                        self.before = self.good.replace(version.handle);
                    }
                }
                Effect::KeepPrevious => self.good = self.before.take(),
                Effect::Forget => {
                    (self.good, self.before) = (None, None);
                    self.notes = Notes::default();
                }
                Effect::LookAgain { forced } => {
                    if let Some(file) = self.file {
                        let digest = version(file).digest;
                        self.step(Input::Seen { digest, forced });
                    }
                }
                Effect::Load { .. }
                | Effect::Probe(_)
                | Effect::Compare { .. }
                | Effect::LoadPrevious
                | Effect::Restore { .. } => self.waiting.push(effect),
                Effect::RememberDecisions => {
                    self.record = (self.slot.disabled, self.slot.approved.clone());
                }
                Effect::RememberNotes => {
                    self.notes = Notes {
                        disabled: self.slot.disabled,
                        previous: self.slot.previous.clone(),
                        quarantined: self.slot.quarantined.clone(),
                    };
                }
                Effect::Changed | Effect::Tell(_) => {}
            }
        }
    }

    pub(super) fn apply(&mut self, what: &Move) {
        self.at += Duration::from_millis(300);
        match *what {
            Move::Drop(file) => {
                self.file = Some(file);
                let digest = version(file).digest;
                self.step(Input::Seen {
                    digest,
                    forced: false,
                });
            }
            Move::Unusable => self.step(Input::Unusable {
                code: "file",
                message: String::new(),
            }),
            Move::Gone => {
                self.file = None;
                self.step(Input::Gone);
            }
            Move::Answer { good } => {
                if !self.waiting.is_empty() {
                    let effect = self.waiting.remove(0);
                    self.answer(effect, good);
                }
            }
            Move::Stale(file) => {
                let version = version(file);
                let digest = version.digest.clone();
                // Loads are one after the other, so a stale one is another's.
                let trying = |trial: &Trial<u8>| trial.is_of(&digest);
                if !self.slot.trial.as_ref().is_some_and(trying) {
                    self.step(Input::Loaded {
                        version,
                        proven: false,
                    });
                    self.step(Input::Probed {
                        digest,
                        against: None,
                    });
                }
            }
            Move::Report { old, outcome } => {
                let Some(live) = self.slot.serving() else {
                    return;
                };
                let number = live.number - u64::from(old);
                let outcome = match outcome {
                    0 => Outcome::Usable,
                    1 => Outcome::Answer,
                    2 => Outcome::LayoutChanged(String::new()),
                    _ => Outcome::Fault {
                        code: "trap",
                        message: String::new(),
                    },
                };
                self.step(Input::Reported { number, outcome });
            }
            Move::Restart => {
                self.slot = Slot::default();
                self.waiting.clear();
                (self.slot.disabled, self.slot.approved) = self.record.clone();
                if self.good.is_some() {
                    self.slot.previous = self.notes.previous.clone();
                    self.slot.quarantined = self.notes.quarantined.clone();
                }
                if let Some(file) = self.file {
                    self.apply(&Move::Drop(file));
                }
            }
            Move::Act(ref act) => {
                let mut act = act.clone();
                if let (Act::Approve { digest }, Some(held)) = (&mut act, &self.slot.held) {
                    self.approved.insert(held.version.handle);
                    digest.clone_from(&held.version.digest);
                }
                self.step(Input::Act(act));
            }
        }
    }

    fn answer(&mut self, effect: Effect<u8>, good: bool) {
        let number_of = |digest: &str| digest[1..].parse().expect("a number");
        match effect {
            Effect::Load { digest } if good => {
                let file = number_of(&digest);
                self.step(Input::Loaded {
                    version: version(file),
                    proven: self.good == Some(file),
                });
            }
            Effect::Load { digest } => self.step(Input::Refused {
                digest,
                code: "compile",
                message: String::new(),
            }),
            Effect::Probe(version) => self.step(Input::Probed {
                digest: version.digest,
                against: (!good).then(|| ("trap", String::new())),
            }),
            Effect::Compare { number, code, .. } => self.step(Input::Compared {
                number,
                better: good,
                code,
                message: String::new(),
            }),
            Effect::LoadPrevious => {
                let before = self.before.filter(|_| good).map(version);
                self.step(Input::Returned(before));
            }
            Effect::Restore { except } => {
                let copy = self.good.map(version).filter(|_| good);
                if let Some(copy) = copy.filter(|copy| Some(&copy.digest) != except.as_ref()) {
                    self.step(Input::Restored(copy));
                }
            }
            _ => {}
        }
    }
}
