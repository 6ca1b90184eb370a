//! The rules, against whatever may happen in whatever order.

mod world;

use std::collections::BTreeSet;

use proptest::prelude::*;

use self::world::{APPROVE, FILES, Move, World, moves, version};
use super::*;
use crate::config::Grants;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_happens_the_rules_hold(
        explicit in any::<bool>(),
        moves in prop::collection::vec(moves(), 1..80),
    ) {
        let grants = if explicit { Grants::Explicit } else { Grants::Declared };
        let mut world = World::new(grants);
        // Taken back, and neither changed nor reloaded since.
        let mut banned: Option<String> = None;
        // Came, and nothing has become of it yet.
        let mut coming: Option<String> = None;
        for what in &moves {
            let before = world.slot.clone();
            world.apply(what);
            let slot = &world.slot;

            // What came and is not on its way any more serves, waits, is taken
            // back or was refused.
            match what {
                Move::Drop(file) => coming = Some(version(*file).digest),
                Move::Restart => coming = world.file.map(|file| version(file).digest),
                Move::Act(Act::Approve { .. }) => {
                    coming = before.held.as_ref().map(|held| held.version.digest.clone()).or(coming);
                }
                Move::Unusable | Move::Gone => coming = None,
                _ => {}
            }
            coming = coming.filter(|digest| !slot.disabled && !slot.knows_of(digest));
            if let Some(coming) = &coming {
                let under_way = slot.trial.as_ref().is_some_and(|trial| trial.is_of(coming));
                prop_assert!(under_way, "{what:?} lost {coming}");
            }
            if matches!(what, Move::Restart) {
                prop_assert_eq!(slot.disabled, before.disabled);
                if world.good.is_none() {
                    banned = None;
                }
                continue;
            }

            // What a start needs to know is on disk.
            let decided = (slot.disabled, slot.approved.clone());
            prop_assert_eq!(&world.record, &decided, "{:?}", what);
            let noted = (&world.notes.previous, &world.notes.quarantined);
            prop_assert_eq!(noted, (&slot.previous, &slot.quarantined), "{:?}", what);

            // What worked serves on, unless its file went or it was disabled.
            let taken = matches!(what, Move::Gone | Move::Act(Act::Disable));
            if before.serving().is_some() && !taken {
                prop_assert!(slot.serving().is_some(), "{what:?} took it away");
            }
            prop_assert!(!slot.disabled || slot.serving().is_none());

            // Generations grow with every swap and never otherwise.
            let number = |slot: &Slot<u8>| slot.current.as_ref().map(|live| live.number);
            prop_assert!(slot.generations >= before.generations);
            if let (Some(new), old) = (number(slot), number(&before)) {
                prop_assert!(new <= slot.generations);
                prop_assert!(old.is_none_or(|old| new == old || new > before.generations));
            }

            // A settled version stays until something took its place by the
            // rules: a new one on probation keeps the way back.
            if let (Some(old), Some(new)) = (&before.current, &slot.current) {
                if old.settled && new.number != old.number && !new.settled {
                    let back = slot.fallback.as_ref().map(|version| &version.digest);
                    prop_assert_eq!(back, Some(&old.version.digest));
                }
                if old.number == new.number && old.settled {
                    prop_assert!(new.settled, "nothing unsettles");
                }
            }
            if slot.current.as_ref().is_some_and(|live| live.settled) {
                prop_assert!(slot.fallback.is_none(), "probation has an end");
            }

            if let (Some(back), Some(live)) = (&slot.fallback, &slot.current) {
                prop_assert_ne!(&back.digest, &live.version.digest, "its own way back");
            }

            // A quarantined digest serves again only on purpose.
            match what {
                Move::Act(Act::Reload) | Move::Gone => banned = None,
                Move::Drop(file) if banned.as_ref() != Some(&version(*file).digest) => {
                    banned = None;
                }
                _ => {}
            }
            if let Some(banned) = &banned {
                let serving = slot.serving().map(|live| &live.version.digest);
                prop_assert!(serving != Some(banned), "{what:?}: {banned} is back");
            }
            if let Some(quarantined) = &slot.quarantined {
                banned = Some(quarantined.digest.clone());
            }

            // Under explicit grants nothing serves that was not approved.
            if explicit && let Some(live) = slot.serving() {
                let wants = &live.version.asked.hosts;
                let had: BTreeSet<_> = world.approved.iter().flat_map(|file| version(*file).asked.hosts).collect();
                prop_assert!(wants.is_subset(&had), "{wants:?} of {had:?}");
            }
            prop_assert!(explicit || slot.held.is_none());

            // A swap begins with a closed breaker.
            if number(slot) != number(&before) && let Some(live) = &slot.current {
                prop_assert_eq!(&live.breaker, &Breaker::default());
            }
        }
        // After a start with a broken file the last good copy serves, unless it
        // was taken back.
        if !world.slot.disabled && !explicit && world.slot.quarantined.is_none() {
            world.file = None;
            for what in [Move::Restart, Move::Drop(FILES + 1), YES, Move::Answer { good: false }] {
                world.apply(&what);
            }
            let serving = world.slot.serving().map(|live| live.version.handle);
            prop_assert_eq!(serving, world.good);
            let told = world.slot.error.as_ref().map(|error| error.code);
            prop_assert_eq!(told, Some("compile"));
        }
        // Whatever was before: a file that changes and works is loaded.
        if !world.slot.disabled && !explicit {
            let fresh = FILES;
            world.waiting.clear();
            world.apply(&Move::Drop(fresh));
            while !world.waiting.is_empty() {
                world.apply(&Move::Answer { good: true });
            }
            let serving = world.slot.serving().map(|live| live.version.handle);
            prop_assert_eq!(serving, Some(fresh));
        }
    }
}

impl Slot<u8> {
    fn knows_of(&self, digest: &str) -> bool {
        let current = self.current.as_ref().map(|live| &live.version.digest);
        let held = self.held.as_ref().map(|held| &held.version.digest);
        let quarantined = self.quarantined.as_ref().map(|q| &q.digest);
        let refused = self.error.as_ref().and_then(|error| error.digest.as_ref());
        let all = [current, held, quarantined, refused];
        all.into_iter().flatten().any(|known| known == digest)
    }
}

/// A world after these moves.
fn after(grants: Grants, moves: &[Move]) -> World {
    let mut world = World::new(grants);
    for what in moves {
        world.apply(what);
    }
    world
}

const YES: Move = Move::Answer { good: true };
const USABLE: Move = Move::Report {
    old: false,
    outcome: 0,
};
const FAULT: Move = Move::Report {
    old: false,
    outcome: 3,
};
const CHANGED: Move = Move::Report {
    old: false,
    outcome: 2,
};

/// Drops `file` and answers what it asks for.
fn load(file: u8) -> Vec<Move> {
    vec![Move::Drop(file), YES, YES, YES]
}

#[test]
fn a_version_that_is_loaded_again_is_never_its_own_way_back() {
    let again = [
        load(1),
        vec![Move::Act(Act::Reload), YES, USABLE, YES, FAULT],
    ]
    .concat();
    let world = after(Grants::Declared, &again);
    assert!(world.slot.quarantined.is_none());
    assert!(world.slot.current.is_some_and(|live| live.settled));
}

#[test]
fn a_version_that_fails_its_probation_goes_back_and_one_that_settled_can() {
    let settled = [load(1), vec![USABLE]].concat();
    let second = [settled.clone(), load(3)].concat();
    let no = Move::Answer { good: false };
    let cases: [(&str, Vec<Move>, u8, Option<&str>); 7] = [
        ("on probation", vec![], 3, None),
        ("a fault", vec![FAULT, YES], 1, Some("d3")),
        ("a fault of both", vec![FAULT, no], 3, None),
        ("the old one does better", vec![CHANGED, YES], 1, Some("d3")),
        (
            "the old one does not",
            vec![CHANGED, Move::Answer { good: false }],
            3,
            None,
        ),
        ("settled, then a fault", vec![USABLE, FAULT], 3, None),
        (
            "settled, then taken back by hand",
            vec![USABLE, Move::Act(Act::Rollback), YES],
            1,
            Some("d3"),
        ),
    ];
    for (name, more, serves, quarantined) in cases {
        let world = after(Grants::Declared, &[second.clone(), more].concat());
        let live = world.slot.serving().expect("something serves");
        assert_eq!(live.version.handle, serves, "{name}");
        let quarantine = world.slot.quarantined.as_ref().map(|q| q.digest.as_str());
        assert_eq!(quarantine, quarantined, "{name}");
    }
    // Back by hand, the copy on disk is the old one's again, and a reload
    // leads forward.
    let mut world = after(
        Grants::Declared,
        &[second, vec![USABLE, Move::Act(Act::Rollback), YES]].concat(),
    );
    assert_eq!((world.good, world.before), (Some(1), None));
    for what in [Move::Drop(3), YES, YES] {
        world.apply(&what);
    }
    assert_eq!(
        world.slot.serving().map(|live| live.version.handle),
        Some(1)
    );
    for what in [Move::Act(Act::Reload), YES, YES, USABLE] {
        world.apply(&what);
    }
    assert_eq!(
        world.slot.serving().map(|live| live.version.handle),
        Some(3)
    );
    assert_eq!((world.good, world.before), (Some(3), Some(1)));
}

#[test]
fn a_fix_on_its_way_outlives_the_way_back() {
    let bad = [load(1), vec![USABLE], load(3)].concat();
    let by_hand = vec![USABLE, Move::Drop(FILES), Move::Act(Act::Rollback)];
    let cases = [
        ("loading", vec![FAULT, Move::Drop(FILES), YES, YES, YES]),
        ("probing", vec![Move::Drop(FILES), FAULT, YES, YES, YES]),
        ("by hand", [by_hand, vec![YES, YES, YES]].concat()),
    ];
    for (name, more) in cases {
        let world = after(Grants::Declared, &[bad.clone(), more].concat());
        let live = world.slot.serving().expect("something serves");
        assert_eq!(live.version.handle, FILES, "{name}");
    }
}

#[test]
fn under_explicit_grants_more_waits_and_less_does_not() {
    let mut world = after(Grants::Explicit, &load(1));
    assert!(world.slot.serving().is_none(), "never approved");
    let wants = |world: &World| {
        world
            .slot
            .held
            .as_ref()
            .map(|held| held.wants.hosts.clone())
    };
    assert_eq!(wants(&world), Some(["https://a.example".to_owned()].into()));
    for what in [vec![Move::Act(APPROVE), YES, USABLE], load(2)].concat() {
        world.apply(&what);
    }
    assert_eq!(wants(&world), Some(["https://b.example".to_owned()].into()));
    assert_eq!(
        world.slot.serving().map(|live| live.version.handle),
        Some(1)
    );
    for what in load(3) {
        world.apply(&what);
    }
    assert!(
        world.slot.held.is_none(),
        "replaced by one that asks for less"
    );
    assert_eq!(
        world.slot.serving().map(|live| live.version.handle),
        Some(3)
    );
}

#[test]
fn a_wider_version_is_told_where_dropping_it_is_the_grant() {
    let mut world = after(Grants::Declared, &[load(1), vec![USABLE]].concat());
    let context = Context {
        now: Timestamp::UNIX_EPOCH,
        at: world.at,
        grants: Grants::Declared,
        breaker: &world.breaker.clone(),
        by_name: true,
    };
    let mut told = Vec::new();
    let version = version(2);
    let digest = version.digest.clone();
    for input in [
        Input::Seen {
            digest: digest.clone(),
            forced: false,
        },
        Input::Loaded {
            version,
            proven: false,
        },
        Input::Probed {
            digest,
            against: None,
        },
    ] {
        let effects = world.slot.step(input, &context).expect("a step");
        told.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::Tell(told) => Some((told.kind, told.message)),
            _ => None,
        }));
    }
    let widened = told.iter().find(|(kind, _)| *kind == Kind::Widened);
    assert!(widened.is_some_and(|(_, text)| text.contains("https://b.example")));
}

#[test]
fn what_was_decided_before_the_start_counts_when_it_is_read() {
    let grant = |host: &str| Grant {
        hosts: [host.to_owned()].into(),
        secrets: BTreeSet::new(),
    };
    let unread = |grants| {
        let mut world = World::new(grants);
        world.slot.unread = Some(PluginError {
            code: "decisions",
            message: String::new(),
            at: Timestamp::UNIX_EPOCH,
            digest: None,
        });
        world.slot.approved = Approved::Unknown;
        world
    };
    let read = |disabled, approved| Input::Decided { disabled, approved };
    // Dropped while nobody could read, and disabled before.
    let mut world = unread(Grants::Declared);
    for what in load(1) {
        world.apply(&what);
    }
    assert!(world.slot.serving().is_some());
    world.step(read(true, Approved::This(grant("https://old.example"))));
    assert!(world.slot.serving().is_none(), "disabled before the start");
    let both = ["https://a.example".to_owned(), "https://old.example".into()];
    let Approved::This(approved) = &world.slot.approved else {
        panic!("known by now");
    };
    assert_eq!(approved.hosts, both.into(), "nothing is written over");
    // What an operator says since counts more; a second answer nothing.
    let mut world = unread(Grants::Declared);
    for what in [
        load(1),
        vec![Move::Act(Act::Disable), Move::Act(Act::Enable)],
    ]
    .concat()
    {
        world.apply(&what);
    }
    for _ in 0..2 {
        world.step(read(true, Approved::Never));
        assert!(world.slot.serving().is_some());
    }
    // What was held for want of the record is looked at with it.
    let mut world = unread(Grants::Explicit);
    for what in load(1) {
        world.apply(&what);
    }
    assert!(world.slot.held.is_some());
    world.step(read(false, Approved::This(grant("https://a.example"))));
    for what in [YES, YES, YES] {
        world.apply(&what);
    }
    assert!(world.slot.serving().is_some(), "approved long ago");
    // Never approved is known now, too.
    let mut world = unread(Grants::Explicit);
    world.step(read(false, Approved::Never));
    assert_eq!(world.slot.approved, Approved::Never);
}
