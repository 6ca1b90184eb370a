//! From what is known and what a source now says to what is known next. Pure.
//!
//! Nothing that was known goes away because one answer lacks it: it stays,
//! marked. A time that can't be true does not replace one that could.

use jiff::Timestamp;

use super::check::MAX_EVENTS;
use super::model::{Event, Season, Session, event_id};
use super::report::{Listed, Report, Time};

/// What is known of the season after `report`, which was fetched at `now`.
///
/// `known` must be something a source said: the bundled season would make
/// every difference to it look like news.
pub(super) fn merge(known: Option<&Season>, report: Report, now: Timestamp) -> Season {
    let mut left: Vec<Event> = known
        .map(|season| season.events.clone())
        .unwrap_or_default();
    let mut taken: Vec<String> = left.iter().map(|event| event.id.clone()).collect();
    let mut events = Vec::with_capacity(report.events.len());
    for (listed, before) in pair(report.events, &mut left) {
        let id = before.as_ref().map_or_else(
            || free_id(report.year, &listed.circuit.id, &taken),
            |event| event.id.clone(),
        );
        taken.push(id.clone());
        events.push(update(id, before, listed, now));
    }
    for mut gone in left {
        if report.complete {
            mark_missing(&mut gone.sessions, now);
        }
        events.push(gone);
    }
    // What is listed now comes first, so the bound takes what is long gone.
    events.truncate(MAX_EVENTS);
    let mut season = Season {
        year: report.year,
        fetched_at: Some(now),
        events,
    };
    season.sort();
    season
}

/// Finds for each listed event the known one that it is: same circuit, nearest
/// day. Closest pairs first, so that of two events at one circuit the one that
/// went does not take the other's identity. The found ones leave `known`.
fn pair(listed: Vec<Listed>, known: &mut Vec<Event>) -> Vec<(Listed, Option<Event>)> {
    let mut distances = Vec::new();
    for (at, new) in listed.iter().enumerate() {
        for old in known.iter().filter(|old| old.circuit.id == new.circuit.id) {
            let days = old
                .day()
                .map_or(i32::MAX, |day| (day - new.day).get_days().abs());
            distances.push((days, at, old.id.clone()));
        }
    }
    distances.sort();
    let mut pairs: Vec<(Listed, Option<Event>)> =
        listed.into_iter().map(|new| (new, None)).collect();
    for (_, at, id) in distances {
        if pairs[at].1.is_none()
            && let Some(place) = known.iter().position(|old| old.id == id)
        {
            pairs[at].1 = Some(known.swap_remove(place));
        }
    }
    pairs
}

fn free_id(year: i16, circuit: &str, taken: &[String]) -> String {
    (1..)
        .map(|nth| event_id(year, circuit, nth))
        .find(|id| !taken.contains(id))
        .expect("numbers do not run out")
}

fn update(id: String, before: Option<Event>, listed: Listed, now: Timestamp) -> Event {
    let mut before = before.map(|event| event.sessions).unwrap_or_default();
    let mut sessions = Vec::with_capacity(listed.sessions.len());
    for (kind, time) in listed.sessions {
        let known = before
            .iter()
            .position(|session| session.kind == kind)
            .map(|at| before.swap_remove(at));
        sessions.push(match known {
            Some(known) => follow(known, time, now),
            None => Session::new(kind, time.start(), time.date()),
        });
    }
    mark_missing(&mut before, now);
    sessions.append(&mut before);
    Event {
        id,
        name: listed.name,
        round: listed.round,
        circuit: listed.circuit,
        sessions,
    }
}

/// A known session after a source named `time` for it.
fn follow(known: Session, time: Time, now: Timestamp) -> Session {
    let known = Session {
        missing_since: None,
        doubtful: false,
        ..known
    };
    match time {
        Time::At(start) if known.start == Some(start) => known,
        Time::At(start) => Session {
            start: Some(start),
            end: None,
            date: time.date(),
            moved_from: known.start,
            changed_at: Some(now),
            ..known
        },
        // Its day is the same and its time got lost, or what the source says
        // can't be: the known time is the better guess, and no more than that.
        Time::On(date) if date == known.date => Session {
            doubtful: true,
            ..known
        },
        Time::Doubtful(_) => Session {
            doubtful: true,
            ..known
        },
        Time::On(date) => Session {
            start: None,
            end: None,
            date,
            moved_from: known.start,
            changed_at: Some(now),
            ..known
        },
    }
}

/// Marks sessions that are no longer listed. One that has begun is left alone:
/// absence from a calendar does not stop what is under way, nor undo the past.
fn mark_missing(sessions: &mut [Session], now: Timestamp) {
    let begun = sessions
        .iter()
        .any(|session| super::state::earliest_start(session) <= now);
    if begun {
        return;
    }
    for session in sessions {
        session.missing_since.get_or_insert(now);
    }
}
