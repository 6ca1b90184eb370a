//! What one source says about one season, in words that all sources share, and
//! the rule that says which of it can be true. Kept as it came, in memory and on
//! disk: while one source is silent, the season is still made of what both said.

use jiff::{Timestamp, ToSpan, civil::Date};
use serde::{Deserialize, Serialize};

use super::model::{Circuit, Kind, utc_date};

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The calendar: race weekends of the championship, their places and rounds.
    Jolpica,
    /// The timetable: when sessions begin and end, tests too, and what is called
    /// off.
    OpenF1,
}

/// One source's answer for one season.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) source: Source,
    pub(super) year: i16,
    pub(super) fetched_at: Timestamp,
    pub(super) events: Vec<Listed>,
    /// False where entries had to be left out: then an event that is not here
    /// may still be in the source.
    pub(super) complete: bool,
    /// What was left out or doubted, for the log.
    #[serde(skip)]
    pub(super) problems: Vec<Problem>,
}

/// One event as a source lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Listed {
    pub(super) name: String,
    /// `None` where the source counts none.
    pub(super) round: Option<u16>,
    /// Its id is empty where the source's own is in no table.
    pub(super) circuit: Circuit,
    /// The day of the race, or the first of a test.
    pub(super) day: Date,
    /// At most one of a kind.
    pub(super) sessions: Vec<Said>,
}

/// What a source says about a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Said {
    pub(super) kind: Kind,
    pub(super) time: Time,
    pub(super) end: Option<Timestamp>,
    /// Whether it says that it is not on.
    pub(super) off: Option<Off>,
}

/// Why something that is listed is not on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Off {
    Cancelled,
    Postponed,
}

/// What a source says about the time of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Time {
    /// It starts at this instant.
    At(Timestamp),
    /// It is on this day.
    On(Date),
    /// What it says can't be true, or can't be read; the day is what it says, or
    /// the race's.
    Doubtful(Date),
}

/// One thing in an answer that was not used as it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The event's name or its place in the answer.
    pub(super) event: String,
    pub(super) what: &'static str,
}

// === impl Source ===

impl Source {
    /// The word used in the API, the log and the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jolpica => "jolpica",
            Self::OpenF1 => "openf1",
        }
    }
}

// === impl Time ===

impl Time {
    pub(super) fn date(self) -> Date {
        match self {
            Self::At(start) => utc_date(start),
            Self::On(date) | Self::Doubtful(date) => date,
        }
    }

    pub(super) fn start(self) -> Option<Timestamp> {
        match self {
            Self::At(start) => Some(start),
            Self::On(_) | Self::Doubtful(_) => None,
        }
    }
}

// === impl Listed ===

impl Listed {
    /// Doubts what can't be true: each session lies within four days before and
    /// one day after the race's day, and starts before the race. Sources did
    /// list a practice on the wrong day, and one race's time on another race.
    ///
    /// Where not one session fits, the race is what is wrong: the event is on the
    /// others' days, and all of it is in doubt. Returns what was doubted.
    pub(super) fn doubt(&mut self) -> Vec<Kind> {
        let race = self.said(Kind::Race).map(|said| said.time);
        let day = self.day;
        let fits = |time: Time| {
            let from_race = (time.date() - day).get_days();
            let before_race = match (time.start(), race.and_then(Time::start)) {
                (Some(start), Some(race)) => start < race,
                _ => time.date() <= day,
            };
            (-4..=1).contains(&from_race) && before_race
        };
        let others = self.sessions.iter().filter(|said| said.kind != Kind::Race);
        let mut others = others.peekable();
        let none_fits = others.peek().is_some() && others.all(|said| !fits(said.time));
        if none_fits {
            // The day is another race's: the others say which weekend this is.
            let days = self.sessions.iter().filter(|said| said.kind != Kind::Race);
            let days = days.map(|said| said.time.date());
            let days = days.filter(|other| other.year() == day.year());
            self.day = days.max().unwrap_or(day);
        }
        let day = self.day;
        let mut doubted = Vec::new();
        for said in &mut self.sessions {
            if none_fits || (said.kind != Kind::Race && !fits(said.time)) {
                said.time = Time::Doubtful(near(said.time.date(), day));
                said.end = None;
                doubted.push(said.kind);
            }
        }
        doubted
    }

    pub(super) fn said(&self, kind: Kind) -> Option<&Said> {
        self.sessions.iter().find(|said| said.kind == kind)
    }

    /// Of testing alone: nothing of it has to do with a race.
    pub(super) fn is_testing(&self) -> bool {
        let mut kinds = self.sessions.iter().map(|said| said.kind);
        kinds.next().is_some_and(Kind::is_testing) && kinds.all(Kind::is_testing)
    }
}

/// `date` if it could be a session's of a race on `day`, else `day`.
fn near(date: Date, day: Date) -> Date {
    let window = day.saturating_sub(4.days())..=day;
    if window.contains(&date) { date } else { day }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(sessions: &[(Kind, &str)]) -> Listed {
        let time = |text: &str| {
            text.parse()
                .map_or_else(|_| Time::On(text.parse().expect("a date")), Time::At)
        };
        let said = |(kind, text): &(Kind, &str)| Said {
            kind: *kind,
            time: time(text),
            end: None,
            off: None,
        };
        let sessions: Vec<_> = sessions.iter().map(said).collect();
        Listed {
            name: "Test Grand Prix".to_owned(),
            round: Some(1),
            circuit: Circuit {
                id: "spa".to_owned(),
                name: String::new(),
                locality: String::new(),
                country: String::new(),
            },
            day: sessions
                .iter()
                .find(|said| said.kind == Kind::Race)
                .expect("a race")
                .time
                .date(),
            sessions,
        }
    }

    fn check(sessions: &[(Kind, &str)], doubted: &[Kind]) {
        assert_eq!(listed(sessions).doubt(), doubted, "{sessions:?}");
    }

    #[test]
    fn a_weekend_is_believed() {
        use Kind::{Practice1, Qualifying, Race};
        check(
            &[
                (Race, "2026-07-19T13:00:00Z"),
                (Practice1, "2026-07-17T11:30:00Z"),
                (Qualifying, "2026-07-18T14:00:00Z"),
            ],
            &[],
        );
        check(
            &[
                (Race, "2026-07-19"),
                (Practice1, "2026-07-15"),
                (Qualifying, "2026-07-19"),
            ],
            &[],
        );
        // Over the end of a month, and a race that is early in UTC.
        check(
            &[
                (Race, "2026-11-01T00:30:00Z"),
                (Practice1, "2026-10-30T18:30:00Z"),
            ],
            &[],
        );
    }

    #[test]
    fn one_session_that_cannot_be_is_doubted_alone() {
        use Kind::{Practice1, Practice2, Qualifying, Race};
        let race = (Race, "2026-07-19T13:00:00Z");
        let good = (Qualifying, "2026-07-18T14:00:00Z");
        check(
            &[race, good, (Practice1, "2026-07-14T23:59:59Z")],
            &[Practice1],
        );
        check(&[race, good, (Practice1, "2026-07-15T00:00:00Z")], &[]);
        check(
            &[race, good, (Practice2, "2026-07-19T13:00:00Z")],
            &[Practice2],
        );
        check(&[race, good, (Practice2, "2026-07-19T12:59:59Z")], &[]);
        check(
            &[
                (Race, "2026-07-19"),
                (Qualifying, "2026-07-18"),
                (Practice1, "2026-07-20"),
            ],
            &[Practice1],
        );
    }

    /// One race's day on another race: every session then lies after "the race".
    #[test]
    fn a_race_that_none_of_its_sessions_fits_is_doubted() {
        use Kind::{Practice1, Qualifying, Race};
        let mut monaco = listed(&[
            (Race, "2026-05-03T17:00:00Z"),
            (Practice1, "2026-06-05T11:30:00Z"),
            (Qualifying, "2026-06-06T14:00:00Z"),
        ]);
        assert_eq!(monaco.doubt(), [Race, Practice1, Qualifying]);
        assert_eq!(monaco.day, jiff::civil::date(2026, 6, 6));
        assert!(
            monaco
                .sessions
                .iter()
                .all(|said| matches!(said.time, Time::Doubtful(_)))
        );
    }
}
