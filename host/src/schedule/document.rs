//! What the API shows: the season that matters now, with every session's state
//! at this instant. Made from memory on each call; reads no clock.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use super::merge::{Change, Disagreement};
use super::model::{Event, Kind, Season, Session, Status};
use super::state::{self, State};
use super::{circuits, model};

/// The answer of `GET /api/schedule`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// The year shown.
    pub season: i16,
    /// The clock that every state was computed by; viewers correct theirs.
    pub server_time: Timestamp,
    /// When this season was last fetched; `null` for the bundled one.
    pub fetched_at: Option<Timestamp>,
    /// Never fetched, or a source that has answered before is silent for two intervals.
    pub stale: bool,
    /// Where it comes from, and what is wrong there.
    pub sources: Vec<SourceView>,
    /// In the order of their first sessions.
    pub events: Vec<EventView>,
}

/// How one source is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceView {
    /// `jolpica` or `openf1`; `store` when the disk is the trouble, and `overrides`
    /// when the operator's own file is.
    pub name: String,
    /// When it last gave something usable.
    pub fetched_at: Option<Timestamp>,
    /// What went wrong last, if nothing went right since.
    pub error: Option<String>,
}

/// A race weekend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventView {
    /// `2026-sepang`; stays when rounds are renumbered.
    pub id: String,
    /// `Bahrain Grand Prix in Malaysia`.
    pub name: String,
    /// Its number now, to be shown and not to be relied on; `null` for a test.
    pub round: Option<u16>,
    /// Where.
    pub circuit: CircuitView,
    /// In the order of their times.
    pub sessions: Vec<SessionView>,
}

/// Where an event takes place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CircuitView {
    /// Upstream's id of the circuit.
    pub id: String,
    /// `Sepang International Circuit`.
    pub name: String,
    /// `Kuala Lumpur`.
    pub locality: String,
    /// As the source writes it, which is not a code.
    pub country: String,
    /// IANA name; `null` for a circuit that is not in the table.
    pub timezone: Option<String>,
    /// Degrees north and east; `null` for a circuit that is not in the table.
    pub position: Option<(f64, f64)>,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionView {
    /// `2026-sepang-race`.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// The same in words.
    pub name: String,
    /// `null`: the time is to be confirmed.
    pub start: Option<Timestamp>,
    /// As announced, else after the kind's usual length.
    pub end: Option<Timestamp>,
    /// In UTC; always known.
    pub date: Date,
    /// Where it stands at `server_time`.
    pub state: State,
    /// What is known of its time.
    pub status: Status,
    /// When its time last changed, or it was called off or on again.
    pub changed_at: Option<Timestamp>,
    /// The time it had before the one it has.
    pub previous_start: Option<Timestamp>,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
    /// How often its start, end or status changed.
    pub sequence: u32,
}

/// What an operator sees of how the schedule is made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OperatorView {
    /// Where it comes from, and what is wrong there.
    pub sources: Vec<SourceView>,
    /// Where the sources say different things, and what is shown.
    pub disagreements: Vec<Disagreement>,
    /// Meetings at circuits that are in no table: they are not shown.
    pub unmatched: Vec<String>,
    /// The newest last; the oldest go.
    pub changes: Vec<Change>,
}

/// The session that is on, or the next one: a hint for extractors, and what the
/// scheduler's pace follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurrentSession {
    /// `2026-sepang-race`.
    pub id: String,
    /// The event's name.
    pub event: String,
    /// What it is.
    pub kind: Kind,
    /// When it starts.
    pub start: Timestamp,
    /// When it is planned to end.
    pub end: Timestamp,
    /// Upcoming, soon, live or overtime.
    pub state: State,
}

// === impl EventView ===

impl EventView {
    pub(super) fn new(event: &Event, now: Timestamp) -> Self {
        let model::Circuit {
            id,
            name,
            locality,
            country,
        } = event.circuit.clone();
        let timezone = circuits::time_zone(&id).map(str::to_owned);
        let position = circuits::position(&id);
        let sessions = event.sessions.iter().map(|session| SessionView {
            id: event.session_id(session),
            kind: session.kind,
            name: session.kind.title().to_owned(),
            start: session.start,
            end: session.end(),
            date: session.date,
            state: state::of(session, now),
            status: session.status,
            changed_at: session.changed_at,
            previous_start: session.previous_start,
            updated_at: session.updated_at,
            sequence: session.sequence,
        });
        Self {
            id: event.id.clone(),
            name: event.name.clone(),
            round: event.round,
            circuit: CircuitView {
                id,
                name,
                locality,
                country,
                timezone,
                position,
            },
            sessions: sessions.collect(),
        }
    }
}

/// The season to show: the first with anything still to come, else the last
/// that was.
pub(super) fn season_at(seasons: &[Season], now: Timestamp) -> Option<&Season> {
    let has_more = |season: &&Season| {
        let mut sessions = season.events.iter().flat_map(|event| &event.sessions);
        sessions.any(|session| !state::is_past(session, now))
    };
    seasons
        .iter()
        .find(has_more)
        .or_else(|| seasons.iter().rfind(|season| !season.events.is_empty()))
        .or(seasons.last())
}

/// The session that is on now, else the next that has a time. What is on comes
/// before what runs over, and that before what is next.
pub(super) fn current(seasons: &[Season], now: Timestamp) -> Option<CurrentSession> {
    let rank = |state: State| match state {
        State::Live => Some(0),
        State::Overtime => Some(1),
        State::Soon | State::Upcoming => Some(2),
        State::Finished => None,
    };
    let is_counted = |session: &Session| session.status.is_on() && session.missing_since.is_none();
    let all = seasons.iter().flat_map(|season| &season.events);
    let all = all.flat_map(|event| event.sessions.iter().map(move |session| (event, session)));
    let all = all.filter(|(_, session)| is_counted(session));
    let candidates = all.filter_map(|(event, session)| {
        let state = state::of(session, now);
        Some((
            rank(state)?,
            session.start?,
            session.end()?,
            state,
            event,
            session,
        ))
    });
    let (_, start, end, state, event, session) =
        candidates.min_by_key(|(rank, start, ..)| (*rank, *start))?;
    Some(CurrentSession {
        id: event.session_id(session),
        event: event.name.clone(),
        kind: session.kind,
        start,
        end,
        state,
    })
}

/// Is a session on, or starting (or able to start) within `window`?
pub(super) fn is_near(seasons: &[Season], now: Timestamp, window: std::time::Duration) -> bool {
    let until = now.checked_add(window).unwrap_or(Timestamp::MAX);
    let mut sessions = seasons
        .iter()
        .flat_map(|season| &season.events)
        .flat_map(|event| &event.sessions);
    sessions.any(|session: &Session| {
        session.status.is_on()
            && !state::is_past(session, now)
            && state::earliest_start(session) <= until
    })
}
