//! What an operator knows better: a file of his in the data directory, whose word
//! wins over every source.
//!
//! One entry that cannot be used takes none of the others with it, and each is told.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use super::check::{is_event_id, is_in_season};
use super::model::{Season, Status, utc_date};
use crate::files;

/// In the data directory.
pub(super) const NAME: &str = "schedule.overrides.toml";
const MAX_SIZE: u64 = 64 * 1024;

/// What the file says; nothing where there is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Overrides {
    events: BTreeMap<String, Entry>,
    sessions: BTreeMap<String, Entry>,
    /// What cannot be used, and why.
    pub(super) problems: Vec<String>,
    /// Nothing of the file can be: what it said before still counts.
    is_unusable: bool,
}

/// What is said of one event or session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Of a session alone.
    pub(super) start: Option<Timestamp>,
    pub(super) end: Option<Timestamp>,
    pub(super) status: Option<Status>,
}

// === impl Overrides ===

impl Overrides {
    /// What the file says. Blocks as long as the disk does.
    pub(super) fn read(dir: &Path) -> Self {
        match files::read(&dir.join(NAME), MAX_SIZE) {
            Ok(bytes) => Self::parse(&bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::default(),
            Err(error) => Self::unusable(&error.to_string()),
        }
    }

    /// What must have been said for `seasons` to be shown as they are.
    pub(super) fn shown(seasons: &[Season]) -> Self {
        let mut overrides = Self::default();
        for event in seasons.iter().flat_map(|season| &season.events) {
            for session in &event.sessions {
                let by_sources = session.by_sources();
                let is_moved = session.start != by_sources.start;
                let is_other_end = is_moved || session.end != by_sources.end;
                let entry = Entry {
                    start: session.start.filter(|_| is_moved),
                    end: session.end.filter(|_| is_other_end),
                    status: Some(session.status).filter(|status| *status != by_sources.status),
                };
                if entry != Entry::default() {
                    overrides.sessions.insert(event.session_id(session), entry);
                }
            }
        }
        overrides
    }

    pub(super) fn parse(bytes: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Self::unusable("it is not UTF-8");
        };
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                let before = error.span().and_then(|span| text.get(..span.start));
                let line = before.map_or(0, |before| before.matches('\n').count()) + 1;
                return Self::unusable(&format!("line {line}: {}", error.message()));
            }
        };
        let mut overrides = Self::default();
        for (section, entries) in table {
            let toml::Value::Table(entries) = entries else {
                overrides.problem(&section, "is neither [events.…] nor [sessions.…]");
                continue;
            };
            for (id, entry) in entries {
                overrides.take(&section, id, entry);
            }
        }
        overrides
    }

    /// Whether this says anything else than `before` does.
    pub(super) fn is_after(&self, before: &Self) -> bool {
        self.clone().after(before) != *before
    }

    /// This after `before`: a file that cannot be used at all takes nothing back.
    pub(super) fn after(self, before: &Self) -> Self {
        match self.is_unusable {
            true => Self {
                problems: self.problems,
                ..before.clone()
            },
            false => self,
        }
    }

    /// What is said of a session, by itself or by its event.
    pub(super) fn of(&self, event: &str, session: &str) -> Entry {
        let event = self.events.get(event).copied().unwrap_or_default();
        let session = self.sessions.get(session).copied().unwrap_or_default();
        Entry {
            start: session.start,
            end: session.end,
            status: session.status.or(event.status),
        }
    }

    /// The ids of events and of sessions that stand in the file, for whoever knows which
    /// there are.
    pub(super) fn ids(&self) -> (Vec<&str>, Vec<&str>) {
        let events = self.events.keys().map(String::as_str).collect();
        (events, self.sessions.keys().map(String::as_str).collect())
    }

    fn take(&mut self, section: &str, id: String, entry: toml::Value) {
        let is_of_event = match section {
            "events" => true,
            "sessions" => false,
            _ => return self.problem(section, "is neither [events.…] nor [sessions.…]"),
        };
        if !is_event_id(&id) {
            return self.problem(&id, "is no id");
        }
        if has_local_time(&entry) {
            return self.problem(&id, "has a time without its zone, such as Z for UTC");
        }
        let entry = match times_as_text(entry).try_into::<Entry>() {
            Ok(entry) => entry,
            Err(error) => return self.problem(&id, error.message()),
        };
        if is_of_event && (entry.start.is_some() || entry.end.is_some()) {
            return self.problem(
                &id,
                "is an event, and only sessions have a start and an end",
            );
        }
        let year = id.get(..4).and_then(|year| year.parse().ok());
        let is_near = |at: Timestamp| year.is_some_and(|year| is_in_season(utc_date(at), year));
        if ![entry.start, entry.end].into_iter().flatten().all(is_near) {
            return self.problem(&id, "has a time that is not of its season");
        }
        if entry
            .end
            .is_some_and(|end| entry.start.is_some_and(|start| end <= start))
        {
            return self.problem(&id, "ends before it starts");
        }
        match is_of_event {
            true => self.events.insert(id, entry),
            false => self.sessions.insert(id, entry),
        };
    }

    fn problem(&mut self, what: &str, why: &str) {
        self.problems.push(format!("{what:?}: {why}"));
    }

    fn unusable(why: &str) -> Self {
        Self {
            problems: vec![why.to_owned()],
            is_unusable: true,
            ..Self::default()
        }
    }
}

/// TOML's dates and times may have no offset.
fn has_local_time(entry: &toml::Value) -> bool {
    let mut values = entry.as_table().into_iter().flat_map(toml::Table::values);
    values.any(|value| {
        value
            .as_datetime()
            .is_some_and(|time| time.offset.is_none())
    })
}

/// TOML's own date and time, `2026-05-03T17:00:00Z` without quotes, says the same.
fn times_as_text(value: toml::Value) -> toml::Value {
    match value {
        toml::Value::Datetime(time) => toml::Value::String(time.to_string()),
        toml::Value::Table(table) => {
            let entries = table
                .into_iter()
                .map(|(key, value)| (key, times_as_text(value)));
            toml::Value::Table(entries.collect())
        }
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_cannot_be_used_takes_no_other_with_it() {
        let text = r#"
            [events."2026-imola"]
            status = "cancelled"
            [events."2026-spa"]
            start = "2026-07-19T13:00:00Z"
            [sessions."2026-miami-race"]
            start = 2026-05-03T17:00:00Z
            end = "2026-05-03T19:00:00Z"
            [sessions."2026-monza-race"]
            start = "tomorrow"
            [sessions."2026-baku-race"]
            begin = "2026-05-03T17:00:00Z"
            [sessions."2026-suzuka-race"]
            start = "2062-04-05T05:00:00Z"
            [sessions."../x"]
            status = "cancelled"
            [sessions."2026-vegas-race"]
            start = 2026-11-21T20:00:00
            [races.x]
            status = "cancelled"
        "#;
        let overrides = Overrides::parse(text.as_bytes());
        assert_eq!(overrides.problems.len(), 7, "{:?}", overrides.problems);
        let local = "\"2026-vegas-race\": has a time without its zone, such as Z for UTC";
        assert!(overrides.problems.contains(&local.to_owned()));
        let race = overrides.of("2026-miami", "2026-miami-race");
        let start = "2026-05-03T17:00:00Z".parse().ok();
        assert_eq!((race.start, race.status), (start, None));
        assert!(race.end > race.start);
        let imola = overrides.of("2026-imola", "2026-imola-race");
        assert_eq!(imola.status, Some(Status::Cancelled));
        let spa = overrides.of("2026-spa", "2026-spa-race");
        assert_eq!(spa, Entry::default());
        assert_eq!(
            overrides.ids(),
            (vec!["2026-imola"], vec!["2026-miami-race"])
        );
    }

    #[test]
    fn what_is_no_toml_says_so() {
        let broken = Overrides::parse(b"[events]\n\n[sessions");
        assert!(
            broken.problems[0].starts_with("line 3: "),
            "{:?}",
            broken.problems
        );
        for text in [&b"[events"[..], b"\xff", b"a = 1"] {
            assert_eq!(Overrides::parse(text).problems.len(), 1);
        }
        assert_eq!(Overrides::parse(b""), Overrides::default());
        let before = Overrides::parse(b"[events.\"2026-imola\"]\nstatus = \"cancelled\"");
        let after = Overrides::parse(b"[events").after(&before);
        let of = |overrides: &Overrides| overrides.of("2026-imola", "2026-imola-race");
        assert_eq!((of(&after), after.problems.len()), (of(&before), 1));
        assert_eq!(Overrides::parse(b"").after(&after), Overrides::default());
    }
}
