//! The made-up season: ten rounds a week apart around the testbed's start.
//!
//! Rounds 1–4 are over, round 5's race began about twenty minutes ago, the
//! rest is ahead; round 6 is a sprint weekend and round 10 has dates but no
//! times yet. The season bears the year of the start, also where a round falls
//! into the year before or after. It is fixed while the testbed runs.

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp, civil, tz::Offset};

use super::circuits::{CIRCUITS, Circuit};

/// The round whose race is on.
pub(super) const LIVE_ROUND: usize = 5;
const SPRINT_ROUND: usize = 6;
const DATE_ONLY_ROUND: usize = 10;

/// How long the live race has been on at the start, to at most five minutes more.
const LIVE_SINCE: SignedDuration = SignedDuration::from_mins(20);

/// What a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Practice1,
    Practice2,
    Practice3,
    SprintQualifying,
    Sprint,
    Qualifying,
    Race,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) kind: Kind,
    /// The date in UTC.
    pub(super) date: civil::Date,
    /// None while the time is not announced.
    pub(super) start: Option<Timestamp>,
}

#[derive(Debug)]
pub(super) struct Round {
    pub(super) number: usize,
    pub(super) circuit: &'static Circuit,
    /// In order of time; the race is the last.
    pub(super) sessions: Vec<Session>,
}

#[derive(Debug)]
pub(super) struct Season {
    pub(super) year: i16,
    pub(super) rounds: Vec<Round>,
}

/// The minutes before the race at which a weekend's sessions begin.
const NORMAL: [(Kind, i64); 5] = [
    (Kind::Practice1, 2_970),
    (Kind::Practice2, 2_760),
    (Kind::Practice3, 1_590),
    (Kind::Qualifying, 1_380),
    (Kind::Race, 0),
];
const SPRINT: [(Kind, i64); 5] = [
    (Kind::Practice1, 2_970),
    (Kind::SprintQualifying, 2_730),
    (Kind::Sprint, 1_620),
    (Kind::Qualifying, 1_380),
    (Kind::Race, 0),
];

impl Kind {
    pub(super) fn minutes(self) -> i64 {
        match self {
            Kind::Practice1 | Kind::Practice2 | Kind::Practice3 | Kind::Qualifying => 60,
            Kind::SprintQualifying => 44,
            Kind::Sprint => 30,
            Kind::Race => 120,
        }
    }
}

impl Season {
    pub(super) fn around(start: Timestamp) -> anyhow::Result<Self> {
        let today = Offset::UTC.to_datetime(start).date();
        let rounds = (1..)
            .zip(&CIRCUITS)
            .map(|(number, circuit)| {
                let race = match number == LIVE_ROUND {
                    true => five_minutes(start.checked_sub(LIVE_SINCE)?)?,
                    false => usual_race(circuit, today, 7 * (number as i64 - LIVE_ROUND as i64))?,
                };
                let plan = if number == SPRINT_ROUND {
                    SPRINT
                } else {
                    NORMAL
                };
                let sessions = plan
                    .into_iter()
                    .map(|(kind, before)| {
                        let start = race.checked_sub(SignedDuration::from_mins(before))?;
                        Ok(Session {
                            kind,
                            date: Offset::UTC.to_datetime(start).date(),
                            start: (number != DATE_ONLY_ROUND).then_some(start),
                        })
                    })
                    .collect::<Result<_, jiff::Error>>()?;
                Ok(Round {
                    number,
                    circuit,
                    sessions,
                })
            })
            .collect::<Result<_, jiff::Error>>()
            .context("placing the season around the start")?;
        Ok(Self {
            year: today.year(),
            rounds,
        })
    }
}

fn five_minutes(time: Timestamp) -> Result<Timestamp, jiff::Error> {
    Timestamp::from_second(time.as_second().div_euclid(300) * 300)
}

fn usual_race(circuit: &Circuit, today: civil::Date, days: i64) -> Result<Timestamp, jiff::Error> {
    let day = today.checked_add(SignedDuration::from_hours(24 * days))?;
    let local = day.at(circuit.race_hour, 0, 0, 0);
    Offset::constant(circuit.utc_offset).to_timestamp(local)
}
