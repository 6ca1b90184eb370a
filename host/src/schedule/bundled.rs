//! The season compiled into the binary: what a first start without network
//! shows. It is always marked stale, and the first answer of a source replaces
//! it whole.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::model::{Circuit, Event, Kind, Season, Session, event_id, utc_date};

const SEASON: &str = include_str!("bundled/2026.json");

/// The bundled season. An empty one if it could not be read, which a test rules
/// out: a start must not fail over it.
pub(super) fn season() -> Season {
    read(SEASON).unwrap_or_else(|error| {
        tracing::error!(%error, "the bundled season is unusable");
        Season {
            year: 2026,
            fetched_at: None,
            events: Vec::new(),
        }
    })
}

fn read(text: &str) -> Result<Season, serde_json::Error> {
    let bundle: Bundle = serde_json::from_str(text)?;
    let events = bundle
        .events
        .into_iter()
        .zip(1..)
        .map(|(event, round)| Event {
            id: event_id(bundle.year, &event.circuit.id, false, 1),
            name: event.name,
            round: Some(round),
            circuit: event.circuit,
            sessions: event
                .sessions
                .into_iter()
                .map(|(kind, at)| Session {
                    updated_at: bundle.made_at,
                    in_calendar: true,
                    ..Session::new(kind, Some(at), utc_date(at))
                })
                .collect(),
        });
    let mut season = Season {
        year: bundle.year,
        fetched_at: None,
        events: events.collect(),
    };
    season.sort();
    Ok(season)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bundle {
    year: i16,
    made_at: Timestamp,
    /// In the order of their rounds.
    events: Vec<BundledEvent>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BundledEvent {
    name: String,
    circuit: Circuit,
    sessions: BTreeMap<Kind, Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::super::circuits::time_zone;
    use super::*;

    #[test]
    fn the_bundled_season_is_whole() {
        let season = read(SEASON).expect("readable");
        assert_eq!(season.check(), Ok(()));
        assert_eq!(season.events.len(), 23);
        for event in &season.events {
            assert_eq!(event.sessions.len(), 5, "{}", event.id);
            assert!(time_zone(&event.circuit.id).is_some(), "{}", event.id);
            assert!(
                event.sessions.iter().any(|s| s.kind == Kind::Practice1),
                "{}",
                event.id
            );
            assert_eq!(
                event.sessions.last().map(|s| s.kind),
                Some(Kind::Race),
                "{}",
                event.id
            );
        }
        let sprints = season
            .events
            .iter()
            .filter(|e| e.sessions.iter().any(|s| s.kind == Kind::Sprint));
        assert_eq!(sprints.count(), 6);
        let rounds: Vec<u16> = season.events.iter().filter_map(|e| e.round).collect();
        assert_eq!(rounds, (1..=23).collect::<Vec<_>>());
    }
}
