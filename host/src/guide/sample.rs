//! One event, as the schedule shows it.

use jiff::civil::date;

use crate::schedule::{CircuitView, EventView, Kind, SessionView, State, Status};

pub(super) fn event(name: &str, sessions: Vec<SessionView>) -> EventView {
    EventView {
        id: "2026-vegas".to_owned(),
        name: name.to_owned(),
        round: Some(20),
        circuit: CircuitView {
            id: "vegas".to_owned(),
            name: "Strip Circuit".to_owned(),
            locality: "Las Vegas".to_owned(),
            country: "USA".to_owned(),
            timezone: None,
            position: Some((36.1147, -115.173)),
        },
        sessions,
    }
}

/// An hour long, a race two.
pub(super) fn session(kind: Kind, start: Option<&str>) -> SessionView {
    let start: Option<jiff::Timestamp> = start.map(|start| start.parse().expect("a time"));
    let hours = if kind == Kind::Race { 2 } else { 1 };
    SessionView {
        id: format!("2026-vegas-{}", kind.slug()),
        kind,
        name: kind.title().to_owned(),
        start,
        end: start.map(|start| start + jiff::SignedDuration::from_hours(hours)),
        date: date(2026, 11, 22),
        state: State::Upcoming,
        status: Status::Scheduled,
        changed_at: None,
        previous_start: None,
        updated_at: "2026-03-01T12:00:00Z".parse().expect("a time"),
        sequence: 0,
    }
}
