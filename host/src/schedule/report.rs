//! What one source says about one season, in words that all sources share, and
//! the rule that says which of it can be true.
//!
//! This is the seam for a second source: it makes a [`Report`] too, and `merge`
//! decides between them.

use jiff::{Timestamp, ToSpan, civil::Date};

use super::model::{Circuit, Kind, utc_date};

/// One source's answer for one season.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Report {
    pub(super) year: i16,
    pub(super) events: Vec<Listed>,
    /// False where entries had to be left out: then an event that is not here
    /// may still be in the source.
    pub(super) complete: bool,
    /// What was left out or doubted, for the log.
    pub(super) problems: Vec<Problem>,
}

/// One event as a source lists it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) round: u16,
    pub(super) circuit: Circuit,
    /// The day of the race.
    pub(super) day: Date,
    /// At most one of a kind.
    pub(super) sessions: Vec<(Kind, Time)>,
}

/// What a source says about the time of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Where not one session fits, the race is what is wrong, and all of the
    /// event is in doubt. Returns what was doubted.
    pub(super) fn doubt(&mut self) -> Vec<Kind> {
        let race = self
            .sessions
            .iter()
            .find(|(kind, _)| *kind == Kind::Race)
            .map(|(_, time)| *time);
        let day = self.day;
        let fits = |time: Time| {
            let from_race = (time.date() - day).get_days();
            let before_race = match (time.start(), race.and_then(Time::start)) {
                (Some(start), Some(race)) => start < race,
                _ => time.date() <= day,
            };
            (-4..=1).contains(&from_race) && before_race
        };
        let is_other = |kind: Kind| kind != Kind::Race;
        let mut others = self
            .sessions
            .iter()
            .filter(|(kind, _)| is_other(*kind))
            .peekable();
        let none_fits = others.peek().is_some() && others.all(|(_, time)| !fits(*time));
        let mut doubted = Vec::new();
        for (kind, time) in &mut self.sessions {
            if none_fits || (is_other(*kind) && !fits(*time)) {
                *time = Time::Doubtful(near(time.date(), day));
                doubted.push(*kind);
            }
        }
        doubted
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
        let sessions: Vec<_> = sessions
            .iter()
            .map(|(kind, text)| (*kind, time(text)))
            .collect();
        Listed {
            name: "Test Grand Prix".to_owned(),
            round: 1,
            circuit: Circuit {
                id: "spa".to_owned(),
                name: String::new(),
                locality: String::new(),
                country: String::new(),
            },
            day: sessions
                .iter()
                .find(|(kind, _)| *kind == Kind::Race)
                .expect("a race")
                .1
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
        assert!(
            monaco
                .sessions
                .iter()
                .all(|(_, time)| matches!(time, Time::Doubtful(_)))
        );
    }
}
