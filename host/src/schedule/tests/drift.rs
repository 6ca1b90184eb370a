//! A season as it drifts: what others hold of it stays theirs.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::bundled;
use super::super::model::{Event, Session};
use super::super::report::{Listed, Off, Report, Said, Time};
use super::two_sources::Meeting;
use super::*;

/// Race weekends as both sources list them.
#[derive(Clone)]
struct Weekends(Vec<Event>);

impl Weekends {
    /// The 24 of January: two that were called off, and without the one that came.
    fn january() -> Self {
        let mut events = bundled::season().events;
        events.retain(|event| event.circuit.id != "sepang");
        let model = events
            .iter()
            .find(|event| event.circuit.id == "losail")
            .expect("Qatar")
            .clone();
        for (circuit, shift) in [("bahrain", -231), ("jeddah", -224)] {
            let mut event = model.clone();
            event.circuit.id = circuit.to_owned();
            event.name = format!("{circuit} Grand Prix");
            for session in &mut event.sessions {
                let shift = jiff::SignedDuration::from_hours(24 * shift);
                session.start = session.start.map(|start| start + shift);
            }
            events.push(event);
        }
        let mut weekends = Self(events);
        weekends.start("marina_bay", Kind::Practice1, "2026-10-09T09:30:00Z");
        weekends.start("miami", Kind::Practice1, "2026-05-01T16:30:00Z");
        weekends.start("miami", Kind::Race, "2026-05-03T20:00:00Z");
        weekends
    }

    fn session(&mut self, circuit: &str, kind: Kind) -> &mut Session {
        let mut events = self.0.iter_mut();
        let event = events
            .find(|event| event.circuit.id == circuit)
            .expect(circuit);
        let mut sessions = event.sessions.iter_mut();
        sessions
            .find(|session| session.kind == kind)
            .expect("the session")
    }

    fn start(&mut self, circuit: &str, kind: Kind, start: &str) {
        self.session(circuit, kind).start = Some(ts(start));
    }

    fn without(mut self, circuits: &[&str]) -> Self {
        self.0
            .retain(|event| !circuits.contains(&&*event.circuit.id));
        self
    }

    /// In the order of their races, as rounds are counted.
    fn in_order(&self) -> Vec<&Event> {
        let mut events: Vec<&Event> = self.0.iter().collect();
        events.sort_by_key(|event| event.sessions.iter().map(|session| session.start).max());
        events
    }

    fn calendar(&self) -> Vec<Value> {
        let name = |kind: Kind| match kind {
            Kind::Practice1 => "FirstPractice",
            Kind::Practice2 => "SecondPractice",
            Kind::Practice3 => "ThirdPractice",
            Kind::SprintQualifying => "SprintQualifying",
            Kind::Sprint => "Sprint",
            _ => "Qualifying",
        };
        let races = self.in_order().into_iter().zip(1..).map(|(event, round)| {
            let when = |session: &Session| {
                let start = session.start.expect("a time").to_string();
                let (date, time) = start.split_once('T').expect("a time");
                json!({ "date": date, "time": time })
            };
            let race = event.sessions.iter().find(|session| session.kind == Kind::Race);
            let mut value = when(race.expect("a race"));
            for session in event.sessions.iter().filter(|session| session.kind != Kind::Race) {
                value[name(session.kind)] = when(session);
            }
            let circuit = &event.circuit;
            for (key, more) in [
                ("season", json!("2026")),
                ("round", json!(round.to_string())),
                ("raceName", json!(event.name)),
                ("Circuit", json!({ "circuitId": circuit.id, "circuitName": circuit.name, "Location": { "locality": circuit.locality, "country": circuit.country } })),
            ] {
                value[key] = more;
            }
            value
        });
        races.collect()
    }

    fn timetable(&self, off: &[&str]) -> Vec<Meeting> {
        let keys: BTreeMap<&str, u32> = (0..200)
            .filter_map(|key| Some((super::super::circuits::by_key(key)?, key)))
            .collect();
        let meetings = self.0.iter().map(|event| {
            let key = keys[&*event.circuit.id];
            let session = |session: &Session| {
                let start = session.start.expect("a time").to_string();
                let minutes = if session.kind == Kind::SprintQualifying {
                    44
                } else {
                    60
                };
                (session.kind.title(), start, minutes)
            };
            Meeting {
                is_cancelled: off.contains(&&*event.circuit.id),
                sessions: event.sessions.iter().map(session).collect(),
                ..Meeting::race(u64::from(key), key, "")
            }
        });
        meetings.collect()
    }
}

/// When, what the calendar lists, what the timetable does and which of it is off; and
/// then which sessions are others, and how many events there are.
type Poll<'s> = (
    &'s str,
    &'s Weekends,
    Weekends,
    &'s [&'s str],
    Vec<String>,
    usize,
);

/// What subscribers have of each session.
fn held(world: &World) -> BTreeMap<String, SessionView> {
    let events = world.schedule.events().into_iter();
    let sessions = events.flat_map(|event| event.sessions);
    let of_2026 = sessions.filter(|session| session.id.starts_with("2026-"));
    of_2026
        .map(|session| (session.id.clone(), session))
        .collect()
}

/// Which changed, once the promises to subscribers are held.
fn drifted(
    before: &BTreeMap<String, SessionView>,
    after: &BTreeMap<String, SessionView>,
) -> Vec<String> {
    let mut changed = Vec::new();
    for (id, before) in before {
        let after = after.get(id).unwrap_or_else(|| panic!("{id} is gone"));
        let shown =
            |session: &SessionView| (session.start, session.end, session.date, session.status);
        let is_other = shown(before) != shown(after);
        assert_eq!(
            after.sequence,
            before.sequence + u32::from(is_other),
            "{id}"
        );
        assert!(after.updated_at >= before.updated_at, "{id}");
        if is_other {
            assert!(after.updated_at > before.updated_at, "{id}");
            changed.push(id.clone());
        }
    }
    changed
}

#[tokio::test]
async fn the_season_of_2026_drifts_and_nobody_loses_an_event() {
    let mut world = World::at("2026-01-10T00:00:00Z");
    let january = Weekends::january();
    let both = ["bahrain", "jeddah"];
    let mut singapore = january.clone();
    singapore.start("marina_bay", Kind::Practice1, "2026-10-09T08:30:00Z");
    let mut miami = singapore.clone();
    miami.start("miami", Kind::Practice1, "2026-05-01T16:00:00Z");
    let mut race_day = miami.clone();
    race_day.start("miami", Kind::Race, "2026-05-03T17:00:00Z");
    let mut sepang = race_day.clone().without(&both);
    let events = bundled::season().events.into_iter();
    sepang
        .0
        .extend(events.filter(|event| event.circuit.id == "sepang"));
    let mut late = sepang.clone();
    // What the calendar's source still said long after.
    late.start("miami", Kind::Race, "2026-05-03T20:00:00Z");

    let sessions_of = |circuits: &[&str], weekends: &Weekends| -> Vec<String> {
        let of = weekends
            .0
            .iter()
            .filter(|event| circuits.contains(&&*event.circuit.id));
        let mut ids: Vec<String> = of
            .flat_map(|event| {
                let id = format!("2026-{}", event.circuit.id);
                event
                    .sessions
                    .iter()
                    .map(move |session| format!("{id}-{}", session.kind.slug()))
            })
            .collect();
        ids.sort();
        ids
    };
    let gone = sessions_of(&both, &january);
    let steps: [Poll<'_>; 7] = [
        (
            "2026-03-09T00:00:00Z",
            &singapore,
            singapore.clone(),
            &[],
            vec!["2026-marina_bay-practice1".into()],
            24,
        ),
        (
            "2026-03-14T00:00:00Z",
            &singapore,
            singapore.clone(),
            &both,
            gone.clone(),
            24,
        ),
        (
            "2026-03-29T00:00:00Z",
            &singapore.clone().without(&both),
            singapore.clone(),
            &both,
            gone.clone(),
            24,
        ),
        (
            "2026-04-20T00:00:00Z",
            &miami.clone().without(&both),
            miami.clone(),
            &both,
            vec!["2026-miami-practice1".into()],
            24,
        ),
        (
            "2026-05-03T14:00:00Z",
            &miami.clone().without(&both),
            race_day.clone(),
            &both,
            vec!["2026-miami-race".into()],
            24,
        ),
        (
            "2026-08-01T00:00:00Z",
            &late,
            sepang.clone(),
            &[],
            vec![],
            25,
        ),
        (
            "2026-12-31T00:00:00Z",
            &late,
            sepang.clone(),
            &[],
            vec![],
            25,
        ),
    ];
    world
        .poll_both(Some(&january.calendar()), Some(&january.timetable(&[])))
        .await;
    let mut before = held(&world);
    assert_eq!(before.len(), 24 * 5);
    for (now, calendar, timetable, off, expect, events) in steps {
        world.clock.set(now);
        world
            .poll_both(Some(&calendar.calendar()), Some(&timetable.timetable(off)))
            .await;
        let after = held(&world);
        assert_eq!(drifted(&before, &after), expect, "{now}");
        assert_eq!(world.schedule.document().events.len(), events, "{now}");
        // Neither a restart nor another poll is a change.
        world = world.restarted();
        world.poll_both(Some(&calendar.calendar()), None).await;
        assert_eq!(held(&world), after, "{now}");
        before = after;
    }
    let cancelled = before
        .values()
        .filter(|session| session.status == Status::Cancelled);
    let cancelled: Vec<&String> = cancelled.map(|session| &session.id).collect();
    assert_eq!(cancelled, gone.iter().collect::<Vec<_>>());
    // Rounds went 1–24, 1–22, 1–23, and are no news to anybody.
    let rounds = |id: &str| {
        let events = world.schedule.document().events;
        events
            .into_iter()
            .find(|event| event.id == id)
            .and_then(|event| event.round)
    };
    assert_eq!(
        (
            rounds("2026-miami"),
            rounds("2026-sepang"),
            rounds("2026-yas_marina")
        ),
        (Some(4), Some(16), Some(23))
    );
}

/// One poll of a made-up season of a few weekends.
#[derive(Clone, Debug)]
struct Step {
    hours: i64,
    source: Source,
    /// Of each weekend: absent, or by how many minutes it is off its place, or without
    /// a time, or called off.
    weekends: Vec<Option<Word>>,
    complete: bool,
}

#[derive(Clone, Copy, Debug)]
enum Word {
    Moved(i64),
    DateOnly,
    Doubtful,
    Off,
}

fn step() -> impl Strategy<Value = Step> {
    let weekend = prop_oneof![
        1 => Just(None),
        4 => Just(Some(Word::Moved(0))),
        1 => (-2_000_i64..2_000).prop_map(|minutes| Some(Word::Moved(minutes))),
        1 => Just(Some(Word::DateOnly)),
        1 => Just(Some(Word::Doubtful)),
        1 => Just(Some(Word::Off)),
    ];
    let source = prop_oneof![Just(Source::Jolpica), Just(Source::OpenF1)];
    let weekends = proptest::collection::vec(weekend, 4);
    (1_i64..400, source, weekends, proptest::bool::weighted(0.9)).prop_map(
        |(hours, source, weekends, complete)| Step {
            hours,
            source,
            weekends,
            complete,
        },
    )
}

fn report(step: &Step, fetched_at: Timestamp) -> Option<Report> {
    let places = ["spa", "monza", "bahrain", "spa"];
    let starts = ["2026-07-19", "2026-09-06", "2026-04-12", "2026-08-02"];
    let listed = places.iter().zip(starts).zip(&step.weekends);
    let events = listed.filter_map(|((place, date), said)| {
        let said = (*said)?;
        let start = ts(&format!("{date}T13:00:00Z"));
        let moved = match said {
            Word::Moved(minutes) => start + jiff::SignedDuration::from_mins(minutes),
            _ => start,
        };
        let day = model::utc_date(moved);
        let time = match said {
            Word::DateOnly => Time::On(day),
            Word::Doubtful => Time::Doubtful(day),
            _ => Time::At(moved),
        };
        let is_openf1 = step.source == Source::OpenF1;
        let off = (is_openf1 && matches!(said, Word::Off)).then_some(Off::Cancelled);
        let race = Said {
            kind: Kind::Race,
            time,
            end: None,
            off,
        };
        Some(Listed {
            name: (*place).to_owned(),
            round: (!is_openf1).then_some(1),
            circuit: model::Circuit {
                id: (*place).to_owned(),
                name: String::new(),
                locality: String::new(),
                country: String::new(),
            },
            day,
            sessions: vec![race],
        })
    });
    let events: Vec<Listed> = events.collect();
    (!events.is_empty()).then(|| Report {
        source: step.source,
        year: 2026,
        fetched_at,
        events,
        complete: step.complete,
        problems: Vec::new(),
    })
}

proptest! {
    #[test]
    fn however_it_drifts_promises_are_kept(steps in proptest::collection::vec(step(), 1..12)) {
        let dir = tempfile::tempdir().expect("a directory");
        let store = store::Store::new(dir.path());
        let mut now = ts("2026-01-01T00:00:00Z");
        let mut book = Book::open((Kept::default(), None), Overrides::default(), now);
        // What is bundled gives way.
        let first = Step { hours: 1, source: Source::Jolpica, weekends: vec![Some(Word::Moved(0)); 4], complete: true };
        book.take_in(report(&first, now).expect("listed"), now);
        let view = |book: &Book| {
            let events = book.seasons.iter().flat_map(|season| &season.events);
            let sessions = events.flat_map(|event| EventView::new(event, ts("2026-01-01T00:00:00Z")).sessions);
            sessions.map(|session| (session.id.clone(), session)).collect::<BTreeMap<_, _>>()
        };
        for step in steps {
            now += jiff::SignedDuration::from_hours(step.hours);
            let Some(report) = report(&step, now) else { continue };
            let before = view(&book);
            book.take_in(report, now);
            let after = view(&book);
            drifted(&before, &after);
            for season in &book.seasons {
                prop_assert_eq!(season.check(), Ok(()));
            }
            // What is stored is what is known, and to look at it again changes nothing.
            store.save(&book.kept()).expect("saved");
            let (kept, error) = store.load();
            prop_assert!(error.is_none());
            let later = now + jiff::SignedDuration::from_mins(1);
            let again = Book::open((kept, None), Overrides::default(), later);
            prop_assert_eq!(view(&again), after);
        }
    }
}
